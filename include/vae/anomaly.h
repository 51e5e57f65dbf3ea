// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vae/array.h"
#include "vae/dataset.h"
#include "vae/model.h"

namespace vae {

// How odd an image is to a model. A likelihood does not say it: an image of few details has a short
// code under every model, so that a model of clothes finds digits more probable than clothes.
// [Nalisnick et al. 2019] What does say it is where the image lies among images that the model was
// made for, by several numbers at once [DoSE], one of which is the image's length without any model
// [Serra et al. 2020].

/// What an image is measured by: four numbers, in this order, per pixel value.
struct AnomalyFeatures {
  Array values;  ///< [n, 4], the four below.
  /// -E_q log p(x|z) / (X ln 2): bits of what the code leaves open.
  static constexpr int64_t kReconstruction = 0;
  /// KL(q(z|x) || p(z)) / (X ln 2): bits of the code. With the one above -elbo, in bits.
  static constexpr int64_t kKl = 1;
  /// Mean of (E[x|z = mu(x)] - x)^2.
  static constexpr int64_t kSquaredError = 2;
  /// Bits of the 8-bit image in zlib's format at level 9, without any model.
  static constexpr int64_t kZlib = 3;
  /// How many there are.
  static constexpr int64_t kCount = 4;

  /// -elbo of each image in bits per pixel value [n].
  std::vector<double> code_lengths() const;
  /// One of the numbers of each image [n].
  std::vector<double> column(int64_t feature) const;
};

/// What the columns are called: "reconstruction", "kl", "squared_error", "zlib".
const std::vector<std::string>& anomaly_feature_names();

/// How anomaly_features() reads and draws.
struct AnomalyOptions {
  int64_t samples = 4;  ///< Draws of z ~ q(z|x) that log p(x|z) is averaged over.
  /// How pixels become x and the key of all draws, as of Model::encode().
  std::optional<Binarization> binarization = {};
  std::optional<uint64_t> seed = {};  ///< Likewise.
  /// Called with the share done in [0, 1]; returning false stops with an empty result.
  std::function<bool(double)> progress = {};
};

/// Throws Error(invalid_argument), which says why, for a model whose numbers say nothing of how odd
/// an image is: one whose target is classes, that is told something of an image, that restores
/// images, or whose decoder reads layers of the encoder.
void require_anomaly_model(const Model& model);

/// The numbers of each image. Throws what require_anomaly_model() and Model::bounds() throw.
AnomalyFeatures anomaly_features(Model& model, const ImageSet& images,
                                 const AnomalyOptions& options = {});

/// Images that the model was made for, to calibrate on: those set aside for validation where there
/// are some, which it was not trained on; else images for training. At most so many, evenly spaced.
/// Throws Error(invalid_argument) where there are none.
ImageSet calibration_images(const Dataset& data, int64_t most = 10000);

/// How odd images are.
struct AnomalyScores {
  /// 0 upwards, in standard deviations of the images calibrated on [n].
  std::vector<double> distances;
  /// The chance that an image of the calibration's kind scores as high, in (0, 1] [n].
  std::vector<double> p_values;
};

/// Scores images by where their numbers lie among those of images that a model was made for: x is
/// (reconstruction, kl, squared_error, sqrt(zlib)), the root since lengths, as counts, spread more
/// the longer they are [Bartlett 1936]. Of these images every second one, F of them with mean m and
/// covariance S, spans the space, where
///
///     d(x, y)^2 = (x - y)^T (S + D)^-1 (x - y)
///
/// [Mahalanobis 1936]; D has (m / 1000)^2 on its diagonal, so that a number that is nearly the same
/// for all images does not decide. An image's distance is that to its 10th nearest of the F
/// [Ramaswamy, Rastogi & Shim 2000], which is large on whatever side of them it lies, and between
/// groups of them, too. The G others say what is usual: the p-value is (1 + those of a distance as
/// large) / (1 + G), a conformal one [Bates et al. 2023]: of images like the G no more than a share
/// p has p-values up to p, whatever the distribution. Nothing is learned from an odd image.
///
///     vae::Dataset data = vae::Dataset::load("mnist");
///     const vae::ImageSet known = vae::calibration_images(data);
///     vae::AnomalyDetector detector(vae::anomaly_features(model, known));
///     vae::AnomalyScores scores = detector.score(vae::anomaly_features(model, images));
class AnomalyDetector {
 public:
  /// Calibrates on at least 20 images. Throws Error(invalid_argument) for fewer, and for a number
  /// that is not finite or a length below 0.
  explicit AnomalyDetector(const AnomalyFeatures& calibration);

  /// Takes time in proportion to n F. Throws Error(invalid_argument) for such numbers.
  AnomalyScores score(const AnomalyFeatures& features) const;

  /// F, images whose neighbourhood is looked at.
  int64_t neighbours() const { return static_cast<int64_t>(points_.size()) / kWidth; }
  /// G, images that p-values are shares of.
  int64_t calibrated() const { return static_cast<int64_t>(usual_.size()); }

 private:
  static constexpr int64_t kWidth = AnomalyFeatures::kCount;

  std::vector<double> placed(const float* features) const;
  double distance(const float* features) const;

  std::vector<double> mean_, root_;  // m; L of S + D = L L^T, by rows
  std::vector<double> points_;       // of the F images, L^-1 (f - m) each
  std::vector<double> usual_;        // distances of the G images, ascending
};

}  // namespace vae
