// SPDX-License-Identifier: MIT
//
// What the tests of the SIMT layer share: memory as kernels see it, launches, schedules, and which
// sanitizer watches.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cuda/simt.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VAE_ADDRESS_SANITIZER
#elif __has_feature(thread_sanitizer)
#define VAE_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define VAE_ADDRESS_SANITIZER
#elif defined(__SANITIZE_THREAD__)
#define VAE_THREAD_SANITIZER
#endif

namespace vae::cuda {

#ifdef VAE_ADDRESS_SANITIZER
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif
#ifdef VAE_THREAD_SANITIZER
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

/// The Device of instruction_cases.h on the CPU. Each array is an allocation of its exact size.
class HostDevice {
 public:
  template <typename T>
  T* upload(const std::vector<T>& values) {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::size_t bytes = values.size() * sizeof(T);
    void* memory = nullptr;
    if (posix_memalign(&memory, 256, bytes) != 0) std::abort();
    arrays_.emplace_back(memory, &std::free);
    std::memcpy(memory, values.data(), bytes);
    return static_cast<T*>(memory);
  }

  template <typename T>
  std::vector<T> download(const T* values, std::size_t count) {
    return {values, values + count};
  }

  template <typename... Parameters, typename... Arguments>
  void launch(const LaunchShape& shape, void (*kernel)(Parameters...), Arguments&&... arguments) {
    const cudaError_t status =
        launch_kernel(nullptr, shape, kernel, std::forward<Arguments>(arguments)...);
    ASSERT_EQ(status, cudaSuccess);
  }

 private:
  std::vector<std::unique_ptr<void, void (*)(void*)>> arrays_;
};

/// Every test begins at launch 0 of seed 0 and leaves the options as they were.
class SimtTest : public ::testing::Test {
 protected:
  SimtTest() : before_(simt::options()) {
    simt::options() = simt::Options();
    simt::restart_schedules();
  }
  ~SimtTest() override { simt::options() = before_; }

 private:
  simt::Options before_;
};

/// The message of the simt::Error that `run` throws; empty if it throws none.
template <typename Run>
std::string error_of(Run&& run) {
  try {
    run();
  } catch (const simt::Error& error) {
    return error.what();
  }
  return {};
}

/// Launches that return true under seeds 1 to `seeds`.
template <typename Run>
int count_seeds(int seeds, Run&& run) {
  int count = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    simt::options().seed = static_cast<std::uint64_t>(seed);
    simt::restart_schedules();
    if (run()) ++count;
  }
  simt::options().seed = 0;
  return count;
}

}  // namespace vae::cuda
