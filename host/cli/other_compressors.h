// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vae::cli {

/// How many bytes a program makes of these, which it reads from standard input and writes, packed,
/// to standard output; nothing where it is not installed or fails. words: {"xz", "-9"}.
std::optional<int64_t> packed_size(const std::vector<std::string>& words,
                                   std::span<const uint8_t> bytes);

}  // namespace vae::cli
