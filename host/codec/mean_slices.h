// SPDX-License-Identifier: MIT
//
// Posterior means as symbols, of files that are not lossless: whole steps, which a normal
// distribution around 0 makes more or less probable.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/codec/bit_stack.h"
#include "host/codec/value_slices.h"
#include "vae/model.h"

namespace vae {

/// How the means of one latent dimension are quantised.
struct MeanScale {
  float step = 1.0f;
  float deviation = 1.0f;  // of the means
  uint16_t limit = 0;      // symbols are -limit .. limit; 0: the dimension is not coded
};

/// Whether numbers that were read can be ones that mean_scales() gives.
bool is_usable(const MeanScale& scale);

/// Of each dimension: steps in proportion to the deviation that the posterior leaves, which is what
/// the decoder was trained to bear. `coarseness` 1 makes them equal.
std::vector<MeanScale> mean_scales(const Posterior& posterior, double coarseness);

/// A mean in steps, within the limit.
int32_t quantised(float mean, const MeanScale& scale);

/// The distribution of the symbols of one dimension, whose limit is above 0.
class MeanSlices {
 public:
  explicit MeanSlices(const MeanScale& scale)
      : limit_(scale.limit), steps_(double{scale.step} / scale.deviation) {}

  Slice slice(int32_t symbol) const {
    const auto place = static_cast<uint32_t>(symbol + limit_);
    const uint64_t start = below(place);
    return {start, below(place + 1) - start};
  }
  /// The symbol in whose slice `share` of 2^kValueBits lies.
  int32_t find(uint64_t share) const;

 private:
  uint32_t count() const { return static_cast<uint32_t>(2 * limit_ + 1); }
  uint64_t below(uint32_t place) const;

  int32_t limit_;
  double steps_;  // of a step, in deviations
};

/// Puts rows of symbols [n, Z] onto a stack, and takes them off again.
void push_means(BitStack& stack, std::span<const MeanScale> scales,
                std::span<const int32_t> symbols);
void pop_means(BitStack& stack, std::span<const MeanScale> scales, std::span<int32_t> symbols);

}  // namespace vae
