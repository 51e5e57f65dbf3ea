// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "vae/array.h"
#include "vae/types.h"

namespace vae {

/// How Model::restore() restores.
struct RestoreOptions {
  int64_t samples = 0;  ///< Restorations of each image that are drawn, beside the mean.
  /// A user's mask: 1 where a pixel is seen, 0 where it is to be found, [height, width] for all
  /// images or [n, height, width]. Empty: what the model's corruption leaves is seen.
  std::vector<uint8_t> seen;
  /// T, of models that fill in by a chain: its length.
  int64_t steps = 100;
  /// How pixels become x, as in Model::encode().
  std::optional<Binarization> binarization;
  /// Key of all draws; without a value that of the training. An image's draws depend on its index
  /// in its set, see ImageSet, and on their number among the samples.
  std::optional<uint64_t> seed;
};

/// Sums of squared errors over the values that were to be found.
struct RestorationError {
  double values = 0.0;    ///< How many were to be found.
  double restored = 0.0;  ///< Of the restored images.
  double input = 0.0;     ///< Of what was seen, 0 where that was nothing.

  /// 10 log10(1 / mean squared error), in dB; NaN where nothing was to be found.
  double psnr() const { return -10.0 * std::log10(restored / values); }
  /// Likewise of what was seen.
  double input_psnr() const { return -10.0 * std::log10(input / values); }
  /// Adds the sums of other images.
  RestorationError& operator+=(const RestorationError& other) {
    values += other.values;
    restored += other.restored;
    input += other.input;
    return *this;
  }
};

/// What Model::restore() gives, values in [0, 1].
struct Restoration {
  Array seen;      ///< What the model was given [n, X]; 0 where nothing is seen.
  Array restored;  ///< [n, X]; where an image is seen under a mask or in quadrants that it is.
  /// [n * samples, X], those of an image one behind the other; likewise.
  Array samples;
  Array to_find;  ///< [n, X], 1 for values that were to be found, 0 for those that were seen.
  /// The images as they were [n, X]; empty where the corruption is `none` and there is no mask:
  /// then these are the images that need to be restored, and nobody knows.
  Array truth;
  std::optional<RestorationError> error;  ///< Where there is a truth.
};

}  // namespace vae
