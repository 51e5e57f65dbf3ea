// SPDX-License-Identifier: MIT
//
// A prior N(mu, e^logvar) that is trained or computed, one latent dimension at a time, beside a
// Gaussian posterior N(m, e^lv): what standard_normal.h has, and the gradient by mu and logvar.
// With mu = 0 and logvar = 0 all numbers are those of N(0, I), to the bit.
#pragma once

#include "kernels/rules/diagonal_gaussian.h"
#include "kernels/rules/standard_normal.h"

namespace vae {

namespace rules {

namespace {  // hd.h says why

struct GivenNormal {
  float mu;
  float logvar;      // clamped
  float raw_logvar;  // as the network has it

  /// With the posterior's limits of the log-variance.
  VAE_HD static GivenNormal of(float mu, float raw_logvar, const LogvarRange& range) {
    return {mu, DiagonalGaussian::logvar(raw_logvar, range), raw_logvar};
  }

  /// KL(q || p) = ((m - mu)^2 e^-logvar + e^r - 1 - r) / 2 with r = lv - logvar, in float or
  /// double.
  template <typename Number>
  VAE_HD Number kl(Number m, Number lv) const {
    const Number one = 1, half = 0.5;
    const Number distance = m - static_cast<Number>(mu), r = lv - static_cast<Number>(logvar);
    const Number square = distance * distance * exponential(-static_cast<Number>(logvar));
    return half * ((square + (exponential(r) - one)) - r);
  }

  VAE_HD KlSlopes kl_slopes(float m, float lv) const {
    return {(m - mu) * precision(), exponential(lv - logvar) - 1.0f};
  }

  /// Of -log p(z) by z.
  VAE_HD float slope(float z) const { return (z - mu) * precision(); }

  /// A draw, from one of N(0, 1).
  VAE_HD float sample(float eps) const { return DiagonalGaussian::sample(mu, logvar, eps); }

  /// log p(z) - log q(z) of z = m + e^(lv / 2) eps.
  VAE_HD float log_ratio(float eps, float lv, float z) const {
    const float distance = z - mu;
    return 0.5f * (fused_multiply_add(eps, eps, lv - logvar) - distance * distance * precision());
  }

  /// By mu and logvar of a loss with kl_scale max(KL(q || p), free_bits) in it.
  VAE_HD HeadGradient kl_gradient(float m, float lv, float kl_scale, float free_bits) const {
    const float distance = m - mu, scaled = distance * precision();
    const float square = fused_multiply_add(distance, scaled, exponential(lv - logvar));
    return gradient(scaled, square, DiagonalGaussian::felt(*this, m, lv, kl_scale, free_bits));
  }

  /// By mu and logvar of a loss with -scale log p(z) in it.
  VAE_HD HeadGradient sample_gradient(float z, float scale) const {
    const float distance = z - mu, scaled = distance * precision();
    return gradient(scaled, distance * scaled, scale);
  }

 private:
  VAE_HD float precision() const { return exponential(-logvar); }

  /// Of the expectations of (z - mu) and of its square, both times the precision.
  VAE_HD HeadGradient gradient(float scaled, float square, float scale) const {
    return {-(scale * scaled),
            DiagonalGaussian::gated(0.5f * scale * (1.0f - square), raw_logvar, logvar)};
  }
};

}  // namespace

}  // namespace rules

}  // namespace vae
