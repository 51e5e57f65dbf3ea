// SPDX-License-Identifier: MIT
//
// The encoder's gradient of L_K by its two estimators, against float64 and against one another.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/philox.h"
#include "tests/support/backend_test.h"
#include "tests/support/cases.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

constexpr uint64_t kObjectiveSeed = 78;
constexpr uint32_t kFirstRow = 10;

double noise_of(int64_t image, int64_t sample, int64_t element) {
  const PhiloxRow row = philox_row(kObjectiveSeed, Stream::posterior, 3, kFirstRow + image, sample);
  return normal_element(row, static_cast<uint32_t>(element));
}

class ObjectiveTest : public BackendTest {
 protected:
  struct Shapes {
    int64_t images, samples, latent;
  };

  StepState state_with(float beta) const {
    StepState state;
    state.step = 3;
    state.first_row = kFirstRow;
    state.beta = beta;
    return state;
  }

  /// dheads [images, 2 latent].
  template <typename Tensor = FloatTensor>
  std::vector<float> gradient(Objective objective, const Shapes& s, const std::vector<float>& heads,
                              const std::vector<float>& dz, const std::vector<float>& weights,
                              float beta, float scale, float low = -30.0f, float high = 20.0f) {
    const Tensor dheads(backend(), {s.images, 2 * s.latent});
    const Tensor heads_(backend(), {s.images, 2 * s.latent}, heads);
    const Tensor dz_(backend(), {s.images * s.samples, s.latent}, dz);
    const Tensor weights_(backend(), {s.images * s.samples}, weights);
    const DeviceState state(backend(), state_with(beta));
    GaussianBackwardArgs args;
    args.dheads = dheads.view();
    args.dz = dz_.view();
    args.heads = heads_.view();
    args.logvar_min = low;
    args.logvar_max = high;
    args.scale = scale;
    args.noise = {kObjectiveSeed, Stream::posterior, state.get(), 0};
    if (objective != Objective::elbo) {
      args.weights = weights_.view();
      args.samples = s.samples;
      args.objective = objective;
    }
    backend().issue(args);
    return dheads.values();
  }
};

/// The formulas of GaussianBackwardArgs in float64.
std::vector<double> expected_gradient(Objective objective, int64_t images, int64_t samples,
                                      int64_t latent, const std::vector<float>& heads,
                                      const std::vector<float>& dz,
                                      const std::vector<float>& weights, double beta,
                                      double scale) {
  std::vector<double> result(images * 2 * latent, 0.0);
  for (int64_t m = 0; m < images * samples; ++m) {
    for (int64_t j = 0; j < latent; ++j) {
      const int64_t image = m / samples, at = image * 2 * latent + j;
      const double sigma = std::exp(0.5 * heads[at + latent]), w = weights[m];
      const double eps = noise_of(image, m % samples, j), z = heads[at] + sigma * eps;
      const bool iwae = objective == Objective::iwae;
      const double path = iwae ? 1.0 : 1.0 - beta + beta * w;
      const double slope = iwae ? z : z - eps / sigma;
      const double g = path * (dz[m * latent + j] + scale * beta * w * slope);
      result[at] += g;
      result[at + latent] += 0.5 * (g * eps * sigma - (iwae ? scale * beta * w : 0.0));
    }
  }
  return result;
}

TEST_P(ObjectiveTest, GradientsMatchFloat64) {
  for (const Shapes& s : std::vector<Shapes>{
           {1, 1, 1}, {5, 3, 7}, {3, 50, 50}, {7, 2, 33}, {2, 9, 300}, {400, 5, 2}, {2, 700, 4}}) {
    const int64_t codes = s.images * s.samples;
    const auto heads = random_values(s.images * 2 * s.latent, 1, -1.5f, 1.5f);
    const auto dz = random_values(codes * s.latent, 2), weights = random_values(codes, 3, 0.0f);
    for (const Objective objective : {Objective::iwae, Objective::dreg}) {
      for (const float beta : {1.0f, 0.6f}) {
        const auto found = gradient(objective, s, heads, dz, weights, beta, 0.125f);
        const auto expected = expected_gradient(objective, s.images, s.samples, s.latent, heads, dz,
                                                weights, beta, 0.125);
        EXPECT_LT(worst_error(found, expected, 1.0), 1e-6 * std::sqrt(s.samples) + 2e-6)
            << s.images << 'x' << s.samples << 'x' << s.latent;
      }
    }
  }
}

TEST_P(ObjectiveTest, SamplesOfAnImageAreAddedInTheirOrder) {
  const Shapes s{3, 6, 21};
  const auto heads = random_values(s.images * 2 * s.latent, 4, -1.5f, 1.5f);
  const auto dz = random_values(s.images * s.samples * s.latent, 5);
  const auto weights = random_values(s.images * s.samples, 6, 0.0f);
  for (const Objective objective : {Objective::iwae, Objective::dreg}) {
    std::vector<float> sum(heads.size(), 0.0f);
    for (int64_t k = 0; k < s.samples; ++k) {  // alone: the others add +0 or -0
      std::vector<float> own_dz(dz.size(), 0.0f), own_weights(weights.size(), 0.0f);
      for (int64_t image = 0; image < s.images; ++image) {
        const int64_t m = image * s.samples + k;
        own_weights[m] = weights[m];
        for (int64_t j = m * s.latent; j < (m + 1) * s.latent; ++j) own_dz[j] = dz[j];
      }
      const auto part = gradient(objective, s, heads, own_dz, own_weights, 1.0f, 0.25f);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    }
    EXPECT_EQ(gradient(objective, s, heads, dz, weights, 1.0f, 0.25f), sum);
  }
}

TEST_P(ObjectiveTest, AlignmentDoesNotMatter) {
  for (const int64_t latent : {1, 4, 20, 33, 132}) {
    const Shapes s{5, 3, latent};
    const auto heads = random_values(s.images * 2 * latent, 7);
    const auto dz = random_values(15 * latent, 8), weights = random_values(15, 9, 0.0f);
    for (const Objective objective : {Objective::iwae, Objective::dreg}) {
      EXPECT_EQ((gradient<FloatTensor>(objective, s, heads, dz, weights, 1.0f, 0.1f)),
                (gradient<UnalignedTensor<float>>(objective, s, heads, dz, weights, 1.0f, 0.1f)));
    }
  }
}

TEST_P(ObjectiveTest, AClampedLogVarianceHasNoGradientAndNotANumberPasses) {
  const std::vector<float> heads = {0.5f,  0.5f, 0.5f, 0.5f,
                                    -1e3f, 1e3f, 0.0f, std::numeric_limits<float>::quiet_NaN()};
  for (const Objective objective : {Objective::iwae, Objective::dreg}) {
    const auto found = gradient(objective, {1, 2, 4}, heads, std::vector<float>(8, 1.0f),
                                {0.25f, 0.75f}, 1.0f, 1.0f, -2.0f, 1.0f);
    EXPECT_EQ(found[4], 0.0f);
    EXPECT_EQ(found[5], 0.0f);
    EXPECT_NE(found[6], 0.0f);
    EXPECT_TRUE(std::isnan(found[7]));
    EXPECT_NE(found[0], 0.0f);
  }
}

TEST_P(ObjectiveTest, TheElboTakesNoWeights) {
  const FloatTensor dheads(backend(), {1, 2}), heads(backend(), {1, 2}, {0.0f, 0.0f});
  const FloatTensor dz(backend(), {1, 1}, {1.0f}), weights(backend(), {1}, {1.0f});
  const DeviceState state(backend(), state_with(1.0f));
  GaussianBackwardArgs args;
  args.dheads = dheads.view();
  args.dz = dz.view();
  args.heads = heads.view();
  args.noise = {kObjectiveSeed, Stream::posterior, state.get(), 0};
  args.weights = weights.view();
  EXPECT_THROW(backend().issue(args), Error);
  args.objective = Objective::iwae;
  backend().issue(args);
  args.weights = {};
  EXPECT_THROW(backend().issue(args), Error);
}

/// Mean and variance of the mean, of a column of gradients.
struct Estimate {
  double mean = 0.0, variance = 0.0;
};

/// Thousands of equal images under p(x|z) = exp(-precision (z - target)^2 / 2) of each dimension:
/// the noise is all that differs. The gradient by mu and by logvar of the last dimension.
class EstimatorTest : public ObjectiveTest {
 protected:
  static constexpr int64_t kImages = 8000, kLatent = 2;
  static constexpr float kMu = 0.4f, kLogvar = -0.6f, kPrecision = 2.5f, kTarget = 1.1f;

  std::vector<Estimate> estimate(Objective objective, int64_t samples, float beta) {
    const Shapes s{kImages, samples, kLatent};
    std::vector<float> heads;
    for (int64_t image = 0; image < kImages; ++image) {
      heads.insert(heads.end(), {kMu, kMu, kLogvar, kLogvar});
    }
    const int64_t codes = kImages * samples;
    const FloatTensor heads_(backend(), {kImages, 2 * kLatent}, heads);
    const FloatTensor z(backend(), {codes, kLatent}), log_ratio(backend(), {codes});
    const FloatTensor weights(backend(), {codes}), bound(backend(), {kImages});
    const DeviceState state(backend(), state_with(beta));
    GaussianForwardArgs draw;
    draw.z = z;
    draw.log_ratio = log_ratio;
    draw.heads = heads_.view();
    draw.samples = samples;
    draw.noise = {kObjectiveSeed, Stream::posterior, state.get(), 0};
    backend().issue(draw);
    const auto codes_of_z = z.values();
    std::vector<float> log_px(codes, 0.0f), dz(codes * kLatent);
    for (int64_t i = 0; i < codes * kLatent; ++i) {
      const float distance = codes_of_z[i] - kTarget;
      log_px[i / kLatent] -= 0.5f * kPrecision * distance * distance;
    }
    const FloatTensor log_px_(backend(), {codes}, log_px);
    backend().issue(ImportanceWeightsArgs{weights.view(), bound.view(), log_px_.view(),
                                          log_ratio.view(), state.get(), samples});
    const auto w = weights.values();
    for (int64_t i = 0; i < codes * kLatent; ++i) {
      dz[i] = w[i / kLatent] * kPrecision * (codes_of_z[i] - kTarget);
    }
    return estimates_of(gradient(objective, s, heads, dz, w, beta, 1.0f));
  }

  static std::vector<Estimate> estimates_of(const std::vector<float>& gradients) {
    std::vector<Estimate> result;
    for (const int64_t column : {kLatent - 1, 2 * kLatent - 1}) {
      double sum = 0.0, squares = 0.0;
      for (int64_t image = 0; image < kImages; ++image) {
        const double value = gradients[image * 2 * kLatent + column];
        sum += value;
        squares += value * value;
      }
      const double mean = sum / kImages;
      result.push_back({mean, (squares / kImages - mean * mean) / kImages});
    }
    return result;
  }

  static void expect_equal_means(const std::vector<Estimate>& a, const std::vector<Estimate>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double error = std::sqrt(a[i].variance + b[i].variance);
      EXPECT_NEAR(a[i].mean, b[i].mean, 4.0 * error) << (i == 0 ? "mu" : "logvar");
      EXPECT_LT(error, 0.05) << "too few to tell";
    }
  }
};

TEST_P(EstimatorTest, DregHasTheExpectationOfIwae) {
  for (const float beta : {1.0f, 0.5f}) {
    expect_equal_means(estimate(Objective::iwae, 5, beta), estimate(Objective::dreg, 5, beta));
  }
}

TEST_P(EstimatorTest, OneSampleHasTheExpectationOfTheElbo) {
  const auto elbo = estimate(Objective::elbo, 1, 0.8f);
  expect_equal_means(elbo, estimate(Objective::iwae, 1, 0.8f));
  expect_equal_means(elbo, estimate(Objective::dreg, 1, 0.8f));
}

TEST_P(EstimatorTest, DregIsLessNoisy) {
  const auto iwae = estimate(Objective::iwae, 16, 1.0f), dreg = estimate(Objective::dreg, 16, 1.0f);
  for (std::size_t i = 0; i < iwae.size(); ++i) EXPECT_LT(dreg[i].variance, iwae[i].variance);
}

VAE_INSTANTIATE_BACKENDS(ObjectiveTest);
// Statistics of the formulas, which the tests above hold every device to.
VAE_INSTANTIATE_ON(EstimatorTest, std::vector<TestDevice>{test_devices().front()});

}  // namespace
}  // namespace vae::testing
