// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vae {

/// Grey levels in [0, 1] as bytes: 255 times each, rounded. The index of the first value that is
/// none (outside, or not a number), where there is one; then `bytes` is not complete.
std::optional<std::size_t> grey_levels_to_bytes(std::span<const float> values,
                                                std::span<uint8_t> bytes);

/// Images [N, C, H, W] as [N, H, W, C].
std::vector<uint8_t> channels_last(std::span<const uint8_t> pixels, int64_t height, int64_t width,
                                   int64_t channels);

}  // namespace vae
