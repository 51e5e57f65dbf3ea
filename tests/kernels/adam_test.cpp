// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/rules/adam.h"
#include "tests/support/backend_test.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

class AdamTest : public BackendTest {
 protected:
  StepState judge(const std::vector<float>& gradients, float clip, StepState start = {},
                  float skip = 0.0f) {
    const FloatTensor g(backend(), {static_cast<int64_t>(gradients.size())}, gradients);
    const DeviceState state(backend(), start);
    backend().issue(JudgeGradientArgs{state.get(), g.view(), clip, skip});
    return state.value();
  }
};

/// Which lines of `count` parameters are weights: two of three.
std::vector<uint8_t> some_lines(int64_t count) {
  std::vector<uint8_t> lines(static_cast<std::size_t>((count + kDecayLine - 1) / kDecayLine));
  for (std::size_t i = 0; i < lines.size(); ++i) lines[i] = i % 3 != 1;
  return lines;
}

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

TEST_P(AdamTest, WeightsDecayBesideTheGradientAndBiasesDoNot) {
  constexpr double kRate = 1e-2, kDecay = 0.3;
  for (const int64_t count : {1, 5, 15, 33, 64, 16385, 70001}) {
    const auto lines = some_lines(count);
    const auto start = random_values(count, 1);
    std::vector<double> w(start.begin(), start.end()), m(count, 0.0), v(count, 0.0);
    const FloatTensor dw(backend(), {count}, start);
    const FloatTensor dm(backend(), {count}, std::vector<float>(count, 0.0f));
    const FloatTensor dv(backend(), {count}, std::vector<float>(count, 0.0f));
    const DeviceTensor<uint8_t> decays(backend(), {static_cast<int64_t>(lines.size())}, lines);
    StepState initial;
    initial.learning_rate = static_cast<float>(kRate);
    const DeviceState state(backend(), initial);
    AdamArgs adam{dw.view(), dm.view(), dv.view(), {}, state.get(), 0.9f, 0.99f, 1e-8f};
    adam.weight_decay = static_cast<float>(kDecay);
    adam.decays = decays.view();
    for (int t = 1; t <= (test::kRaceDetector ? 2 : 5); ++t) {
      const auto g = random_values(count, 10 + t, -3.0f, 3.0f);
      const FloatTensor dg(backend(), {count}, g);
      adam.gradients = dg.view();
      backend().issue(JudgeGradientArgs{state.get(), dg.view(), 0.0f});
      backend().issue(adam);
      for (int64_t i = 0; i < count; ++i) {
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
        const double m_hat = m[i] / (1 - std::pow(0.9, t)), v_hat = v[i] / (1 - std::pow(0.99, t));
        const double lost = lines[i / kDecayLine] != 0 ? kRate * kDecay * w[i] : 0.0;
        w[i] -= lost + kRate * m_hat / (std::sqrt(v_hat) + 1e-8);
      }
    }
    EXPECT_LT(worst_error(dw.values(), w), 2e-6) << count;
    EXPECT_LT(worst_error(dm.values(), m), 2e-6) << count << ": moments are the gradient's alone";
    EXPECT_LT(worst_error(dv.values(), v), 2e-6) << count;
  }
}

TEST_P(AdamTest, WithoutDecayTheLinesAreNotRead) {
  const auto w = random_values(40, 1), g = random_values(40, 2), zero = std::vector<float>(40);
  const auto updated = [&](const std::vector<uint8_t>& lines) {
    const FloatTensor dw(backend(), {40}, w), dm(backend(), {40}, zero), dv(backend(), {40}, zero);
    const FloatTensor dg(backend(), {40}, g);
    const DeviceTensor<uint8_t> decays(backend(), {3}, lines);
    StepState start;
    start.learning_rate = 0.1f;
    start.updates = start.apply = 1;
    const DeviceState state(backend(), start);
    AdamArgs adam{dw.view(), dm.view(), dv.view(), dg.view(), state.get(), 0.9f, 0.99f, 1e-8f};
    adam.decays = decays.view();
    backend().issue(adam);
    return dw.values();
  };
  EXPECT_EQ(updated({0, 0, 0}), updated({1, 1, 1}));
  AdamArgs missing{};
  missing.weight_decay = 0.1f;
  EXPECT_THROW(missing.check(), Error);
}

/// The running mean by its definition: weights decay^(t - i) that sum to one.
double mean_by_definition(const std::vector<double>& values, double decay) {
  double sum = 0.0, weights = 0.0;
  for (const double value : values) {
    sum = decay * sum + value;
    weights = decay * weights + 1.0;
  }
  return sum / weights;
}

TEST_P(AdamTest, AveragesAreThoseOfFloat64AndForgetWhereTheyBegan) {
  for (const int64_t count : {1, 5, 33, 16385, 70001}) {
    for (const double decay : {0.5, 0.9999}) {
      const FloatTensor averages(backend(), {count}, random_values(count, 1, 50.0f, 60.0f));
      std::vector<std::vector<double>> seen(static_cast<std::size_t>(count));
      for (uint32_t t = 1; t <= (test::kRaceDetector ? 2 : 6); ++t) {
        const auto newest = random_values(count, 20 + t);
        const FloatTensor parameters(backend(), {count}, newest);
        StepState step;
        step.updates = t;
        step.apply = 1;
        const DeviceState state(backend(), step);
        backend().issue(AverageArgs{averages.view(), parameters.view(), state.get(), decay});
        for (int64_t i = 0; i < count; ++i) seen[i].push_back(newest[i]);
      }
      std::vector<double> expected;
      for (const auto& values : seen) expected.push_back(mean_by_definition(values, decay));
      // What began 50 away is forgotten but for the rounding of that distance.
      EXPECT_LT(worst_error(averages.values(), expected), 4e-6) << count << ' ' << decay;
    }
  }
}

TEST_P(AdamTest, ASkippedStepIsNotAveraged) {
  const auto before = random_values(50, 1);
  const FloatTensor averages(backend(), {50}, before), parameters(backend(), {50});
  StepState start;
  start.updates = 3;
  start.apply = 0;
  const DeviceState state(backend(), start);
  backend().issue(AverageArgs{averages.view(), parameters.view(), state.get(), 0.5});
  EXPECT_EQ(averages.values(), before);
}

TEST_P(AdamTest, AlignmentOfAveragesDoesNotMatter) {
  for (const int64_t count : {1, 4, 31, 33, 3001}) {
    const auto a = random_values(count, 1), w = random_values(count, 2);
    const auto averaged = [&]<typename Tensor>() {
      const Tensor averages(backend(), {count}, a), parameters(backend(), {count}, w);
      StepState start;
      start.updates = 3;
      start.apply = 1;
      const DeviceState state(backend(), start);
      backend().issue(AverageArgs{averages.view(), parameters.view(), state.get(), 0.9});
      return averages.values();
    };
    EXPECT_EQ(averaged.template operator()<FloatTensor>(),
              averaged.template operator()<UnalignedTensor<float>>())
        << count;
  }
}

TEST_P(AdamTest, ANormBeyondTheUsualIsSkippedAndLeavesTheMean) {
  StepState start;
  start.updates = 7;
  start.skipped = 2;
  start.mean_norm = 2.0;
  const StepState bad = judge({6.5f}, 1.0f, start, 3.0f);
  EXPECT_EQ(bad.apply, 0u);
  EXPECT_EQ(bad.updates, 7u);
  EXPECT_EQ(bad.skipped, 3u);
  EXPECT_EQ(bad.skipped_for_norm, 1u);
  EXPECT_EQ(bad.skipped_in_a_row, 1u);
  EXPECT_EQ(bad.mean_norm, 2.0) << "a skipped step changes nothing";
  EXPECT_EQ(bad.gradient_norm, 6.5f);
  const StepState good = judge({5.5f}, 1.0f, start, 3.0f);
  EXPECT_EQ(good.apply, 1u);
  EXPECT_EQ(good.updates, 8u);
  EXPECT_EQ(good.skipped_for_norm, 0u);
  EXPECT_NEAR(good.mean_norm, 2.0 + 3.5 * 0.01 / (1.0 - std::pow(0.99, 8)), 1e-14);
  EXPECT_EQ(judge({6.5f}, 1.0f, start, 0.0f).apply, 1u) << "nobody asked";
  EXPECT_EQ(judge({6.5f}, 1.0f, start, 0.0f).mean_norm, 2.0);
}

TEST_P(AdamTest, TheMeanNormIsThatOfTheAppliedStepsAndTheFirstIsApplied) {
  std::vector<double> applied;
  StepState state;
  for (const float norm : {4.0f, 5.0f, 100.0f, 3.0f, 80.0f, 6.0f}) {
    const bool fits = norm < 50.0f;
    state = judge({norm}, 0.0f, state, 4.0f);
    EXPECT_EQ(state.apply, fits ? 1u : 0u) << norm;
    if (fits) applied.push_back(norm);
    EXPECT_NEAR(state.mean_norm, mean_by_definition(applied, 0.99), 1e-13) << norm;
  }
  EXPECT_EQ(state.updates, 4u);
  EXPECT_EQ(state.skipped_for_norm, 2u);
}

/// The limit doubles at each step that is skipped in a row.
TEST_P(AdamTest, GradientsThatAreLargerForGoodAreAppliedInTheEnd) {
  StepState state;
  state.updates = 100;
  state.mean_norm = 1.0;
  for (int skipped = 1; skipped <= 3; ++skipped) {  // limits 2, 4, 8
    state = judge({12.0f}, 0.0f, state, 2.0f);
    EXPECT_EQ(state.skipped_in_a_row, static_cast<uint32_t>(skipped));
  }
  state = judge({12.0f}, 0.0f, state, 2.0f);
  EXPECT_EQ(state.apply, 1u);
  EXPECT_EQ(state.skipped_in_a_row, 0u);
  EXPECT_EQ(state.skipped_for_norm, 3u);
  state.skipped_in_a_row = 4'000'000'000u;
  EXPECT_EQ(judge({3e38f}, 0.0f, state, 2.0f).apply, 0u);
  state.mean_norm = 0.0;
  EXPECT_EQ(judge({3e38f}, 0.0f, state, 2.0f).apply, 1u) << "nothing is known of the usual norm";
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

TEST_P(ScheduleTest, WarmsTheLearningRateUpWhateverTheSchedule) {
  Schedule schedule;
  schedule.images = 100;
  schedule.batch_size = 10;
  schedule.total_steps = 9;
  schedule.learning_rate = 0.8;
  schedule.stage_steps[0] = 3;
  schedule.stage_count = 1;
  schedule.final_factor = 0.1;
  for (const auto kind :
       {LearningRateSchedule::constant, LearningRateSchedule::step, LearningRateSchedule::cosine}) {
    schedule.kind = kind;
    schedule.rate_warmup_steps = 0.0;
    const auto plain = states(schedule, 9);
    schedule.rate_warmup_steps = 5.0;
    const auto warmed = states(schedule, 9);
    for (int i = 0; i < 9; ++i) {
      const float expected = plain[i].learning_rate * std::min(i / 5.0f, 1.0f);
      EXPECT_FLOAT_EQ(warmed[i].learning_rate, expected) << i;
      EXPECT_EQ(warmed[i].beta, plain[i].beta);
      if (i < 5) continue;
      EXPECT_EQ(warmed[i].learning_rate, plain[i].learning_rate) << i;
    }
    EXPECT_EQ(warmed[0].learning_rate, 0.0f);
  }
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
