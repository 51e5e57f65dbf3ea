// SPDX-License-Identifier: MIT
//
// What layers make of shapes, from the pixels to the outputs.
#pragma once

#include <string>

#include "vae/config.h"
#include "vae/layers.h"

namespace vae::config_detail {

/// "" or the first place in a model of valid keys where two shapes do not fit, with the name of the
/// key: "model.encoder[1] ...".
std::string shape_problem(const ModelConfig& model);

/// The convolution of a transport, which makes its motions.
Layer motion_layer(const Layer& transport);

/// "28x28x1".
std::string shape_text(const ItemShape& shape);

}  // namespace vae::config_detail
