// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <type_traits>

namespace vae {

/// Sizes of a dense row-major tensor of rank 0 to 4, outermost first.
class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) {
    for (int64_t size : sizes) sizes_[rank_++] = size;
  }

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return sizes_[axis]; }
  int64_t count() const {
    int64_t product = 1;
    for (int axis = 0; axis < rank_; ++axis) product *= sizes_[axis];
    return product;
  }
  bool operator==(const Shape& other) const = default;

 private:
  std::array<int64_t, kMaxRank> sizes_{};
  int rank_ = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '[';
  for (int axis = 0; axis < shape.rank(); ++axis) out << (axis ? ", " : "") << shape[axis];
  return out << ']';
}

/// A pointer into a backend's memory with its shape. Never owns; rows are contiguous.
template <typename T>
struct BasicView {
  T* data = nullptr;
  Shape shape;

  BasicView() = default;
  BasicView(T* data, Shape shape) : data(data), shape(shape) {}
  /// A read-only view of writable memory.
  template <typename U>
  requires(std::is_same_v<const U, T>) BasicView(const BasicView<U>& other)
      : data(other.data), shape(other.shape) {}

  int64_t count() const { return data ? shape.count() : 0; }
  int64_t rows() const { return shape[0]; }
  int64_t cols() const { return shape[1]; }
  explicit operator bool() const { return data != nullptr; }

  /// The first `count` entries along the outermost axis: a short last batch.
  BasicView head(int64_t count) const {
    BasicView result = *this;
    if (shape.rank() == 1) result.shape = {count};
    if (shape.rank() == 2) result.shape = {count, shape[1]};
    if (shape.rank() == 3) result.shape = {count, shape[1], shape[2]};
    if (shape.rank() == 4) result.shape = {count, shape[1], shape[2], shape[3]};
    return result;
  }
};

using View = BasicView<float>;
using ConstView = BasicView<const float>;
using DoubleView = BasicView<double>;

}  // namespace vae
