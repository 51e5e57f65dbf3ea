// SPDX-License-Identifier: MIT
//
// Kernels with one fault each, and which build finds it: any build by the numbers at seed 0, a
// plain build by numbers under random schedules, the address sanitizer, the thread sanitizer at
// seed 0. The kernel without the fault must pass everywhere.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/simt/core_test/host_device.h"

namespace vae::cuda {

inline constexpr int kSeeds = 40;

class PlantedFaultTest : public SimtTest {
 protected:
  PlantedFaultTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  /// `run` returns whether its numbers are right. Returns how many of kSeeds random schedules show
  /// a fault.
  template <typename Run>
  static int seeds_that_find(Run&& run) {
    return count_seeds(kSeeds, [&] {
      bool right = false;
      const std::string error = error_of([&] { right = run(); });
      return !error.empty() || !right;
    });
  }

  /// Right at seed 0 and under random schedules.
  template <typename Run>
  static void expect_right(Run&& run) {
    EXPECT_TRUE(run());
    EXPECT_EQ(seeds_that_find(run), 0);
  }
};

}  // namespace vae::cuda

// A sanitizer's report at seed 0, in builds that have it. It ends a process of its own.
#define EXPECT_RACE(statement)                                                               \
  if (kThreadSanitizer) {                                                                    \
    EXPECT_EXIT((static_cast<void>(statement), std::exit(0)), ::testing::ExitedWithCode(66), \
                "WARNING: ThreadSanitizer: data race.*planted_[a-z]+_test.cpp");             \
  }
#define EXPECT_BOUNDS(statement)                                                            \
  if (kAddressSanitizer) {                                                                  \
    EXPECT_EXIT((static_cast<void>(statement), std::exit(0)), ::testing::ExitedWithCode(1), \
                "AddressSanitizer: heap-buffer-overflow.*planted_[a-z]+_test.cpp|"          \
                "planted_[a-z]+_test.cpp.*index [0-9]+ out of bounds");                     \
  }
