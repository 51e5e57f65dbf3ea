// SPDX-License-Identifier: MIT
#pragma once

#include <locale>
#include <new>
#include <sstream>
#include <string>
#include <string_view>

#include "vae/error.h"

namespace vae {

/// Streams all arguments into one string: concat("x is ", 3, " wide").
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  out.exceptions(std::ios::badbit);   // no memory is std::bad_alloc, not a text cut short
  out.imbue(std::locale::classic());  // 1000000, never 1.000.000 or 1,000,000
  (out << ... << parts);
  return out.str();
}

/// At most `max_bytes` of a text from outside, cut between characters; "..." tells of the rest.
inline std::string shortened(std::string_view text, size_t max_bytes = 64) {
  if (text.size() <= max_bytes) return std::string(text);
  const auto continues = [&](size_t at) { return (text[at] & 0xC0) == 0x80; };  // within UTF-8
  for (int i = 0; i < 3 && max_bytes > 0 && continues(max_bytes); ++i) --max_bytes;
  return std::string(text.substr(0, max_bytes)) + "...";
}

/// Throws Error(code) with the concatenated message.
template <typename... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  throw Error(code, concat(parts...));
}

/// Calls action(); a std::bad_alloc becomes Error(out_of_memory) "not enough memory to <what>".
template <typename Action>
auto with_memory_for(const char* what, Action action) {
  try {
    return action();
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, "not enough memory to ", what,
         "; close other programs, or use a smaller batch_size or model");
  }
}

}  // namespace vae

/// Checks a caller's promise; always on. The message names the operation and both findings.
#define VAE_CHECK(condition, ...)                                   \
  do {                                                              \
    if (!(condition)) {                                             \
      ::vae::fail(::vae::ErrorCode::invalid_argument, __VA_ARGS__); \
    }                                                               \
  } while (false)
