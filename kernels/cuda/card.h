// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace vae::cuda {

/// What kernels choose their shapes by.
struct Card {
  std::string name;
  int capability = 0;  // 10 major + minor: 80 for sm_80
  int multiprocessors = 1;
  int64_t shared_bytes_per_block = 48 * 1024;  // the most a kernel can opt in to
  int64_t memory_bytes = 0;
};

/// The card with this index. Throws Error(unavailable).
Card find_card(int index);

/// "13.0" of 13000.
std::string version_text(int version);

}  // namespace vae::cuda
