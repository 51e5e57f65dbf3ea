// SPDX-License-Identifier: MIT
//
// Layers as text. One grammar for flags, JSON and C++ (docs/config.md, "Layers"):
//
//     layers   = "none" | layer { "," layer }
//     layer    = N [act]
//              | "dense" (N | HxWxC) [act]  | "gated" "dense" (N | HxWxC) [act]
//              | ("conv" | "deconv") N HxW[/S[xS]] ["pad" P[xP]] [act]
//              | ("upsample" | "pool" | "skip") N
//              | "residual" "(" layer { "," layer } ")" [act]
//     output   = "dense" | ("conv" | "deconv" | "transport" N) HxW[/S[xS]] ["pad" P[xP]]
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vae/layers.h"

namespace vae::config_detail {

// Each sets its result and returns "", or leaves it and returns what is wrong: "column 9: expected
// ..., found ...", below that the text and below that a caret.

/// One layer.
std::string parse_layer(std::string_view text, Layer& layer);
/// Several layers, or none of them.
std::string parse_layers(std::string_view text, std::vector<Layer>& layers);
/// How the outputs are made: a layer without its filters.
std::string parse_output(std::string_view text, Layer& output);

/// The words that a layer begins with.
const std::vector<std::string>& layer_words();

}  // namespace vae::config_detail
