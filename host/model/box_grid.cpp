// SPDX-License-Identifier: MIT
#include "host/model/box_grid.h"

#include <algorithm>
#include <cmath>

#include "kernels/check.h"
#include "kernels/math_double.h"
#include "kernels/rules/detection.h"

namespace vae {

namespace {

double area_of(const Box& box) { return double{box.width} * double{box.height}; }

/// The best ones first; of equal ones those of earlier cells and classes.
void sort_by_score(std::vector<Detection>& boxes) {
  std::stable_sort(boxes.begin(), boxes.end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
}

/// Leaves out what overlaps a better box of its class, and all but the `most` best of the others.
std::vector<Detection> without_doubles(std::vector<Detection> candidates,
                                       const DetectOptions& options) {
  sort_by_score(candidates);
  std::vector<Detection> kept;
  for (const Detection& box : candidates) {
    if (std::ssize(kept) == options.most) break;
    const bool is_double = std::any_of(kept.begin(), kept.end(), [&](const Detection& better) {
      return better.class_ == box.class_ && overlap(better, box) > options.max_overlap;
    });
    if (!is_double) kept.push_back(box);
  }
  return kept;
}

}  // namespace

BoxGrid::BoxGrid(const ModelConfig& model)
    : columns_(model.grid.width),
      rows_(model.grid.height),
      classes_(model.target_classes),
      width_(static_cast<double>(model.width)),
      height_(static_cast<double>(model.height)),
      cell_width_(width_ / static_cast<double>(columns_)),
      cell_height_(height_ / static_cast<double>(rows_)) {}

void BoxGrid::encode(std::span<const Box> boxes, std::span<uint8_t> classes,
                     std::span<float> numbers) const {
  VAE_CHECK(std::ssize(classes) == cells() && std::ssize(numbers) == cells() * kNumbers,
            "box grid: room for ", classes.size(), " classes and ", numbers.size(),
            " numbers is not that of ", cells(), " cells");
  std::fill(classes.begin(), classes.end(), kNoObject);
  std::fill(numbers.begin(), numbers.end(), 0.0f);
  std::vector<double> areas(static_cast<std::size_t>(cells()), 0.0);
  for (const Box& box : boxes) {
    const double across = (box.x + 0.5 * box.width) / cell_width_;
    const double down = (box.y + 0.5 * box.height) / cell_height_;
    const auto column = std::clamp<int64_t>(static_cast<int64_t>(across), 0, columns_ - 1);
    const auto row = std::clamp<int64_t>(static_cast<int64_t>(down), 0, rows_ - 1);
    const auto cell = static_cast<std::size_t>(row * columns_ + column);
    if (area_of(box) <= areas[cell]) continue;
    areas[cell] = area_of(box);
    classes[cell] = box.class_;
    float* const own = &numbers[cell * kNumbers];
    own[0] = static_cast<float>(across - static_cast<double>(column));
    own[1] = static_cast<float>(down - static_cast<double>(row));
    own[2] = static_cast<float>(logarithm(box.width / cell_width_));
    own[3] = static_cast<float>(logarithm(box.height / cell_height_));
  }
}

std::vector<Detection> BoxGrid::decode(std::span<const float> known,
                                       const DetectOptions& options) const {
  const int64_t per_cell = rules::GridCell::outputs(classes_);
  VAE_CHECK(std::ssize(known) == cells() * per_cell, "box grid: ", known.size(),
            " numbers are not of ", cells(), " cells with ", classes_, " classes");
  std::vector<Detection> candidates;
  for (int64_t cell = 0; cell < cells(); ++cell) {
    add_candidates(cell, known.data() + cell * per_cell, options.min_score, candidates);
  }
  return without_doubles(std::move(candidates), options);
}

/// One for each class whose score suffices; what sticks out of the image is cut off.
void BoxGrid::add_candidates(int64_t cell, const float* known, double min_score,
                             std::vector<Detection>& candidates) const {
  if (known[0] < min_score) return;  // as no class is more probable than an object
  const float *const middle = known + 1 + classes_, *const deviation = middle + kNumbers;
  const double x = (static_cast<double>(cell % columns_) + middle[0]) * cell_width_;
  const double y = (static_cast<double>(cell / columns_) + middle[1]) * cell_height_;
  const double width = exponential(double{middle[2]}) * cell_width_;
  const double height = exponential(double{middle[3]}) * cell_height_;
  if (std::isnan(x + y + width + height)) return;
  const double left = std::max(0.0, x - 0.5 * width), right = std::min(width_, x + 0.5 * width);
  const double top = std::max(0.0, y - 0.5 * height), bottom = std::min(height_, y + 0.5 * height);
  Detection box;
  box.x = static_cast<float>(left);
  box.y = static_cast<float>(top);
  box.width = static_cast<float>(right - left);
  box.height = static_cast<float>(bottom - top);
  if (!(box.width > 0.0f && box.height > 0.0f)) return;  // beyond the image
  const double units[kNumbers] = {cell_width_, cell_height_, width, height};
  for (int64_t i = 0; i < kNumbers; ++i) {
    box.deviation[i] = static_cast<float>(deviation[i] * units[i]);
  }
  for (int64_t j = 0; j < classes_; ++j) {
    box.class_ = static_cast<uint8_t>(j);
    box.score = known[0] * known[1 + j];
    if (box.score >= min_score) candidates.push_back(box);
  }
}

}  // namespace vae
