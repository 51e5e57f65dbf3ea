// SPDX-License-Identifier: MIT
//
// The numbers of a .npy file, of whatever type and order, as floats in C order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vae {

/// What `descr` says of the values, for example '<f4'.
struct NpyType {
  char kind = 'f';  ///< f floating point, i and u integers, b boolean
  std::size_t bytes = 4;
  bool big_endian = false;
};

/// Throws Error(corrupt) naming a type that is not read and what to do.
NpyType parse_npy_type(std::string_view descr, std::string_view origin);

/// The values of an array of this shape in C order; `data` has just their bytes. Integers are
/// rounded to floats. Throws Error(corrupt) naming the place of a number that is too large for one.
std::vector<float> npy_values(std::span<const std::byte> data, const NpyType& type,
                              const std::vector<int64_t>& shape, bool fortran_order,
                              std::string_view origin);

}  // namespace vae
