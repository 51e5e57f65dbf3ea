// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace vae::test {

/// A .npy file of version 1.0. `shape` as Python writes a tuple: "(2, 3)" or "(2,)".
inline std::string make_npy_file(std::string_view descr, std::string_view shape,
                                 std::string_view data, std::string_view fortran = "False") {
  const std::string header = "{'descr': '" + std::string(descr) +
                             "', 'fortran_order': " + std::string(fortran) +
                             ", 'shape': " + std::string(shape) + ", }\n";
  std::string file = "\x93NUMPY\x01";
  file += '\0';
  file += static_cast<char>(header.size() & 255);
  file += static_cast<char>(header.size() >> 8);
  return file + header + std::string(data);
}

}  // namespace vae::test
