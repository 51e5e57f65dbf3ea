// SPDX-License-Identifier: MIT
#include "vae/label_spreading.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "host/classify/neighbours.h"
#include "kernels/check.h"
#include "kernels/philox.h"

namespace vae {

namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void check_points(const Array& points, const SpreadOptions& options) {
  VAE_CHECK(points.rows() >= 2 && points.row_size() >= 1, "label spreading: ", points.rows(),
            " points of ", points.row_size(), " numbers; there must be two or more");
  VAE_CHECK(points.rows() <= std::numeric_limits<int32_t>::max(),
            "label spreading: ", points.rows(), " points are more than 2^31 - 1");
  const auto odd = points.first_not_finite();
  VAE_CHECK(!odd, "label spreading: a number of point ", odd.value_or(0) / points.row_size(),
            " is not finite");
  VAE_CHECK(options.neighbours >= 1, "label spreading: ", options.neighbours,
            " neighbours; there must be one or more");
  VAE_CHECK(options.share > 0.0 && options.share < 1.0, "label spreading: the share is ",
            options.share, "; it must be above 0 and below 1");
}

/// A symmetric graph's edges: from, to, half the number of times that one is the other's neighbour.
std::vector<std::map<int32_t, double>> edges_of(const std::vector<int32_t>& neighbours,
                                                int64_t points, int64_t k) {
  std::vector<std::map<int32_t, double>> edges(static_cast<std::size_t>(points));
  for (int64_t i = 0; i < points * k; ++i) {
    const auto from = static_cast<int32_t>(i / k), to = neighbours[static_cast<std::size_t>(i)];
    edges[static_cast<std::size_t>(from)][to] += 0.5;
    edges[static_cast<std::size_t>(to)][from] += 0.5;
  }
  return edges;
}

}  // namespace

LabelSpreading::LabelSpreading(const Array& points, const SpreadOptions& options,
                               const Device& device)
    : share_(options.share) {
  check_points(points, options);
  const int64_t k = std::min(options.neighbours, points.rows() - 1);
  const auto backend = make_backend(choose_device(device).device);
  const auto edges = edges_of(nearest_neighbours(*backend, points, k), points.rows(), k);

  Vector inverse_root;
  for (const auto& row : edges) {
    double degree = 0.0;
    for (const auto& [to, weight] : row) degree += weight;
    inverse_root.push_back(1.0 / std::sqrt(degree));
  }
  first_.push_back(0);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    for (const auto& [to, weight] : edges[i]) {
      column_.push_back(to);
      value_.push_back(weight * inverse_root[i] * inverse_root[static_cast<std::size_t>(to)]);
    }
    first_.push_back(static_cast<int64_t>(column_.size()));
  }
}

/// (I - share S) x.
Vector LabelSpreading::times(const Vector& x) const {
  Vector product(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    double sum = 0.0;
    for (auto e = static_cast<std::size_t>(first_[i]); e < static_cast<std::size_t>(first_[i + 1]);
         ++e) {
      sum += value_[e] * x[static_cast<std::size_t>(column_[e])];
    }
    product[i] = x[i] - share_ * sum;
  }
  return product;
}

/// A column of F, by conjugate gradients: the matrix is symmetric and positive definite, the
/// quotient of its extreme eigenvalues below 2 / (1 - share).
Vector LabelSpreading::spread_class(std::span<const int> known, int label) const {
  constexpr int kMostSteps = 1000;
  constexpr double kTolerance = 1e-20;  // of the residual's square, over the right side's
  Vector residual(known.size());
  for (std::size_t i = 0; i < known.size(); ++i) residual[i] = known[i] == label ? 1 - share_ : 0;
  Vector x(known.size()), direction = residual;
  double square = dot(residual, residual);
  const double enough = square * kTolerance;
  for (int step = 0; step < kMostSteps && square > enough; ++step) {
    const Vector product = times(direction);
    const double length = square / dot(direction, product);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += length * direction[i];
    for (std::size_t i = 0; i < x.size(); ++i) residual[i] -= length * product[i];
    const double before = std::exchange(square, dot(residual, residual));
    for (std::size_t i = 0; i < x.size(); ++i) {
      direction[i] = residual[i] + square / before * direction[i];
    }
  }
  return x;
}

SpreadLabels LabelSpreading::spread(std::span<const int> known) const {
  VAE_CHECK(static_cast<int64_t>(known.size()) == points(), "label spreading: ", known.size(),
            " known classes for ", points(), " points");
  constexpr int kMostClasses = 65536;
  const auto odd = std::find_if(known.begin(), known.end(),
                                [](int label) { return label < -1 || label >= kMostClasses; });
  VAE_CHECK(odd == known.end(), "label spreading: the class of point ", odd - known.begin(), " is ",
            *odd, "; it must be -1 to ", kMostClasses - 1);
  std::vector<int> labels(known.begin(), known.end());
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());

  // A residual of conjugate gradients may be a trace where nothing can arrive.
  constexpr double kNothing = 1e-12;
  SpreadLabels result{std::vector<int>(known.size(), -1), std::vector<float>(known.size())};
  Vector best(known.size(), kNothing), sum(known.size());
  for (const int label : labels) {
    if (label < 0) continue;
    const Vector column = spread_class(known, label);
    for (std::size_t i = 0; i < column.size(); ++i) {
      sum[i] += std::max(column[i], 0.0);
      if (!(column[i] > best[i])) continue;
      best[i] = column[i];
      result.classes[i] = label;
    }
  }
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (result.classes[i] >= 0) result.shares[i] = static_cast<float>(best[i] / sum[i]);
  }
  return result;
}

std::vector<int64_t> balanced_choice(std::span<const uint8_t> classes, int64_t count,
                                     uint64_t seed) {
  VAE_CHECK(count >= 1 && count <= static_cast<int64_t>(classes.size()), "of ", classes.size(),
            " labels ", count, " cannot be chosen");
  // The points of each class in a random order, then the first of all classes, the second, ...
  std::map<uint8_t, std::vector<std::pair<uint64_t, int64_t>>> ranks;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const PhiloxRow row = philox_row(seed, Stream::known_labels, 0, static_cast<uint32_t>(i));
    const PhiloxWords words = philox_quad(row, 0);
    ranks[classes[i]].emplace_back(uint64_t{words.word[0]} << 32 | words.word[1], i);
  }
  for (auto& [label, points] : ranks) std::sort(points.begin(), points.end());
  std::vector<int64_t> chosen;
  for (std::size_t round = 0; static_cast<int64_t>(chosen.size()) < count; ++round) {
    for (const auto& [label, points] : ranks) {
      if (round >= points.size() || static_cast<int64_t>(chosen.size()) == count) continue;
      chosen.push_back(points[round].second);
    }
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace vae
