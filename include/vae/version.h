// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <string>

namespace vae {

/// "0.1.0".
std::string version();

/// Version, compiler, and what was built in (CUDA), in one line.
std::string build_description();

}  // namespace vae
