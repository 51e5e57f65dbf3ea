// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tests/support/backend_test.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

class AccumulateTest : public BackendTest {
 protected:
  struct Result {
    Totals totals;
    float loss = 0.0f;
  };

  template <typename Tensor>
  Result accumulate(const std::vector<float>& log_px, const std::vector<float>& kl, float beta) {
    const auto rows = static_cast<int64_t>(log_px.size());
    const Tensor log_px_(backend(), {rows}, log_px), kl_(backend(), {rows}, kl);
    StepState start;
    start.beta = beta;
    const DeviceState state(backend(), start);
    auto* totals = static_cast<Totals*>(backend().allocate(sizeof(Totals)));
    backend().fill_zero(totals, sizeof(Totals));
    backend().issue(AccumulateArgs{totals, state.get(), log_px_.view(), kl_.view()});
    Result result;
    backend().copy_to_host(&result.totals, totals, sizeof(Totals));
    backend().deallocate(totals);
    result.loss = state.value().loss;
    return result;
  }
};

TEST_P(AccumulateTest, SumsAnyNumberOfRows) {
  for (const int64_t rows : {1, 3, 31, 32, 33, 257, 1023, 1025, 65537}) {
    const auto log_px = random_values(rows, 1, -150.0f, -50.0f), kl = random_values(rows, 2, 0.0f);
    long double reconstruction = 0.0L, divergence = 0.0L, squares = 0.0L;
    for (int64_t row = 0; row < rows; ++row) {
      const long double elbo = static_cast<long double>(log_px[row]) - kl[row];
      reconstruction += log_px[row];
      divergence += kl[row];
      squares += elbo * elbo;
    }
    const Result found = accumulate<FloatTensor>(log_px, kl, 0.5f);
    EXPECT_NEAR(found.totals.reconstruction, reconstruction, -1e-12 * reconstruction) << rows;
    EXPECT_NEAR(found.totals.kl, divergence, 1e-12 * divergence) << rows;
    EXPECT_NEAR(found.totals.squared_elbo, squares, 1e-12 * squares) << rows;
    EXPECT_EQ(found.totals.images, rows);
    EXPECT_FLOAT_EQ(found.loss, static_cast<float>((0.5L * divergence - reconstruction) / rows));
    const Result unaligned = accumulate<UnalignedTensor<float>>(log_px, kl, 0.5f);
    EXPECT_EQ(found.totals.reconstruction, unaligned.totals.reconstruction);
    EXPECT_EQ(found.totals.squared_elbo, unaligned.totals.squared_elbo);
  }
}

TEST_P(AccumulateTest, OneBadRowOfManySpoilsTheBatch) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    auto log_px = random_values(300, 3);
    log_px[299] = bad;
    const Result found = accumulate<FloatTensor>(log_px, random_values(300, 4), 1.0f);
    EXPECT_FALSE(std::isfinite(found.loss));
    EXPECT_EQ(found.totals.images, 0);
    EXPECT_EQ(found.totals.reconstruction, 0.0);
  }
}

class AccumulateWeightedTest : public BackendTest {
 protected:
  struct Result {
    Totals totals;
    float loss;
  };

  Result accumulate(const std::vector<float>& bound, const std::vector<float>& log_px,
                    const std::vector<float>& log_ratio) {
    const auto rows = static_cast<int64_t>(bound.size());
    const auto codes = static_cast<int64_t>(log_px.size());
    const FloatTensor bound_(backend(), {rows}, bound), log_px_(backend(), {codes}, log_px);
    const FloatTensor log_ratio_(backend(), {codes}, log_ratio);
    const DeviceState state(backend(), StepState());
    auto* totals = static_cast<Totals*>(backend().allocate(sizeof(Totals)));
    backend().fill_zero(totals, sizeof(Totals));
    backend().issue(AccumulateWeightedArgs{totals, state.get(), bound_.view(), log_px_.view(),
                                           log_ratio_.view()});
    Result result;
    backend().copy_to_host(&result.totals, totals, sizeof(Totals));
    backend().deallocate(totals);
    result.loss = state.value().loss;
    return result;
  }
};

TEST_P(AccumulateWeightedTest, SumsBoundsAndMeansOverSamples) {
  for (const auto& [rows, samples] :
       std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {3, 7}, {20, 50}, {1025, 3}, {257, 300}}) {
    const auto bound = random_values(rows, 5, -120.0f, -80.0f);
    const auto log_px = random_values(rows * samples, 6, -150.0f, -50.0f);
    const auto log_ratio = random_values(rows * samples, 7, -30.0f, 2.0f);
    const Result found = accumulate(bound, log_px, log_ratio);
    long double bounds = 0.0L, reconstruction = 0.0L, kl = 0.0L;
    for (const float value : bound) bounds += value;
    for (const float value : log_px) reconstruction += static_cast<long double>(value) / samples;
    for (const float value : log_ratio) kl -= static_cast<long double>(value) / samples;
    EXPECT_NEAR(found.totals.bound, bounds, -1e-12 * bounds) << rows;
    EXPECT_NEAR(found.totals.reconstruction, reconstruction, -1e-12 * reconstruction) << rows;
    EXPECT_NEAR(found.totals.kl, kl, 1e-12 * kl) << rows;
    EXPECT_EQ(found.totals.images, rows);
    EXPECT_FLOAT_EQ(found.loss, static_cast<float>(-bounds / rows));
  }
}

TEST_P(AccumulateWeightedTest, WhatIsNotFiniteAddsNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const Result bad = accumulate({-5.0f, nan}, {1.0f, 2.0f, 3.0f, 4.0f}, {1.0f, 2.0f, 3.0f, 4.0f});
  EXPECT_TRUE(std::isnan(bad.loss));
  EXPECT_EQ(bad.totals.images, 0);
  // A sample without weight: its batch trains, but has no mean.
  const Result far = accumulate({-5.0f}, {-4.0f, -infinity}, {-1.0f, 0.0f});
  EXPECT_EQ(far.loss, 5.0f);
  EXPECT_EQ(far.totals.images, 0);
  EXPECT_EQ(far.totals.reconstruction, 0.0);
}

class StreakTest : public BackendTest {};

TEST_P(StreakTest, TheStepThatCompletesItIsRemembered) {
  Schedule schedule;
  schedule.images = 100;
  schedule.total_steps = 100;
  schedule.max_skipped_in_a_row = 3;
  const auto after = [&](StepState start) {
    const DeviceState state(backend(), start);
    backend().issue(BeginStepArgs{state.get(), schedule});
    return state.value();
  };
  StepState start;
  start.step = 7;
  start.skipped_in_a_row = 2;
  EXPECT_EQ(after(start).diverged_at, 0u);
  start.skipped_in_a_row = 3;
  EXPECT_EQ(after(start).diverged_at, 7u);
  EXPECT_EQ(after(start).step, 8u);
  start.diverged_at = 4;
  EXPECT_EQ(after(start).diverged_at, 4u) << "the first one counts";
  start.diverged_at = 7;
  start.skipped_in_a_row = 0;
  EXPECT_EQ(after(start).diverged_at, 7u) << "and stays when the streak is over";
  schedule.max_skipped_in_a_row = 0;
  EXPECT_EQ(after(StepState{}).diverged_at, 0u);
}

class GradientNormTest : public BackendTest {
 protected:
  template <typename Tensor>
  StepState judge(const std::vector<float>& gradients, float clip = 0.0f) {
    const Tensor g(backend(), {static_cast<int64_t>(gradients.size())}, gradients);
    const DeviceState state(backend(), StepState{});
    backend().issue(JudgeGradientArgs{state.get(), g.view(), clip});
    return state.value();
  }
};

TEST_P(GradientNormTest, IsThatOfFloat64ForAnyCount) {
  for (const int64_t count : {1, 3, 31, 32, 33, 4095, 4096, 4097, 8193, 70001}) {
    const auto gradients = random_values(count, 5);
    double sum = 0.0;
    for (const float g : gradients) sum += static_cast<double>(g) * g;
    const StepState state = judge<FloatTensor>(gradients);
    EXPECT_FLOAT_EQ(state.gradient_norm, static_cast<float>(std::sqrt(sum))) << count;
    EXPECT_EQ(state.gradient_norm, judge<FloatTensor>(gradients).gradient_norm) << "again";
    EXPECT_EQ(state.gradient_norm, judge<UnalignedTensor<float>>(gradients).gradient_norm);
  }
}

/// More parameters than 256 blocks of the card take, so that the last one joins their sums in
/// parts.
TEST_P(GradientNormTest, SeesEveryBlockOfMillionsOfParameters) {
  constexpr int64_t kBlock = 8192, kCount = 260 * kBlock + 5;
  const auto gradients = random_values(kCount, 6);
  double sum = 0.0;
  for (const float g : gradients) sum += static_cast<double>(g) * g;
  const StepState state = judge<FloatTensor>(gradients);
  EXPECT_FLOAT_EQ(state.gradient_norm, static_cast<float>(std::sqrt(sum)));
  EXPECT_EQ(state.apply, 1u);
  if (test::kRaceDetector) return;
  for (const int64_t at : {256 * kBlock, kCount - 1}) {
    auto bad = gradients;
    bad[static_cast<std::size_t>(at)] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(judge<FloatTensor>(bad).apply, 0u) << at;
  }
}

TEST_P(GradientNormTest, ABadValueIsSeenAnywhere) {
  for (const std::size_t at : {0u, 4095u, 4096u, 9999u, 10000u}) {
    std::vector<float> gradients(10001, 0.5f);
    gradients[at] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(judge<FloatTensor>(gradients).apply, 0u) << at;
    gradients[at] = std::numeric_limits<float>::infinity();
    EXPECT_EQ(judge<FloatTensor>(gradients).apply, 0u) << at;
  }
}

TEST_P(GradientNormTest, SquaresThatOverflowFloatsAreStillGood) {
  const StepState state = judge<FloatTensor>({3e25f, 4e25f}, 1.0f);
  EXPECT_FLOAT_EQ(state.gradient_norm, 5e25f);
  EXPECT_FLOAT_EQ(state.clip_scale, 2e-26f);
  EXPECT_EQ(state.apply, 1u);
}

VAE_INSTANTIATE_BACKENDS(AccumulateTest);
VAE_INSTANTIATE_BACKENDS(AccumulateWeightedTest);
VAE_INSTANTIATE_BACKENDS(GradientNormTest);
VAE_INSTANTIATE_BACKENDS(StreakTest);

}  // namespace
}  // namespace vae::testing
