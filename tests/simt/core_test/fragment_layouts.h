// SPDX-License-Identifier: MIT
//
// What hardware instructions should do, as plain formulas after the PTX ISA, one element at a time.
// The tests of the SIMT layer hold the host twins against them, tests/cuda/twin_test.cu the GPU.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace vae::cuda::layout {

struct Position {
  int row;
  int column;
};

// ---- PTX ISA, "Matrix fragments for mma.m16n8k8", .tf32

constexpr Position tf32_a(int lane, int i) {
  const int group = lane >> 2, thread_in_group = lane % 4;
  return {i == 0 || i == 2 ? group : group + 8,
          i == 0 || i == 1 ? thread_in_group : thread_in_group + 4};
}

constexpr Position tf32_b(int lane, int i) {
  const int group = lane >> 2, thread_in_group = lane % 4;
  return {i == 0 ? thread_in_group : thread_in_group + 4, group};
}

/// The sums, of every shape m16n8.
constexpr Position accumulator(int lane, int i) {
  const int group = lane >> 2, thread_in_group = lane % 4;
  return {i < 2 ? group : group + 8, thread_in_group * 2 + (i & 1)};
}

// ---- PTX ISA, "Matrix fragments for mma.m16n8k16", .bf16

/// Element i of 8; a register holds elements 2 r and 2 r + 1, the first in its low half.
constexpr Position bf16_a(int lane, int i) {
  const int group = lane >> 2, thread_in_group = lane % 4;
  const bool upper = (0 <= i && i < 2) || (4 <= i && i < 6);
  return {upper ? group : group + 8, thread_in_group * 2 + (i & 1) + (i < 4 ? 0 : 8)};
}

/// Element i of 4.
constexpr Position bf16_b(int lane, int i) {
  const int group = lane >> 2, thread_in_group = lane % 4;
  return {thread_in_group * 2 + (i & 1) + (i < 2 ? 0 : 8), group};
}

// ---- PTX ISA, "ldmatrix"

/// Half `half` (0: low) of the register that `lane` receives from an 8x8 matrix.
constexpr Position matrix_element(int lane, int half, bool transposed) {
  const int first = lane / 4, second = lane % 4 * 2 + half;
  return transposed ? Position{second, first} : Position{first, second};
}

// ---- PTX ISA, "cvt": .rna.tf32.f32 and .rn.bf16x2.f32

/// Rounds to a format with float's exponents and `fraction_bits`, by arithmetic on doubles.
inline float round_to_format(float x, int fraction_bits, bool ties_to_even) {
  if (!std::isfinite(x) || x == 0.0f) return x;
  const int exponent = std::max(std::ilogb(x), -126);  // below it numbers are subnormal
  const double steps = std::ldexp(static_cast<double>(x), fraction_bits - exponent);
  const double whole = ties_to_even ? std::nearbyint(steps) : std::round(steps);
  const double rounded = std::ldexp(whole, exponent - fraction_bits);
  if (std::fabs(rounded) >= std::ldexp(1.0, 128)) {
    return std::copysign(std::numeric_limits<float>::infinity(), x);
  }
  return std::copysign(static_cast<float>(rounded), x);
}

/// The bits of a tf32 that count: sign, exponent and 10 of the fraction. Any NaN is given as one:
/// the ISA does not say which one comes out.
inline uint32_t significant_tf32(uint32_t bits) {
  const uint32_t significant = bits & 0xffffe000u;
  return (significant & 0x7fffffffu) > 0x7f800000u ? 0x7fffe000u : significant;
}

/// A NaN is not rounded, it loses the 13 bits: where no other bit of the fraction is set, what is
/// left is an infinity.
inline uint32_t expected_tf32(float x) {
  if (std::isnan(x)) return significant_tf32(std::bit_cast<uint32_t>(x));
  return std::bit_cast<uint32_t>(round_to_format(x, 10, false));
}

inline uint32_t expected_bf16(float x) {
  if (std::isnan(x)) return 0x7fffu;
  return std::bit_cast<uint32_t>(round_to_format(x, 7, true)) >> 16;
}

// ---- PTX ISA, "shfl.sync"

enum class ShuffleKind { kIndex, kUp, kDown, kXor };

/// The lane whose value `lane` gets.
constexpr int shuffle_source(ShuffleKind kind, int lane, int argument, int width) {
  const int segment = lane & ~(width - 1);  // its first lane
  argument %= 32;                           // bits 4:0 count
  switch (kind) {
    case ShuffleKind::kIndex:  // modulo the width
      return segment | (argument & (width - 1));
    case ShuffleKind::kUp:  // does not wrap around: the lowest lanes keep their value
      return lane - argument < segment ? lane : lane - argument;
    case ShuffleKind::kDown:
      return lane + argument > segment + width - 1 ? lane : lane + argument;
    case ShuffleKind::kXor:  // later segments are out of reach, earlier ones are not
      return (lane ^ argument) > segment + width - 1 ? lane : lane ^ argument;
  }
  return lane;
}

}  // namespace vae::cuda::layout
