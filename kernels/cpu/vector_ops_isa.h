// SPDX-License-Identifier: MIT
//
// The functions behind the table of one instruction set, as vector_ops.h documents them.
#pragma once

#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector_ops.h"
#include "kernels/rules/posterior.h"

namespace vae::cpu::VAE_ISA_NAMESPACE {

namespace {

/// Calls body with a function that gives the constants of a row's value i.
template <typename Rule, typename Body>
inline auto with_constants(Rule, const ObservationModel& model, Body body) {
  const LikelihoodConstants shared = model.constants;
  if constexpr (Rule::kHasVariance) {
    if (const float* const inverse_variances = model.inverse_variances) {
      const float* const normalizers = model.normalizers;
      return body([=](int64_t i) {
        return LikelihoodConstants{inverse_variances[i], normalizers[i]};
      });
    }
  }
  return body([=](int64_t) { return shared; });
}

/// Calls body with a function that gives the prior of dimension i, from mu and the logvar that is
/// `width` behind it; null: N(0, I).
template <typename Body>
inline auto with_prior(const float* mu, int64_t width, LogvarRange range, Body body) {
  if (mu == nullptr) return body([](int64_t) { return rules::Prior(); });
  return body([=](int64_t i) { return rules::GivenNormal::of(mu[i], mu[width + i], range); });
}

}  // namespace

// noise_isa.cpp
void load_pixels(float* x, const uint8_t* pixels, int64_t count, Binarization binarization,
                 const PhiloxRow& noise);
void corrupt(float* y, float* counted, const float* x, const CorruptionModel& model,
             const PhiloxRow& noise);
void normals(float* z, int64_t begin, int64_t end, int64_t width, const NoiseRows& noise);
void reparameterize(float* z, float* log_ratio, const GaussianRows& posterior, int64_t begin,
                    int64_t end, int64_t width, LogvarRange range, const NoiseRows& noise);
void prior_log_ratio(float* log_ratio, const float* z, const GaussianRows& posterior,
                     const GaussianRows& prior, int64_t begin, int64_t end, int64_t width,
                     LogvarRange range, const NoiseRows& noise);
void gaussian_backward(float* dheads, const float* dz, const float* heads,
                       const GaussianRows& prior, int64_t begin, int64_t end, int64_t width,
                       LogvarRange range, float kl_scale, float free_bits, const NoiseRows& noise);
void observe(float* x, const float* outputs, int64_t count, const ObservationModel& model,
             const PhiloxRow& noise);
void draw_classes(uint8_t* targets, const float* logits, int64_t count, int64_t classes,
                  const PhiloxRow& noise);
void weighted_gaussian_backward(float* dheads, const float* dz, const GaussianRows& posterior,
                                const GaussianRows& prior, int64_t begin, int64_t end,
                                int64_t width, LogvarRange range, const WeightedGradient& gradient,
                                const NoiseRows& noise);

// transport_isa.cpp
void add_spot(float* frame, int64_t width, const Spot& spot, float* heights);
SpotSlopes slopes_of_spot(const float* gradient, int64_t width, const Spot& spot, Tent* tents);

// product_isa.cpp
/// Tiles that fill the registers: 12 or 24 sums, beside them a row of b and a value of a.
#if defined(VAE_LANES) || !defined(VAE_FUSES)
constexpr ProductTile kProductTile = {4, kFloats, kFloats};
#elif defined(__AVX512F__) || defined(__aarch64__)
constexpr ProductTile kProductTile = {8, kFloats, 3 * kFloats};
#else
constexpr ProductTile kProductTile = {4, kFloats, 3 * kFloats};
#endif
int64_t product_scratch(const ProductBlock& block);
void multiply(const ProductBlock& block, float* scratch);
void pack_panels(float* panels, const float* b, int64_t b_column, int64_t depth, int64_t columns);

}  // namespace vae::cpu::VAE_ISA_NAMESPACE
