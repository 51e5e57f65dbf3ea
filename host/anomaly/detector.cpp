// SPDX-License-Identifier: MIT
//
// How far images lie from those that a model was made for.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernels/check.h"
#include "vae/anomaly.h"

namespace vae {
namespace {

constexpr int64_t kNearest = 10;       // that neighbour's distance is the image's
constexpr double kLeastSpread = 1e-3;  // of a number, over its mean
constexpr double kTiny = 1e-12;        // where mean and spread are zero

void require_finite(const AnomalyFeatures& features) {
  const Array& values = features.values;
  VAE_CHECK(values.rows() == 0 || values.row_size() == AnomalyFeatures::kCount,
            "anomaly: an image has ", AnomalyFeatures::kCount, " numbers, not ", values.row_size());
  if (const auto at = values.first_not_finite()) {
    fail(ErrorCode::invalid_argument, "anomaly: ",
         anomaly_feature_names()[static_cast<std::size_t>(*at % AnomalyFeatures::kCount)],
         " of image ", *at / AnomalyFeatures::kCount, " is ",
         values.values[static_cast<std::size_t>(*at)]);
  }
}

}  // namespace

AnomalyDetector::AnomalyDetector(const AnomalyFeatures& calibration) {
  constexpr int64_t kFewest = 20;
  require_finite(calibration);
  const Array& all = calibration.values;
  VAE_CHECK(all.rows() >= kFewest, "anomaly: ", all.rows(), " images to calibrate on; it takes ",
            kFewest, " at least");
  Array spanning{{(all.rows() + 1) / 2, kWidth}, {}};
  for (int64_t i = 0; i < all.rows(); i += 2) {
    spanning.values.insert(spanning.values.end(), all.row(i), all.row(i) + kWidth);
  }
  set_space(spanning);
  for (int64_t i = 1; i < all.rows(); i += 2) usual_.push_back(distance(all.row(i)));
  std::sort(usual_.begin(), usual_.end());
}

/// Mean, root of the covariance [Golub & Van Loan 2013, ch. 4.2], and the points.
void AnomalyDetector::set_space(const Array& features) {
  const auto n = static_cast<double>(features.rows());
  const auto at = [](int64_t row, int64_t column) {
    return static_cast<std::size_t>(row * kWidth + column);
  };
  mean_.assign(kWidth, 0.0);
  root_.assign(kWidth * kWidth, 0.0);
  for (int64_t i = 0; i < features.count(); ++i) {
    mean_[static_cast<std::size_t>(i % kWidth)] +=
        double{features.values[static_cast<std::size_t>(i)]} / n;
  }
  for (int64_t j = 0; j < kWidth; ++j) {
    for (int64_t k = 0; k <= j; ++k) {
      const double mean_j = mean_[static_cast<std::size_t>(j)];
      const double mean_k = mean_[static_cast<std::size_t>(k)];
      double sum = 0.0;
      for (int64_t i = 0; i < features.rows(); ++i) {
        sum += (features.row(i)[j] - mean_j) * (features.row(i)[k] - mean_k) / (n - 1.0);
      }
      if (j == k) sum += std::pow(kLeastSpread * mean_j, 2) + kTiny;
      for (int64_t l = 0; l < k; ++l) sum -= root_[at(j, l)] * root_[at(k, l)];
      root_[at(j, k)] = j == k ? std::sqrt(std::max(sum, kTiny)) : sum / root_[at(k, k)];
    }
  }
  for (int64_t i = 0; i < features.rows(); ++i) {
    const std::vector<double> point = placed(features.row(i));
    points_.insert(points_.end(), point.begin(), point.end());
  }
}

/// L^-1 (f - m), where distances are Euclidean.
std::vector<double> AnomalyDetector::placed(const float* features) const {
  std::vector<double> point;
  for (std::size_t j = 0; j < kWidth; ++j) {
    double value = double{features[j]} - mean_[j];
    for (std::size_t l = 0; l < j; ++l) value -= root_[j * kWidth + l] * point[l];
    point.push_back(value / root_[j * kWidth + j]);
  }
  return point;
}

double AnomalyDetector::distance(const float* features) const {
  const std::vector<double> point = placed(features);
  std::vector<double> squares;
  squares.reserve(static_cast<std::size_t>(neighbours()));
  for (std::size_t i = 0; i < points_.size(); i += kWidth) {
    double square = 0.0;
    for (std::size_t j = 0; j < kWidth; ++j) {
      square += (points_[i + j] - point[j]) * (points_[i + j] - point[j]);
    }
    squares.push_back(square);
  }
  const auto nearest = squares.begin() + std::min(kNearest, neighbours()) - 1;
  std::nth_element(squares.begin(), nearest, squares.end());
  return std::sqrt(*nearest);
}

AnomalyScores AnomalyDetector::score(const AnomalyFeatures& features) const {
  require_finite(features);
  AnomalyScores scores;
  for (int64_t i = 0; i < features.values.rows(); ++i) {
    const double own = distance(features.values.row(i));
    const auto as_far = usual_.end() - std::lower_bound(usual_.begin(), usual_.end(), own);
    scores.distances.push_back(own);
    scores.p_values.push_back((1.0 + static_cast<double>(as_far)) /
                              (1.0 + static_cast<double>(calibrated())));
  }
  return scores;
}

}  // namespace vae
