// SPDX-License-Identifier: MIT
#include "host/io/number_bytes.h"

#include <cmath>

#include "kernels/check.h"

namespace vae {

void NumberBytes::append(std::span<const std::byte> piece, std::vector<uint8_t>& bytes) {
  if (type_.kind == 'u' && type_.bytes == 1 && columns_ == 1) {
    const auto* values = reinterpret_cast<const uint8_t*>(piece.data());
    bytes.insert(bytes.end(), values, values + piece.size());
    return;
  }
  for (const std::byte byte : piece) {
    partial_[filled_++] = byte;
    if (filled_ < type_.bytes) continue;
    filled_ = 0;
    if (column_ == 0) bytes.push_back(convert(read_number(partial_.data(), type_)));
    if (++column_ == columns_) column_ = 0;
  }
}

uint8_t NumberBytes::convert(double number) {
  const int64_t index = index_++;
  const bool whole = number >= 0.0 && number <= 255.0 && number == std::floor(number);
  if (content_ == ArrayContent::labels) {
    if (whole) return static_cast<uint8_t>(number);
    fail(ErrorCode::unsupported, origin_, ": label ", index, " is not in 0..255 but ", number,
         "; labels are read as bytes");
  }
  if (type_.kind == 'b') return number != 0.0 ? 255 : 0;
  if (type_.kind == 'f') {
    if (number >= 0.0 && number <= 1.0) return static_cast<uint8_t>(std::lround(255.0 * number));
    fail(ErrorCode::unsupported, origin_, ": number ", index, " is ", number,
         "; floats are read in [0, 1], 0 black and 1 white: divide them (numpy: x / 255), or write "
         "levels 0..255 as unsigned bytes (numpy: x.astype('uint8'))");
  }
  if (whole) return static_cast<uint8_t>(number);
  fail(ErrorCode::unsupported, origin_, ": number ", index, " is ", number,
       "; whole numbers are read as grey levels 0..255: scale them, and write them as unsigned "
       "bytes (numpy: x.astype('uint8'))");
}

}  // namespace vae
