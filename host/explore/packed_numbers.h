// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace vae {

/// Rows of equal length as whole numbers of 16 bits times a scale of each row, so that a number is
/// off by at most half the scale: the row's largest magnitude over 65534.
struct RoundedRows {
  std::vector<int16_t> numbers;
  std::vector<float> scales;  ///< One a row; 0 where all of the row is.

  /// The numbers that a reader gets.
  std::vector<float> values() const;
};
RoundedRows round_rows(std::span<const float> numbers, int64_t rows);

/// One block of bytes, little-endian, that holds the arrays of a page. Each is known by a
/// reference, {"type", "at", "count"}: its element type, first byte and length; of rounded rows
/// {"scales"} is the reference of these.
class PackedNumbers {
 public:
  nlohmann::json add(std::span<const float> numbers);
  nlohmann::json add(std::span<const int32_t> numbers);
  nlohmann::json add(std::span<const uint8_t> numbers);
  nlohmann::json add(const RoundedRows& rows);

  /// All of them as base64.
  std::string text() const;

 private:
  nlohmann::json append(const char* type, std::span<const std::byte> bytes, std::size_t count);

  std::vector<std::byte> bytes_;
};

}  // namespace vae
