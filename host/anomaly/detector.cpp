// SPDX-License-Identifier: MIT
//
// How far images lie from those that a model was made for.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "kernels/check.h"
#include "vae/anomaly.h"

namespace vae {
namespace {

constexpr int64_t kNearest = 10;       // that neighbour's distance is the image's
constexpr double kLeastSpread = 1e-3;  // of a number, over its mean
constexpr double kTiny = 1e-18;        // where mean and spread are zero

constexpr std::size_t kNumbers = AnomalyFeatures::kCount;
using Numbers = std::array<double, kNumbers>;

/// The numbers of an image as they are compared.
Numbers scaled(const float* features) {
  Numbers numbers;
  for (std::size_t j = 0; j < numbers.size(); ++j) numbers[j] = double{features[j]};
  numbers[AnomalyFeatures::kZlib] = std::sqrt(numbers[AnomalyFeatures::kZlib]);
  return numbers;
}

void require_numbers(const AnomalyFeatures& features) {
  const Array& values = features.values;
  VAE_CHECK(values.rows() == 0 || values.row_size() == AnomalyFeatures::kCount,
            "anomaly: an image has ", AnomalyFeatures::kCount, " numbers, not ", values.row_size());
  if (const auto at = values.first_not_finite()) {
    fail(ErrorCode::invalid_argument, "anomaly: ",
         anomaly_feature_names()[static_cast<std::size_t>(*at % AnomalyFeatures::kCount)],
         " of image ", *at / AnomalyFeatures::kCount, " is ",
         values.values[static_cast<std::size_t>(*at)]);
  }
  for (int64_t i = 0; i < values.rows(); ++i) {
    VAE_CHECK(values.row(i)[AnomalyFeatures::kZlib] >= 0.0f, "anomaly: zlib of image ", i, " is ",
              values.row(i)[AnomalyFeatures::kZlib], "; a length is 0 at least");
  }
}

std::vector<double> mean_of_numbers(const std::vector<Numbers>& images) {
  std::vector<double> mean(kNumbers);
  for (const Numbers& image : images) {
    for (std::size_t j = 0; j < kNumbers; ++j) {
      mean[j] += image[j] / static_cast<double>(images.size());
    }
  }
  return mean;
}

double covariance(const std::vector<Numbers>& images, const std::vector<double>& mean,
                  std::size_t j, std::size_t k) {
  double sum = 0.0;
  for (const Numbers& image : images) sum += (image[j] - mean[j]) * (image[k] - mean[k]);
  return sum / static_cast<double>(images.size() - 1);
}

/// L of S + D = L L^T, by Cholesky. [Golub & Van Loan 2013, ch. 4.2]
std::vector<double> root_of_covariance(const std::vector<Numbers>& images,
                                       const std::vector<double>& mean) {
  std::vector<double> root(kNumbers * kNumbers);
  for (std::size_t j = 0; j < kNumbers; ++j) {
    for (std::size_t k = 0; k <= j; ++k) {
      double left = covariance(images, mean, j, k);
      if (j == k) left += std::pow(kLeastSpread * mean[j], 2) + kTiny;
      for (std::size_t l = 0; l < k; ++l) left -= root[j * kNumbers + l] * root[k * kNumbers + l];
      root[j * kNumbers + k] =
          j == k ? std::sqrt(std::max(left, kTiny)) : left / root[k * kNumbers + k];
    }
  }
  return root;
}

}  // namespace

AnomalyDetector::AnomalyDetector(const AnomalyFeatures& calibration) {
  constexpr int64_t kFewest = 20;
  require_numbers(calibration);
  const Array& all = calibration.values;
  VAE_CHECK(all.rows() >= kFewest, "anomaly: ", all.rows(), " images to calibrate on; it takes ",
            kFewest, " at least");
  std::vector<Numbers> spanning;
  for (int64_t i = 0; i < all.rows(); i += 2) spanning.push_back(scaled(all.row(i)));
  mean_ = mean_of_numbers(spanning);
  root_ = root_of_covariance(spanning, mean_);
  for (int64_t i = 0; i < all.rows(); i += 2) {
    const std::vector<double> point = placed(all.row(i));
    points_.insert(points_.end(), point.begin(), point.end());
  }
  for (int64_t i = 1; i < all.rows(); i += 2) usual_.push_back(distance(all.row(i)));
  std::sort(usual_.begin(), usual_.end());
}

/// L^-1 (f - m), where distances are Euclidean.
std::vector<double> AnomalyDetector::placed(const float* features) const {
  const Numbers numbers = scaled(features);
  std::vector<double> point;
  for (std::size_t j = 0; j < kWidth; ++j) {
    double value = numbers[j] - mean_[j];
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
  require_numbers(features);
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
