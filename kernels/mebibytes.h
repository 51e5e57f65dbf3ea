// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include "kernels/check.h"

namespace vae {

/// A size of memory for messages, rounded up.
inline std::string mebibytes(std::size_t bytes) {
  constexpr std::size_t kMebibyte = std::size_t{1} << 20;
  return concat(bytes / kMebibyte + (bytes % kMebibyte != 0), " MiB");
}

}  // namespace vae
