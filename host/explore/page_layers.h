// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vae/config.h"

namespace vae {

/// A layer of a decoder as explorer.js computes it.
struct PageLayer {
  std::string name;    ///< "decoder.0", as its tensors' names begin.
  std::string kind;    ///< The key of its function in the script.
  ItemShape in, out;   ///< [W] or [H, W, C].
  std::string follow;  ///< The activation behind it, a word.
  /// Tensors of weights, and the biases that belong to them: two each of a gated layer.
  std::vector<std::string> weights, biases;
  Extent kernel, stride, padding;  ///< Of convolutions.
  int64_t factor = 1;              ///< Of resampling.
  std::vector<PageLayer> inner;    ///< Of a residual.
};

/// The layers between z, with the condition beside it, and the outputs. Throws
/// Error(invalid_argument) as check_explorable() does.
std::vector<PageLayer> page_layers(const ModelConfig& model);

/// All tensors of weights in them, innermost too.
std::vector<std::string> weights_of(const std::vector<PageLayer>& layers);

}  // namespace vae
