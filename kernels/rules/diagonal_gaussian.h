// SPDX-License-Identifier: MIT
//
// The posterior q(z|x): independent Gaussians whose mu and logvar are the encoder's heads, one
// latent dimension at a time, against a prior. The log-variance counts as clamped, in every
// formula. [AEVB eq. 10]
#pragma once

#include "kernels/hd.h"
#include "kernels/math.h"

namespace vae {

/// Limits of the log-variance.
struct LogvarRange {
  float low, high;
};

/// The loss's gradient by the two heads.
struct HeadGradient {
  float mu, logvar;
};

/// What PosteriorStatisticsArgs sums.
struct LatentStatistics {
  double kl, mean, square;
};

namespace rules {

namespace {  // hd.h says why

struct DiagonalGaussian {
  VAE_HD static float logvar(float raw, const LogvarRange& range) {
    return clamped(raw, range.low, range.high);
  }

  /// The reparameterisation; `logvar` is clamped already.
  VAE_HD static float sample(float mu, float logvar, float eps) {
    return fused_multiply_add(exponential(0.5f * logvar), eps, mu);
  }

  /// Of a loss whose slope by z is dz and which has kl_scale max(KL(q || p), free_bits) in it.
  /// The free bits of [IAF], of each image and dimension.
  template <typename Prior>
  VAE_HD static HeadGradient gradient(const Prior& prior, float dz, float eps, float mu,
                                      float raw_logvar, const LogvarRange& range, float kl_scale,
                                      float free_bits) {
    const float lv = logvar(raw_logvar, range);
    const auto kl = prior.kl_slopes(mu, lv);
    const float scale = felt(prior, mu, lv, kl_scale, free_bits);
    const float dlogvar =
        0.5f * fused_multiply_add(dz * eps, exponential(0.5f * lv), scale * kl.twice_logvar);
    return {fused_multiply_add(scale, kl.mu, dz), gated(dlogvar, raw_logvar, lv)};
  }

  /// A sample's part of the gradient of -L_K, by the rule of an objective with weights
  /// (objectives.h). `kl_scale` is what the objective multiplies log q - log p with.
  template <typename Rule, typename Prior>
  VAE_HD static HeadGradient weighted_gradient(Rule rule, const Prior& prior, float weight,
                                               float dz, float eps, float mu, float raw_logvar,
                                               const LogvarRange& range, float beta,
                                               float kl_scale) {
    const float lv = logvar(raw_logvar, range);
    const float sigma = exponential(0.5f * lv), z = fused_multiply_add(sigma, eps, mu);
    const float share = kl_scale * weight;
    const float slope = rule.path(weight, beta) *
                        fused_multiply_add(share, rule.slope(prior.slope(z), eps, sigma), dz);
    const float direct = rule.kDirect ? -share : 0.0f;
    const float dlogvar = 0.5f * fused_multiply_add(slope * eps, sigma, direct);
    return {slope, gated(dlogvar, raw_logvar, lv)};
  }

  template <typename Prior>
  VAE_HD static LatentStatistics statistics(const Prior& prior, float mu, float raw_logvar,
                                            const LogvarRange& range) {
    const double mean = mu;
    return {prior.kl(mean, static_cast<double>(logvar(raw_logvar, range))), mean, mean * mean};
  }

  /// The weight with which a KL is felt: none within the free bits.
  template <typename Prior>
  VAE_HD static float felt(const Prior& prior, float mu, float logvar, float kl_scale,
                           float free_bits) {
    return free_bits > 0.0f && prior.kl(mu, logvar) <= free_bits ? 0.0f : kl_scale;
  }

  /// No gradient where the clamp holds; NaN passes so that the step is judged bad.
  VAE_HD static float gated(float dlogvar, float raw, float clamped) {
    return raw == clamped || raw != raw ? dlogvar : 0.0f;
  }
};

}  // namespace

}  // namespace rules

}  // namespace vae
