// SPDX-License-Identifier: MIT
//
// Boxes and the cells of a grid over an image that know of them: the targets of a model of
// Target::boxes, and boxes from what it says of each cell.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/detection.h"

namespace vae {

/// The grid of a model. A box belongs to the cell that its middle lies in, and has there four
/// numbers: the middle's place in the cell, across and down, and the logarithms of its width and
/// height, all in cells.
class BoxGrid {
 public:
  static constexpr int64_t kNumbers = 4;
  static constexpr uint8_t kNoObject = 255;

  explicit BoxGrid(const ModelConfig& model);

  int64_t cells() const { return columns_ * rows_; }

  /// The targets of an image: classes [G], kNoObject where no box has its middle, and numbers
  /// [G 4], 0 there. Of several boxes in a cell it is the largest, of equal ones the first.
  void encode(std::span<const Box> boxes, std::span<uint8_t> classes,
              std::span<float> numbers) const;

  /// The boxes of an image from what is known of its cells [G, 9 + C], as DetectionMeanArgs has
  /// it: see Model::detect().
  std::vector<Detection> decode(std::span<const float> cells, const DetectOptions& options) const;

 private:
  void add_candidates(int64_t cell, const float* known, double min_score,
                      std::vector<Detection>& candidates) const;

  int64_t columns_, rows_, classes_;
  double width_, height_;            // of the image, in pixels
  double cell_width_, cell_height_;  // likewise
};

}  // namespace vae
