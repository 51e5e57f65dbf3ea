// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vae/config.h"

namespace vae {

/// "784-400-20-400-784", or with all words: "28x28x1, conv 32 4x4/2, 256, 20, 256, dense, 28x28x1".
std::string network_text(const ModelConfig& model);

/// A layer of a model as its tensors name it, with what it makes of the layer before.
struct LayerLine {
  std::string name;    // "encoder.0", "encoder.mu", "decoder.output"
  std::string layer;   // in the words of the configuration
  ItemShape shape;     // of its output
  int64_t parameters;  // weights and biases
};

/// From the pixels to the outputs. Throws as validate() does.
std::vector<LayerLine> layer_lines(const ModelConfig& model);

}  // namespace vae
