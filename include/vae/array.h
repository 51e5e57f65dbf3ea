// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vae {

/// A dense row-major float array on the host.
struct Array {
  std::vector<int64_t> shape;
  std::vector<float> values;

  int64_t count() const { return static_cast<int64_t>(values.size()); }
  /// Length along the first axis, and the number of values behind each of its entries.
  int64_t rows() const { return shape.empty() ? 0 : shape.front(); }
  int64_t row_size() const { return rows() == 0 ? 0 : count() / rows(); }
  const float* row(int64_t index) const { return values.data() + index * row_size(); }
};

/// Writes NumPy's .npy format (version 1.0, little-endian float32, C order), atomically.
/// Throws Error(io).
void save_npy(const std::string& path, const Array& array);

/// Reads a .npy file of float32, float64 or uint8 values in C order.
/// Throws Error(io) or Error(corrupt).
Array load_npy(const std::string& path);

}  // namespace vae
