// SPDX-License-Identifier: MIT
#include "host/classify/neighbours.h"

#include <algorithm>
#include <utility>

#include "host/graph/arena.h"

namespace vae {

namespace {

/// Rows of products that are in memory at once.
int64_t rows_at_once(int64_t points) {
  constexpr int64_t kMostProducts = int64_t{1} << 24;
  return std::clamp<int64_t>(kMostProducts / points, 1, points);
}

std::vector<float> square_norms(const Array& points) {
  std::vector<float> norms;
  for (int64_t i = 0; i < points.rows(); ++i) {
    double sum = 0.0;
    for (int64_t j = 0; j < points.row_size(); ++j) {
      sum += static_cast<double>(points.row(i)[j]) * points.row(i)[j];
    }
    norms.push_back(static_cast<float>(sum));
  }
  return norms;
}

/// The k points nearest to point `row`, given the products of all with it.
void append_nearest(int64_t row, const float* products, const std::vector<float>& norms, int64_t k,
                    std::vector<int32_t>& nearest) {
  std::vector<std::pair<float, int32_t>> distances;
  distances.reserve(norms.size());
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (static_cast<int64_t>(i) == row) continue;
    distances.emplace_back(norms[i] - 2.0f * products[i], static_cast<int32_t>(i));
  }
  std::partial_sort(distances.begin(), distances.begin() + k, distances.end());
  for (int64_t i = 0; i < k; ++i) nearest.push_back(distances[static_cast<std::size_t>(i)].second);
}

}  // namespace

std::vector<int32_t> nearest_neighbours(Backend& backend, const Array& points, int64_t k) {
  const int64_t count = points.rows(), block = rows_at_once(count);
  Arena arena(backend);
  View all, products;
  arena.request(all, {count, points.row_size()});
  arena.request(products, {block, count});
  arena.allocate("the points and their products");
  backend.copy_to_device(all.data, points.values.data(), points.values.size() * sizeof(float));

  const std::vector<float> norms = square_norms(points);
  std::vector<float> host(static_cast<std::size_t>(block * count));
  std::vector<int32_t> nearest;
  nearest.reserve(static_cast<std::size_t>(count * k));
  for (int64_t first = 0; first < count; first += block) {
    const int64_t rows = std::min(block, count - first);
    const View some(all.data + first * points.row_size(), {rows, points.row_size()});
    backend.issue(GemmArgs{products.head(rows), some, all, false, /*transpose_b=*/true});
    backend.copy_to_host(host.data(), products.data,
                         static_cast<std::size_t>(rows * count) * sizeof(float));
    for (int64_t i = 0; i < rows; ++i) {
      append_nearest(first + i, host.data() + i * count, norms, k, nearest);
    }
  }
  return nearest;
}

}  // namespace vae
