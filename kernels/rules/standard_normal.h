// SPDX-License-Identifier: MIT
//
// The prior N(0, I), one latent dimension at a time, beside a Gaussian posterior N(mu, e^logvar).
// [AEVB appendix B]
#pragma once

#include "kernels/hd.h"
#include "kernels/math.h"

namespace vae {

/// Derivatives of KL(q || p).
struct KlSlopes {
  float mu;            // by mu
  float twice_logvar;  // twice that by logvar
};

namespace rules {

namespace {  // hd.h says why

struct StandardNormal {
  /// KL(q || p) = (mu^2 + e^logvar - 1 - logvar) / 2, in float or in double.
  template <typename Number>
  VAE_HD static Number kl(Number mu, Number logvar) {
    const Number one = 1, half = 0.5;
    return half * ((mu * mu + (exponential(logvar) - one)) - logvar);
  }

  VAE_HD static KlSlopes kl_slopes(float mu, float logvar) {
    return {mu, exponential(logvar) - 1.0f};
  }

  /// Of -log p(z) by z.
  VAE_HD static float slope(float z) { return z; }

  /// A draw, from one of N(0, 1).
  VAE_HD static float sample(float eps) { return eps; }

  /// log p(z) - log q(z) of z = mu + e^(logvar / 2) eps: (eps^2 + logvar - z^2) / 2, as the terms
  /// with 2 pi cancel. [IWAE eq. 8]
  VAE_HD static float log_ratio(float eps, float logvar, float z) {
    return 0.5f * (fused_multiply_add(eps, eps, logvar) - z * z);
  }
};

}  // namespace

}  // namespace rules

}  // namespace vae
