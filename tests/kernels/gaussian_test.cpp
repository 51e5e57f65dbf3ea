// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/philox.h"
#include "tests/support/backend_test.h"
#include "tests/support/cases.h"

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
    backend().gaussian_forward({z.view(),
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
                              float low = kLow, float high = kHigh) {
    const FloatTensor dheads(backend(), {rows, 2 * latent});
    const FloatTensor heads_(backend(), {rows, 2 * latent}, heads);
    const FloatTensor dz_(backend(), {rows, latent}, dz);
    const DeviceState device_state(backend(), state_at(3, 10, beta));
    backend().gaussian_backward({dheads.view(),
                                 dz_.view(),
                                 heads_.view(),
                                 low,
                                 high,
                                 scale,
                                 {kSeed, Stream::posterior, device_state.get(), 0}});
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
  for (const RowCase& c : row_cases()) {
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
                 int64_t latent, double kl_weight) {
  double sum = 0.0;
  for (int64_t j = 0; j < latent; ++j) {
    const double mu = heads[j], logvar = heads[latent + j];
    const double eps = eps_of(3, static_cast<uint32_t>(10 + row), 0, static_cast<uint32_t>(j));
    sum += dz[row * latent + j] * (mu + std::exp(0.5 * logvar) * eps);
    sum += kl_weight * 0.5 * (mu * mu + std::exp(logvar) - 1.0 - logvar);
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
  backend().prior_sample({z.view(), {kSeed, Stream::prior, state.get(), 0}});
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
  backend().posterior_statistics({sums.view(), all.view().head(20), kLow, kHigh});
  View rest(all.view().data + 20 * 2 * latent, {30, 2 * latent});
  backend().posterior_statistics({sums.view(), rest, kLow, kHigh});
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

VAE_INSTANTIATE_BACKENDS(GaussianTest);

}  // namespace
}  // namespace vae::testing
