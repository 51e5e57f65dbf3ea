// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vae/array.h"

namespace vae {

/// NumPy's .npy format, version 1.0: little-endian float32 in C order.
std::vector<std::byte> encode_npy(const Array& array);
/// What stands there before the values.
std::string npy_header(const std::vector<int64_t>& shape);

/// Reads versions 1.0 and 2.0 with values of the types of npy_values.h, in C or Fortran order. The
/// header is Python source; only the one form NumPy writes is recognised and nothing is evaluated.
/// Object arrays (pickles) and every other type throw Error(corrupt). Memory stays within four
/// bytes for each value of the file.
Array decode_npy(std::span<const std::byte> file, std::string_view origin);

}  // namespace vae
