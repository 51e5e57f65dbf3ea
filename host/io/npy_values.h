// SPDX-License-Identifier: MIT
//
// The numbers of a .npy file, of whatever type and order, as floats in C order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "host/io/number.h"

namespace vae {

/// Walks through an array as it lies in Fortran order, the first index fastest, and tells the place
/// of each value in C order.
class FortranWalk {
 public:
  explicit FortranWalk(std::vector<int64_t> shape)
      : shape_(std::move(shape)), index_(shape_.size()), strides_(shape_.size()) {
    int64_t stride = 1;
    for (std::size_t i = shape_.size(); i-- > 0; stride *= shape_[i]) strides_[i] = stride;
  }

  int64_t place() const { return place_; }

  void advance() {
    for (std::size_t i = 0; i < shape_.size(); ++i) {
      place_ += strides_[i];
      if (++index_[i] < shape_[i]) return;
      place_ -= strides_[i] * shape_[i];
      index_[i] = 0;
    }
  }

 private:
  std::vector<int64_t> shape_, index_, strides_;
  int64_t place_ = 0;
};

/// What `descr` says of the values, for example '<f4'. Throws Error(corrupt) naming a type that is
/// not read and what to do.
NumberType parse_npy_type(std::string_view descr, std::string_view origin);

/// The values of an array of this shape in C order; `data` has just their bytes. Integers are
/// rounded to floats. Throws Error(corrupt) naming the place of a number that is too large for one.
std::vector<float> npy_values(std::span<const std::byte> data, const NumberType& type,
                              const std::vector<int64_t>& shape, bool fortran_order,
                              std::string_view origin);

}  // namespace vae
