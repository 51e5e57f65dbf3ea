// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>

namespace simt {

/// Where a kernel calls the layer: the default argument of every primitive. clang 14 has no
/// std::source_location.
struct Location {
  const char* file = "?";
  unsigned line = 0;
  static constexpr Location current(const char* file = __builtin_FILE(),
                                    unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

/// A kernel or a launch broke a rule of CUDA. The message names file:line, thread and block.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws Error. In a kernel it ends the launch, and the launch throws to its caller.
[[noreturn]] void fail(const std::string& message, Location where);

}  // namespace simt
