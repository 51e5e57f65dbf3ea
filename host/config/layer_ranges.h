// SPDX-License-Identifier: MIT
//
// What a layer by itself may be.
#pragma once

#include <cstdint>
#include <string>

#include "vae/layers.h"

namespace vae::config_detail {

// Far above any use; they keep products of sizes within 64 bits.
constexpr int64_t kMostLayers = 64;
constexpr int64_t kWidest = 65536;                     // numbers, filters
constexpr int64_t kLongestSide = 4096;                 // of an image, a kernel, a stride, a padding
constexpr int64_t kLargestFactor = 256;                // of upsampling and pooling
constexpr int64_t kMostValues = int64_t{1} << 28;      // between two layers, for one image
constexpr int64_t kMostParameters = int64_t{1} << 43;  // of a model

/// "" or what is wrong with the layer itself: "\"conv 0 3x3\" has 0 filters, expected 1..65536".
std::string layer_problem(const Layer& layer);
/// Likewise for how the outputs are made.
std::string output_problem(const Layer& output);

/// Whether an activation may follow such a layer, its own or the model's.
bool takes_activation(LayerKind kind);

inline bool is_image(const ItemShape& shape) { return shape.size() == 3; }

/// A layer in messages: in quotes, and of a bearable length.
std::string named(const Layer& layer);

}  // namespace vae::config_detail
