// SPDX-License-Identifier: MIT
#include "kernels/floating_point_mode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "kernels/cpu/threads.h"
#include "tests/support/backend_test.h"
#include "tests/support/rude_mode.h"

namespace vae::testing {
namespace {

TEST(FloatingPointModeTest, IsOursForAWhileAndThenTheCallersAgain) {
  const uint64_t ours = test::floating_point_mode();  // a test program starts with it
  const test::RudeMode rude;
  const uint64_t theirs = test::floating_point_mode();
  ASSERT_NE(theirs, ours);
  {
    const FloatingPointMode mode;
    EXPECT_EQ(test::floating_point_mode(), ours);
    const volatile float smallest = std::numeric_limits<float>::min();
    EXPECT_GT(smallest / 2.0f, 0.0f);
  }
  EXPECT_EQ(test::floating_point_mode(), theirs);
}

TEST(FloatingPointModeTest, WorkersHaveNotThatOfWhoMadeThem) {
  const uint64_t ours = test::floating_point_mode();
  const test::RudeMode rude;
  cpu::ThreadPool pool(4, 4);
  const uint64_t theirs = test::floating_point_mode();
  for (int round = 0; round < 20; ++round) {
    std::vector<uint64_t> modes(1000);
    std::vector<std::thread::id> threads(1000);
    pool.parallel_for(1000, [&](int64_t task) {
      modes[task] = test::floating_point_mode();
      threads[task] = std::this_thread::get_id();
      for (int i = 0; i < 2000; ++i) {
        asm volatile("");
      }
    });
    for (int64_t i = 0; i < 1000; ++i) {
      ASSERT_EQ(modes[i], threads[i] == std::this_thread::get_id() ? theirs : ours);
    }
  }
}

class FloatingPointModeOfOperationsTest : public BackendTest {
 protected:
  static constexpr int64_t kCount = 70001;

  /// Parameters, moments and the gradient's norm after two steps of Adam.
  std::vector<float> updated(const std::vector<float>& start, const std::vector<float>& gradients) {
    const int64_t count = kCount;
    const FloatTensor w(backend(), {count}, start), g(backend(), {count}, gradients);
    const FloatTensor m(backend(), {count}, std::vector<float>(count, 0.0f));
    const FloatTensor v(backend(), {count}, std::vector<float>(count, 0.0f));
    StepState initial;
    initial.learning_rate = 1e-2f;
    const DeviceState state(backend(), initial);
    for (int t = 0; t < 2; ++t) {
      backend().issue(JudgeGradientArgs{state.get(), g.view(), 0.0f});
      backend().issue(
          AdamArgs{w.view(), m.view(), v.view(), g.view(), state.get(), 0.9f, 0.99f, 1e-8f});
    }
    std::vector<float> all = w.values();
    for (const FloatTensor* tensor : {&m, &v}) {
      const std::vector<float> values = tensor->values();
      all.insert(all.end(), values.begin(), values.end());
    }
    all.push_back(state.value().gradient_norm);
    return all;
  }
};

TEST_P(FloatingPointModeOfOperationsTest, IsNotTheCallers) {
  const std::vector<float> start = random_values(kCount, 1);
  std::vector<float> gradients = random_values(kCount, 2);
  for (float& g : gradients) g *= 1e-20f;  // their squares are subnormal
  const std::vector<float> expected = updated(start, gradients);
  EXPECT_GT(*std::max_element(expected.begin() + 2 * kCount, expected.end() - 1), 0.0f);
  std::vector<float> found;
  {
    const test::RudeMode rude;
    const uint64_t theirs = test::floating_point_mode();
    found = updated(start, gradients);
    EXPECT_EQ(test::floating_point_mode(), theirs);
  }
  EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)), 0);
}

VAE_INSTANTIATE_BACKENDS(FloatingPointModeOfOperationsTest);

}  // namespace
}  // namespace vae::testing
