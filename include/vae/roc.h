// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vae/image.h"

namespace vae {

/// How well a score tells two sets of images apart, whatever the threshold: the receiver operating
/// characteristic. An image is called odd when its score is at or above the threshold.
struct RocCurve {
  /// Share of the usual images that are called odd, from 0 to 1, a number for each threshold that
  /// changes something, the highest first.
  std::vector<double> false_alarms;
  std::vector<double> found;  ///< Share of the odd images that are called odd at the same place.
  /// Below the curve, the AUROC: the chance that a random odd image scores higher than a random
  /// usual one, equal scores counted half.
  double area = 0.0;
  /// Of `area`, by the images' placements [DeLong, DeLong & Clarke-Pearson 1988]: with V_i the
  /// share of the odd images above usual image i, W_j the share of the usual ones below odd image
  /// j, ties half, sqrt(Var(V) / m + Var(W) / n). NaN where a set has one image only.
  double standard_error = 0.0;
};

/// The curve of the scores of m usual and n odd images. Throws Error(invalid_argument) where one
/// side is empty and where a score is NaN.
///
///     vae::RocCurve curve = vae::roc_curve(scores_of_digits, scores_of_clothes);
///     std::cout << curve.area << " +- " << curve.standard_error << '\n';
RocCurve roc_curve(std::span<const double> usual, std::span<const double> odd);

/// A curve of a drawing.
struct NamedRoc {
  std::string name;  ///< What the legend says, with the area behind it.
  RocCurve curve;    ///< What is drawn.
};

/// A picture of curves with axes and a legend, `side` pixels (100 to 8192) the square they are in.
/// Names are drawn where the picture's typeface has them: ASCII and Latin-1.
Image draw_roc_curves(std::span<const NamedRoc> curves, int64_t side = 480);

}  // namespace vae
