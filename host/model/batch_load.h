// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "host/graph/pass.h"

namespace vae {

/// The operations that fill a network's inputs with the fields of one batch of images.
struct BatchLoad {
  LoadBatchArgs images;
  std::optional<LoadLabelsArgs> labels;
  std::optional<LoadVectorsArgs> side;
  std::optional<LoadClassesArgs> classes;
  std::optional<LoadVectorsArgs> boxes;
  std::optional<CorruptArgs> corrupt;

  BatchLoad(const LoadBatchArgs& args) : images(args) {}

  int64_t rows() const { return images.x.rows(); }

  /// The images come last: a device may load them within the first layer.
  void issue(Pass& pass) const {
    if (labels) pass.issue(*labels);
    if (side) pass.issue(*side);
    if (classes) pass.issue(*classes);
    if (boxes) pass.issue(*boxes);
    pass.issue(images);
    if (corrupt) pass.issue(*corrupt);
  }
};

}  // namespace vae
