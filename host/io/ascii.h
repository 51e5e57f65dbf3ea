// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace vae {

/// The text with A..Z as a..z, whatever the locale.
inline std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

}  // namespace vae
