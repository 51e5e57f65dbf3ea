// SPDX-License-Identifier: MIT
#include "host/codec/latent_slices.h"

#include <algorithm>

#include "kernels/arithmetic.h"
#include "kernels/math_double.h"
#include "kernels/special_functions.h"

namespace vae {

namespace {

double finite_or_zero(float number) { return is_finite(number) ? number : 0.0; }

double deviation_of(float logvar) {
  return exponential(0.5 * clamped(finite_or_zero(logvar), -60.0, 60.0));
}

}  // namespace

LatentBuckets::LatentBuckets() : quantiles_((std::size_t{1} << kGrid) + 1) {
  for (std::size_t i = 0; i < quantiles_.size(); ++i) {
    quantiles_[i] = normal_quantile(static_cast<double>(i) / (1 << kGrid));
  }
}

PosteriorSlices::PosteriorSlices(const LatentBuckets& buckets, int bits, float mean, float logvar)
    : buckets_(buckets),
      bits_(bits),
      mean_(finite_or_zero(mean)),
      deviation_(deviation_of(logvar)),
      inverse_deviation_(1.0 / deviation_) {}

/// What the buckets before this one have together. It does not fall, as each adds 1, which is more
/// than the error of normal_cdf().
uint64_t PosteriorSlices::below(uint32_t bucket) const {
  const uint64_t buckets = uint64_t{1} << bits_, all = uint64_t{1} << kBits;
  const double mass = normal_cdf((buckets_.edge(bucket, bits_) - mean_) * inverse_deviation_);
  return bucket + static_cast<uint64_t>(mass * static_cast<double>(all - buckets));
}

uint32_t PosteriorSlices::bucket_of(double z) const {
  const auto buckets = static_cast<double>(uint32_t{1} << bits_);
  return static_cast<uint32_t>(std::min(normal_cdf(z) * buckets, buckets - 1.0));
}

uint32_t PosteriorSlices::nearest() const { return bucket_of(mean_); }

uint32_t PosteriorSlices::guess(uint64_t share) const {
  const double p = (static_cast<double>(share) + 0.5) / static_cast<double>(uint64_t{1} << kBits);
  return bucket_of(mean_ + deviation_ * normal_quantile(p));
}

/// From a guess in steps that double until the place lies between two buckets, and then by halving.
uint32_t PosteriorSlices::find(uint64_t share) const {
  const uint32_t end = uint32_t{1} << bits_;
  uint32_t low = guess(share), high = low + 1;
  for (uint32_t step = 1; below(low) > share; step *= 2) {
    high = low;
    low -= std::min(low, step);
  }
  for (uint32_t step = 1; below(high) <= share; step *= 2) {
    low = high;
    high += std::min(end - high, step);
  }
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    (below(middle) > share ? high : low) = middle;
  }
  return low;
}

}  // namespace vae
