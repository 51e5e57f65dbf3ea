// SPDX-License-Identifier: MIT
//
// ln Gamma, its derivative, and the quantile and the distribution function of N(0, 1). They are
// computed in binary64, from which the overloads for float are rounded: differences of large ln
// Gamma, which beta-binomials are made of, keep few digits. Everything else is as kernels/math.h
// says.
#pragma once

#include <cstdint>

#include "kernels/arithmetic.h"
#include "kernels/hd.h"
#include "kernels/math_double.h"

namespace vae {

/// c0 + c1 x + c2 x^2 + ..
VAE_HD static inline double polynomial(double, double c0) { return c0; }
template <typename... Coefficients>
VAE_HD static inline double polynomial(double x, double c0, Coefficients... rest) {
  return polynomial(x, rest...) * x + c0;
}

/// x (x + 1) .. (x + 7) and its derivative.
struct RisingProduct {
  double value;
  double derivative;
};

VAE_HD static inline RisingProduct rising_product(double x) {
  RisingProduct product{1.0, 0.0};
  for (int i = 0; i < 8; ++i) {
    const double factor = x + i;
    product.derivative = product.derivative * factor + product.value;
    product.value *= factor;
  }
  return product;
}

/// ln Gamma(x) for x > 0, with an absolute error below 3e-14 where x < 8 and relative to 1e-15
/// beyond; exact at 1 and 2, infinity at 0.
VAE_HD static inline double log_gamma(double x) {
  // Stirling's series from 8 on [Abramowitz & Stegun 6.1.41], and the recurrence below.
  const bool small = x < 8.0;
  const double y = small ? x + 8.0 : x;
  const double inverse = 1.0 / y;
  const double series = inverse * polynomial(inverse * inverse, 1.0 / 12, -1.0 / 360, 1.0 / 1260,
                                             -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156);
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  const double stirling = (y - 0.5) * (logarithm(y) - 1.0) + (kHalfLogTwoPi - 0.5) + series;
  const double result = stirling - logarithm(small ? rising_product(x).value : 1.0);
  return x == 1.0 || x == 2.0 ? 0.0 : result;  // the sums above come close, no more
}

/// d ln Gamma(x) / dx for x > 0, with an absolute error below 1e-14 and the relative one of 1e-15;
/// -infinity at 0.
VAE_HD static inline double digamma(double x) {
  // As above [Abramowitz & Stegun 6.3.18].
  const bool small = x < 8.0;
  const double y = small ? x + 8.0 : x;
  const double inverse = 1.0 / y;
  const double square = inverse * inverse;
  const double series = square * polynomial(square, 1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240,
                                            1.0 / 132, -691.0 / 32760, 1.0 / 12);
  const RisingProduct product = rising_product(small ? x : 1.0);
  return (logarithm(y) - 0.5 * inverse - series) -
         (small ? product.derivative / product.value : 0.0);
}

/// The x below which a draw of N(0, 1) lies with probability p, with a relative error of 1e-15;
/// -infinity for 0, infinity for 1, NaN outside [Wichura 1988, Applied Statistics 37(3), AS 241].
VAE_HD static inline double normal_quantile(double p) {
  const double q = p - 0.5;
  const double c = 0.180625 - q * q;
  const double centre =
      q *
      polynomial(c, 3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
                 1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                 3.3430575583588128105e+4, 2.5090809287301226727e+3) /
      polynomial(c, 1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2,
                 5.3941960214247511077e+3, 2.1213794301586595867e+4, 3.9307895800092710610e+4,
                 2.8729085735721942674e+4, 5.2264952788528545610e+3);
  const double share = p < 1.0 - p ? p : 1.0 - p;
  const double r = square_root(-logarithm(share));
  const double near = r - 1.6, far = r - 5.0;
  const double near_tail =
      polynomial(near, 1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
                 3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
                 2.27238449892691845833e-2, 7.74545014278341407640e-4) /
      polynomial(near, 1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
                 6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
                 5.47593808499534494600e-4, 1.05075007164441684324e-9);
  const double far_tail =
      polynomial(far, 6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
                 2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                 2.71155556874348757815e-5, 2.01033439929228813265e-7) /
      polynomial(far, 1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
                 1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
                 1.42151175831644588870e-7, 2.04426310338993978564e-15);
  const double inside = r <= 5.0 ? near_tail : far_tail;
  const double tail = share > 0.0 ? inside : (share == 0.0 ? __builtin_inf() : r);
  const double signed_tail = q < 0.0 ? -tail : tail;
  return absolute(q) <= 0.425 ? centre : signed_tail;
}

/// The probability that a draw of N(0, 1) lies below x, with an absolute error below 1e-15 and a
/// relative one below 1e-8 from -7 on; NaN stays NaN. [Hart 1968, 5666, after West 2005, "Better
/// approximations to cumulative normal functions"]
VAE_HD static inline double normal_cdf(double x) {
  const double size = clamped(absolute(x), 0.0, 39.0);
  const double density = exponential(-0.5 * (size * size));
  const double near =
      polynomial(size, 220.206867912376, 221.213596169931, 112.079291497871, 33.912866078383,
                 6.37396220353165, 0.700383064443688, 3.52624965998911e-02) /
      polynomial(size, 440.413735824752, 793.826512519948, 637.333633378831, 296.564248779674,
                 86.7807322029461, 16.064177579207, 1.75566716318264, 8.83883476483184e-02);
  const double fraction = size + 1.0 / (size + 2.0 / (size + 3.0 / (size + 4.0 / (size + 0.65))));
  const double far = 1.0 / (fraction * 2.506628274631);
  const double tail = density * (size < 7.07106781186547 ? near : far);
  return x > 0.0 ? 1.0 - tail : tail;
}

VAE_HD static inline float log_gamma(float x) {
  return static_cast<float>(log_gamma(static_cast<double>(x)));
}

VAE_HD static inline float digamma(float x) {
  return static_cast<float>(digamma(static_cast<double>(x)));
}

VAE_HD static inline float normal_quantile(float p) {
  return static_cast<float>(normal_quantile(static_cast<double>(p)));
}

}  // namespace vae
