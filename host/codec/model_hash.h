// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "host/model/network.h"

namespace vae {

/// Names a model by what it computes.
using ModelHash = std::array<uint8_t, 16>;

/// The first bytes of the SHA-256 of its layers, likelihood and limits, in the words of
/// configurations, and of the names, shapes and values of its weights. docs/codec.md specifies it.
ModelHash model_hash(const Network& network);

}  // namespace vae
