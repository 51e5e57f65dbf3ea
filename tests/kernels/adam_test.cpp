// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/backend_test.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

class AdamTest : public BackendTest {
 protected:
  StepState judge(const std::vector<float>& gradients, float clip, StepState start = {}) {
    const FloatTensor g(backend(), {static_cast<int64_t>(gradients.size())}, gradients);
    const DeviceState state(backend(), start);
    backend().issue(JudgeGradientArgs{state.get(), g.view(), clip});
    return state.value();
  }
};

TEST_P(AdamTest, FollowsTheAlgorithmInFloat64) {
  for (const int64_t count : {1, 5, 33, 70001}) {
    std::vector<double> w(count, 0.0), m(count, 0.0), v(count, 0.0);
    const auto start = random_values(count, 1);
    for (int64_t i = 0; i < count; ++i) w[i] = start[i];
    const FloatTensor dw(backend(), {count}, start);
    const FloatTensor dm(backend(), {count}, std::vector<float>(count, 0.0f));
    const FloatTensor dv(backend(), {count}, std::vector<float>(count, 0.0f));
    StepState initial;
    initial.learning_rate = 1e-2f;
    const DeviceState state(backend(), initial);
    for (int t = 1; t <= 5; ++t) {
      const auto g = random_values(count, 10 + t, -3.0f, 3.0f);
      const FloatTensor dg(backend(), {count}, g);
      backend().issue(JudgeGradientArgs{state.get(), dg.view(), 0.0f});
      backend().issue(
          AdamArgs{dw.view(), dm.view(), dv.view(), dg.view(), state.get(), 0.9f, 0.99f, 1e-8f});
      for (int64_t i = 0; i < count; ++i) {
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
        const double m_hat = m[i] / (1 - std::pow(0.9, t)), v_hat = v[i] / (1 - std::pow(0.99, t));
        w[i] -= 1e-2 * m_hat / (std::sqrt(v_hat) + 1e-8);
      }
    }
    EXPECT_LT(worst_error(dw.values(), w), 2e-6) << count;
    EXPECT_LT(worst_error(dm.values(), m), 2e-6) << count;
    EXPECT_LT(worst_error(dv.values(), v), 2e-6) << count;
    EXPECT_EQ(state.value().updates, 5u);
  }
}

TEST_P(AdamTest, NormAndClippingAreThoseOfTheWholeGradient) {
  std::vector<float> g(40000, 0.0f);
  g[3] = 3.0f;
  g[39999] = 4.0f;
  const StepState free = judge(g, 0.0f);
  EXPECT_FLOAT_EQ(free.gradient_norm, 5.0f);
  EXPECT_EQ(free.clip_scale, 1.0f);
  EXPECT_FLOAT_EQ(judge(g, 1.0f).clip_scale, 0.2f);
  EXPECT_EQ(judge(g, 10.0f).clip_scale, 1.0f) << "a short gradient is not stretched";
}

TEST_P(AdamTest, ANonFiniteGradientOrLossSkipsTheStepAndIsCounted) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  StepState start;
  start.updates = 4;
  start.skipped = 2;
  start.skipped_in_a_row = 1;
  for (const float bad : {nan, infinity, -infinity}) {
    std::vector<float> g(100, 1.0f);
    g[99] = bad;
    const StepState state = judge(g, 1.0f, start);
    EXPECT_EQ(state.apply, 0u);
    EXPECT_EQ(state.updates, 4u);
    EXPECT_EQ(state.skipped, 3u);
    EXPECT_EQ(state.skipped_in_a_row, 2u);
  }
  StepState bad_loss = start;
  bad_loss.loss = nan;
  EXPECT_EQ(judge({1.0f}, 0.0f, bad_loss).apply, 0u);
  const StepState good = judge({1.0f}, 0.0f, start);
  EXPECT_EQ(good.apply, 1u);
  EXPECT_EQ(good.updates, 5u);
  EXPECT_EQ(good.skipped_in_a_row, 0u);
  EXPECT_EQ(good.skipped, 2u);
}

TEST_P(AdamTest, ASkippedStepChangesNothing) {
  const auto w = random_values(50, 1), m = random_values(50, 2), v = random_values(50, 3, 0.0f);
  const FloatTensor dw(backend(), {50}, w), dm(backend(), {50}, m), dv(backend(), {50}, v);
  const FloatTensor g(backend(), {50}, random_values(50, 4));
  StepState start;
  start.learning_rate = 1.0f;
  start.updates = 1;
  start.apply = 0;
  const DeviceState state(backend(), start);
  backend().issue(
      AdamArgs{dw.view(), dm.view(), dv.view(), g.view(), state.get(), 0.9f, 0.999f, 1e-8f});
  EXPECT_EQ(dw.values(), w);
  EXPECT_EQ(dm.values(), m);
  EXPECT_EQ(dv.values(), v);
}

TEST_P(AdamTest, ClipsTheGradientItSees) {
  const auto w = random_values(7, 1), g = random_values(7, 4), zero = std::vector<float>(7, 0.0f);
  const auto first_moment = [&](const std::vector<float>& gradient, float scale) {
    const FloatTensor dw(backend(), {7}, w), dm(backend(), {7}, zero), dv(backend(), {7}, zero);
    const FloatTensor dg(backend(), {7}, gradient);
    StepState start;
    start.updates = start.apply = 1;
    start.clip_scale = scale;
    const DeviceState state(backend(), start);
    backend().issue(
        AdamArgs{dw.view(), dm.view(), dv.view(), dg.view(), state.get(), 0.9f, 0.99f, 1e-8f});
    return dm.values();
  };
  std::vector<float> quarter = g;
  for (float& value : quarter) value *= 0.25f;
  EXPECT_EQ(first_moment(g, 0.25f), first_moment(quarter, 1.0f));
}

TEST_P(AdamTest, AlignmentDoesNotMatter) {
  for (const int64_t count : {1, 4, 31, 32, 33, 3001}) {
    const auto w = random_values(count, 1), m = random_values(count, 2);
    const auto v = random_values(count, 3, 0.0f), g = random_values(count, 4);
    const auto updated = [&]<typename Tensor>() {
      const Tensor dw(backend(), {count}, w), dm(backend(), {count}, m), dv(backend(), {count}, v);
      const Tensor dg(backend(), {count}, g);
      StepState start;
      start.learning_rate = 0.1f;
      start.updates = 3;
      start.apply = 1;
      const DeviceState state(backend(), start);
      backend().issue(
          AdamArgs{dw.view(), dm.view(), dv.view(), dg.view(), state.get(), 0.9f, 0.99f, 1e-8f});
      return std::vector{dw.values(), dm.values(), dv.values()};
    };
    EXPECT_EQ(updated.template operator()<FloatTensor>(),
              updated.template operator()<UnalignedTensor<float>>())
        << count;
  }
}

class ScheduleTest : public BackendTest {
 protected:
  std::vector<StepState> states(const Schedule& schedule, int steps) {
    const DeviceState state(backend(), {});
    std::vector<StepState> all;
    for (int i = 0; i < steps; ++i) {
      backend().issue(BeginStepArgs{state.get(), schedule});
      all.push_back(state.value());
    }
    return all;
  }
};

TEST_P(ScheduleTest, WalksThroughEpochsAndBatches) {
  Schedule schedule;
  schedule.images = 10;
  schedule.batch_size = 4;
  schedule.total_steps = 6;
  const auto all = states(schedule, 6);
  const uint32_t rows[] = {0, 4, 8, 0, 4, 8};
  for (uint32_t i = 0; i < 6; ++i) {
    EXPECT_EQ(all[i].step, i + 1);
    EXPECT_EQ(all[i].epoch, i / 3);
    EXPECT_EQ(all[i].first_row, rows[i]);
    EXPECT_EQ(all[i].learning_rate, 1e-3f);
    EXPECT_EQ(all[i].beta, 1.0f);
  }
}

TEST_P(ScheduleTest, WarmsTheKlWeightUpLinearly) {
  Schedule schedule;
  schedule.images = 100;
  schedule.batch_size = 10;
  schedule.beta = 2.0;
  schedule.beta_warmup_steps = 4.0;
  const auto all = states(schedule, 6);
  const float expected[] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 2.0f};
  for (int i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(all[i].beta, expected[i]);
}

TEST_P(ScheduleTest, LowersTheLearningRateInStagesOrAlongACosine) {
  Schedule schedule;
  schedule.images = 100;
  schedule.batch_size = 10;
  schedule.total_steps = 5;
  schedule.learning_rate = 1.0;
  schedule.kind = LearningRateSchedule::step;
  schedule.stage_steps[0] = 1;
  schedule.stage_steps[1] = 3;
  schedule.stage_count = 2;
  schedule.stage_factor = 0.1;
  auto all = states(schedule, 5);
  const float stages[] = {1.0f, 0.1f, 0.1f, 0.01f, 0.01f};
  for (int i = 0; i < 5; ++i) EXPECT_FLOAT_EQ(all[i].learning_rate, stages[i]);
  schedule.kind = LearningRateSchedule::cosine;
  schedule.final_factor = 0.2;
  all = states(schedule, 5);
  EXPECT_FLOAT_EQ(all[0].learning_rate, 1.0f);
  EXPECT_FLOAT_EQ(all[2].learning_rate, 0.6f);
  EXPECT_FLOAT_EQ(all[4].learning_rate, 0.2f);
}

VAE_INSTANTIATE_BACKENDS(AdamTest);
VAE_INSTANTIATE_BACKENDS(ScheduleTest);

}  // namespace
}  // namespace vae::testing
