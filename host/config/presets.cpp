// SPDX-License-Identifier: MIT
#include "host/text/suggest.h"
#include "kernels/check.h"
#include "vae/config.h"

namespace vae {
namespace {

/// 784-400-20-400-784 with ReLU: the network of the PyTorch VAE example.
Config mlp_400_20() { return {}; }

/// 784-256-128-Z-128-784 with ReLU: the network of the tutorial article, with two proper heads.
Config tutorial() {
  Config config;
  config.model.encoder = {256, 128};
  config.model.decoder = {128};
  config.model.latent = 2;
  return config;
}

/// 784-200-200-50 and back with tanh: the one-layer model of [IWAE section 5], at K = 1.
Config iwae_1() {
  Config config;
  config.model.encoder = {200, 200};
  config.model.decoder = {200, 200};
  config.model.latent = 50;
  config.model.activation = Activation::tanh;
  config.model.initialization = Initialization::glorot_uniform;
  config.model.output_bias_from_mean = true;
  config.training.batch_size = 20;
  config.training.adam_epsilon = 1e-4;
  return config;
}

}  // namespace

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names = {"mlp-400-20", "tutorial", "iwae-1"};
  return names;
}

Config preset(std::string_view name) {
  if (name == "mlp-400-20") return mlp_400_20();
  if (name == "tutorial") return tutorial();
  if (name == "iwae-1") return iwae_1();
  fail(ErrorCode::invalid_argument, "preset: there is no '", name.substr(0, 80),
       "', the presets are mlp-400-20, tutorial and iwae-1", did_you_mean(name, preset_names()));
}

}  // namespace vae
