// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace vae {

/// Element types of the format. The engine writes the first seven; the others are read for
/// `inspect`.
enum class TensorType { f32, f64, u8, i64, u64, i32, u32, f16, bf16, i16, u16, i8, boolean };

std::string_view to_string(TensorType type);  ///< as in files: "F32"
size_t size_of(TensorType type);              ///< bytes of one element

/// One tensor; `data` points into memory of another owner. Row-major, little-endian.
struct SafetensorsTensor {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<int64_t> shape;  ///< empty: one number
  std::span<const std::byte> data;
};

/// The TensorType of a C++ number.
template <typename Number>
constexpr TensorType tensor_type_of() {
  if constexpr (std::is_same_v<Number, float>) return TensorType::f32;
  if constexpr (std::is_same_v<Number, double>) return TensorType::f64;
  if constexpr (std::is_same_v<Number, uint8_t>) return TensorType::u8;
  if constexpr (std::is_same_v<Number, int64_t>) return TensorType::i64;
  if constexpr (std::is_same_v<Number, uint64_t>) return TensorType::u64;
  if constexpr (std::is_same_v<Number, int32_t>) return TensorType::i32;
  if constexpr (std::is_same_v<Number, uint32_t>) return TensorType::u32;
}

/// A tensor for writing that refers to `numbers`.
template <typename Number>
SafetensorsTensor make_tensor(std::string name, std::vector<int64_t> shape,
                              std::span<const Number> numbers) {
  return {std::move(name), tensor_type_of<Number>(), std::move(shape), std::as_bytes(numbers)};
}

/// What a file holds. The tensors' data point into `bytes`; movable, not copyable.
struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsTensor> tensors;  ///< in the order of their data
  std::vector<std::byte> bytes;            ///< empty when only the header was read
  bool checksum_verified = false;
  std::string origin;  ///< the file's name, for messages

  SafetensorsFile() = default;
  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  /// Null where there is no tensor of this name.
  const SafetensorsTensor* find(std::string_view name) const;

  /// Copies a tensor's numbers. Throws Error(corrupt) when it is missing or of another type.
  template <typename Number>
  std::vector<Number> values(std::string_view name) const {
    const std::span<const std::byte> data = data_of(name, tensor_type_of<Number>());
    std::vector<Number> numbers(data.size() / sizeof(Number));
    // Data of foreign files may be unaligned.
    std::copy(data.begin(), data.end(), std::as_writable_bytes(std::span(numbers)).begin());
    return numbers;
  }

 private:
  std::span<const std::byte> data_of(std::string_view name, TensorType type) const;
};

struct SafetensorsOptions {
  /// Our own files carry a checksum over their content (docs/checkpoint.md). false reads files of
  /// other programs; `checksum_verified` then tells whether one was there and right.
  bool require_checksum = true;
};

/// Reads a file whole. All rules of the format are checked before memory beyond the file's own
/// size is taken. Throws Error(io); Error(corrupt) naming file, expectation and finding.
SafetensorsFile read_safetensors(const std::string& path, const SafetensorsOptions& options = {});

/// The same for bytes already in memory.
SafetensorsFile parse_safetensors(std::vector<std::byte> bytes, std::string_view origin,
                                  const SafetensorsOptions& options = {});

/// Throws Error(corrupt) for a file whose checksum is missing or wrong; `advice` ends its message.
void require_checksum(const SafetensorsFile& file, std::string_view advice = {});

/// Names, types, shapes and metadata without the data: the tensors' `data` are empty. Checks the
/// header against the file's size, but no checksum.
SafetensorsFile read_safetensors_header(const std::string& path);

/// The bytes of a file with these tensors and metadata ("format": "pt" and the checksum are
/// added). Deterministic: tensors are ordered by alignment, then name. Throws
/// Error(invalid_argument) for bad names, sizes that do not fit, or text that is not UTF-8.
std::vector<std::byte> write_safetensors(std::vector<SafetensorsTensor> tensors,
                                         const std::map<std::string, std::string>& metadata);

}  // namespace vae
