// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <functional>
#include <string_view>

namespace vae {

/// How much a line matters.
enum class LogLevel {
  info,     ///< What happens.
  warning,  ///< What a person should look at; the work goes on.
};

/// Receives one line without a line end, from the thread that called the library. The library
/// itself never prints.
///
///     options.log = [](vae::LogLevel, std::string_view line) {
///       std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
///     };
using LogCallback = std::function<void(LogLevel, std::string_view)>;

}  // namespace vae
