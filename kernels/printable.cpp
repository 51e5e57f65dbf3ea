// SPDX-License-Identifier: MIT
#include "vae/printable.h"

#include <algorithm>
#include <array>

#include "kernels/utf8.h"

namespace vae {
namespace {

struct Range {
  uint32_t first, last;
};

// Sorted. Categories Cc, Zl and Zp, what Unicode lists as bidirectional controls (UAX 9) or as
// default-ignorable and draws nothing, and two noncharacters. Variation selectors stay: they choose
// the form of a character that is seen.
constexpr std::array kUnprintable = {
    Range{0x00, 0x1F},        // C0
    Range{0x7F, 0x9F},        // DEL, C1
    Range{0xAD, 0xAD},        // soft hyphen
    Range{0x34F, 0x34F},      // grapheme joiner
    Range{0x61C, 0x61C},      // Arabic letter mark
    Range{0x115F, 0x1160},    // Hangul fillers
    Range{0x17B4, 0x17B5},    // Khmer inherent vowels
    Range{0x180B, 0x180F},    // Mongolian separators
    Range{0x200B, 0x200F},    // zero width, direction marks
    Range{0x2028, 0x202E},    // line and paragraph separators, embeddings and overrides
    Range{0x2060, 0x206F},    // word joiner, invisible operators, isolates
    Range{0x3164, 0x3164},    // Hangul filler
    Range{0xFEFF, 0xFEFF},    // byte order mark
    Range{0xFFA0, 0xFFA0},    // Hangul filler
    Range{0xFFF0, 0xFFFB},    // annotations
    Range{0xFFFE, 0xFFFF},    // noncharacters
    Range{0x1D173, 0x1D17A},  // musical formatting
    Range{0xE0000, 0xE0FFF},  // tags
};

bool is_printable(uint32_t c) {
  const auto* range =
      std::find_if(kUnprintable.begin(), kUnprintable.end(), [&](Range r) { return c <= r.last; });
  return range == kUnprintable.end() || c < range->first;
}

constexpr char kHex[] = "0123456789abcdef";

/// \xNN for each byte.
void append_bytes(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
  }
}

/// \uNNNN for each UTF-16 unit.
void append_units(std::string& out, uint32_t c) {
  const auto append = [&out](uint32_t unit) {
    out +=
        {'\\', 'u', kHex[unit >> 12], kHex[unit >> 8 & 15], kHex[unit >> 4 & 15], kHex[unit & 15]};
  };
  if (c >= 0x10000) append(0xD800 + ((c - 0x10000) >> 10));
  append(c >= 0x10000 ? 0xDC00 + ((c - 0x10000) & 0x3FF) : c);
}

enum class Form { text, line, json };

std::string escape(std::string_view text, Form form) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text);
    const std::string_view bytes = text.substr(0, c.length == 0 ? 1 : c.length);
    const bool kept = c.value == '\n' && form != Form::line;
    if (c.length != 0 && (kept || is_printable(c.value))) {
      out += bytes;
    } else if (form == Form::json && c.length != 0) {
      append_units(out, c.value);
    } else {
      append_bytes(out, bytes);
    }
    text.remove_prefix(bytes.size());
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return escape(text, Form::text); }
std::string printable_line(std::string_view text) { return escape(text, Form::line); }
std::string printable_json(std::string_view document) { return escape(document, Form::json); }

}  // namespace vae
