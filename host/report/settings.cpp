// SPDX-License-Identifier: MIT
#include "host/report/settings.h"

#include "host/report/network_text.h"
#include "host/text/number_text.h"
#include "kernels/rules/likelihoods.h"

namespace vae {
namespace {

std::string colours_text(int64_t channels) {
  if (channels == 1) return "grey";
  return channels == 3 ? "RGB" : std::to_string(channels) + " channels side by side";
}

std::string data_text(const RunRecord& run) {
  const ModelConfig& model = run.config.model;
  std::string text = run.data.empty() ? "images" : run.data;
  text += ": " + std::to_string(model.height) + " x " + std::to_string(model.width) + " pixels, " +
          colours_text(model.channels);
  if (!run.train.empty()) text += ", " + grouped_text(run.train.back().images) + " for training";
  if (!run.validation.empty()) {
    text += ", " + grouped_text(run.validation.back().images) + " set aside for validation";
  }
  if (!run.test.empty()) text += ", " + grouped_text(run.test.back().images) + " for testing";
  if (!run.data_fingerprint.empty()) text += " (fingerprint " + run.data_fingerprint + ")";
  return text;
}

std::string binarization_text(const Config& config) {
  const Binarization protocol = config.training.binarization;
  const std::string word(to_string(protocol));
  switch (protocol) {
    case Binarization::none:
      return config.model.has_class_target() || is_of_grey_levels(config.model.likelihood)
                 ? word + ": grey levels pixel / 255"
                 : word +
                       ": grey levels pixel / 255 under a Bernoulli; its numbers are no "
                       "log-likelihoods and compare only with the same setting";
    case Binarization::fixed:
      return word + ": each pixel drawn once from Bernoulli(pixel / 255)";
    case Binarization::dynamic:
      return word +
             ": each pixel drawn afresh from Bernoulli(pixel / 255) at every read; the test "
             "images drawn once";
    case Binarization::threshold:
      return word + ": 1 where pixel >= 128";
  }
  return word;
}

std::string likelihood_text(const ModelConfig& model) {
  if (model.target == Target::boxes) {
    return "boxes on a grid of " + std::to_string(model.grid.width) + " x " +
           std::to_string(model.grid.height) + " cells: object Bernoulli, class categorical of " +
           std::to_string(model.target_classes) + ", middle and size Gaussian";
  }
  if (model.has_class_target()) {
    return "categorical: the " + std::string(to_string(model.target)) + ", of " +
           std::to_string(model.target_classes) + " classes";
  }
  std::string text = visit(model.likelihood, model.variance, [](auto rule) { return rule.kName; });
  if (variance_count(model.likelihood, model.variance, model.channels) == 0) return text;
  text += ", standard deviation " + short_text(model.sigma);
  if (!variance_is_trained(model.likelihood, model.variance)) return text + ", fixed";
  return text + " at the start, learned" +
         (model.variance == Variance::per_channel ? " for each channel" : "");
}

std::string condition_text(const ModelConfig& model) {
  if (model.condition == Condition::seen) return "what is seen of the image, told to both nets";
  return model.condition == Condition::label
             ? "the label, one of " + std::to_string(model.classes) + ", told to both nets"
             : "a side vector of " + std::to_string(model.side_size) +
                   " numbers, told to both nets";
}

std::string latent_text(const ModelConfig& model) {
  std::string text = std::to_string(model.latent);
  if (model.top_latent > 0) text += " under " + std::to_string(model.top_latent);
  switch (model.prior) {
    case Prior::standard:
      break;
    case Prior::learned:
      return text + ", learned prior";
    case Prior::conditional:
      text += ", prior computed from the condition";
      if (!model.prior_layers.empty()) text += " by " + to_string(model.prior_layers);
      break;
  }
  return text;
}

std::string objective_text(const TrainConfig& training) {
  std::string text = "reconstruction - beta KL, beta = " + short_text(training.beta);
  if (training.kl_warmup_epochs > 0) {
    text += ", rising from 0 over " + short_text(training.kl_warmup_epochs) + " epochs";
  }
  if (training.free_bits > 0) {
    text += "; the first " + short_text(training.free_bits) + " nats of each dimension are free";
  }
  return text;
}

std::string optimizer_text(const TrainConfig& training) {
  std::string text = training.weight_decay > 0 ? "AdamW" : "Adam";
  if (training.optimizer == Optimizer::muon) text = "Muon for matrices, " + text + " for the rest";
  text += ", learning rate " + short_text(training.learning_rate);
  if (training.learning_rate_warmup_epochs > 0) {
    text += ", rising from 0 over " + short_text(training.learning_rate_warmup_epochs) + " epochs";
  }
  if (training.schedule != LearningRateSchedule::constant) {
    text += " (" + std::string(to_string(training.schedule)) + " schedule)";
  }
  text += ", betas " + short_text(training.adam_beta1) + " and " + short_text(training.adam_beta2) +
          ", epsilon " + short_text(training.adam_epsilon);
  if (training.weight_decay > 0) text += ", weights decay by " + short_text(training.weight_decay);
  if (training.clip_norm > 0)
    text += ", gradient norm clipped at " + short_text(training.clip_norm);
  if (training.skip_norm > 0) {
    text += ", steps skipped from " + short_text(training.skip_norm) + " times the usual norm on";
  }
  if (training.ema > 0) {
    text += "; the weights are a running mean of decay " + short_text(training.ema);
  }
  return text;
}

}  // namespace

std::vector<Setting> describe_settings(const RunRecord& run) {
  const ModelConfig& model = run.config.model;
  const TrainConfig& training = run.config.training;
  std::vector<Setting> settings = {
      {"Data", data_text(run)},
      {"Binarization", binarization_text(run.config)},
      {"Network", network_text(model) + ", " + std::string(to_string(model.activation)) +
                      ", initialised as " + std::string(to_string(model.initialization))},
      {"Latent dimensions", latent_text(model)},
      {"Likelihood", likelihood_text(model)},
      {"Objective", objective_text(training)},
      {"Optimizer", optimizer_text(training)},
      {"Batch size", std::to_string(training.batch_size)},
      {"Seed", std::to_string(training.seed)},
  };
  if (model.condition != Condition::none) {
    settings.push_back({"Condition", condition_text(model)});
  }
  const Corruption& corrupt = run.config.data.corrupt;
  if (corrupt.kind != CorruptionKind::none) {
    settings.push_back({"Corruption", to_string(corrupt) + ", of inputs; targets are without"});
  }
  if (run.config.data.scene != SceneConfig()) {
    settings.push_back({"Scenes", to_string(run.config.data.scene)});
  }
  if (!run.device.empty()) settings.push_back({"Device", run.device});
  return settings;
}

}  // namespace vae
