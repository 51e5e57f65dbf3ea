// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <functional>
#include <string_view>

namespace vae {

enum class LogLevel { info, warning };

/// Receives one line without a line end. The library itself never prints.
using LogCallback = std::function<void(LogLevel, std::string_view)>;

}  // namespace vae
