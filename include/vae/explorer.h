// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/model.h"

namespace vae {

/// What write_explorer() puts on the map.
struct ExplorerOptions {
  /// The most images that become dots, 1 to 100000: evenly spaced ones, of models with very large
  /// codes fewer.
  int64_t dots = 1500;
  /// How pixels become x and the key of all draws, as of Model::encode().
  std::optional<Binarization> binarization = {};
  std::optional<uint64_t> seed = {};  ///< Likewise.
  std::string title = {};             ///< Of the page; any text. Empty: the network's words.
};

/// What was written.
struct ExplorerPage {
  int64_t bytes = 0;   ///< Of the file.
  int64_t images = 0;  ///< Dots of the map.
  /// Latent dimensions in the order of their sliders: that of the highest KL first.
  std::vector<int64_t> latents;
  std::vector<std::string> layers;  ///< That the page computes: "decoder.0: 400".
  int64_t weight_bits = 16;         ///< Of a weight in the page: 16, or 32 where 16 are too few.
  /// The largest |difference| of a decoded value that the weights' rounding makes, over codes of
  /// images and draws from N(0, I): at most half of 1/255.
  double largest_difference = 0.0;
};

/// Throws Error(invalid_argument) where the page could not decode what this model does. The message
/// names the layer or the setting: a decoder that reads the encoder (skip), classes as targets,
/// images as conditions, a layer that the page has no JavaScript for.
void check_explorable(const ModelConfig& model);

/// Writes one self-contained page in which a browser decodes, with no access to a network: a map of
/// the images' codes [LatentMap] on which a click or a drag decodes what lies there, a slider for
/// each latent dimension, the way between two images, and of a model that is told labels a switch
/// of classes. Of latents above z, whose p(z) is no Gaussian, the page has draws to choose from. It
/// holds the decoder's weights, rounded to 16 bits. Its E[x|z] is that of
/// Model::decode() to 1/255. Throws Error(invalid_argument) as check_explorable() does, for no
/// images, for images without what the model is told and for a decoder of more than 2^25 weights;
/// Error(io).
///
///     vae::Model model = vae::Model::load("runs/first");
///     vae::write_explorer("explore.html", model, vae::Dataset::load("mnist").test);
ExplorerPage write_explorer(const std::string& path, Model& model, const ImageSet& images,
                            const ExplorerOptions& options = {});

}  // namespace vae
