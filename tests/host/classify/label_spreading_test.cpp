// SPDX-License-Identifier: MIT
#include "vae/label_spreading.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "host/classify/neighbours.h"
#include "kernels/backend.h"
#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

/// Points that follow no grid, in [0, 1].
Array scattered(int64_t count, int64_t width) {
  Array points{{count, width}, {}};
  for (int64_t i = 0; i < count * width; ++i) {
    // In steps whose squares and their sums are exact: equal distances are equal numbers.
    points.values.push_back(static_cast<float>((i * 7919 + 13 * i * i) % 251) / 256.0f);
  }
  return points;
}

double square_distance(const Array& points, int64_t i, int64_t j) {
  double sum = 0.0;
  for (int64_t d = 0; d < points.row_size(); ++d) {
    sum += std::pow(static_cast<double>(points.row(i)[d]) - points.row(j)[d], 2);
  }
  return sum;
}

std::vector<int32_t> neighbours_by_sorting(const Array& points, int64_t k) {
  std::vector<int32_t> all;
  for (int64_t i = 0; i < points.rows(); ++i) {
    std::vector<std::pair<double, int32_t>> others;
    for (int64_t j = 0; j < points.rows(); ++j) {
      if (j != i) others.emplace_back(square_distance(points, i, j), static_cast<int32_t>(j));
    }
    std::sort(others.begin(), others.end());
    for (int64_t n = 0; n < k; ++n) all.push_back(others[static_cast<std::size_t>(n)].second);
  }
  return all;
}

TEST(NeighboursTest, AreTheNearestInTheirOrder) {
  const auto backend = make_backend(Device::cpu());
  for (const int64_t width : {1, 3, 20}) {
    const Array points = scattered(60, width);
    EXPECT_EQ(nearest_neighbours(*backend, points, 7), neighbours_by_sorting(points, 7)) << width;
  }
}

TEST(NeighboursTest, OfEqualDistancesTheLowerRowIsNearer) {
  const auto backend = make_backend(Device::cpu());
  const Array points{{4, 1}, {0.0f, 1.0f, -1.0f, 1.0f}};
  EXPECT_EQ(nearest_neighbours(*backend, points, 2),
            (std::vector<int32_t>{1, 2, 3, 0, 0, 1, 1, 0}));
}

/// F of the header's formula, a column, by elimination in place of conjugate gradients.
std::vector<double> solved(const Array& points, int64_t k, double share,
                           const std::vector<int>& known, int label) {
  const auto n = static_cast<std::size_t>(points.rows());
  std::vector<std::vector<double>> w(n, std::vector<double>(n));
  const std::vector<int32_t> neighbours = neighbours_by_sorting(points, k);
  for (std::size_t e = 0; e < neighbours.size(); ++e) {
    const std::size_t i = e / static_cast<std::size_t>(k);
    const auto j = static_cast<std::size_t>(neighbours[e]);
    w[i][j] += 0.5;
    w[j][i] += 0.5;
  }
  std::vector<double> degree(n), f(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (const double weight : w[i]) degree[i] += weight;
    f[i] = known[i] == label ? 1.0 - share : 0.0;
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      w[i][j] = (i == j ? 1.0 : 0.0) - share * w[i][j] / std::sqrt(degree[i] * degree[j]);
    }
  }
  for (std::size_t p = 0; p < n; ++p) {  // positive definite: no pivoting
    for (std::size_t i = 0; i < n; ++i) {
      if (i == p) continue;
      const double factor = w[i][p] / w[p][p];
      for (std::size_t j = p; j < n; ++j) w[i][j] -= factor * w[p][j];
      f[i] -= factor * f[p];
    }
  }
  for (std::size_t i = 0; i < n; ++i) f[i] /= w[i][i];
  return f;
}

TEST(LabelSpreadingTest, IsTheClosedForm) {
  const Array points = scattered(40, 3);
  std::vector<int> known(40, -1);
  known[3] = 0;
  known[17] = 2;
  known[18] = 5;
  known[30] = 2;
  for (const double share : {0.3, 0.97}) {
    const SpreadLabels found = LabelSpreading(points, {4, share}, Device::cpu()).spread(known);
    std::map<int, std::vector<double>> f;
    for (const int label : {0, 2, 5}) f[label] = solved(points, 4, share, known, label);
    for (std::size_t i = 0; i < 40; ++i) {
      double sum = 0.0;
      std::pair<double, int> best{-1.0, -1};
      for (const auto& [label, column] : f) {
        sum += column[i];
        best = std::max(best, {column[i], label});
      }
      EXPECT_EQ(found.classes[i], best.second) << i;
      EXPECT_NEAR(found.shares[i], best.first / sum, 1e-6) << i;
    }
  }
}

TEST(LabelSpreadingTest, OneLabelIsEnoughForAClusterHoweverLong) {
  Array points{{200, 2}, {}};  // two arcs, each end nearer to the other arc than to its own far end
  for (int i = 0; i < 200; ++i) {
    const double angle = 3.0 * (i / 2) / 100.0;
    const double radius = i % 2 == 0 ? 1.0 : 1.4;
    points.values.push_back(static_cast<float>(radius * std::cos(angle)));
    points.values.push_back(static_cast<float>(radius * std::sin(angle)));
  }
  std::vector<int> known(200, -1);
  known[0] = 4;
  known[1] = 9;
  const SpreadLabels found = LabelSpreading(points, {4, 0.99}, Device::cpu()).spread(known);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(found.classes[i], i % 2 == 0 ? 4 : 9) << i;
}

TEST(LabelSpreadingTest, WhatNoLabelReachesHasNoClass) {
  const Array points{{6, 1}, {0.0f, 0.1f, 0.2f, 50.0f, 50.1f, 50.2f}};
  const SpreadLabels found = LabelSpreading(points, {2, 0.9}, Device::cpu())
                                 .spread(std::vector<int>{1, -1, -1, -1, -1, -1});
  EXPECT_EQ(found.classes, (std::vector<int>{1, 1, 1, -1, -1, -1}));
  EXPECT_EQ(found.shares, (std::vector<float>{1, 1, 1, 0, 0, 0}));
}

TEST(LabelSpreadingTest, SaysWhatIsWrong) {
  const Device cpu = Device::cpu();
  Array points = scattered(5, 2);
  const auto make = [&](const SpreadOptions& options) { LabelSpreading(points, options, cpu); };
  const auto expect_refusal = [](const auto& call, const char* part) {
    test::expect_error(ErrorCode::invalid_argument, call, {part});
  };
  expect_refusal([&] { LabelSpreading(scattered(1, 2), {}, cpu); }, "1 points");
  expect_refusal([&] { make({0, 0.9}); }, "0 neighbours");
  expect_refusal([&] { make({2, 1.0}); }, "share is 1");
  const LabelSpreading graph(points, {}, cpu);
  expect_refusal([&] { graph.spread(std::vector<int>(4, 0)); }, "4 known classes for 5 points");
  expect_refusal([&] { graph.spread(std::vector<int>{0, 0, -2, 0, 0}); }, "point 2 is -2");
  points.values[7] = std::numeric_limits<float>::quiet_NaN();
  expect_refusal([&] { make({}); }, "point 3 is not finite");
}

TEST(BalancedChoiceTest, TakesAsManyOfEachClass) {
  std::vector<uint8_t> classes;
  for (int i = 0; i < 300; ++i) classes.push_back(i % 10 == 0 ? 1 : i % 3 == 0 ? 2 : 7);
  const auto counts_of = [&](int64_t count, uint64_t seed) {
    std::map<int, int> counts;
    for (const int64_t i : balanced_choice(classes, count, seed)) {
      ++counts[classes[static_cast<std::size_t>(i)]];
    }
    return counts;
  };
  EXPECT_EQ(counts_of(30, 1), (std::map<int, int>{{1, 10}, {2, 10}, {7, 10}}));
  EXPECT_EQ(counts_of(31, 1), (std::map<int, int>{{1, 11}, {2, 10}, {7, 10}}));
  EXPECT_EQ(counts_of(150, 1), (std::map<int, int>{{1, 30}, {2, 60}, {7, 60}})) << "30 are all";
  EXPECT_EQ(counts_of(300, 1)[7], 180);
}

TEST(BalancedChoiceTest, DependsOnTheSeed) {
  const std::vector<uint8_t> classes(100, 3);
  const std::vector<int64_t> chosen = balanced_choice(classes, 10, 1);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  EXPECT_EQ(chosen, balanced_choice(classes, 10, 1));
  EXPECT_NE(chosen, balanced_choice(classes, 10, 2));
  test::expect_error(ErrorCode::invalid_argument, [&] { balanced_choice(classes, 101, 1); },
                     {"101"});
}

}  // namespace
}  // namespace vae
