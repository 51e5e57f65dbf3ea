// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "vae/config.h"

namespace vae {

/// "784-400-20-400-784", or with all words: "28x28x1, conv 32 4x4/2, 256, 20, 256, dense, 28x28x1".
std::string network_text(const ModelConfig& model);

}  // namespace vae
