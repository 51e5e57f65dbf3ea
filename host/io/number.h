// SPDX-License-Identifier: MIT
//
// Numbers of arrays in files: the types that NumPy and IDX have in common.
#pragma once

#include <cstddef>

namespace vae {

/// How one number is stored.
struct NumberType {
  char kind = 'f';  ///< f floating point, i and u integers, b boolean
  std::size_t bytes = 4;
  bool big_endian = false;
};

/// The number at `at`. A double holds every one of these but large 64-bit integers, which it
/// rounds.
double read_number(const std::byte* at, const NumberType& type);

}  // namespace vae
