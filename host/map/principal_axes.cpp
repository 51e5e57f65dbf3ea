// SPDX-License-Identifier: MIT
#include "host/map/principal_axes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace vae {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// A square symmetric matrix.
struct Symmetric {
  size_t size = 0;
  Vector values;

  explicit Symmetric(size_t size) : size(size), values(size * size) {}
  double& at(size_t row, size_t column) { return values[row * size + column]; }
  double at(size_t row, size_t column) const { return values[row * size + column]; }
  Vector times(const Vector& x) const {
    Vector product(size);
    for (size_t row = 0; row < size; ++row) {
      product[row] = std::inner_product(x.begin(), x.end(), &values[row * size], 0.0);
    }
    return product;
  }
  double trace() const {
    double sum = 0.0;
    for (size_t i = 0; i < size; ++i) sum += at(i, i);
    return sum;
  }
};

struct Eigenvectors {
  std::vector<Vector> vectors;  // the largest value first
  Vector values;
};

/// All eigenvectors of a small matrix by Jacobi's rotations. [Golub & Van Loan 2013, ch. 8.5]
Eigenvectors eigenvectors_of(Symmetric a) {
  const size_t size = a.size;
  std::vector<Vector> vectors(size, Vector(size));  // as rows
  for (size_t i = 0; i < size; ++i) vectors[i][i] = 1.0;
  constexpr int kSweeps = 30;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (size_t p = 0; p < size; ++p) {
      for (size_t q = p + 1; q < size; ++q) {
        if (std::abs(a.at(p, q)) <= 1e-300) continue;
        const double theta = (a.at(q, q) - a.at(p, p)) / (2.0 * a.at(p, q));
        const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0));
        const double c = 1.0 / std::hypot(t, 1.0), s = t * c;
        const auto rotate = [&](double& x, double& y) {
          const double kept = x;
          x = c * kept - s * y;
          y = s * kept + c * y;
        };
        for (size_t i = 0; i < size; ++i) rotate(a.at(i, p), a.at(i, q));
        for (size_t i = 0; i < size; ++i) rotate(a.at(p, i), a.at(q, i));
        for (size_t i = 0; i < size; ++i) rotate(vectors[p][i], vectors[q][i]);
      }
    }
  }
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t i, size_t j) { return a.at(i, i) > a.at(j, j); });
  Eigenvectors found;
  for (const size_t i : order) {
    found.vectors.push_back(vectors[i]);
    found.values.push_back(a.at(i, i));
  }
  return found;
}

/// Gram and Schmidt; a vector that depends on those before it becomes zero.
void orthonormalize(std::vector<Vector>& vectors) {
  for (size_t i = 0; i < vectors.size(); ++i) {
    const double before = std::sqrt(dot(vectors[i], vectors[i]));
    for (int twice = 0; twice < 2; ++twice) {  // once is not enough in floating point
      for (size_t j = 0; j < i; ++j) {
        const double part = dot(vectors[i], vectors[j]);
        for (size_t k = 0; k < vectors[i].size(); ++k) vectors[i][k] -= part * vectors[j][k];
      }
    }
    const double norm = std::sqrt(dot(vectors[i], vectors[i]));
    const double scale = norm > 1e-12 * before && norm > 0.0 ? 1.0 / norm : 0.0;
    for (double& value : vectors[i]) value *= scale;
  }
}

/// The matrix seen from the space that orthonormal vectors span.
Symmetric restricted(const Symmetric& matrix, const std::vector<Vector>& basis) {
  Symmetric small(basis.size());
  for (size_t i = 0; i < basis.size(); ++i) {
    const Vector image = matrix.times(basis[i]);
    for (size_t j = 0; j <= i; ++j) small.at(i, j) = small.at(j, i) = dot(basis[j], image);
  }
  return small;
}

std::vector<Vector> combined(const std::vector<Vector>& basis, const std::vector<Vector>& weights) {
  std::vector<Vector> result(weights.size(), Vector(basis.front().size()));
  for (size_t i = 0; i < weights.size(); ++i) {
    for (size_t j = 0; j < basis.size(); ++j) {
      for (size_t k = 0; k < result[i].size(); ++k) result[i][k] += weights[i][j] * basis[j][k];
    }
  }
  return result;
}

/// The leading eigenvectors by orthogonal iteration with Rayleigh-Ritz steps, which converges as
/// the ratio of the eigenvalue behind the block to those wanted. [Golub & Van Loan 2013, ch. 8.2]
Eigenvectors leading_eigenvectors(const Symmetric& matrix, size_t count) {
  constexpr size_t kBlock = 8;
  constexpr int kIterations = 300;
  constexpr double kPrecision = 1e-12;  // of the eigenvalues; that of the vectors is its root
  std::vector<Vector> basis(std::min(matrix.size, kBlock), Vector(matrix.size));
  uint32_t state = 1;  // any start that is not orthogonal to what is looked for
  for (Vector& vector : basis) {
    for (double& value : vector) {
      value = static_cast<double>((state = state * 1664525 + 1013904223) >> 8) / (1 << 24) - 0.5;
    }
  }
  orthonormalize(basis);
  double before = -1.0;
  for (int i = 1;; ++i) {
    const Eigenvectors found = eigenvectors_of(restricted(matrix, basis));
    basis = combined(basis, found.vectors);
    const auto wanted = static_cast<std::ptrdiff_t>(std::min(count, basis.size()));
    const double sum = std::accumulate(found.values.begin(), found.values.begin() + wanted, 0.0);
    const bool settled = std::abs(sum - before) <= kPrecision * std::abs(sum);
    if (settled || i == kIterations) return {basis, found.values};
    before = sum;
    for (Vector& vector : basis) vector = matrix.times(vector);
    orthonormalize(basis);
  }
}

/// Rows less their mean, made when they are asked for: as doubles they would be twice the codes.
class CenteredRows {
 public:
  /// Evenly spaced ones, so many that their products are had in bounded time.
  CenteredRows(const Array& rows, const Vector& mean) : rows_(rows), mean_(mean) {
    constexpr double kMultiplications = 2e9;
    const auto n = static_cast<double>(rows.rows()), z = static_cast<double>(rows.row_size());
    const double by_columns = kMultiplications / (z * z), by_rows = std::sqrt(kMultiplications / z);
    count_ = static_cast<size_t>(std::min(n, std::max({by_columns, by_rows, 2.0})));
  }
  size_t count() const { return count_; }
  size_t width() const { return mean_.size(); }
  Vector row(size_t index) const {
    const float* values =
        rows_.row(static_cast<int64_t>(index) * rows_.rows() / static_cast<int64_t>(count_));
    Vector row(values, values + mean_.size());
    for (size_t k = 0; k < row.size(); ++k) row[k] -= mean_[k];
    return row;
  }

 private:
  const Array& rows_;
  const Vector& mean_;
  size_t count_ = 0;
};

Vector mean_row(const Array& rows) {
  Vector mean(static_cast<size_t>(rows.row_size()));
  for (int64_t i = 0; i < rows.rows(); ++i) {
    for (size_t k = 0; k < mean.size(); ++k) mean[k] += rows.row(i)[k];
  }
  for (double& value : mean) value /= static_cast<double>(rows.rows());
  return mean;
}

/// Sums of products of columns [Z, Z].
Symmetric products_of_columns(const CenteredRows& rows) {
  Symmetric matrix(rows.width());
  for (size_t n = 0; n < rows.count(); ++n) {
    const Vector row = rows.row(n);
    for (size_t i = 0; i < matrix.size; ++i) {
      for (size_t j = 0; j <= i; ++j) matrix.at(i, j) += row[i] * row[j];
    }
  }
  for (size_t i = 0; i < matrix.size; ++i) {
    for (size_t j = 0; j < i; ++j) matrix.at(j, i) = matrix.at(i, j);
  }
  return matrix;
}

/// Sums of products of rows [n, n]: the same eigenvalues.
Symmetric products_of_rows(const CenteredRows& rows) {
  Symmetric matrix(rows.count());
  for (size_t i = 0; i < matrix.size; ++i) {
    const Vector row = rows.row(i);
    for (size_t j = 0; j <= i; ++j) matrix.at(i, j) = matrix.at(j, i) = dot(row, rows.row(j));
  }
  return matrix;
}

/// The sum of the rows by these weights.
Vector weighted_sum(const CenteredRows& rows, const Vector& weights) {
  Vector sum(rows.width());
  for (size_t n = 0; n < rows.count(); ++n) {
    const Vector row = rows.row(n);
    for (size_t k = 0; k < sum.size(); ++k) sum[k] += weights[n] * row[k];
  }
  return sum;
}

/// Unit length, largest coordinate positive. A zero vector stays.
void normalize(Vector& vector) {
  const double largest = *std::max_element(
      vector.begin(), vector.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
  if (largest == 0.0) return;
  const double norm = std::copysign(std::sqrt(dot(vector, vector)), largest);
  for (double& value : vector) value /= norm;
}

}  // namespace

PrincipalAxes principal_axes(const Array& rows, int64_t count) {
  PrincipalAxes axes;
  axes.mean = mean_row(rows);
  const CenteredRows centered(rows, axes.mean);
  const size_t wanted = static_cast<size_t>(std::min(count, rows.row_size()));
  const bool many_rows = centered.count() >= centered.width();
  const Symmetric matrix = many_rows ? products_of_columns(centered) : products_of_rows(centered);
  const Eigenvectors found = leading_eigenvectors(matrix, wanted);
  const double total = matrix.trace();
  for (size_t i = 0; i < wanted; ++i) {
    Vector direction(axes.mean.size());
    const bool exists = i < found.vectors.size() && found.values[i] > 0.0;
    if (exists && many_rows) direction = found.vectors[i];
    if (exists && !many_rows) direction = weighted_sum(centered, found.vectors[i]);
    normalize(direction);
    axes.directions.push_back(direction);
    axes.shares.push_back(exists && total > 0.0 ? found.values[i] / total : 0.0);
  }
  return axes;
}

}  // namespace vae
