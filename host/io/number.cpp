// SPDX-License-Identifier: MIT
#include "host/io/number.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace vae {
namespace {

static_assert(std::endian::native == std::endian::little, "values are put together little-endian");

/// binary16 of IEEE 754; every one is also a float.
float half_to_float(uint32_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 31u, fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 255u : exponent + (127u - 15u);
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

}  // namespace

double read_number(const std::byte* at, const NumberType& type) {
  std::array<std::byte, 8> bytes = {};
  std::copy_n(at, type.bytes, bytes.begin());
  if (type.big_endian) std::reverse(bytes.begin(), bytes.begin() + type.bytes);
  const auto bits = std::bit_cast<uint64_t>(bytes);
  const auto unused = static_cast<int>(64 - 8 * type.bytes);
  switch (type.kind) {
    case 'b':
      return bits != 0 ? 1.0 : 0.0;
    case 'u':
      return static_cast<double>(bits);
    case 'i':
      return static_cast<double>(static_cast<int64_t>(bits << unused) >> unused);
    default:
      break;
  }
  if (type.bytes == 2) return half_to_float(static_cast<uint32_t>(bits));
  if (type.bytes == 4) return std::bit_cast<float>(static_cast<uint32_t>(bits));
  return std::bit_cast<double>(bits);
}

}  // namespace vae
