// SPDX-License-Identifier: MIT
//
// A linear VAE with a Gaussian likelihood of fixed variance is probabilistic PCA: its best bound is
// the log-likelihood, known in closed form from the eigenvalues of the data's covariance
// [Tipping & Bishop 1999, eq. 8; Lucas et al. 2019]. One run checks GEMM, KL, reparameterisation,
// likelihood, Adam, importance weights and active units together.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "host/model/evaluator.h"
#include "host/model/network.h"
#include "host/training/train_step.h"
#include "kernels/backend.h"

namespace vae {
namespace {

constexpr int64_t kPixels = 8;
constexpr int64_t kImages = 2000;
constexpr double kSigma = 0.05;

/// Two strong directions and weak noise around grey, as 8-bit images of 2 x 4 pixels.
ImageSet two_factor_images() {
  std::mt19937_64 generator(3);
  std::normal_distribution<double> normal;
  std::vector<uint8_t> pixels;
  for (int64_t image = 0; image < kImages; ++image) {
    const double a = normal(generator), b = normal(generator);
    for (int64_t i = 0; i < kPixels; ++i) {
      const double t = 2.0 * std::numbers::pi * static_cast<double>(i) / kPixels;
      const double value =
          0.5 + 0.12 * a * std::cos(t) + 0.07 * b * std::sin(t) + 0.03 * normal(generator);
      pixels.push_back(static_cast<uint8_t>(std::lround(255.0 * std::clamp(value, 0.0, 1.0))));
    }
  }
  return ImageSet(2, 4, 1, pixels);
}

using Matrix = std::vector<std::vector<double>>;

Matrix covariance(const ImageSet& images) {
  const std::vector<double> mean = images.mean_pixels();
  Matrix c(kPixels, std::vector<double>(kPixels, 0.0));
  for (int64_t n = 0; n < images.count(); ++n) {
    for (int64_t i = 0; i < kPixels; ++i) {
      for (int64_t j = 0; j < kPixels; ++j) {
        const double xi = images.pixels()[n * kPixels + i] / 255.0 - mean[i];
        const double xj = images.pixels()[n * kPixels + j] / 255.0 - mean[j];
        c[i][j] += xi * xj / static_cast<double>(images.count());
      }
    }
  }
  return c;
}

/// Eigenvalues of a symmetric matrix by cyclic Jacobi rotations, largest first.
std::vector<double> eigenvalues(Matrix a) {
  const std::size_t n = a.size();
  for (int sweep = 0; sweep < 50; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (std::abs(a[p][q]) < 1e-18) continue;
        const double theta = 0.5 * std::atan2(2.0 * a[p][q], a[p][p] - a[q][q]);
        const double c = std::cos(theta), s = std::sin(theta);
        for (std::size_t k = 0; k < n; ++k) {
          const double kp = a[k][p], kq = a[k][q];
          a[k][p] = c * kp + s * kq;
          a[k][q] = -s * kp + c * kq;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double pk = a[p][k], qk = a[q][k];
          a[p][k] = c * pk + s * qk;
          a[q][k] = -s * pk + c * qk;
        }
      }
    }
  }
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(a[i][i]);
  std::sort(values.rbegin(), values.rend());
  return values;
}

/// Log-likelihood per image of the best probabilistic PCA model with this noise variance.
double ppca_log_likelihood(const std::vector<double>& eigen, double variance) {
  double sum = kPixels * std::log(2.0 * std::numbers::pi);
  for (const double lambda : eigen) {
    sum += lambda > variance ? std::log(lambda) + 1.0 : std::log(variance) + lambda / variance;
  }
  return -0.5 * sum;
}

ModelConfig linear_model() {
  ModelConfig model;
  model.height = 2;
  model.width = 4;
  model.encoder = {};
  model.decoder = {};
  model.latent = 4;
  model.likelihood = Likelihood::gaussian;
  model.sigma = kSigma;
  model.output_bias_from_mean = true;
  model.initialization = Initialization::glorot_normal;
  return model;
}

TEST(LinearVaeTest, ReachesTheClosedFormOptimumOfProbabilisticPca) {
  const ImageSet images = two_factor_images();
  const std::vector<double> eigen = eigenvalues(covariance(images));
  ASSERT_GT(eigen[1], 2.0 * kSigma * kSigma) << "the data must have two directions above the noise";
  ASSERT_LT(eigen[2], 0.9 * kSigma * kSigma) << "and no third one";
  const double optimum = ppca_log_likelihood(eigen, kSigma * kSigma);

  TrainConfig training;
  training.epochs = 2000;
  training.batch_size = 100;
  training.binarization = Binarization::none;
  training.learning_rate = 1e-2;
  training.schedule = LearningRateSchedule::cosine;
  const auto backend = make_backend(Device::cpu(1));
  Network network(*backend, linear_model(), {128, 1, /*training=*/true});
  network.initialize(training.seed, images.mean_pixels());
  TrainStep step(network, images, training);
  for (int64_t i = 0; i < step.total_steps(); ++i) step.run();

  EvaluateOptions options;
  options.binarization = Binarization::none;
  options.importance_samples = 64;
  const Evaluation result = evaluate(network, images, options);
  const double noise = 4.0 * result.elbo_standard_error;
  EXPECT_NEAR(result.elbo, optimum, noise + 0.02);
  EXPECT_NEAR(-*result.nll, optimum, 0.02);
  EXPECT_LE(-*result.nll, optimum + 0.005) << "no bound may exceed the best log-likelihood";
  EXPECT_EQ(result.active_units, 2);

  // Var(mu_i) = 1 - sigma^2 / lambda_i of the active directions.
  std::vector<double> variances = result.mean_variance;
  std::sort(variances.rbegin(), variances.rend());
  EXPECT_NEAR(variances[0], 1.0 - kSigma * kSigma / eigen[0], 0.03);
  EXPECT_NEAR(variances[1], 1.0 - kSigma * kSigma / eigen[1], 0.03);
}

}  // namespace
}  // namespace vae
