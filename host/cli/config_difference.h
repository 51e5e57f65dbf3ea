// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "vae/config.h"

namespace vae::cli {

/// Throws Error(invalid_argument) that lists every key in which `wanted` differs from what the run
/// was started with. Only more epochs are allowed.
void require_resumable(const Config& stored, const Config& wanted, const std::string& run);

}  // namespace vae::cli
