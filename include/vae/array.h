// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vae {

/// A dense row-major float array on the host: codes [n, Z], pixel values [n, X]. A plain struct;
/// who fills it keeps `values` as long as the product of `shape`.
///
///     vae::Array codes{{2, 3}, {0.5f, 0, 0, -1, 0.2f, 1}};  // two codes of three dimensions
///     vae::Array images = model.decode(codes);              // images.row(1)[0]: the second's
///     corner
struct Array {
  std::vector<int64_t> shape;  ///< Sizes of the axes, the slowest first.
  std::vector<float> values;   ///< All numbers, the last axis fastest.

  /// Number of values.
  int64_t count() const { return static_cast<int64_t>(values.size()); }
  /// Length along the first axis; 0 for an array without axes.
  int64_t rows() const { return shape.empty() ? 0 : shape.front(); }
  /// Number of values behind each entry of the first axis.
  int64_t row_size() const { return rows() == 0 ? 0 : count() / rows(); }
  /// The values of entry `index` of the first axis; not checked.
  const float* row(int64_t index) const { return values.data() + index * row_size(); }
  /// Index in `values` of the first NaN or infinity, if there is one.
  std::optional<int64_t> first_not_finite() const {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) return static_cast<int64_t>(i);
    }
    return {};
  }
};

/// Writes NumPy's .npy format (version 1.0, little-endian float32, C order), atomically.
/// Throws Error(io).
void save_npy(const std::string& path, const Array& array);

/// The same of bytes (uint8), such as classes of pixels. Throws Error(io), Error(invalid_argument)
/// where the shape promises another number.
void save_npy(const std::string& path, const std::vector<int64_t>& shape,
              std::span<const uint8_t> bytes);

/// Writes the same format piece by piece, for arrays [rows, row_size] that need not be in memory as
/// a whole. The file appears with finish(); a writer that is destroyed before leaves nothing.
///
///     vae::NpyWriter file("samples.npy", 100000, model.config().pixels());
///     for (int64_t i = 0; i < 100000; i += 1000) file.append(model.sample(1000, 1, i));
///     file.finish();
class NpyWriter {
 public:
  /// Takes the space on the disk at once. Throws Error(invalid_argument) for sizes below 0 or too
  /// large together, Error(io).
  NpyWriter(const std::string& path, int64_t rows, int64_t row_size);
  /// The same of any shape, whose first axis the rows are along.
  NpyWriter(const std::string& path, const std::vector<int64_t>& shape);
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  /// The next rows: an array [any number, row_size]. Throws Error(invalid_argument) for rows of
  /// another size or more of them than were announced, Error(io).
  void append(const Array& rows);
  /// Throws Error(invalid_argument) while rows are missing, Error(io).
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The same for bytes (uint8) of an array of any shape.
class NpyByteWriter {
 public:
  /// Takes the space on the disk at once. Throws Error(invalid_argument) for sizes below 0 or too
  /// large together, Error(io).
  NpyByteWriter(const std::string& path, const std::vector<int64_t>& shape);
  ~NpyByteWriter();
  NpyByteWriter(const NpyByteWriter&) = delete;
  NpyByteWriter& operator=(const NpyByteWriter&) = delete;

  /// The next bytes, the last axis fastest. Throws Error(invalid_argument) for more of them than
  /// were announced, Error(io).
  void append(std::span<const uint8_t> bytes);
  /// Throws Error(invalid_argument) while bytes are missing, Error(io).
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads a .npy file of floating-point numbers (16, 32 or 64 bits), integers (8 to 64 bits, signed
/// or not) or booleans, in C or Fortran order and of either byte order. Throws Error(io), and
/// Error(corrupt) for everything else and for a value that a float cannot hold.
Array load_npy(const std::string& path);

}  // namespace vae
