// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "host/graph/arena.h"
#include "host/model/network.h"
#include "host/model/records.h"
#include "vae/dataset.h"

namespace vae {

/// The row of random numbers from which the first image of a set is binarised; see
/// LoadBatchArgs::first_draw. Only `static` draws in training what it draws in an evaluation, so
/// there every split has rows of its own. Throws Error(invalid_argument) for too many images.
uint32_t first_draw(const ImageSet& images, Binarization binarization);

/// Feeds a set of images to a network outside training, in order and as drawn at step 0: every
/// image has one binarisation and one noise, which depend on the seed and its index in the set that
/// `images` is a slice of, but not on slices and batches.
class ImageReader {
 public:
  ImageReader(Network& network, const ImageSet& images, Binarization binarization, uint64_t seed,
              Reading reading);

  /// How images first .. first + rows - 1 are loaded into the network's inputs. It holds until the
  /// next call.
  BatchLoad batch(int64_t first, int64_t rows);

  /// Noise of the batch asked for last, for posterior samples from `first_sample` on.
  NoiseKey noise(int64_t first_sample = 0) const;
  StepState* state() const { return &position_->in_slice; }

 private:
  /// Where the batch begins: among the pixels read, and where its noise is drawn.
  struct Position {
    StepState in_slice;
    StepState in_set;
  };

  Network& network_;
  Arena arena_;
  Records records_;
  Position* position_ = nullptr;
  int64_t first_index_;
  uint32_t first_draw_;
  Binarization binarization_;
  uint64_t seed_;
};

}  // namespace vae
