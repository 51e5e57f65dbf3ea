// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "host/arena.h"
#include "host/network.h"
#include "vae/dataset.h"

namespace vae {

/// Feeds a set of images to a network outside training, in order and as drawn at step 0: every
/// image has one binarisation, which depends on the seed and its index but not on the batches.
class ImageReader {
 public:
  ImageReader(Network& network, const ImageSet& images, Binarization binarization, uint64_t seed);

  /// How images first .. first + rows - 1 are loaded into the network's input. It holds until the
  /// next call.
  LoadBatchArgs batch(int64_t first, int64_t rows);

  /// Noise of the batch asked for last, for posterior samples from `first_sample` on.
  NoiseKey noise(int64_t first_sample = 0) const;
  StepState* state() const { return state_; }

 private:
  Network& network_;
  Arena arena_;
  BasicView<uint8_t> pixels_;  // [N, X]
  StepState* state_ = nullptr;
  Binarization binarization_;
  uint64_t seed_;
};

}  // namespace vae
