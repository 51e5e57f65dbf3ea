// SPDX-License-Identifier: MIT
//
// Latents as symbols: N(0, 1) is cut into 2^bits buckets of equal mass, of which a code stands in
// the middle of one. Under the prior all buckets are equally probable; under a posterior a bucket
// has the mass that a Gaussian has in it. [BB-ANS section 2.5]
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "host/codec/bit_stack.h"

namespace vae {

/// The buckets of one latent dimension, in several widths of which the finer ones divide the
/// coarser ones.
class LatentBuckets {
 public:
  static constexpr int kFinest = 14;   // bits
  static constexpr int kCoarsest = 5;  // of codes that no bits were there to draw: close to what
                                       // costs least where the posterior is that of an MLP on MNIST

  LatentBuckets();

  /// Of bits kCoarsest .. kFinest, for the images number `step` of the stacks. The first one is not
  /// drawn; the next ones take fewer bits than finer buckets would, which are not there yet.
  static int bits_of_step(int64_t step) {
    constexpr int64_t kRise = 3;
    return static_cast<int>(
        std::min<int64_t>(kFinest, kCoarsest + kRise * std::min<int64_t>(step, kFinest)));
  }

  /// The lower edge of a bucket; of bucket 2^bits infinity.
  double edge(uint32_t bucket, int bits) const { return quantiles_[bucket << (kGrid - bits)]; }
  /// The code that stands for a bucket.
  float middle(uint32_t bucket, int bits) const {
    return static_cast<float>(quantiles_[(2 * bucket + 1) << (kGrid - 1 - bits)]);
  }

 private:
  static constexpr int kGrid = kFinest + 1;  // edges and middles

  std::vector<double> quantiles_;  // at i / 2^kGrid
};

/// q(z|x) of one dimension over the buckets.
class PosteriorSlices {
 public:
  /// Of the whole scale. Each bucket has at least one of 2^28 beside its mass, which takes 2^-14 of
  /// all of it; what is left of the mass is exact to as much.
  static constexpr int kBits = 28;

  /// A mean or logvar that is no finite number counts as 0, and a deviation far below that of the
  /// narrowest bucket, or far above 1, as no more than that.
  PosteriorSlices(const LatentBuckets& buckets, int bits, float mean, float logvar);

  Slice slice(uint32_t bucket) const {
    const uint64_t start = below(bucket);
    return {start, below(bucket + 1) - start};
  }
  /// The bucket in whose slice `share` of 2^kBits lies; that slice is not empty.
  uint32_t find(uint64_t share) const;
  /// The bucket that the mean lies in.
  uint32_t nearest() const;

 private:
  uint64_t below(uint32_t bucket) const;
  uint32_t guess(uint64_t share) const;
  uint32_t bucket_of(double z) const;

  const LatentBuckets& buckets_;
  int bits_;
  double mean_, deviation_, inverse_deviation_;
};

}  // namespace vae
