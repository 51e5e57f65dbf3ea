// SPDX-License-Identifier: MIT
//
// Words of advice that is typed as it is printed. Standard C++ only, so that both the library's
// messages and the program use the same one.
#pragma once

#include <string>
#include <string_view>

namespace vae {

/// A word as bash, zsh and ksh read it: as it is where nothing in it means anything to them, in
/// quotes otherwise, and with $'...' where a byte cannot be shown.
inline std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,+@%-=";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  bool visible = true;
  for (const char c : word) visible = visible && c >= 0x20 && c < 0x7f;
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = visible ? "'" : "$'";
  for (const char c : word) {
    if (c >= 0x20 && c < 0x7f && c != '\'' && (visible || c != '\\')) {
      quoted += c;
    } else if (visible) {
      quoted += "'\\''";
    } else {
      const auto byte = static_cast<unsigned char>(c);
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return quoted + "'";
}

/// A path as an operand of a command: one that begins with a dash would be taken for an option.
inline std::string shell_quoted_path(const std::string& path) {
  return shell_quoted(path.rfind('-', 0) == 0 ? "./" + path : path);
}

}  // namespace vae
