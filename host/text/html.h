// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace vae {

/// Text for element content and quoted attributes. Bytes that are not UTF-8 or that no page may
/// hold become visible escapes.
std::string escape_html(std::string_view text);

/// RFC 4648 base64 with padding.
std::string encode_base64(std::span<const std::byte> bytes);

}  // namespace vae
