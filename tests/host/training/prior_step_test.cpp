// SPDX-License-Identifier: MIT
//
// Learned priors and latents above the latents: gradients of every objective through the whole
// network, draws and bounds, against float64 with the same noise; runs that stop and go on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "host/model/evaluator.h"
#include "kernels/philox.h"
#include "tests/host/training/first_step.h"
#include "vae/model.h"
#include "vae/trainer.h"

namespace vae {
namespace {

// Where the latents above draw.
constexpr auto kTopPosterior = static_cast<Stream>(17), kTopPrior = static_cast<Stream>(33);

using test::expect_central_differences;
using test::FirstStep;
using Row64 = std::vector<double>;
using Tensor64s = test::Tensors64;

Config prior_config(Prior prior, int64_t top_latent, int64_t samples = 1,
                    Objective objective = Objective::elbo) {
  Config config = test::tiny_config(3);
  config.model.activation = Activation::tanh;
  config.model.prior = prior;
  config.model.top_latent = top_latent;
  if (top_latent > 0) config.model.top = {5, 4};
  config.training.batch_size = 5;
  config.training.objective = objective;
  config.training.importance_samples = samples;
  config.training.beta = 0.7;
  return config;
}

/// All of them, of the tiny model.
std::vector<Config> configs_of(int64_t samples) {
  return {prior_config(Prior::learned, 0, samples), prior_config(Prior::standard, 3, samples),
          prior_config(Prior::learned, 3, samples)};
}

std::string text_of(const Config& config) {
  return std::string(to_string(config.model.prior)) + ", " +
         std::to_string(config.model.top_latent) +
         " above, K = " + std::to_string(config.training.importance_samples);
}

/// mu and logvar of a Gaussian64.
struct Gaussian64 {
  Row64 mu, logvar;
};

double closed_kl(const Gaussian64& q, const Gaussian64& p) {
  double sum = 0.0;
  for (std::size_t j = 0; j < q.mu.size(); ++j) {
    const double distance = q.mu[j] - p.mu[j];
    sum += 0.5 * ((distance * distance + std::exp(q.logvar[j])) / std::exp(p.logvar[j]) - 1.0 +
                  p.logvar[j] - q.logvar[j]);
  }
  return sum;
}

double log_density(const Row64& z, const Gaussian64& p) {  // without 2 pi
  double sum = 0.0;
  for (std::size_t j = 0; j < z.size(); ++j) {
    const double distance = z[j] - p.mu[j];
    sum -= 0.5 * (distance * distance / std::exp(p.logvar[j]) + p.logvar[j]);
  }
  return sum;
}

/// The model in float64. Parameters of posteriors that densities are taken from may be others.
class DoubleModel {
 public:
  explicit DoubleModel(const Config& config) : config_(config) {}

  struct Sample {
    double log_px = 0.0;
    double kl = 0.0;         // as the ELBO has it
    double log_ratio = 0.0;  // of all latents
  };

  Sample sample(const Tensor64s& w, const Tensor64s& fixed, const Row64& x, uint32_t image,
                uint32_t sample, uint32_t step) const {
    Sample result;
    const Gaussian64 q = heads(w, "encoder", layers(w, "encoder", x));
    const Gaussian64 q_fixed = heads(fixed, "encoder", layers(fixed, "encoder", x));
    const Row64 z = draw(q, Stream::posterior, image, sample, step);
    Gaussian64 p = prior(w, z.size());
    if (config_.model.top_latent > 0) {
      const Gaussian64 q2 = heads(w, "top.encoder", layers(w, "top.encoder", z));
      const Row64 z2 = draw(q2, kTopPosterior, image, sample, step);
      const Gaussian64 p2 = prior(w, z2.size());
      p = heads(w, "top.decoder", layers(w, "top.decoder", z2));
      result.kl = closed_kl(q2, p2) + log_density(z, q) - log_density(z, p);
      result.log_ratio = log_density(z2, p2) - log_density(z2, q2);
    } else {
      result.kl = closed_kl(q, p);
    }
    result.log_ratio += log_density(z, p) - log_density(z, q_fixed);
    const Row64 logits = dense(w, "decoder.output", layers(w, "decoder", z));
    for (std::size_t i = 0; i < x.size(); ++i) {
      result.log_px +=
          logits[i] * x[i] - std::max(logits[i], 0.0) - std::log1p(std::exp(-std::abs(logits[i])));
    }
    return result;
  }

  /// z ~ p(z).
  Row64 sample_prior(const Tensor64s& w, uint32_t row) const {
    if (config_.model.top_latent == 0) {
      const auto latent = static_cast<std::size_t>(config_.model.latent);
      return draw(prior(w, latent), Stream::prior, row, 0, 0);
    }
    const auto top = static_cast<std::size_t>(config_.model.top_latent);
    const Row64 z2 = draw(prior(w, top), kTopPrior, row, 0, 0);
    const Gaussian64 p = heads(w, "top.decoder", layers(w, "top.decoder", z2));
    return draw(p, Stream::prior, row, 0, 0);
  }

 private:
  static Row64 dense(const Tensor64s& w, const std::string& name, const Row64& x) {
    Row64 y = w.at(name + ".bias");
    const Row64& weight = w.at(name + ".weight");
    for (std::size_t o = 0; o < y.size(); ++o) {
      for (std::size_t i = 0; i < x.size(); ++i) y[o] += weight[o * x.size() + i] * x[i];
    }
    return y;
  }
  static Row64 layers(const Tensor64s& w, const std::string& name, Row64 x) {
    for (int i = 0; w.contains(name + "." + std::to_string(i) + ".weight"); ++i) {
      x = dense(w, name + "." + std::to_string(i), x);
      for (double& value : x) value = std::tanh(value);
    }
    return x;
  }
  static Gaussian64 heads(const Tensor64s& w, const std::string& name, const Row64& x) {
    return {dense(w, name + ".mu", x), dense(w, name + ".logvar", x)};
  }
  Gaussian64 prior(const Tensor64s& w, std::size_t latent) const {
    if (config_.model.prior == Prior::learned) return {w.at("prior.mu"), w.at("prior.logvar")};
    return {Row64(latent, 0.0), Row64(latent, 0.0)};
  }
  Row64 draw(const Gaussian64& q, Stream stream, uint32_t image, uint32_t sample,
             uint32_t step) const {
    const PhiloxRow noise = philox_row(config_.training.seed, stream, step, image, sample);
    Row64 z;
    for (std::size_t j = 0; j < q.mu.size(); ++j) {
      z.push_back(q.mu[j] +
                  std::exp(0.5 * q.logvar[j]) * normal_element(noise, static_cast<uint32_t>(j)));
    }
    return z;
  }

  Config config_;
};

/// The objective of a batch in float64.
class DoubleObjective {
 public:
  DoubleObjective(const Config& config, Row64 x)
      : training_(config.training),
        pixels_(config.model.pixels()),
        x_(std::move(x)),
        model_(config) {}

  /// The loss, -L_K with several samples.
  double loss(const Tensor64s& w) const {
    if (training_.importance_samples == 1) {
      return mean([&](int64_t image) {
        const auto s = sample(w, w, image, 0);
        return training_.beta * s.kl - s.log_px;
      });
    }
    return mean([&](int64_t image) { return -std::log(total_weight(w, image) / samples()); });
  }

  /// What dreg differentiates by the encoder: samples at constant factors and a constant posterior.
  double doubly_reparameterised(const Tensor64s& w, const Tensor64s& constant) const {
    const double beta = training_.beta;
    return mean([&](int64_t image) {
      double sum = 0.0;
      for (int64_t k = 0; k < training_.importance_samples; ++k) {
        const double share =
            weight(sample(constant, constant, image, k)) / total_weight(constant, image);
        const auto s = sample(w, constant, image, k);
        sum -= share * (1.0 - beta + beta * share) * (s.log_px + beta * s.log_ratio);
      }
      return sum;
    });
  }

 private:
  double samples() const { return static_cast<double>(training_.importance_samples); }
  DoubleModel::Sample sample(const Tensor64s& w, const Tensor64s& fixed, int64_t image,
                             int64_t k) const {
    const Row64 x(x_.begin() + image * pixels_, x_.begin() + (image + 1) * pixels_);
    return model_.sample(w, fixed, x, static_cast<uint32_t>(image), static_cast<uint32_t>(k),
                         /*step=*/1);
  }
  double weight(const DoubleModel::Sample& s) const {
    return std::exp(s.log_px + training_.beta * s.log_ratio);
  }
  double total_weight(const Tensor64s& w, int64_t image) const {
    double sum = 0.0;
    for (int64_t k = 0; k < training_.importance_samples; ++k)
      sum += weight(sample(w, w, image, k));
    return sum;
  }
  double mean(const std::function<double(int64_t)>& of_image) const {
    const int64_t images = static_cast<int64_t>(x_.size()) / pixels_;
    double sum = 0.0;
    for (int64_t image = 0; image < images; ++image) sum += of_image(image);
    return sum / static_cast<double>(images);
  }

  TrainConfig training_;
  int64_t pixels_;
  Row64 x_;
  DoubleModel model_;
};

/// A learned prior away from where it starts.
void move_prior(Parameters& parameters) {
  for (const Parameter& parameter : parameters.all()) {
    if (!parameter.spec.name.starts_with("prior.")) continue;
    std::vector<float> numbers;
    for (int64_t i = 0; i < parameter.value.count(); ++i) {
      numbers.push_back(0.4f * static_cast<float>(i + 1) - 0.7f);
    }
    parameters.upload(parameter.value, numbers);
  }
}

bool is_of_encoder(const std::string& name) { return name.starts_with("encoder"); }
bool is_of_the_rest(const std::string& name) { return !is_of_encoder(name); }

TEST(PriorStepTest, GradientsAreThoseOfTheObjective) {
  for (const int64_t samples : {1, 4}) {
    for (const Config& config : configs_of(samples)) {
      const FirstStep step(config, move_prior);
      const DoubleObjective expected(config, step.images());
      EXPECT_NEAR(step.loss(), expected.loss(step.before()), 2e-5) << text_of(config);
      for (const auto chosen : {is_of_the_rest, is_of_encoder}) {
        expect_central_differences(
            step, 3e-5, chosen, [&](const Tensor64s& w) { return expected.loss(w); },
            text_of(config));
      }
    }
  }
}

TEST(PriorStepTest, DregLeavesALearnedPriorTheGradientOfTheBound) {
  const Config config = prior_config(Prior::learned, 0, 4, Objective::dreg);
  const FirstStep step(config, move_prior);
  const DoubleObjective expected(config, step.images());
  expect_central_differences(step, 3e-5, is_of_the_rest,
                             [&](const Tensor64s& w) { return expected.loss(w); });
  expect_central_differences(step, 3e-5, is_of_encoder, [&](const Tensor64s& w) {
    return expected.doubly_reparameterised(w, step.before());
  });
}

TEST(PriorStepTest, ALearnedPriorStartsAsTheStandardOne) {
  for (const int64_t samples : {1, 3}) {
    const FirstStep standard(prior_config(Prior::standard, 0, samples));
    const FirstStep learned(prior_config(Prior::learned, 0, samples));
    EXPECT_EQ(learned.loss(), standard.loss());
    EXPECT_EQ(learned.totals().kl, standard.totals().kl);
    for (const auto& [name, gradient] : standard.gradients()) {
      EXPECT_EQ(learned.gradients().at(name), gradient) << name;
    }
  }
}

TEST(PriorStepTest, SamplesAreAncestral) {
  for (const Config& config : configs_of(1)) {
    const auto backend = make_backend(Device::cpu(1));
    Network network(*backend, config.model, {4, 1, /*training=*/false});
    network.initialize(config.training.seed);
    move_prior(network.parameters());
    Arena arena(*backend);
    StepState* state = nullptr;
    arena.request(state);
    arena.allocate("the state");
    StepState position;
    position.first_row = 11;
    backend->copy_to_device(state, &position, sizeof position);
    const ConstView z = network.sample_prior(4, {config.training.seed, Stream::prior, state, 0});
    const std::vector<float> found = network.parameters().download(z);
    const DoubleModel model(config);
    const Tensor64s weights = test::tensors_of(network.parameters());
    for (uint32_t row = 0; row < 4; ++row) {
      const Row64 expected = model.sample_prior(weights, 11 + row);
      for (std::size_t j = 0; j < expected.size(); ++j) {
        EXPECT_NEAR(found[row * expected.size() + j], expected[j], 1e-5) << text_of(config);
      }
    }
  }
}

TEST(PriorStepTest, BoundsTightenWithMoreSamples) {
  for (const Config& config : configs_of(1)) {
    const auto backend = make_backend(Device::cpu(1));
    Network network(*backend, config.model, {64, 1, /*training=*/true});
    network.initialize(config.training.seed);
    const ImageSet images = test::tiny_data().train;
    TrainStep step(network, images, config.training);
    for (int64_t i = 0; i < 3 * step.steps_per_epoch(); ++i) step.run();
    EvaluateOptions options;
    double previous = std::numeric_limits<double>::infinity();
    for (const int64_t samples : {1, 32}) {
      options.importance_samples = samples;
      const Evaluation result = evaluate(network, images, options, config.training);
      EXPECT_LT(*result.nll, previous + 0.02) << text_of(config);
      previous = *result.nll;
      EXPECT_EQ(static_cast<int64_t>(result.kl_per_dimension.size()), config.model.all_latents());
      if (samples > 1) continue;
      const double error = 5.0 * (result.elbo_standard_error + result.nll_standard_error);
      EXPECT_NEAR(*result.nll, -result.elbo, error) << text_of(config);
    }
  }
}

using PriorRunTest = test::RunFolderTest;

TEST_F(PriorRunTest, GoesOnAfterAStopWithTheSameBytes) {
  expect_same_bytes_after_a_stop(prior_config(Prior::learned, 3));
}

TEST_F(PriorRunTest, IsLoadedAndServed) {
  const Config config = prior_config(Prior::learned, 3);
  Trainer(config, test::tiny_data(), options("run")).run();
  Model model = Model::load(folder_ / "run", Device::cpu(1));
  EXPECT_EQ(model.config(), config.model);
  const ImageSet images = test::tiny_data().test;
  EXPECT_EQ(model.encode(images).mean.shape, (std::vector<int64_t>{17, 2}));
  EXPECT_EQ(model.reconstruct(images).values, model.decode(model.encode(images).mean).values);
  const Array all = model.sample(6, 1);
  EXPECT_EQ(model.sample(2, 1, 4).values,
            std::vector<float>(all.row(4), all.row(4) + 2 * all.row_size()));
  EXPECT_NE(model.sample(6, 2).values, all.values);
  EXPECT_NE(std::vector<float>(all.row(0), all.row(1)), std::vector<float>(all.row(1), all.row(2)));
  EXPECT_GT(model.evaluate(images).kl, 0.0);
}

}  // namespace
}  // namespace vae
