// SPDX-License-Identifier: MIT
#include "host/text/number_text.h"

#include <array>
#include <charconv>

namespace vae {
namespace {

std::string format(double value, std::chars_format format, int precision) {
  std::array<char, 512> text;     // the largest double has 309 digits
  if (value == 0.0) value = 0.0;  // no "-0"
  const auto result =
      std::to_chars(text.data(), text.data() + text.size(), value, format, precision);
  return {text.data(), result.ptr};
}

}  // namespace

std::string fixed_text(double value, int decimals) {
  return format(value, std::chars_format::fixed, decimals);
}

std::string short_text(double value, int digits) {
  return format(value, std::chars_format::general, digits);
}

std::string grouped_text(int64_t value) {
  std::string text = std::to_string(value);
  const size_t first = value < 0 ? 1 : 0;
  for (size_t at = text.size(); at > first + 3;) text.insert(at -= 3, 1, ',');
  return text;
}

}  // namespace vae
