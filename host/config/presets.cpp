// SPDX-License-Identifier: MIT
#include <iterator>

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

/// The tutorial's encoder with a convolution below its two dense layers, as in the article's text.
Config tutorial_conv() {
  Config config = tutorial();
  config.model.encoder = {conv(16, {4, 4}, 2), 256, 128};
  return config;
}

/// Pairs of 4x4/2 convolutions and deconvolutions around a bottleneck of 256 numbers: the encoder
/// halves the image once for each of `filters`, the decoder is its mirror image.
ModelConfig conv_model(int64_t side, int64_t channels, const std::vector<int64_t>& filters) {
  ModelConfig model;
  model.height = model.width = side;
  model.channels = channels;
  model.encoder.clear();
  model.decoder = {256};
  for (const int64_t count : filters) {
    model.encoder.push_back(conv(count, {4, 4}, 2));
    side /= 2;
  }
  model.encoder.push_back(256);
  model.decoder.push_back(dense(side, side, filters.back()));
  for (std::size_t i = filters.size() - 1; i-- > 0;) {
    model.decoder.push_back(deconv(filters[i], {4, 4}, 2));
  }
  model.output = deconv_output({4, 4}, 2);
  return model;
}

/// Grey digits of 28 x 28 pixels.
Config conv_28() {
  Config config;
  config.model = conv_model(28, 1, {32, 64});
  return config;
}

/// Colour pictures, as a Gaussian whose variance is learned from their 256 levels.
Config conv_colour(int64_t side, const std::vector<int64_t>& filters) {
  Config config;
  config.model = conv_model(side, 3, filters);
  config.model.latent = 128;
  config.model.likelihood = Likelihood::gaussian;
  config.model.variance = Variance::learned;
  config.training.binarization = Binarization::none;
  return config;
}

/// conv-28 that is told the label, with a prior for each.
Config generate() {
  Config config = conv_28();
  config.model.condition = Condition::label;
  config.model.prior = Prior::conditional;
  config.training.epochs = 20;
  config.training.ema = 0.999;
  return config;
}

/// Labels of grey digits through the latents, a variational information bottleneck [VIB]; its small
/// beta is what they found best.
Config classify() {
  Config config;
  config.model.encoder = conv_28().model.encoder;
  config.model.latent = 64;
  config.model.decoder = {};
  config.model.target = Target::label;
  config.training.beta = 0.001;
  config.training.binarization = Binarization::none;
  return config;
}

/// What is measured on real images is chosen on others.
constexpr double kSetAside = 5000;

/// Noise of half the range of grey levels taken off digits. The decoder reads every layer of the
/// encoder beside the code: where strokes are comes by the convolutions, and what digit it may be
/// by the dense one, whose numbers a code pays its KL for.
Config denoise() {
  Config config;
  ModelConfig& model = config.model;
  model.encoder = {conv(32, {5, 5}, 2), conv(64, {4, 4}, 2), 512};
  model.decoder = {skip(2), 512, dense(7, 7, 64), skip(1), deconv(32, {4, 4}, 2), skip(0)};
  model.output = deconv_output({4, 4}, 2);
  model.latent = 32;
  model.likelihood = Likelihood::gaussian;
  model.variance = Variance::learned;
  model.sigma = 0.2;
  config.training.epochs = 8;
  config.training.binarization = Binarization::none;
  config.training.schedule = LearningRateSchedule::cosine;
  config.training.ema = 0.999;
  config.training.validation = kSetAside;
  config.data.corrupt = {CorruptionKind::noise, 0.5};
  return config;
}

/// Three quadrants of a digit from its lower left one: the conditional model of Pyro's example of
/// [CVAE], with its sizes and its grey levels under the Bernoulli.
Config inpaint() {
  Config config;
  ModelConfig& model = config.model;
  model.encoder = model.decoder = model.prior_layers = {500, 500};
  model.latent = 200;
  model.condition = Condition::seen;
  model.prior = Prior::conditional;
  config.training.epochs = 10;
  config.training.binarization = Binarization::none;
  config.training.schedule = LearningRateSchedule::cosine;
  config.training.ema = 0.999;
  config.training.validation = kSetAside;
  config.data.corrupt = {CorruptionKind::quadrants, 1};
  return config;
}

/// A class for each pixel of scenes of 40 x 40: a U-net whose lowest level are the latents, as
/// images of 10 x 10. Where things are comes by the skips, and what they are by the latents.
Config segment_40() {
  Config config;
  ModelConfig& model = config.model;
  model.height = model.width = 40;
  model.encoder = layers_from_string(
      "conv 8 3x3, conv 32 4x4/2, conv 32 3x3, conv 64 4x4/2, conv 64 3x3, conv 64 3x3");
  model.heads = conv_output({1, 1});
  model.latent = 10 * 10 * 8;
  model.decoder = layers_from_string(
      "conv 64 3x3, deconv 32 4x4/2, skip 2, conv 32 3x3, upsample 2, skip 0, conv 24 1x1");
  model.output = conv_output({1, 1});
  model.target = Target::mask;
  model.target_classes = 11;
  model.initialization = Initialization::he_normal;  // keeps signals their size through ten layers
  config.training.beta = 0.1;
  config.training.binarization = Binarization::none;
  config.training.batch_size = 64;
  config.training.learning_rate = 2e-3;
  config.training.schedule = LearningRateSchedule::cosine;
  config.training.epochs = 6;
  config.data.scene = {1, 3, {40, 40}, 6};
  return config;
}

/// Boxes in the same scenes, by the same encoder: a grid of 10 x 10 cells, of 4 x 4 pixels each,
/// over latents of that size.
Config detect_40() {
  Config config = segment_40();
  ModelConfig& model = config.model;
  model.decoder = layers_from_string("skip 5, conv 64 3x3, conv 64 3x3");
  model.target = Target::boxes;
  model.target_classes = 10;
  model.grid = {10, 10};
  return config;
}

/// Ten frames of clips in which two digits move, from the ten before: a U-net over frames that are
/// channels finds the motion of 16 x 16 cells, and the last seen frame moves so. Convolutions on
/// 8 x 8 reach from one end of a clip to the other.
Config predict() {
  Config config;
  ModelConfig& model = config.model;
  model.height = model.width = 64;
  model.channels = 20;
  model.encoder = layers_from_string(
      "conv 48 8x8/4, conv 64 3x3, conv 64 4x4/2, "
      "residual (conv 64 3x3, conv 64 3x3), residual (conv 64 3x3, conv 64 3x3)");
  model.heads = conv_output({1, 1});
  model.latent = 8 * 8 * 8;
  model.decoder = layers_from_string("skip 4, deconv 64 4x4/2, skip 1, conv 64 3x3");
  model.output = transport_output(10);
  // Weights that begin small, and units that cannot die, bear steps of 8 clips.
  model.activation = Activation::leaky_relu;
  model.initialization = Initialization::lecun_normal;
  model.likelihood = Likelihood::gaussian;
  model.variance = Variance::learned;
  model.sigma = 0.2;
  config.training.epochs = 15;
  config.training.batch_size = 8;
  config.training.learning_rate_warmup_epochs = 0.1;
  config.training.adam_beta2 = 0.95;
  config.training.skip_norm = 5.0;  // now and then a clip's gradient is many times the usual one
  config.training.binarization = Binarization::none;
  config.training.schedule = LearningRateSchedule::cosine;
  config.training.ema = 0.999;
  config.training.validation = 1000;
  SceneConfig& scene = config.data.scene;
  scene.fewest = scene.most = 2;
  scene.size = {64, 64};
  scene.frames = model.channels;
  scene.slowest = 2.0;
  scene.fastest = 5.0;
  scene.count = 20000;
  scene.renew = 1;  // what is seen again is learnt by heart
  config.data.corrupt = {CorruptionKind::frames, 10};
  return config;
}

/// Volumes of 28 x 28 x 28 made of grey digits, their slices as channels.
Config voxel() {
  Config config;
  ModelConfig& model = config.model;
  model.height = model.width = model.channels = 28;
  model.encoder = layers_from_string("conv 64 4x4/2, conv 128 4x4/2, 512");
  model.decoder = layers_from_string("512, dense 7x7x128, deconv 64 4x4/2");
  model.output = deconv_output({4, 4}, 2);
  model.latent = 32;
  model.likelihood = Likelihood::gaussian;
  model.variance = Variance::learned;
  model.sigma = 0.1;
  config.training.epochs = 8;
  config.training.learning_rate = 2e-3;
  config.training.binarization = Binarization::none;
  config.training.schedule = LearningRateSchedule::cosine;
  config.training.ema = 0.999;
  config.training.validation = kSetAside;
  SceneConfig& scene = config.data.scene;
  scene.fewest = scene.most = 1;
  scene.size = {28, 28};
  scene.depth = 28;
  return config;
}

struct Preset {
  const char* name;
  Config (*make)();
};

constexpr Preset kPresets[] = {
    {"mlp-400-20", mlp_400_20},
    {"tutorial", tutorial},
    {"tutorial-conv", tutorial_conv},
    {"iwae-1", iwae_1},
    {"conv-28", conv_28},
    {"generate", generate},
    {"classify", classify},
    {"conv-32x3",
     [] {
       return conv_colour(32, {32, 64, 128});
     }},
    {"conv-64x3",
     [] {
       return conv_colour(64, {32, 64, 128, 256});
     }},
    {"denoise", denoise},
    {"inpaint", inpaint},
    {"segment-40", segment_40},
    {"detect-40", detect_40},
    {"predict", predict},
    {"voxel", voxel},
};

std::string name_list() {
  std::string text;
  for (const Preset& known : kPresets) {
    text += (text.empty() ? "" : &known == std::end(kPresets) - 1 ? " and " : ", ");
    text += known.name;
  }
  return text;
}

}  // namespace

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Preset& known : kPresets) list.emplace_back(known.name);
    return list;
  }();
  return names;
}

Config preset(std::string_view name) {
  for (const Preset& known : kPresets) {
    if (name == known.name) return known.make();
  }
  fail(ErrorCode::invalid_argument, "preset: there is no '", name.substr(0, 80),
       "', the presets are ", name_list(), did_you_mean(name, preset_names()));
}

}  // namespace vae
