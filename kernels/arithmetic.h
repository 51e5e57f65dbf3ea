// SPDX-License-Identifier: MIT
//
// The operations that all numbers here are made of, each rounded exactly as IEEE 754 says, on every
// processor and every card, and none of them a branch: docs/arithmetic.md, rules 7 and 8.
#pragma once

#include <cstdint>

#include "kernels/hd.h"

// Clang says nothing of its own about fused multiply-adds of x86.
#if defined(__FMA__) || defined(__aarch64__) || (defined(__FP_FAST_FMAF) && defined(__FP_FAST_FMA))
#define VAE_HAS_FUSED_MULTIPLY_ADD 1
#else
#define VAE_HAS_FUSED_MULTIPLY_ADD 0
#endif

namespace vae {

VAE_HD static inline float float_from_bits(uint32_t bits) {
#ifdef __CUDA_ARCH__
  return __uint_as_float(bits);
#else
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
#endif
}

VAE_HD static inline uint32_t bits_from_float(float x) {
#ifdef __CUDA_ARCH__
  return __float_as_uint(x);
#else
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
#endif
}

VAE_HD static inline double double_from_bits(uint64_t bits) {
#ifdef __CUDA_ARCH__
  return __longlong_as_double(static_cast<long long>(bits));
#else
  double x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
#endif
}

VAE_HD static inline uint64_t bits_from_double(double x) {
#ifdef __CUDA_ARCH__
  return static_cast<uint64_t>(__double_as_longlong(x));
#else
  uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
#endif
}

VAE_HD static inline float square_root(float x) {
#ifdef __CUDA_ARCH__
  return __fsqrt_rn(x);
#else
  return __builtin_sqrtf(x);
#endif
}

VAE_HD static inline double square_root(double x) {
#ifdef __CUDA_ARCH__
  return __dsqrt_rn(x);
#else
  return __builtin_sqrt(x);
#endif
}

VAE_HD static inline float absolute(float x) {
  return float_from_bits(bits_from_float(x) & 0x7fffffffu);
}

VAE_HD static inline double absolute(double x) {
  return double_from_bits(bits_from_double(x) & 0x7fffffffffffffffu);
}

/// Neither infinite nor NaN.
VAE_HD static inline bool is_finite(float x) { return absolute(x) < __builtin_inff(); }
VAE_HD static inline bool is_finite(double x) { return absolute(x) < __builtin_inf(); }

/// |magnitude| with the sign of `sign`.
VAE_HD static inline float with_sign(float magnitude, float sign) {
  return float_from_bits((bits_from_float(magnitude) & 0x7fffffffu) |
                         (bits_from_float(sign) & 0x80000000u));
}

/// x limited to [low, high]; NaN stays NaN.
VAE_HD static inline float clamped(float x, float low, float high) {
  const float raised = x < low ? low : x;
  return raised > high ? high : raised;
}

VAE_HD static inline double clamped(double x, double low, double high) {
  const double raised = x < low ? low : x;
  return raised > high ? high : raised;
}

#if !VAE_HAS_FUSED_MULTIPLY_ADD

/// a b + c rounded once, by binary64 operations, for processors without the instruction. The
/// product is exact in binary64. The sum is rounded to odd: cut off, with its last bit set if
/// anything was lost. Such a number of more than 24 + 2 bits rounds to binary32 as the exact sum
/// does [Boldo & Melquiond 2008, "Emulation of a FMA and correctly-rounded sums"].
static inline float fused_multiply_add_by_double(float a, float b, float c) {
  const double product = static_cast<double>(a) * static_cast<double>(b);
  const double addend = c;
  const double sum = product + addend;
  const double part = sum - product;
  const double error = (product - (sum - part)) + (addend - part);  // exact [Knuth's TwoSum]
  // 1 where the error is neither 0 nor, beside infinities, NaN. In integers, or GCC makes no
  // vectors.
  const uint64_t size = bits_from_double(error) & 0x7fffffffffffffffu;
  const uint64_t inexact = ((size + 0x7fffffffffffffffu) ^ (size + 0x000fffffffffffffu)) >> 63;
  const uint64_t too_large = (bits_from_double(sum) ^ bits_from_double(error)) >> 63;
  const uint64_t odd = (bits_from_double(sum) - (too_large & inexact)) | inexact;
  return static_cast<float>(double_from_bits(odd));
}

/// A positive number as mantissa 2^exponent; the highest bit of the mantissa is bit 52.
struct WholeMantissa {
  uint64_t mantissa;
  int exponent;
};

static inline WholeMantissa whole_mantissa(double x) {
  const uint64_t bits = bits_from_double(x) & 0x7fffffffffffffffu;
  const int field = static_cast<int>(bits >> 52);
  if (field != 0) return {(bits & 0xfffffffffffffu) | 0x10000000000000u, field - 1075};
  const int shift = __builtin_clzll(bits) - 11;
  return {bits << shift, -1074 - shift};
}

__extension__ typedef unsigned __int128 Bits128;

/// Bits that are lost leave their trace in the last one, which rounds as they would.
static inline Bits128 shifted_right(Bits128 bits, int count) {
  if (count > 127) return bits != 0 ? 1 : 0;
  const Bits128 lost = bits & ((Bits128{1} << count) - 1);
  return bits >> count | (lost != 0 ? 1 : 0);
}

/// bits 2^exponent rounded to nearest even, for bits other than 0.
static inline double rounded_magnitude(Bits128 bits, int exponent) {
  if (bits >> 64 == 0) return rounded_magnitude(bits << 64, exponent - 64);
  const int highest = 127 - __builtin_clzll(static_cast<uint64_t>(bits >> 64));
  const int power = highest + exponent;
  if (power > 1023) return __builtin_inf();
  const int lost = highest - 52 + (power < -1022 ? -1022 - power : 0);  // subnormals keep fewer
  const Bits128 with_trace = shifted_right(bits, lost - 2);             // two bits to round by
  const auto kept = static_cast<uint64_t>(with_trace >> 2);
  const uint64_t rest = static_cast<uint64_t>(with_trace) & 3u;
  const uint64_t up = rest == 3 || (rest == 2 && (kept & 1u) != 0) ? 1 : 0;
  const uint64_t field = power < -1022 ? 0 : static_cast<uint64_t>(power + 1022);
  return double_from_bits((field << 52) + kept + up);  // a carry goes where it should
}

/// a b + c rounded once, by integers: branches, and slow.
static inline double fused_multiply_add_by_integers(double a, double b, double c) {
  const double product = a * b;
  if (!is_finite(a) || !is_finite(b) || a == 0.0 || b == 0.0) return product + c;
  if (!is_finite(c)) return c;
  if (c == 0.0) return product == 0.0 ? product : product + c;
  const WholeMantissa whole_a = whole_mantissa(a), whole_b = whole_mantissa(b);
  const WholeMantissa whole_c = whole_mantissa(c);
  // Both with 124 or 125 as their highest bit, so that a sum does not overflow.
  Bits128 bits = Bits128{whole_a.mantissa} * whole_b.mantissa << 20;
  Bits128 addend = Bits128{whole_c.mantissa} << 72;
  const int exponent = whole_a.exponent + whole_b.exponent - 20;
  const int addend_exponent = whole_c.exponent - 72;
  if (exponent < addend_exponent) bits = shifted_right(bits, addend_exponent - exponent);
  if (exponent > addend_exponent) addend = shifted_right(addend, exponent - addend_exponent);
  const int common = exponent > addend_exponent ? exponent : addend_exponent;
  const uint64_t sign = (bits_from_double(a) ^ bits_from_double(b)) >> 63;
  const uint64_t addend_sign = bits_from_double(c) >> 63;
  if (sign != addend_sign && bits == addend) return 0.0;
  const bool addend_is_larger = addend > bits;
  const Bits128 total = sign == addend_sign ? bits + addend
                        : addend_is_larger  ? addend - bits
                                            : bits - addend;
  const uint64_t total_sign = addend_is_larger ? addend_sign : sign;
  return double_from_bits(bits_from_double(rounded_magnitude(total, common)) | total_sign << 63);
}

#endif  // !VAE_HAS_FUSED_MULTIPLY_ADD

/// a b + c rounded once.
VAE_HD static inline float fused_multiply_add(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#elif VAE_HAS_FUSED_MULTIPLY_ADD
  return __builtin_fmaf(a, b, c);
#else
  return fused_multiply_add_by_double(a, b, c);
#endif
}

/// The same in binary64. No loop uses it: without the instruction it is slow.
VAE_HD static inline double fused_multiply_add(double a, double b, double c) {
#if defined(__CUDA_ARCH__)
  return __fma_rn(a, b, c);
#elif VAE_HAS_FUSED_MULTIPLY_ADD
  return __builtin_fma(a, b, c);
#else
  return fused_multiply_add_by_integers(a, b, c);
#endif
}

}  // namespace vae
