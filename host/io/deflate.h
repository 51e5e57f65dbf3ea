// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vae {

/// Bytes of these in zlib's format at its highest level, 9 [RFC 1950]: what Python's
/// len(zlib.compress(bytes, 9)) is. Another version of zlib may find another length.
std::size_t deflated_size(std::span<const uint8_t> bytes);

}  // namespace vae
