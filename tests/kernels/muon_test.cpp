// SPDX-License-Identifier: MIT
//
// The operations of Muon, each against a loop in binary64, and all of them on all devices to the
// bit: the CPU's are its own reference in one thread.
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "kernels/rules/muon.h"
#include "tests/support/backend_test.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

StepState applied(float rate = 0.01f, float clip_scale = 1.0f) {
  StepState state;
  state.updates = state.apply = 1;
  state.learning_rate = rate;
  state.clip_scale = clip_scale;
  return state;
}

/// What the operations made of random numbers.
struct MuonResults {
  std::vector<float> direction, momentum, normalized, blended, weights;
  double squares = 0.0;
};

template <typename Tensor>
MuonResults results_on(Backend& backend, int64_t count, const StepState& at) {
  const Tensor x(backend, {count}, random_values(count, 1));
  const Tensor m(backend, {count}, random_values(count, 2));
  const Tensor g(backend, {count}, random_values(count, 3, -3.0f, 3.0f));
  const Tensor w(backend, {count}, random_values(count, 4));
  const DeviceTensor<double> squares(backend, {1}, {7.0});
  const DeviceState state(backend, at);
  MuonResults results;
  backend.issue(MuonMomentumArgs{x.view(), squares.view(), m.view(), g.view(), state.get(), 0.95f});
  results.direction = x.values();
  results.momentum = m.values();
  results.squares = squares.values()[0];
  backend.issue(MuonNormalizeArgs{x.view(), squares.view()});
  results.normalized = x.values();
  backend.issue(MuonApplyArgs{w.view(), x.view(), state.get(), muon_rate(3, 1), 0.5f});
  results.weights = w.values();
  backend.issue(BlendArgs{g.view(), x.view(), 3.5f, -0.25f});
  results.blended = g.values();
  return results;
}

class MuonTest : public BackendTest {};

constexpr int64_t kCounts[] = {1, 5, 33, 1023, 1025, 8193, 70001};

TEST_P(MuonTest, OperationsAreThoseOfFloat64) {
  for (const int64_t count : kCounts) {
    const MuonResults found = results_on<FloatTensor>(backend(), count, applied(0.01f, 0.25f));
    const auto m = random_values(count, 2), g = random_values(count, 3, -3.0f, 3.0f);
    const auto w = random_values(count, 4);
    std::vector<double> momentum, direction, normalized, blend, weights;
    double squares = 0.0;
    for (int64_t i = 0; i < count; ++i) {
      const double scaled = 0.25 * g[i];
      momentum.push_back(m[i] + 0.05 * (scaled - m[i]));
      direction.push_back(scaled + 0.95 * (momentum[i] - scaled));
      squares += direction[i] * direction[i];
    }
    for (int64_t i = 0; i < count; ++i) {
      normalized.push_back(direction[i] / std::sqrt(squares));
      weights.push_back(w[i] - 0.01 * 0.5 * w[i] - 0.01 * 20.0 * std::sqrt(3.0) * normalized[i]);
      blend.push_back(3.5 * normalized[i] - 0.25 * g[i]);
    }
    EXPECT_LT(worst_error(found.momentum, momentum), 1e-6) << count;
    EXPECT_LT(worst_error(found.direction, direction), 1e-6) << count;
    EXPECT_NEAR(found.squares, squares, 1e-6 * squares) << count;
    EXPECT_LT(worst_error(found.normalized, normalized), 2e-6) << count;
    EXPECT_LT(worst_error(found.weights, weights), 2e-6) << count;
    EXPECT_LT(worst_error(found.blended, blend), 4e-6) << count;
  }
}

TEST_P(MuonTest, BitsAreThoseOfTheCpuWhateverTheAlignment) {
  Device one_thread = Device::cpu(1);
  const auto reference = make_backend(one_thread);
  for (const int64_t count : kCounts) {
    const MuonResults expected = results_on<FloatTensor>(*reference, count, applied(0.01f, 0.3f));
    for (const MuonResults& found :
         {results_on<FloatTensor>(backend(), count, applied(0.01f, 0.3f)),
          results_on<UnalignedTensor<float>>(backend(), count, applied(0.01f, 0.3f))}) {
      EXPECT_EQ(bits_of(found.direction), bits_of(expected.direction)) << count;
      EXPECT_EQ(bits_of(found.momentum), bits_of(expected.momentum)) << count;
      EXPECT_EQ(found.squares, expected.squares) << count;
      EXPECT_EQ(bits_of(found.normalized), bits_of(expected.normalized)) << count;
      EXPECT_EQ(bits_of(found.weights), bits_of(expected.weights)) << count;
      EXPECT_EQ(bits_of(found.blended), bits_of(expected.blended)) << count;
    }
  }
}

TEST_P(MuonTest, ASkippedStepMovesNothing) {
  StepState skipped = applied(1.0f);
  skipped.apply = 0;
  for (const int64_t count : {50, 2049}) {
    const MuonResults found = results_on<FloatTensor>(backend(), count, skipped);
    EXPECT_EQ(found.momentum, random_values(count, 2));
    EXPECT_EQ(found.weights, random_values(count, 4));
    EXPECT_EQ(found.direction, std::vector<float>(count, 0.0f));
    EXPECT_EQ(found.normalized, std::vector<float>(count, 0.0f)) << "not 0 / 0";
    EXPECT_EQ(found.squares, 0.0);
  }
}

VAE_INSTANTIATE_BACKENDS(MuonTest);

TEST(MuonRateTest, GrowsWithTheAspectOfTallMatrices) {
  EXPECT_EQ(muon_rate(100, 100), 20.0);
  EXPECT_EQ(muon_rate(400, 100), 40.0);
  EXPECT_EQ(muon_rate(100, 400), 20.0);
}

TEST(MuonArgsTest, WhatIsMissingIsRefused) {
  EXPECT_THROW(MuonMomentumArgs{}.check(), Error);
  EXPECT_THROW(MuonNormalizeArgs{}.check(), Error);
  EXPECT_THROW(BlendArgs{}.check(), Error);
  EXPECT_THROW(MuonApplyArgs{}.check(), Error);
}

}  // namespace
}  // namespace vae::testing
