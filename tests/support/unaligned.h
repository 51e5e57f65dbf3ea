// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "tests/support/backend_test.h"

namespace vae::testing {

/// A tensor that begins one element past an aligned address: no 16-byte access may touch it. The
/// elements before and after it must survive.
template <typename T>
class UnalignedTensor {
 public:
  UnalignedTensor(Backend& backend, Shape shape, std::vector<T> values)
      : shape_(shape), memory_(backend, {shape.count() + 1}, shifted(std::move(values))) {}
  UnalignedTensor(Backend& backend, Shape shape)
      : UnalignedTensor(backend, shape, std::vector<T>(shape.count())) {}
  ~UnalignedTensor() {
    EXPECT_EQ(memory_.values().front(), kBefore) << "written before the tensor";
  }

  BasicView<T> view() const { return {memory_.view().data + 1, shape_}; }
  operator BasicView<T>() const { return view(); }
  std::vector<T> values() const {
    const std::vector<T> all = memory_.values();
    return {all.begin() + 1, all.end()};
  }

 private:
  static constexpr T kBefore = static_cast<T>(97);
  static std::vector<T> shifted(std::vector<T> values) {
    values.insert(values.begin(), kBefore);
    return values;
  }

  Shape shape_;
  DeviceTensor<T> memory_;
};

}  // namespace vae::testing
