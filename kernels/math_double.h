// SPDX-License-Identifier: MIT
//
// Functions in binary64, written once for every device like those of kernels/math.h: for the few
// numbers of a step or of a row. Infinities, zeros and NaN behave as in the C library. The methods
// are those of fdlibm [Sun Microsystems 1993], without their branches. Errors are measured in
// tests/kernels/math_double_test.cpp.
#pragma once

#include <cstdint>

#include "kernels/arithmetic.h"
#include "kernels/hd.h"

namespace vae {

constexpr double kDoubleRounder = 0x1.8p52;  // as kRounder of kernels/math.h

/// e^x; subnormal results, 0 and infinity where they belong.
VAE_HD static inline double exponential(double x) {
  // x = n ln 2 + r; e^r = 1 + 2 r / (R - r), with R - 2 an even polynomial [fdlibm, e_exp.c].
  const double limited = clamped(x, -746.0, 710.0);
  const double u = limited * 1.44269504088896338700 + kDoubleRounder;
  const double n = u - kDoubleRounder;
  const double high = limited - n * 6.93147180369123816490e-01;  // exact
  const double low = n * 1.90821492927058770002e-10;
  const double r = high - low;
  const double z = r * r;
  double p = 4.13813679705723846039e-08;
  p = p * z - 1.65339022054652515390e-06;
  p = p * z + 6.61375632143793436117e-05;
  p = p * z - 2.77777777770155933842e-03;
  p = p * z + 1.66666666666666019037e-01;
  const double c = r - z * p;
  const double power = 1.0 - ((low - r * c / (2.0 - c)) - high);
  // 2^n in two factors, of which the first leaves a normal number.
  const uint64_t exponent = bits_from_double(u) - bits_from_double(kDoubleRounder) + 2 * 1023;
  const uint64_t half = (exponent & 0xfffu) >> 1;
  const double scale0 = double_from_bits(half << 52);
  const double scale1 = double_from_bits(((exponent & 0xfffu) - half) << 52);
  return power * scale0 * scale1;
}

/// ln x; -infinity for 0, NaN below it.
VAE_HD static inline double logarithm(double x) {
  // x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)); ln(1 + f) by atanh's series [fdlibm, e_log.c].
  constexpr double kInfinity = __builtin_inf(), kNan = __builtin_nan("");
  const bool subnormal = x < 0x1p-1022;
  const uint64_t shifted =
      bits_from_double(subnormal ? x * 0x1p54 : x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  const int32_t exponent = static_cast<int32_t>(shifted >> 52) - (subnormal ? 1023 + 54 : 1023);
  const double k = static_cast<double>(exponent);
  const double f = double_from_bits((shifted & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double p = 1.479819860511658591e-01;
  p = p * z + 1.531383769920937332e-01;
  p = p * z + 1.818357216161805012e-01;
  p = p * z + 2.222219843214978396e-01;
  p = p * z + 2.857142874366239149e-01;
  p = p * z + 3.999999999940941908e-01;
  p = p * z + 6.666666666666735130e-01;
  const double half_square = 0.5 * f * f;
  const double result =
      k * 6.93147180369123816490e-01 -
      ((half_square - (s * (half_square + z * p) + k * 1.90821492927058770002e-10)) - f);
  const double positive = x < kInfinity ? result : x;  // NaN is not less
  return x > 0.0 || x != x ? positive : (x == 0.0 ? -kInfinity : kNan);
}

/// cos(pi x) for |x| <= 2^50, of which the angle is reduced exactly; exact at multiples of 1/2,
/// where 0 is positive. NaN for infinities.
VAE_HD static inline double cosine_of_half_turns(double x) {
  const double u = 2.0 * x + kDoubleRounder;  // quarters of a turn
  const uint64_t quadrant = bits_from_double(u);
  const double rest = x - 0.5 * (u - kDoubleRounder);  // in [-1/4, 1/4]
  const double t = rest * 3.141592653589793116;
  const double z = t * t;
  double c = -1.13596475577881948265e-11;
  c = c * z + 2.08757232129817482790e-09;
  c = c * z - 2.75573143513906633035e-07;
  c = c * z + 2.48015872894767294178e-05;
  c = c * z - 1.38888888888741095749e-03;
  c = c * z + 4.16666666666666019037e-02;
  const double half_square = 0.5 * z;
  const double near_one = 1.0 - half_square;
  const double cosine = near_one + (((1.0 - near_one) - half_square) + z * z * c);
  double s = 1.58969099521155010221e-10;
  s = s * z - 2.50507602534068634195e-08;
  s = s * z + 2.75573137070700676789e-06;
  s = s * z - 1.98412698298579493134e-04;
  s = s * z + 8.33333333332248946124e-03;
  s = s * z - 1.66666666666666324348e-01;
  const double sine = t + (z * t * s + rest * 1.2246467991473531772e-16);  // pi's next bits
  const double magnitude = (quadrant & 1u) != 0 ? sine : cosine;
  // cos(t + pi/2) = -sin t, cos(t + pi) = -cos t, cos(t + 3 pi/2) = sin t.
  return double_from_bits(bits_from_double(magnitude) ^ (((quadrant + 1u) & 2u) << 62)) + 0.0;
}

/// base^n by squaring: the error grows as n, in units of the last place.
VAE_HD static inline double power(double base, uint32_t n) {
  double result = 1.0;
  for (double square = base; n != 0; n >>= 1, square *= square) {
    if ((n & 1u) != 0) result *= square;
  }
  return result;
}

}  // namespace vae
