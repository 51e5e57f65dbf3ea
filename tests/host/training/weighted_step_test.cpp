// SPDX-License-Identifier: MIT
//
// The training step with importance weights: the gradient of L_K through a whole network, against
// central differences in float64 with the same noise.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "host/run/metrics_log.h"
#include "kernels/philox.h"
#include "tests/host/training/first_step.h"
#include "vae/model.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::begins_with;
using test::expect_central_differences;
using test::FirstStep;
using Numbers = std::vector<double>;
using Tensors = test::Tensors64;

Config weighted_config(Objective objective, int64_t samples) {
  Config config = test::tiny_config(3);
  config.model.activation = Activation::tanh;
  config.training.batch_size = 5;
  config.training.objective = objective;
  config.training.importance_samples = samples;
  config.training.beta = 0.7;
  return config;
}

Numbers dense(const Numbers& x, const Numbers& weight, const Numbers& bias) {
  Numbers y = bias;
  for (std::size_t o = 0; o < y.size(); ++o) {
    for (std::size_t i = 0; i < x.size(); ++i) y[o] += weight[o * x.size() + i] * x[i];
  }
  return y;
}

Numbers tanh_of(Numbers x) {
  for (double& value : x) value = std::tanh(value);
  return x;
}

/// The tiny model in float64, with the noise of the first training step.
class Reference {
 public:
  Reference(const Config& config, Numbers x) : config_(config), x_(std::move(x)) {}

  struct Sample {
    double log_px, log_ratio;
    double log_ratio_of_z;  // at the posterior that was given beside
  };

  /// Samples of all images, side by side. `posterior` has the parameters of the encoder that
  /// log q(z|x) is taken from in the last of their numbers.
  std::vector<Sample> samples(const Tensors& p, const Tensors& posterior) const {
    std::vector<Sample> result;
    const int64_t pixels = config_.model.pixels();
    for (int64_t image = 0; image < images(); ++image) {
      const Numbers x(x_.begin() + image * pixels, x_.begin() + (image + 1) * pixels);
      for (int64_t k = 0; k < config_.training.importance_samples; ++k) {
        result.push_back(sample(p, posterior, x, static_cast<uint32_t>(image), k));
      }
    }
    return result;
  }

  /// Importance weights of each image's samples, which sum to one.
  Numbers weights(const std::vector<Sample>& samples) const {
    Numbers weights;
    const auto k = static_cast<std::size_t>(config_.training.importance_samples);
    for (const Sample& s : samples) {
      weights.push_back(std::exp(s.log_px + config_.training.beta * s.log_ratio));
    }
    for (std::size_t first = 0; first < weights.size(); first += k) {
      double sum = 0.0;
      for (std::size_t i = first; i < first + k; ++i) sum += weights[i];
      for (std::size_t i = first; i < first + k; ++i) weights[i] /= sum;
    }
    return weights;
  }

  /// -L_K, averaged over the images.
  double loss(const Tensors& p) const {
    double sum = 0.0, weight = 0.0;
    int64_t done = 0;
    for (const Sample& s : samples(p, p)) {
      weight += std::exp(s.log_px + config_.training.beta * s.log_ratio);
      if (++done % config_.training.importance_samples != 0) continue;
      sum -= std::log(weight / static_cast<double>(config_.training.importance_samples));
      weight = 0.0;
    }
    return sum / static_cast<double>(images());
  }

  /// What dreg differentiates by the encoder: samples with constant factors of their weights, at a
  /// constant posterior.
  double doubly_reparameterised(const Tensors& p, const Tensors& constant, const Numbers& w) const {
    const std::vector<Sample> moved = samples(p, constant);
    const double beta = config_.training.beta;
    double sum = 0.0;
    for (std::size_t m = 0; m < w.size(); ++m) {
      const double factor = w[m] * (1.0 - beta + beta * w[m]);
      sum -= factor * (moved[m].log_px + beta * moved[m].log_ratio_of_z);
    }
    return sum / static_cast<double>(images());
  }

 private:
  int64_t images() const { return static_cast<int64_t>(x_.size()) / config_.model.pixels(); }

  Sample sample(const Tensors& p, const Tensors& posterior, const Numbers& x, uint32_t image,
                int64_t k) const {
    const auto head = [&](const Tensors& from, const char* name) {
      const Numbers h = tanh_of(dense(x, from.at("encoder.0.weight"), from.at("encoder.0.bias")));
      return dense(h, from.at(std::string("encoder.") + name + ".weight"),
                   from.at(std::string("encoder.") + name + ".bias"));
    };
    const Numbers mu = head(p, "mu"), logvar = head(p, "logvar");
    const Numbers q_mu = head(posterior, "mu"), q_logvar = head(posterior, "logvar");
    const PhiloxRow row = philox_row(config_.training.seed, Stream::posterior, /*step=*/1, image,
                                     static_cast<uint32_t>(k));
    Numbers z;
    Sample s{};
    for (std::size_t j = 0; j < mu.size(); ++j) {
      const double eps = normal_element(row, static_cast<uint32_t>(j));
      z.push_back(mu[j] + std::exp(0.5 * logvar[j]) * eps);
      const double scaled = (z[j] - q_mu[j]) / std::exp(0.5 * q_logvar[j]);
      s.log_ratio += 0.5 * (eps * eps + logvar[j] - z[j] * z[j]);
      s.log_ratio_of_z += 0.5 * (scaled * scaled + q_logvar[j] - z[j] * z[j]);
    }
    const Numbers h = tanh_of(dense(z, p.at("decoder.0.weight"), p.at("decoder.0.bias")));
    const Numbers logits = dense(h, p.at("decoder.output.weight"), p.at("decoder.output.bias"));
    for (std::size_t i = 0; i < x.size(); ++i) {
      s.log_px +=
          logits[i] * x[i] - std::max(logits[i], 0.0) - std::log1p(std::exp(-std::abs(logits[i])));
    }
    return s;
  }

  Config config_;
  Numbers x_;
};

TEST(WeightedStepTest, TheGradientOfIwaeIsThatOfTheBound) {
  for (const int64_t samples : {2, 5}) {
    const Config config = weighted_config(Objective::iwae, samples);
    const FirstStep first(config);
    const Reference reference(config, first.images());
    EXPECT_NEAR(first.loss(), reference.loss(first.before()), 1e-5);
    expect_central_differences(first, 2e-5, begins_with(""),
                               [&](const Tensors& p) { return reference.loss(p); });
  }
}

TEST(WeightedStepTest, TheGradientOfDregIsThatOfItsFactors) {
  const Config config = weighted_config(Objective::dreg, 4);
  const FirstStep first(config);
  const Reference reference(config, first.images());
  EXPECT_NEAR(first.loss(), reference.loss(first.before()), 1e-5);
  expect_central_differences(first, 2e-5, begins_with("decoder"),
                             [&](const Tensors& p) { return reference.loss(p); });
  const Numbers weights = reference.weights(reference.samples(first.before(), first.before()));
  expect_central_differences(first, 2e-5, begins_with("encoder"), [&](const Tensors& p) {
    return reference.doubly_reparameterised(p, first.before(), weights);
  });
}

TEST(WeightedStepTest, TotalsAreTheBoundAndMeansOverSamples) {
  const Config config = weighted_config(Objective::iwae, 3);
  const FirstStep first(config);
  const Reference reference(config, first.images());
  const auto samples = reference.samples(first.before(), first.before());
  double log_px = 0.0, log_ratio = 0.0;
  for (const Reference::Sample& s : samples) {
    log_px += s.log_px / 3;
    log_ratio += s.log_ratio / 3;
  }
  const Totals totals = first.totals();
  EXPECT_NEAR(totals.reconstruction, log_px, 1e-3);
  EXPECT_NEAR(totals.kl, -log_ratio, 1e-3);
  EXPECT_NEAR(totals.bound, -5 * reference.loss(first.before()), 1e-3);
  EXPECT_EQ(totals.images, 5);
}

TEST(WeightedStepTest, OneSampleGivesTheBitsOfTheElbo) {
  const FirstStep elbo(weighted_config(Objective::elbo, 1));
  for (const Objective objective : {Objective::iwae, Objective::dreg}) {
    EXPECT_EQ(FirstStep(weighted_config(objective, 1)).gradients(), elbo.gradients());
  }
}

TEST(WeightedStepTest, SeveralSamplesOfTheDefaultObjectiveAreIwae) {
  EXPECT_EQ(FirstStep(weighted_config(Objective::elbo, 3)).gradients(),
            FirstStep(weighted_config(Objective::iwae, 3)).gradients());
  EXPECT_NE(FirstStep(weighted_config(Objective::dreg, 3)).gradients(),
            FirstStep(weighted_config(Objective::iwae, 3)).gradients());
}

using WeightedRunTest = test::RunFolderTest;

TEST_F(WeightedRunTest, GoesOnAfterAStopWithTheSameBytes) {
  Config config = weighted_config(Objective::dreg, 4);
  config.training.kl_warmup_epochs = 1.5;
  expect_same_bytes_after_a_stop(config);
}

TEST_F(WeightedRunTest, IsMeasuredAndItsBestChosenByTheBound) {
  const Config config = weighted_config(Objective::iwae, 6);
  std::vector<Metrics> lines;
  TrainOptions wanted = options("run");
  wanted.on_metrics = [&](const Metrics& metrics) { lines.push_back(metrics); };
  Trainer trainer(config, test::tiny_data(), wanted);
  const TrainResult result = trainer.run();
  double best = -1e9;
  for (const Metrics& line : lines) {
    EXPECT_EQ(line.importance_samples, 6);
    EXPECT_GT(line.bound, line.reconstruction - 0.7 * line.kl) << line.split;
    if (line.split == "test") best = std::max(best, line.bound);
  }
  ASSERT_TRUE(result.best.has_value());
  EXPECT_DOUBLE_EQ(result.best->objective, best);
  const std::vector<Metrics> log = read_metrics(wanted.run_folder + "/metrics.jsonl");
  ASSERT_EQ(log.size(), lines.size());
  for (std::size_t i = 0; i < log.size(); ++i) EXPECT_EQ(log[i].bound, lines[i].bound);
}

}  // namespace
}  // namespace vae
