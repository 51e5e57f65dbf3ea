// SPDX-License-Identifier: MIT
#include "host/io/sanitize.h"

#include <cstdint>

namespace vae {
namespace {

struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;  // 0: not UTF-8
};

// Smallest code point that needs a sequence of this length; smaller ones are overlong.
constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};

size_t sequence_length(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

CodePoint decode(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t length = sequence_length(first);
  if (length <= 1) return {first, length};
  if (length > text.size()) return {};
  uint32_t value = first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xC0) != 0x80) return {};
    value = value << 6 | (next & 0x3F);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[length] || value > 0x10FFFF || surrogate) return {};
  return {value, length};
}

bool is_printable(uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0);
  const bool direction = c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
                         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
  return !control && !direction;
}

void append_escaped(std::string& out, std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

}  // namespace

std::string sanitize_for_terminal(std::string_view text, size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= max_bytes) return out + "...";
    const CodePoint c = decode(text);
    const std::string_view bytes = text.substr(0, c.length == 0 ? 1 : c.length);
    if (c.length != 0 && is_printable(c.value)) {
      out += bytes;
    } else {
      append_escaped(out, bytes);
    }
    text.remove_prefix(bytes.size());
  }
  return out;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = decode(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace vae
