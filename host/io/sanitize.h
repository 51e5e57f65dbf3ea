// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vae {

/// Text from a file or a path, made safe to print: control characters, direction overrides and
/// bytes that are not UTF-8 become \xNN, and what exceeds `max_bytes` is cut off with "...".
/// Every message that quotes file content goes through here, or a file could drive the terminal.
std::string sanitize_for_terminal(std::string_view text, size_t max_bytes = 512);

/// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

}  // namespace vae
