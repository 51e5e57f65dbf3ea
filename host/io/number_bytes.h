// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/io/byte_array.h"
#include "host/io/number.h"

namespace vae {

/// Makes bytes of numbers that arrive in pieces of any size, by the rules of ArrayContent.
class NumberBytes {
 public:
  /// Of every `columns` numbers only the first is taken.
  NumberBytes(const NumberType& type, ArrayContent content, std::string_view origin,
              std::size_t columns = 1)
      : type_(type), content_(content), origin_(origin), columns_(columns) {}

  /// Throws Error(unsupported) naming a number that is no byte, and what to do.
  void append(std::span<const std::byte> piece, std::vector<uint8_t>& bytes);

 private:
  uint8_t convert(double number);

  NumberType type_;
  ArrayContent content_;
  std::string origin_;
  std::size_t columns_, column_ = 0;
  std::array<std::byte, 8> partial_ = {};
  std::size_t filled_ = 0;
  int64_t index_ = 0;
};

}  // namespace vae
