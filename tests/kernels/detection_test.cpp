// SPDX-License-Identifier: MIT
//
// Boxes on a grid, against formulas in float64 that are not the rule's: log p and its slopes by
// central differences, means, weights, cells without an object, and the same bits on every device.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

#include "kernels/rules/detection.h"
#include "tests/support/backend_test.h"
#include "tests/support/canonical_sums.h"
#include "tests/support/cases.h"
#include "vae/error.h"

namespace vae::testing {
namespace {

constexpr int64_t kBox = 4;

/// log p of one cell in float64. `outputs` are the logit of an object, those of the classes, the
/// means and the log-variances of the box.
double reference_cell(const std::vector<double>& outputs, int64_t classes, int64_t target,
                      const float* box) {
  const double object = 1.0 / (1.0 + std::exp(-outputs[0]));
  if (target >= classes) return std::log1p(-object);
  double sum = 0.0;
  for (int64_t j = 0; j < classes; ++j) sum += std::exp(outputs[1 + j]);
  double log_p = std::log(object) + outputs[1 + target] - std::log(sum);
  for (int64_t i = 0; i < kBox; ++i) {
    const double variance = std::exp(std::clamp(outputs[1 + classes + kBox + i], -8.0, 8.0));
    const double residual = box[i] - outputs[1 + classes + i];
    log_p -= 0.5 * (residual * residual / variance + std::log(2 * std::numbers::pi * variance));
  }
  return log_p;
}

/// Some images with K samples each, and the targets of their cells, some without an object.
struct Grid {
  int64_t images, samples, cells, classes;
  std::vector<float> outputs, boxes;
  std::vector<uint8_t> targets;

  int64_t rows() const { return images * samples; }
  int64_t per_cell() const { return 9 + classes; }
  int64_t width() const { return cells * per_cell(); }
};

Grid random_grid(int64_t images, int64_t samples, int64_t cells, int64_t classes) {
  Grid grid{images, samples, cells, classes, {}, {}, {}};
  grid.outputs = random_values(grid.rows() * grid.width(), 3, -6.0f, 6.0f);
  for (int64_t at = 0; at < grid.rows() * cells; ++at) {  // log-variances, some beyond their limits
    float* const variances = &grid.outputs[at * grid.per_cell() + 1 + classes + kBox];
    for (int64_t i = 0; i < kBox; ++i) variances[i] *= at % 3 == 0 ? 1.7f : 0.5f;
  }
  grid.boxes = random_values(images * cells * kBox, 4, -1.0f, 2.0f);
  for (int64_t i = 0; i < images * cells; ++i) {
    const bool is_object = i * 7 % 5 < 3;
    grid.targets.push_back(static_cast<uint8_t>(is_object ? i * 11 % classes : 255));
  }
  return grid;
}

class DetectionTest : public BackendTest {
 protected:
  /// On the device, with the gradients in the outputs' place.
  struct Loaded {
    Loaded(Backend& backend, const Grid& grid)
        : outputs(backend, {grid.rows(), grid.width()}, grid.outputs),
          boxes(backend, {grid.images, grid.cells * kBox}, grid.boxes),
          targets(backend, {grid.images, grid.cells}, grid.targets),
          log_px(backend, {grid.rows()}) {
      args.log_px = log_px;
      args.doutputs = outputs;
      args.outputs = outputs.view();
      args.targets = targets.view();
      args.boxes = boxes.view();
      args.classes = grid.classes;
      args.samples = grid.samples;
    }

    FloatTensor outputs, boxes;
    DeviceTensor<uint8_t> targets;
    FloatTensor log_px;
    DetectionArgs args;
  };
};

const std::vector<std::pair<int64_t, int64_t>>& grid_sizes() {  // cells, classes
  static const std::vector<std::pair<int64_t, int64_t>> sizes = {
      {1, 1}, {3, 2}, {35, 3}, {100, 10}, {4, 255}};
  return sizes;
}

TEST_P(DetectionTest, LogProbabilitiesAndSlopesMatchFloat64) {
  for (const auto& [cells, classes] : grid_sizes()) {
    const Grid grid = random_grid(3, 2, cells, classes);
    Loaded loaded(backend(), grid);
    loaded.args.scale = 0.25f;
    backend().issue(loaded.args);
    const auto slopes = loaded.outputs.values(), sums = loaded.log_px.values();
    for (int64_t row = 0; row < grid.rows(); ++row) {
      double expected = 0.0;
      for (int64_t cell = 0; cell < cells; ++cell) {
        const int64_t at = (row * cells + cell) * grid.per_cell();
        const int64_t target_at = row / grid.samples * cells + cell;
        const float* const box = &grid.boxes[target_at * kBox];
        const auto log_p = [&, count = classes](const std::vector<double>& outputs) {
          return reference_cell(outputs, count, grid.targets[target_at], box);
        };
        std::vector<double> own(grid.outputs.begin() + at,
                                grid.outputs.begin() + at + grid.per_cell());
        expected += log_p(own);
        for (int64_t j = 0; j < grid.per_cell(); ++j) {
          const double h = 1e-5, middle = own[j];
          own[j] = middle + h;
          const double above = log_p(own);
          own[j] = middle - h;
          const double slope = (above - log_p(own)) / (2 * h);
          own[j] = middle;
          ASSERT_NEAR(slopes[at + j], -0.25 * slope, 3e-6 * (1.0 + std::abs(slope)))
              << cells << " cells, " << classes << " classes, output " << j;
        }
      }
      ASSERT_NEAR(sums[row], expected, 2e-6 * std::abs(expected) + 1e-5);
    }
  }
}

TEST_P(DetectionTest, MeansAreProbabilitiesAndDeviations) {
  for (const auto& [cells, classes] : grid_sizes()) {
    const Grid grid = random_grid(2, 1, cells, classes);
    const FloatTensor outputs(backend(), {grid.rows(), grid.width()}, grid.outputs);
    const FloatTensor apart(backend(), {grid.rows(), grid.width()});
    backend().issue(DetectionMeanArgs{apart.view(), outputs.view(), classes});
    backend().issue(DetectionMeanArgs{outputs.view(), outputs.view(), classes});
    const auto means = apart.values();
    EXPECT_EQ(outputs.values(), means) << "in place";
    for (int64_t at = 0; at < grid.rows() * grid.width(); at += grid.per_cell()) {
      const float *const own = &grid.outputs[at], *const mean = &means[at];
      ASSERT_NEAR(mean[0], 1.0 / (1.0 + std::exp(-static_cast<double>(own[0]))), 1e-6);
      double sum = 0.0, shares = 0.0;
      for (int64_t j = 1; j <= classes; ++j) sum += std::exp(static_cast<double>(own[j]));
      for (int64_t j = 1; j <= classes; ++j) {
        ASSERT_NEAR(mean[j], std::exp(static_cast<double>(own[j])) / sum, 1e-6);
        shares += mean[j];
      }
      ASSERT_NEAR(shares, 1.0, 1e-5);
      for (int64_t i = 1 + classes; i < 1 + classes + kBox; ++i) {
        ASSERT_EQ(mean[i], own[i]);
        const double log_variance = std::clamp(static_cast<double>(own[i + kBox]), -8.0, 8.0);
        ASSERT_NEAR(mean[i + kBox] / std::exp(0.5 * log_variance), 1.0, 1e-6);
      }
    }
  }
}

TEST_P(DetectionTest, WeightsScaleTheGradients) {
  const Grid grid = random_grid(2, 2, 9, 4);
  const FloatTensor weights(backend(), {4}, {0.0f, 1.0f, 0.5f, 0.25f});
  const FloatTensor plain(backend(), {4, grid.width()}), weighted(backend(), {4, grid.width()});
  Loaded loaded(backend(), grid);
  loaded.args.doutputs = plain;
  backend().issue(loaded.args);
  const auto sums = loaded.log_px.values();
  loaded.args.doutputs = weighted;
  loaded.args.weights = weights.view();
  backend().issue(loaded.args);
  EXPECT_EQ(loaded.log_px.values(), sums) << "weights are of the gradients";
  const auto found = weighted.values(), slopes = plain.values(), factors = weights.values();
  for (int64_t i = 0; i < 4 * grid.width(); ++i) {
    ASSERT_EQ(found[i], factors[i / grid.width()] * slopes[i]) << "powers of two are exact";
  }
}

TEST_P(DetectionTest, WithoutAGradientTheOutputsStay) {
  const Grid grid = random_grid(2, 2, 6, 3);
  Loaded loaded(backend(), grid);
  loaded.args.doutputs = View();
  backend().issue(loaded.args);
  EXPECT_EQ(loaded.outputs.values(), grid.outputs);
  const auto sums = loaded.log_px.values();
  loaded.args.doutputs = loaded.outputs;
  backend().issue(loaded.args);
  EXPECT_EQ(loaded.log_px.values(), sums);
}

/// Where there is no object only that counts: neither class nor box have a gradient, and the
/// numbers of a box are not read.
TEST_P(DetectionTest, EmptyCellsTeachTheObjectAlone) {
  for (const uint8_t none : {uint8_t{3}, uint8_t{255}}) {  // any target that is no class
    Grid grid = random_grid(2, 1, 5, 3);
    std::fill(grid.targets.begin(), grid.targets.end(), none);
    std::fill(grid.boxes.begin(), grid.boxes.end(), std::nanf(""));
    Loaded loaded(backend(), grid);
    backend().issue(loaded.args);
    const auto slopes = loaded.outputs.values(), sums = loaded.log_px.values();
    for (int64_t row = 0; row < 2; ++row) {
      double expected = 0.0;
      for (int64_t cell = 0; cell < 5; ++cell) {
        const int64_t at = (row * 5 + cell) * grid.per_cell();
        const double object = 1.0 / (1.0 + std::exp(-static_cast<double>(grid.outputs[at])));
        expected += std::log1p(-object);
        ASSERT_NEAR(slopes[at], object, 1e-6);
        for (int64_t j = 1; j < grid.per_cell(); ++j) ASSERT_EQ(slopes[at + j], 0.0f);
      }
      ASSERT_NEAR(sums[row], expected, 1e-5);
    }
  }
}

TEST_P(DetectionTest, NotANumberSpoilsItsRowOnly) {
  for (const int64_t bad : {0, 2, 5, 9}) {  // of the object, a class, a mean, a log-variance
    Grid grid = random_grid(3, 1, 4, 4);
    std::fill(grid.targets.begin(), grid.targets.end(), uint8_t{1});
    grid.outputs[grid.width() + 2 * grid.per_cell() + bad] = std::nanf("");
    Loaded loaded(backend(), grid);
    backend().issue(loaded.args);
    const auto sums = loaded.log_px.values();
    for (int row = 0; row < 3; ++row) EXPECT_EQ(std::isnan(sums[row]), row == 1) << bad;
    EXPECT_TRUE(std::isnan(loaded.outputs.values()[grid.width() + 2 * grid.per_cell() + bad]));
  }
}

TEST_P(DetectionTest, ExtremeOutputsStayFinite) {
  for (const float extreme : {-1e4f, -100.0f, 100.0f, 1e4f}) {
    Grid grid = random_grid(1, 1, 8, 2);
    std::fill(grid.outputs.begin(), grid.outputs.end(), extreme);
    Loaded loaded(backend(), grid);
    backend().issue(loaded.args);
    EXPECT_TRUE(std::isfinite(loaded.log_px.values()[0])) << extreme;
    for (const float slope : loaded.outputs.values()) {
      ASSERT_TRUE(std::isfinite(slope)) << extreme;
    }
  }
}

/// The rule's numbers in the canonical order, to the bit.
TEST_P(DetectionTest, CellsAndTheirRowSumsAreTheRules) {
  for (const RowCase& c : row_cases()) {
    if (c.rows * c.width > 3000) continue;
    for (const int64_t classes : {1, 10}) {
      const int64_t samples = c.rows % 2 == 0 ? 2 : 1;
      const Grid grid = random_grid(c.rows / samples, samples, c.width, classes);
      Loaded loaded(backend(), grid);
      loaded.args.scale = 0.3f;
      backend().issue(loaded.args);
      std::vector<float> sums, slopes(grid.outputs.size());
      for (int64_t row = 0; row < c.rows; ++row) {
        std::vector<float> terms;
        for (int64_t cell = 0; cell < c.width; ++cell) {
          const int64_t at = (row * c.width + cell) * grid.per_cell();
          const int64_t target = row / samples * c.width + cell;
          terms.push_back(rules::GridCell::log_p(&slopes[at], &grid.outputs[at],
                                                 grid.targets[target], &grid.boxes[target * kBox],
                                                 classes, 0.3f));
        }
        sums.push_back(canonical_row_sum(terms));
      }
      ASSERT_EQ(loaded.log_px.values(), sums) << c.rows << 'x' << c.width << 'x' << classes;
      ASSERT_EQ(loaded.outputs.values(), slopes) << c.rows << 'x' << c.width << 'x' << classes;
    }
  }
}

TEST_P(DetectionTest, ArgumentsThatDoNotFitAreRefused) {
  const Grid grid = random_grid(2, 1, 3, 2);
  const FloatTensor other(backend(), {2, 3 * 10});
  Loaded loaded(backend(), grid);
  DetectionArgs args = loaded.args;
  args.classes = 3;
  EXPECT_THROW(backend().issue(args), Error);
  args.classes = 0;
  EXPECT_THROW(backend().issue(args), Error);
  args.classes = 256;
  EXPECT_THROW(backend().issue(args), Error) << "255 stands for no object";
  args = loaded.args;
  args.boxes = other.view();
  EXPECT_THROW(backend().issue(args), Error);
  args = loaded.args;
  args.samples = 2;
  EXPECT_THROW(backend().issue(args), Error);
  EXPECT_THROW(backend().issue(DetectionMeanArgs{other.view(), other.view(), 2}), Error);
}

VAE_INSTANTIATE_BACKENDS(DetectionTest);

}  // namespace
}  // namespace vae::testing
