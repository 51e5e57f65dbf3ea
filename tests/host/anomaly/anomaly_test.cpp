// SPDX-License-Identifier: MIT
#include "vae/anomaly.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "host/io/deflate.h"
#include "kernels/math_double.h"
#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

constexpr int64_t kWide = AnomalyFeatures::kCount;

/// Numbers in (-1, 1) that follow no grid.
double irregular(int64_t i) {
  return std::sin(static_cast<double>(i * i % 1009) + 0.37 * static_cast<double>(i));
}

/// Four numbers of each of n images, which vary together and at very different scales.
AnomalyFeatures cloud(int64_t count, int64_t from = 0) {
  AnomalyFeatures features{{{count, kWide}, {}}};
  for (int64_t i = from; i < from + count; ++i) {
    const double a = irregular(4 * i), b = irregular(4 * i + 1), c = irregular(4 * i + 2),
                 d = irregular(4 * i + 3);
    for (const double value : {0.5 + 0.1 * a, 0.05 + 0.01 * (a + b), 1e-3 * (2.0 + 0.2 * (c - a)),
                               40.0 + 5.0 * d + 8.0 * b}) {
      features.values.values.push_back(static_cast<float>(value));
    }
  }
  return features;
}

/// The header's formula with the inverse of the covariance by elimination and all distances sorted.
class WrittenOut {
 public:
  explicit WrittenOut(const AnomalyFeatures& calibration) {
    for (int64_t i = 0; i < calibration.values.rows(); ++i) {
      (i % 2 == 0 ? spanning_ : others_).push_back(row(calibration, i));
    }
    const auto n = static_cast<double>(spanning_.size());
    std::vector<double> mean(kWide);
    for (const auto& each : spanning_) {
      for (std::size_t j = 0; j < kWide; ++j) mean[j] += each[j] / n;
    }
    matrix_.assign(kWide, std::vector<double>(kWide));
    for (std::size_t j = 0; j < kWide; ++j) {
      for (std::size_t k = 0; k < kWide; ++k) {
        for (const auto& each : spanning_) {
          matrix_[j][k] += (each[j] - mean[j]) * (each[k] - mean[k]) / (n - 1.0);
        }
      }
      matrix_[j][j] += mean[j] * mean[j] * 1e-6;
    }
  }

  double distance(const AnomalyFeatures& features, int64_t image) const {
    return distance(row(features, image));
  }

  double p_value(double own) const {
    double as_far = 0.0;
    for (const auto& other : others_) as_far += distance(other) >= own ? 1.0 : 0.0;
    return (1.0 + as_far) / (1.0 + static_cast<double>(others_.size()));
  }

 private:
  static std::vector<double> row(const AnomalyFeatures& features, int64_t i) {
    const float* const own = features.values.row(i);
    return {own[0], own[1], own[2], std::sqrt(double{own[3]})};
  }

  double distance(const std::vector<double>& point) const {
    std::vector<double> squares;
    for (const auto& each : spanning_) {
      std::vector<double> difference;
      for (std::size_t j = 0; j < kWide; ++j) difference.push_back(each[j] - point[j]);
      const std::vector<double> solved = solve(difference);
      squares.push_back(std::inner_product(solved.begin(), solved.end(), difference.begin(), 0.0));
    }
    std::sort(squares.begin(), squares.end());
    return std::sqrt(squares[std::min<std::size_t>(10, squares.size()) - 1]);
  }

  std::vector<double> solve(std::vector<double> right) const {
    auto a = matrix_;
    for (std::size_t p = 0; p < kWide; ++p) {
      for (std::size_t i = 0; i < kWide; ++i) {
        if (i == p) continue;
        const double factor = a[i][p] / a[p][p];
        for (std::size_t j = p; j < kWide; ++j) a[i][j] -= factor * a[p][j];
        right[i] -= factor * right[p];
      }
    }
    for (std::size_t i = 0; i < kWide; ++i) right[i] /= a[i][i];
    return right;
  }

  std::vector<std::vector<double>> spanning_, others_, matrix_;
};

TEST(AnomalyDetectorTest, IsTheHeadersFormula) {
  const AnomalyFeatures calibration = cloud(61), asked = cloud(20, 500);
  const AnomalyDetector detector(calibration);
  EXPECT_EQ(detector.neighbours(), 31);
  EXPECT_EQ(detector.calibrated(), 30);
  const WrittenOut expected(calibration);
  const AnomalyScores scores = detector.score(asked);
  ASSERT_EQ(scores.distances.size(), 20u);
  ASSERT_EQ(scores.p_values.size(), 20u);
  for (int64_t i = 0; i < 20; ++i) {
    const double own = expected.distance(asked, i);
    EXPECT_NEAR(scores.distances[static_cast<std::size_t>(i)], own, 1e-9 * (1.0 + own)) << i;
    EXPECT_DOUBLE_EQ(scores.p_values[static_cast<std::size_t>(i)], expected.p_value(own)) << i;
  }
}

TEST(AnomalyDetectorTest, FarAwayIsOddOnEverySide) {
  const AnomalyDetector detector(cloud(400));
  const AnomalyFeatures centre{{{1, kWide}, {0.5f, 0.05f, 0.002f, 40.0f}}};
  EXPECT_GT(detector.score(centre).p_values[0], 0.05);
  for (int64_t feature = 0; feature < kWide; ++feature) {
    for (const double factor : {0.1, 3.0}) {  // many deviations away
      AnomalyFeatures odd = centre;
      odd.values.values[static_cast<std::size_t>(feature)] *= static_cast<float>(factor);
      EXPECT_DOUBLE_EQ(detector.score(odd).p_values[0], 1.0 / 201.0) << feature << ' ' << factor;
    }
  }
}

TEST(AnomalyDetectorTest, BetweenTwoGroupsIsOddToo) {
  AnomalyFeatures groups{{{200, kWide}, {}}};
  for (int64_t i = 0; i < 200; ++i) {
    for (int64_t j = 0; j < kWide; ++j) {
      const double centre = i % 4 < 2 ? 1.0 : 9.0;
      groups.values.values.push_back(static_cast<float>(centre + 0.2 * irregular(4 * i + j)));
    }
  }
  const AnomalyDetector detector(groups);
  const AnomalyFeatures middle{{{1, kWide}, {5.0f, 5.0f, 5.0f, 5.0f}}};
  EXPECT_DOUBLE_EQ(detector.score(middle).p_values[0], 1.0 / 101.0);
}

TEST(AnomalyDetectorTest, PValuesOfUsualImagesAreEven) {
  const AnomalyScores scores = AnomalyDetector(cloud(2000)).score(cloud(2000, 5000));
  for (const double share : {0.05, 0.25, 0.5, 0.9}) {
    const auto below = std::count_if(scores.p_values.begin(), scores.p_values.end(),
                                     [&](double p) { return p <= share; });
    EXPECT_NEAR(static_cast<double>(below) / 2000.0, share, 0.05) << share;
  }
}

TEST(AnomalyDetectorTest, ANumberThatDoesNotVaryIsMeasuredByItsSize) {
  AnomalyFeatures calibration = cloud(100);
  for (std::size_t i = 3; i < calibration.values.values.size(); i += kWide) {
    calibration.values.values[i] = 20.0f;
  }
  for (std::size_t i = 1; i < calibration.values.values.size(); i += kWide) {
    calibration.values.values[i] = 0.0f;
  }
  const AnomalyDetector detector(calibration);
  AnomalyFeatures asked{{{1, kWide}, {0.5f, 0.0f, 0.002f, 20.0f}}};
  const double usual = detector.score(asked).distances[0];
  EXPECT_LT(usual, 3.0);
  asked.values.values[3] = 20.4f;  // whose root is ten thousandths larger
  EXPECT_NEAR(detector.score(asked).distances[0], std::hypot(10.0, usual), 0.5);
}

TEST(AnomalyDetectorTest, SaysWhatIsWrong) {
  const auto expect_refusal = [](const auto& call, const char* part) {
    test::expect_error(ErrorCode::invalid_argument, call, {part});
  };
  expect_refusal([] { AnomalyDetector{cloud(19)}; }, "19 images to calibrate on");
  AnomalyFeatures odd = cloud(30);
  odd.values.values[4 * 7 + 1] = std::numeric_limits<float>::infinity();
  expect_refusal([&] { AnomalyDetector{odd}; }, "kl of image 7 is inf");
  const AnomalyDetector detector(cloud(30));
  expect_refusal([&] { detector.score(odd); }, "kl of image 7 is inf");
  expect_refusal([&] { detector.score({{{2, 3}, std::vector<float>(6)}}); }, "4 numbers, not 3");
  odd.values.values[4 * 7 + 1] = 0.0f;
  odd.values.values[4 * 8 + 3] = -1.0f;
  expect_refusal([&] { detector.score(odd); }, "zlib of image 8 is -1");
  EXPECT_TRUE(detector.score({}).distances.empty());
}

ImageSet stripes(int64_t count, int64_t step = 1) {
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < count * 36; ++i) {
    pixels.push_back(static_cast<uint8_t>(i * step % 7 == i / 36 % 5 ? 200 + i % 50 : i % 3));
  }
  return ImageSet(6, 6, 1, pixels);
}

ModelConfig small_network() {
  ModelConfig model;
  model.height = model.width = 6;
  model.encoder = {9};
  model.decoder = {8};
  model.latent = 3;
  return model;
}

TEST(AnomalyFeaturesTest, AreWhatTheModelSaysOfEachImage) {
  Model model(small_network(), Device::cpu(1), 3);
  const ImageSet images = stripes(5);
  const AnomalyFeatures features = anomaly_features(model, images, {.samples = 3, .seed = 9});
  EXPECT_EQ(features.values.shape, (std::vector<int64_t>{5, 4}));
  const ImageBounds bounds = model.bounds(images, {.samples = 3, .seed = 9});
  const Array truth = model.inputs(images), found = model.reconstruct(images);
  const double bits = 1.0 / (36.0 * std::log(2.0));
  for (int64_t i = 0; i < 5; ++i) {
    const float* const own = features.values.row(i);
    const auto at = static_cast<std::size_t>(i);
    EXPECT_NEAR(own[AnomalyFeatures::kReconstruction], -bounds.reconstruction[at] * bits, 1e-6);
    EXPECT_NEAR(own[AnomalyFeatures::kKl], bounds.kl[at] * bits, 1e-6);
    double squares = 0.0;
    for (int64_t x = 0; x < 36; ++x) {
      squares += std::pow(static_cast<double>(found.row(i)[x]) - truth.row(i)[x], 2);
    }
    EXPECT_NEAR(own[AnomalyFeatures::kSquaredError], squares / 36.0, 1e-6);
    const auto zlib = deflated_size(images.pixels().subspan(at * 36, 36));
    EXPECT_NEAR(own[AnomalyFeatures::kZlib], 8.0 * static_cast<double>(zlib) / 36.0, 1e-5);
    EXPECT_NEAR(features.code_lengths()[at], -bounds.elbo(i) * bits, 1e-6);
  }
  EXPECT_EQ(anomaly_feature_names().size(), 4u);
}

TEST(AnomalyFeaturesTest, OfAnImageAreTheSameInEverySlice) {
  Model model(small_network(), Device::cpu(1), 3);
  const ImageSet images = stripes(1100);  // more than are measured at once
  const AnomalyFeatures all = anomaly_features(model, images);
  const AnomalyFeatures some = anomaly_features(model, images.slice(1050, 3));
  EXPECT_EQ(some.values.values,
            std::vector<float>(all.values.row(1050), all.values.row(1050) + 12));
}

TEST(AnomalyFeaturesTest, StopWhenAskedTo) {
  Model model(small_network(), Device::cpu(1), 3);
  double last = 0.0;
  AnomalyOptions options;
  options.progress = [&](double share) {
    EXPECT_GT(share, last);
    last = share;
    return true;
  };
  EXPECT_EQ(anomaly_features(model, stripes(1100), options).values.rows(), 1100);
  EXPECT_DOUBLE_EQ(last, 1.0);
  options.progress = [](double) { return false; };
  EXPECT_EQ(anomaly_features(model, stripes(30), options).values.rows(), 0);
}

TEST(AnomalyFeaturesTest, ModelsWithoutACodeForTheWholeImageAreRefused) {
  const auto expect_refusal = [](const auto& change, const char* part) {
    ModelConfig config = small_network();
    change(config);
    const Model model(config, Device::cpu(1));
    test::expect_error(ErrorCode::invalid_argument, [&] { require_anomaly_model(model); }, {part});
  };
  expect_refusal(
      [](ModelConfig& config) {
        config.target = Target::label;
        config.target_classes = 3;
      },
      "--target label");
  expect_refusal(
      [](ModelConfig& config) {
        config.condition = Condition::label;
        config.classes = 3;
      },
      "--condition label");
  expect_refusal([](ModelConfig& config) { config.decoder = layers_from_string("skip 0, 8"); },
                 "(skip)");
}

TEST(AnomalyFeaturesTest, CalibrationTakesWhatTheModelWasNotTrainedOnWhereThereIsSome) {
  Dataset data("stripes", stripes(50), stripes(10));
  EXPECT_EQ(calibration_images(data).count(), 50);
  EXPECT_EQ(calibration_images(data).split(), Split::train);
  const ImageSet some = calibration_images(data, 20);
  ASSERT_EQ(some.count(), 20);
  EXPECT_EQ(some.image(1), data.train.image(2)) << "evenly spaced";
  EXPECT_EQ(some.image(19), data.train.image(47));
  const Dataset split = data.with_validation(15);
  EXPECT_EQ(calibration_images(split).count(), 15);
  EXPECT_EQ(calibration_images(split, 5).split(), Split::validation);
  test::expect_error(ErrorCode::invalid_argument, [] { calibration_images({}); }, {"of 0 images"});
}

TEST(DeflatedSizeTest, IsThatOfPython) {
  EXPECT_EQ(deflated_size({}), 8u);
  std::vector<uint8_t> bytes(784);
  EXPECT_EQ(deflated_size(bytes), 16u);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i % 251 * (i / 7));
  EXPECT_EQ(deflated_size(bytes), 795u);
}

}  // namespace
}  // namespace vae
