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

/// e^r - 1 for |r| <= ln 2 / 2.
VAE_HD static inline float exponential_tail(float r) {
  // Estrin's order: the chain of dependent operations is what bounds these loops.
  const float z = r * r;
  const float high = fused_multiply_add(1.98412698e-4f, r, 1.38888889e-3f);
  const float middle = fused_multiply_add(8.33333333e-3f, r, 4.16666667e-2f);
  const float low = fused_multiply_add(1.66666667e-1f, r, 0.5f);
  const float p = fused_multiply_add(fused_multiply_add(high, z, middle), z, low);
  return fused_multiply_add(p, z, r);
}

/// e^r - 1 for x = n ln 2 + r [Cody & Waite 1980], and the integer n in the low bits of `n_bits`.
/// Rubbish in them for NaN does no harm: the value is NaN already.
VAE_HD static inline float reduced_exponential(float x, uint32_t& n_bits) {
  const float u = fused_multiply_add(x, 1.44269504f, kRounder);
  const float n = u - kRounder;
  const float r = fused_multiply_add(n, -0.693145752f, x);
  n_bits = bits_from_float(u);
  return exponential_tail(fused_multiply_add(n, -1.42860677e-6f, r));
}

/// e^x; subnormal results, 0 and infinity where they belong.
VAE_HD static inline float exponential(float x) {
  uint32_t n_bits;
  const float p = 1.0f + reduced_exponential(clamped(x, -104.0f, 89.0f), n_bits);
  // 2^n in two factors, of which the first leaves a normal number.
  const int32_t n = static_cast<int32_t>(n_bits - bits_from_float(kRounder));
  const int32_t half = n >> 1;
  const float scale0 = float_from_bits(static_cast<uint32_t>(half + 127) << 23);
  const float scale1 = float_from_bits(static_cast<uint32_t>(n - half + 127) << 23);
  return p * scale0 * scale1;
}

/// e^-a for a >= 0: cheaper, as the second factor can be the same for all.
VAE_HD static inline float exponential_of_minus(float a) {
  uint32_t n_bits;
  const float p = 1.0f + reduced_exponential(a > 104.0f ? -104.0f : -a, n_bits);
  return p * float_from_bits((n_bits << 23) + 0x4b800000u) * 0x1p-24f;
}

/// e^x - 1 for x <= 0.
VAE_HD static inline float exponential_minus_one(float x) {
  uint32_t n_bits;
  const float tail = reduced_exponential(x < -32.0f ? -32.0f : x, n_bits);
  const float scale = float_from_bits((n_bits << 23) + 0x3f800000u);
  return fused_multiply_add(tail, scale, scale - 1.0f);
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

/// ln(1 + e) for e in [0, 1], by a minimax polynomial: cheaper than a division.
VAE_HD static inline float log1p_unit(float e) {
  const float z = e * e;
  const float p0 = fused_multiply_add(0.333322495f, e, -0.5f);
  const float p2 = fused_multiply_add(0.197741866f, e, -0.249750778f);
  const float p4 = fused_multiply_add(0.110242844f, e, -0.155690819f);
  const float p6 = fused_multiply_add(0.0218702126f, e, -0.060912434f);
  const float high = fused_multiply_add(fused_multiply_add(-0.003676211f, z, p6), z, p4);
  return fused_multiply_add(fused_multiply_add(fused_multiply_add(high, z, p2), z, p0), z, e);
}

/// 1 / (1 + e^-x), given e = e^-|x|.
VAE_HD static inline float sigmoid_from(float x, float e) {
  const float sum = 1.0f + e;
  // What the sum lost, over the sum, of which 1 - e / 2 is near enough the inverse.
  const float lost = (e - (sum - 1.0f)) * fused_multiply_add(-0.5f, e, 1.0f);
  const float ratio = (x < 0.0f ? e : 1.0f) / sum;
  return fused_multiply_add(-ratio, lost, ratio);
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
  const float large = with_sign(1.0f - (e + e) / (1.0f + e), x);
  return a < 0.625f ? small : large;
}

/// Distribution function of N(0, 1), down to the subnormal numbers of its lower tail.
VAE_HD static inline float normal_cdf(float x) {
  // Phi(-a) = e^(-a^2 / 2) H(u) / (1 + a / 2), u = 1 / (1 + a / 2), with a minimax polynomial H.
  // Every rounding but the last is undone: `_low` is what the number before it lost.
  const float a = absolute(x) > 14.4f ? 14.4f : absolute(x);
  const float half = 0.5f * a;
  const float square = half * a, square_low = fused_multiply_add(half, a, -square);
  const float rounder = fused_multiply_add(square, -1.44269504f, kRounder);
  const float n = rounder - kRounder;
  const float coarse = fused_multiply_add(n, -0.693145752f, -square);
  const float fine = fused_multiply_add(n, -1.42860677e-6f, -square_low);
  const float r = coarse + fine, r_low = fine - (r - coarse);
  const float tail = exponential_tail(r);
  const float power = 1.0f + tail, power_low = (tail - (power - 1.0f)) + r_low;

  const float divisor = 1.0f + half, divisor_low = half - (divisor - 1.0f);
  const float u = 1.0f / divisor;
  const float t = u - 0.375f;
  const float z = t * t;
  const float q2 = fused_multiply_add(-0.126359463f, t, 0.11003387f);
  const float q4 = fused_multiply_add(0.12516357f, t, -0.0802516341f);
  const float q6 = fused_multiply_add(-0.155046061f, t, 0.0314419344f);
  const float q8 = fused_multiply_add(0.120428003f, t, 0.0676387176f);
  float q = fused_multiply_add(0.0642383099f, t, -0.165713266f);
  q = fused_multiply_add(fused_multiply_add(q, z, q8), z, q6);
  q = fused_multiply_add(fused_multiply_add(q, z, q4), z, q2);
  q = fused_multiply_add(q, t, 0.31029138f);
  const float rest = fused_multiply_add(q, t, 5.14056708e-09f);
  const float factor = 0.295960814f + rest, factor_low = rest - (factor - 0.295960814f);

  const float product = power * factor;
  const float ratio = product * u;
  float lost = fused_multiply_add(power, factor, -product);
  lost = fused_multiply_add(power, factor_low, lost);
  lost = fused_multiply_add(power_low, factor, lost);
  lost = fused_multiply_add(-ratio, divisor_low, lost);
  lost = fused_multiply_add(-ratio, divisor, product) + lost;
  const float scaled = fused_multiply_add(lost, u, ratio) *
                       float_from_bits((bits_from_float(rounder) << 23) + 0x4b800000u);
  const float lower = scaled * 0x1p-24f;
  return x > 0.0f ? 1.0f - lower : lower;
}

/// Sine and cosine of 2 pi (word + 1/2) / 2^32. The reduction to an eighth of a turn is exact.
VAE_HD static inline void sincos_turn(uint32_t word, float& sine, float& cosine) {
  const uint32_t quadrant = (word + 0x20000000u) >> 30;
  const auto rest = static_cast<int32_t>(word - (quadrant << 30));
  // 2 pi / 2^32 times rest + 1/2 in two parts that floats hold exactly.
  const float high = static_cast<float>(rest);
  const float low = static_cast<float>(rest - static_cast<int32_t>(high)) + 0.5f;
  const float t_low = fused_multiply_add(high, -4.070940268e-17f, low * 1.462918120e-09f);
  const float t = fused_multiply_add(high, 1.462918120e-09f, t_low);
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
