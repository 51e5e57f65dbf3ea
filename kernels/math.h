// SPDX-License-Identifier: MIT
//
// Scalar mathematics written once for every device. Each function is free of branches, so that
// compilers turn loops over it into vector code, and is made only of operations that IEEE 754
// rounds exactly (add, multiply, divide, square root, explicit fused multiply-add, integers), so
// that every instruction set and every device gives the same bits. Compile with -ffp-contract=off.
// NaN goes in, NaN comes out. Errors are measured in tests/kernels/math_test.cpp.
#pragma once

#include <cstdint>

#include "kernels/arithmetic.h"
#include "kernels/hd.h"
#include "kernels/math_double.h"

namespace vae {

constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, held in
                                         // the low bits of the sum

/// e^r for |r| <= ln 2 / 2, and the integer n of x = n ln 2 + r (Cody & Waite) in the low bits of
/// `n_bits`. Rubbish in them for NaN does no harm: the value is NaN already.
VAE_HD static inline float reduced_exponential(float x, uint32_t& n_bits) {
  const float u = fused_multiply_add(x, 1.44269504f, kRounder);
  const float n = u - kRounder;
  float r = fused_multiply_add(n, -0.693145752f, x);
  r = fused_multiply_add(n, -1.42860677e-6f, r);
  // Estrin's order: the chain of dependent operations is what bounds these loops.
  const float z = r * r;
  const float high = fused_multiply_add(1.98412698e-4f, r, 1.38888889e-3f);
  const float middle = fused_multiply_add(8.33333333e-3f, r, 4.16666667e-2f);
  const float low = fused_multiply_add(1.66666667e-1f, r, 0.5f);
  const float p = fused_multiply_add(fused_multiply_add(high, z, middle), z, low);
  n_bits = bits_from_float(u);
  return fused_multiply_add(p, z, r) + 1.0f;
}

/// e^x, saturating at the smallest and largest normal number instead of reaching 0 or infinity.
VAE_HD static inline float exponential(float x) {
  uint32_t n_bits;
  const float p = reduced_exponential(clamped(x, -87.33654f, 88.72283f), n_bits);
  // 2^n in two factors, because n = 128 alone would overflow the exponent field.
  const int32_t n = static_cast<int32_t>(n_bits - bits_from_float(kRounder));
  const int32_t half = n >> 1;
  const float scale0 = float_from_bits(static_cast<uint32_t>(half + 127) << 23);
  const float scale1 = float_from_bits(static_cast<uint32_t>(n - half + 127) << 23);
  return p * scale0 * scale1;
}

/// e^-a for a >= 0, saturating at the smallest normal number: cheaper, as one factor will do.
VAE_HD static inline float exponential_of_minus(float a) {
  uint32_t n_bits;
  const float p = reduced_exponential(a > 87.33654f ? -87.33654f : -a, n_bits);
  return p * float_from_bits((n_bits << 23) + 0x3f800000u);
}

/// ln x for normal positive x.
VAE_HD static inline float log_positive(float x) {
  // x = 2^k m with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh((m - 1) / (m + 1)) by its series.
  const uint32_t shifted = bits_from_float(x) + (0x3f800000u - 0x3f3504f3u);
  const float k = static_cast<float>(static_cast<int32_t>(shifted >> 23) - 127);
  const float m = float_from_bits((shifted & 0x007fffffu) + 0x3f3504f3u);
  const float f = m - 1.0f;
  const float s = f / (2.0f + f);
  const float z = s * s;
  float p = 0.24279078f;
  p = fused_multiply_add(p, z, 0.28498787f);
  p = fused_multiply_add(p, z, 0.40000972f);
  p = fused_multiply_add(p, z, 0.66666663f);
  // ln m = f - f^2/2 + s (f^2/2 + z p): keeps the leading term exact.
  const float half_square = 0.5f * f * f;
  float result = fused_multiply_add(s, fused_multiply_add(z, p, half_square), k * 9.0580006e-6f);
  result = f - (half_square - result);
  return fused_multiply_add(k, 0.69313812f, result);
}

/// ln(1 + e) for e in [0, 1]: 2 atanh(e / (2 + e)) by its series.
VAE_HD static inline float log1p_unit(float e) {
  const float s = e / (2.0f + e);
  const float z = s * s;
  const float high = fused_multiply_add(0.0769230769f, z, 0.0909090909f);
  const float middle = fused_multiply_add(0.111111111f, z, 0.142857143f);
  const float low = fused_multiply_add(0.2f, z, 0.333333333f);
  const float square = z * z;
  const float p = fused_multiply_add(fused_multiply_add(high, square, middle), square, low);
  const float twice = s + s;
  return fused_multiply_add(twice * z, p, twice);
}

/// 1 / (1 + e^-x), given e = e^-|x|.
VAE_HD static inline float sigmoid_from(float x, float e) {
  const float positive = 1.0f / (1.0f + e);
  return x < 0.0f ? e * positive : positive;
}

VAE_HD static inline float sigmoid(float x) {
  return sigmoid_from(x, exponential_of_minus(absolute(x)));
}

/// ln(1 + e^x) without overflow.
VAE_HD static inline float softplus(float x) {
  return (x < 0.0f ? 0.0f : x) + log1p_unit(exponential_of_minus(absolute(x)));
}

VAE_HD static inline float hyperbolic_tangent(float x) {
  const float a = absolute(x);
  const float z = x * x;
  // Odd polynomial for small arguments, where 1 - e^-2a would cancel.
  float p = -5.70498872745e-3f;
  p = fused_multiply_add(p, z, 2.06390887954e-2f);
  p = fused_multiply_add(p, z, -5.37397155531e-2f);
  p = fused_multiply_add(p, z, 1.33314422036e-1f);
  p = fused_multiply_add(p, z, -3.33332819422e-1f);
  const float small = fused_multiply_add(p * z, x, x);
  const float e = exponential_of_minus(a + a);
  const float large = with_sign((1.0f - e) / (1.0f + e), x);
  return a < 0.625f ? small : (x == x ? large : x);
}

/// Distribution function of N(0, 1). [Abramowitz & Stegun 7.1.26]; absolute error below 2e-7.
VAE_HD static inline float normal_cdf(float x) {
  const float a = absolute(x) * 0.70710678f;
  const float t = 1.0f / fused_multiply_add(0.3275911f, a, 1.0f);
  float p = 1.061405429f;
  p = fused_multiply_add(p, t, -1.453152027f);
  p = fused_multiply_add(p, t, 1.421413741f);
  p = fused_multiply_add(p, t, -0.284496736f);
  p = fused_multiply_add(p, t, 0.254829592f);
  const float tail = 0.5f * p * t * exponential_of_minus(a * a);
  return x < 0.0f ? tail : 1.0f - tail;
}

/// Sine and cosine of 2 pi (word + 1/2) / 2^32. The reduction to an eighth of a turn is exact.
VAE_HD static inline void sincos_turn(uint32_t word, float& sine, float& cosine) {
  const uint32_t quadrant = (word + 0x20000000u) >> 30;
  const int32_t rest = static_cast<int32_t>(word - (quadrant << 30));
  const float t = fused_multiply_add(static_cast<float>(rest), 1.46291807927e-9f,
                                     0.73145903963e-9f);  // 2 pi / 2^32, pi / 2^32
  const float z = t * t;
  float s = -1.9515295891e-4f;
  s = fused_multiply_add(s, z, 8.3321608736e-3f);
  s = fused_multiply_add(s, z, -1.6666654611e-1f);
  const float sine0 = fused_multiply_add(s * z, t, t);
  float c = 2.443315711809948e-5f;
  c = fused_multiply_add(c, z, -1.388731625493765e-3f);
  c = fused_multiply_add(c, z, 4.166664568298827e-2f);
  const float cosine0 = fused_multiply_add(c, z * z, fused_multiply_add(-0.5f, z, 1.0f));
  const bool swap = (quadrant & 1u) != 0;
  const float sine1 = swap ? cosine0 : sine0;
  const float cosine1 = swap ? sine0 : cosine0;
  sine = float_from_bits(bits_from_float(sine1) ^ ((quadrant & 2u) << 30));
  cosine = float_from_bits(bits_from_float(cosine1) ^ (((quadrant + 1u) & 2u) << 30));
}

}  // namespace vae
