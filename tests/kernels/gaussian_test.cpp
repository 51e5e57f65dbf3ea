// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "kernels/philox.h"
#include "tests/support/backend_test.h"
#include "tests/support/cases.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

constexpr float kLow = -30.0f, kHigh = 20.0f;
constexpr uint64_t kSeed = 77;

StepState state_at(uint32_t step, uint32_t first_row, float beta = 1.0f) {
  StepState state;
  state.step = step;
  state.first_row = first_row;
  state.beta = beta;
  return state;
}

double eps_of(uint32_t step, uint32_t row, uint32_t sample, uint32_t element) {
  return normal_element(philox_row(kSeed, Stream::posterior, step, row, sample), element);
}

/// The catalogue's rows and more latent dimensions than anyone should want.
std::vector<RowCase> latent_cases() {
  std::vector<RowCase> cases = row_cases();
  cases.insert(cases.end(), {{257, 3}, {3, 1031}, {2, 4100}});
  return cases;
}

class GaussianTest : public BackendTest {
 protected:
  struct Result {
    std::vector<float> z, kl, log_ratio;
  };

  Result forward(const std::vector<float>& heads, int64_t rows, int64_t latent, int64_t samples = 1,
                 int64_t first_sample = 0, StepState state = state_at(3, 10), float low = kLow,
                 float high = kHigh) {
    const FloatTensor dheads(backend(), {rows, 2 * latent}, heads);
    const FloatTensor z(backend(), {rows * samples, latent}), kl(backend(), {rows});
    const FloatTensor log_ratio(backend(), {rows * samples});
    const DeviceState device_state(backend(), state);
    backend().issue(
        GaussianForwardArgs{z.view(),
                            kl.view(),
                            log_ratio.view(),
                            dheads.view(),
                            samples,
                            low,
                            high,
                            {kSeed, Stream::posterior, device_state.get(), first_sample}});
    return {z.values(), kl.values(), log_ratio.values()};
  }

  std::vector<float> backward(const std::vector<float>& heads, const std::vector<float>& dz,
                              int64_t rows, int64_t latent, float beta, float scale,
                              float low = kLow, float high = kHigh, float free_bits = 0.0f) {
    const FloatTensor dheads(backend(), {rows, 2 * latent});
    const FloatTensor heads_(backend(), {rows, 2 * latent}, heads);
    const FloatTensor dz_(backend(), {rows, latent}, dz);
    const DeviceState device_state(backend(), state_at(3, 10, beta));
    GaussianBackwardArgs args;
    args.dheads = dheads.view();
    args.dz = dz_.view();
    args.heads = heads_.view();
    args.logvar_min = low;
    args.logvar_max = high;
    args.scale = scale;
    args.noise = {kSeed, Stream::posterior, device_state.get(), 0};
    args.free_bits = free_bits;
    backend().issue(args);
    return dheads.values();
  }
};

TEST_P(GaussianTest, KlIsZeroForTheStandardNormal) {
  for (const float kl : forward(std::vector<float>(7 * 10, 0.0f), 7, 5).kl) EXPECT_EQ(kl, 0.0f);
}

TEST_P(GaussianTest, KlHasItsClosedForm) {
  // KL(N(2, e) || N(0, 1)) = (4 + e - 1 - 1) / 2
  const Result result = forward({2.0f, 1.0f}, 1, 1);
  EXPECT_NEAR(result.kl[0], 0.5 * (4.0 + std::numbers::e - 2.0), 1e-6);
}

TEST_P(GaussianTest, ForwardMatchesFloat64) {
  for (const RowCase& c : latent_cases()) {
    const auto heads = random_values(c.rows * 2 * c.width, 1, -2.0f, 2.0f);
    const Result result = forward(heads, c.rows, c.width);
    for (int64_t row = 0; row < c.rows; row += 1 + c.rows / 50) {
      double kl = 0.0, log_ratio = 0.0;
      for (int64_t j = 0; j < c.width; ++j) {
        const double mu = heads[row * 2 * c.width + j];
        const double logvar = heads[row * 2 * c.width + c.width + j];
        const double eps = eps_of(3, static_cast<uint32_t>(10 + row), 0, static_cast<uint32_t>(j));
        const double z = mu + std::exp(0.5 * logvar) * eps;
        kl += 0.5 * (mu * mu + std::exp(logvar) - 1.0 - logvar);
        log_ratio += 0.5 * (eps * eps + logvar - z * z);
        ASSERT_NEAR(result.z[row * c.width + j], z, 1e-5);
      }
      ASSERT_NEAR(result.kl[row], kl, 1e-5 * (1.0 + kl)) << c.rows << 'x' << c.width;
      ASSERT_NEAR(result.log_ratio[row], log_ratio, 2e-4 * (1.0 + std::abs(log_ratio)));
    }
  }
}

TEST_P(GaussianTest, SamplesAreTheSameInAnyChunksAndBatches) {
  const int64_t rows = 6, latent = 9;
  const auto heads = random_values(rows * 2 * latent, 2);
  const Result whole = forward(heads, rows, latent, 5);
  for (int64_t sample = 0; sample < 5; ++sample) {
    const Result part = forward(heads, rows, latent, 1, sample);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t j = 0; j < latent; ++j) {
        EXPECT_EQ(whole.z[(row * 5 + sample) * latent + j], part.z[row * latent + j]);
      }
      EXPECT_EQ(whole.log_ratio[row * 5 + sample], part.log_ratio[row]);
    }
  }
  const std::vector<float> last(heads.end() - 2 * latent, heads.end());
  const Result alone = forward(last, 1, latent, 1, 0, state_at(3, 10 + rows - 1));
  for (int64_t j = 0; j < latent; ++j) {
    EXPECT_EQ(alone.z[j], whole.z[(rows - 1) * 5 * latent + j]);
  }
}

/// z and KL of one row in float64, for central differences.
double objective(const std::vector<double>& heads, const std::vector<float>& dz, int64_t row,
                 int64_t latent, double kl_weight, double free_bits = 0.0) {
  double sum = 0.0;
  for (int64_t j = 0; j < latent; ++j) {
    const double mu = heads[j], logvar = heads[latent + j];
    const double eps = eps_of(3, static_cast<uint32_t>(10 + row), 0, static_cast<uint32_t>(j));
    sum += dz[row * latent + j] * (mu + std::exp(0.5 * logvar) * eps);
    const double kl = 0.5 * (mu * mu + std::exp(logvar) - 1.0 - logvar);
    sum += kl_weight * std::max(kl, free_bits);
  }
  return sum;
}

TEST_P(GaussianTest, BackwardMatchesCentralDifferences) {
  const int64_t rows = 11, latent = 21;
  const float beta = 0.7f, scale = 1.0f / 11.0f;
  const auto heads = random_values(rows * 2 * latent, 4, -1.5f, 1.5f);
  const auto dz = random_values(rows * latent, 5);
  const auto found = backward(heads, dz, rows, latent, beta, scale);
  const double h = 1e-5;
  for (int64_t row = 0; row < rows; ++row) {
    const auto begin = heads.begin() + row * 2 * latent;
    std::vector<double> point(begin, begin + 2 * latent);
    for (int64_t j = 0; j < 2 * latent; ++j) {
      const double original = point[j];
      point[j] = original + h;
      const double above = objective(point, dz, row, latent, beta * scale);
      point[j] = original - h;
      const double below = objective(point, dz, row, latent, beta * scale);
      point[j] = original;
      EXPECT_NEAR(found[row * 2 * latent + j], (above - below) / (2 * h), 2e-5);
    }
  }
}

TEST_P(GaussianTest, FreeBitsAreThoseOfEachImageAndDimension) {
  const int64_t rows = 11, latent = 21;
  const float beta = 0.7f, scale = 1.0f / 11.0f, free_bits = 0.4f;
  const auto heads = random_values(rows * 2 * latent, 4, -1.5f, 1.5f);
  const auto dz = random_values(rows * latent, 5);
  const auto found = backward(heads, dz, rows, latent, beta, scale, kLow, kHigh, free_bits);
  const auto plain = backward(heads, dz, rows, latent, beta, scale);
  const double h = 1e-6;
  int free = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const auto begin = heads.begin() + row * 2 * latent;
    std::vector<double> point(begin, begin + 2 * latent);
    for (int64_t j = 0; j < 2 * latent; ++j) {
      const double original = point[j];
      point[j] = original + h;
      const double above = objective(point, dz, row, latent, beta * scale, free_bits);
      point[j] = original - h;
      const double below = objective(point, dz, row, latent, beta * scale, free_bits);
      point[j] = original;
      const int64_t at = row * 2 * latent + j;
      EXPECT_NEAR(found[at], (above - below) / (2 * h), 2e-5) << row << ", " << j;
      free += found[at] != plain[at];
    }
  }
  EXPECT_GT(free, rows * latent / 2);
  EXPECT_LT(free, rows * latent * 3 / 2);
}

TEST_P(GaussianTest, NotANumberIsNotFree) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto of = [&](float mu, float logvar) {
    return backward({mu, logvar}, {1.0f}, 1, 1, 1.0f, 1.0f, kLow, kHigh, 10.0f);
  };
  EXPECT_TRUE(std::isnan(of(nan, 0.0f)[0]));
  EXPECT_TRUE(std::isnan(of(0.0f, nan)[1]));
}

TEST_P(GaussianTest, BackwardMatchesFloat64) {
  const double beta = 0.7f, scale = 0.125f;
  for (const RowCase& c : latent_cases()) {
    const auto heads = random_values(c.rows * 2 * c.width, 4, -1.5f, 1.5f);
    const auto dz = random_values(c.rows * c.width, 5);
    const auto found = backward(heads, dz, c.rows, c.width, 0.7f, 0.125f);
    for (int64_t row = 0; row < c.rows; row += 1 + c.rows / 50) {
      for (int64_t j = 0; j < c.width; ++j) {
        const int64_t mu = row * 2 * c.width + j, logvar = mu + c.width;
        const double eps = eps_of(3, static_cast<uint32_t>(10 + row), 0, static_cast<uint32_t>(j));
        const double slope = dz[row * c.width + j], variance = std::exp(double{heads[logvar]});
        const double dlogvar =
            0.5 * (slope * eps * std::sqrt(variance) + scale * beta * (variance - 1.0));
        ASSERT_NEAR(found[mu], slope + scale * beta * heads[mu], 1e-6) << c.rows << 'x' << c.width;
        ASSERT_NEAR(found[logvar], dlogvar, 2e-6) << c.rows << 'x' << c.width;
      }
    }
  }
}

TEST_P(GaussianTest, ThousandsOfSamplesHaveTheirOwnNoiseAndOneKl) {
  const int64_t rows = 2, latent = 3, samples = 5000;
  const auto heads = random_values(rows * 2 * latent, 6);
  const Result many = forward(heads, rows, latent, samples, 7);
  EXPECT_EQ(many.kl, forward(heads, rows, latent).kl);
  for (int64_t m = 0; m < rows * samples; m += 97) {
    const int64_t row = m / samples;
    for (int64_t j = 0; j < latent; ++j) {
      const double eps = eps_of(3, static_cast<uint32_t>(10 + row),
                                static_cast<uint32_t>(7 + m % samples), static_cast<uint32_t>(j));
      const float* const mu = &heads[row * 2 * latent + j];
      ASSERT_NEAR(many.z[m * latent + j], mu[0] + std::exp(0.5 * mu[latent]) * eps, 1e-5);
    }
  }
}

TEST_P(GaussianTest, AlignmentDoesNotMatter) {
  for (const int64_t latent : {1, 4, 20, 33, 132}) {
    const int64_t rows = 5;
    const auto heads = random_values(rows * 2 * latent, 11), dz = random_values(rows * latent, 12);
    const DeviceState state(backend(), state_at(3, 10));
    const NoiseKey noise{kSeed, Stream::posterior, state.get(), 0};
    const auto results = [&]<typename Tensor>() {
      const Tensor heads_(backend(), {rows, 2 * latent}, heads), dz_(backend(), {rows, latent}, dz);
      const Tensor z(backend(), {rows, latent}), kl(backend(), {rows}), ratio(backend(), {rows});
      const Tensor dheads(backend(), {rows, 2 * latent}), prior(backend(), {rows, latent});
      backend().issue(GaussianForwardArgs{z.view(), kl.view(), ratio.view(), heads_.view(), 1, kLow,
                                          kHigh, noise});
      backend().issue(
          GaussianBackwardArgs{dheads.view(), dz_.view(), heads_.view(), kLow, kHigh, 0.1f, noise});
      backend().issue(PriorSampleArgs{prior.view(), noise});
      return std::vector{z.values(), kl.values(), ratio.values(), dheads.values(), prior.values()};
    };
    EXPECT_EQ(results.template operator()<FloatTensor>(),
              results.template operator()<UnalignedTensor<float>>())
        << latent;
  }
}

TEST_P(GaussianTest, NotANumberPassesThroughAndSpoilsItsRowOnly) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const int64_t rows = 3, latent = 6;
  for (const int64_t bad : {latent, latent + 5}) {  // a log-variance of row 1
    auto heads = random_values(rows * 2 * latent, 13);
    heads[2 * latent + bad] = nan;
    const Result result = forward(heads, rows, latent);
    const auto gradient =
        backward(heads, random_values(rows * latent, 14), rows, latent, 1.0f, 1.0f);
    EXPECT_TRUE(std::isnan(result.z[bad]));
    EXPECT_TRUE(std::isnan(gradient[2 * latent + bad]));
    for (int64_t row = 0; row < rows; ++row) {
      EXPECT_EQ(std::isnan(result.kl[row]), row == 1);
      EXPECT_EQ(std::isnan(result.log_ratio[row]), row == 1);
    }
  }
}

TEST_P(GaussianTest, WhatIsNotAskedForIsNotWritten) {
  const int64_t rows = 4, latent = 5, samples = 3;
  const auto heads = random_values(rows * 2 * latent, 15);
  const FloatTensor heads_(backend(), {rows, 2 * latent}, heads);
  const FloatTensor z(backend(), {rows * samples, latent});
  const DeviceState state(backend(), state_at(3, 10));
  GaussianForwardArgs args;
  args.z = z;
  args.heads = heads_.view();
  args.samples = samples;
  args.noise = {kSeed, Stream::posterior, state.get(), 0};
  backend().issue(args);
  EXPECT_EQ(z.values(), forward(heads, rows, latent, samples).z);
}

TEST_P(GaussianTest, ClampedLogVarianceIsTheSameEverywhereAndHasNoGradient) {
  const std::vector<float> heads = {0.5f, 0.5f, 0.5f, -1e3f, 1e3f, 0.0f};
  const Result result = forward(heads, 1, 3, 1, 0, state_at(3, 10), -2.0f, 1.0f);
  const std::vector<float> clamped = {0.5f, 0.5f, 0.5f, -2.0f, 1.0f, 0.0f};
  const Result expected = forward(clamped, 1, 3, 1, 0, state_at(3, 10), -2.0f, 1.0f);
  EXPECT_EQ(result.z, expected.z);
  EXPECT_EQ(result.kl, expected.kl);
  EXPECT_EQ(result.log_ratio, expected.log_ratio);
  const auto gradient = backward(heads, {1.0f, 1.0f, 1.0f}, 1, 3, 1.0f, 1.0f, -2.0f, 1.0f);
  EXPECT_EQ(gradient[3], 0.0f);
  EXPECT_EQ(gradient[4], 0.0f);
  EXPECT_NE(gradient[5], 0.0f);
}

TEST_P(GaussianTest, PriorSamplesAreTheNormalsOfTheirRows) {
  const DeviceState state(backend(), state_at(0, 5));
  const FloatTensor z(backend(), {3, 70});
  backend().issue(PriorSampleArgs{z.view(), {kSeed, Stream::prior, state.get(), 0}});
  const auto values = z.values();
  for (uint32_t row = 0; row < 3; ++row) {
    for (uint32_t j = 0; j < 70; ++j) {
      EXPECT_EQ(values[row * 70 + j],
                normal_element(philox_row(kSeed, Stream::prior, 0, 5 + row), j));
    }
  }
}

TEST_P(GaussianTest, StatisticsAddUpOverBatches) {
  const int64_t rows = 50, latent = 4;
  const auto heads = random_values(rows * 2 * latent, 8);
  const DeviceTensor<double> sums(backend(), {3, latent}, std::vector<double>(3 * latent, 0.0));
  const FloatTensor all(backend(), {rows, 2 * latent}, heads);
  backend().issue(PosteriorStatisticsArgs{sums.view(), all.view().head(20), kLow, kHigh});
  View rest(all.view().data + 20 * 2 * latent, {30, 2 * latent});
  backend().issue(PosteriorStatisticsArgs{sums.view(), rest, kLow, kHigh});
  const auto found = sums.values();
  for (int64_t j = 0; j < latent; ++j) {
    double kl = 0.0, mean = 0.0, square = 0.0;
    for (int64_t row = 0; row < rows; ++row) {
      const double mu = heads[row * 2 * latent + j], lv = heads[row * 2 * latent + latent + j];
      kl += 0.5 * (mu * mu + std::exp(lv) - 1.0 - lv);
      mean += mu;
      square += mu * mu;
    }
    EXPECT_NEAR(found[j], kl, 1e-9);
    EXPECT_NEAR(found[latent + j], mean, 1e-9);
    EXPECT_NEAR(found[2 * latent + j], square, 1e-9);
  }
}

TEST_P(GaussianTest, StatisticsHaveAnyShape) {
  for (const RowCase& c : latent_cases()) {
    const auto heads = random_values(c.rows * 2 * c.width, 16, -3.0f, 3.0f);
    const FloatTensor heads_(backend(), {c.rows, 2 * c.width}, heads);
    const DeviceTensor<double> sums(backend(), {3, c.width}, std::vector<double>(3 * c.width, 1.0));
    backend().issue(PosteriorStatisticsArgs{sums.view(), heads_.view(), -2.0f, kHigh});
    const auto found = sums.values();
    for (int64_t j = 0; j < c.width; ++j) {
      double kl = 1.0, mean = 1.0, square = 1.0;
      for (int64_t row = 0; row < c.rows; ++row) {
        const double mu = heads[row * 2 * c.width + j];
        const double lv = std::max(-2.0f, heads[row * 2 * c.width + c.width + j]);
        kl += 0.5 * (mu * mu + std::exp(lv) - 1.0 - lv);
        mean += mu;
        square += mu * mu;
      }
      ASSERT_NEAR(found[j], kl, 1e-11 * (100.0 + kl)) << c.rows << 'x' << c.width;
      ASSERT_NEAR(found[c.width + j], mean, 1e-11 * (100.0 + square));
      ASSERT_NEAR(found[2 * c.width + j], square, 1e-11 * (100.0 + square));
    }
  }
}

// Heads in memory of their exact size: the address sanitizer sees what is read behind them.
TEST_P(GaussianTest, StatisticsReadNothingBehindTheHeads) {
  const int64_t rows = 3, latent = 5;
  const auto heads = random_values(rows * 2 * latent, 17);
  const std::size_t bytes = heads.size() * sizeof(float);
  auto* const memory = static_cast<float*>(backend().allocate(bytes));
  backend().copy_to_device(memory, heads.data(), bytes);
  const DeviceTensor<double> sums(backend(), {3, latent}, std::vector<double>(3 * latent, 0.0));
  backend().issue(
      PosteriorStatisticsArgs{sums.view(), View(memory, {rows, 2 * latent}), kLow, kHigh});
  const auto found = sums.values();
  for (std::size_t j = 0; j < latent; ++j) {
    const double mean = double{heads[j]} + heads[2 * latent + j] + double{heads[4 * latent + j]};
    EXPECT_NEAR(found[latent + j], mean, 1e-9);
  }
  backend().deallocate(memory);
}

VAE_INSTANTIATE_BACKENDS(GaussianTest);

}  // namespace
}  // namespace vae::testing
