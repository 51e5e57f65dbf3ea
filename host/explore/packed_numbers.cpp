// SPDX-License-Identifier: MIT
#include "host/explore/packed_numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "host/text/html.h"
#include "kernels/check.h"

namespace vae {

static_assert(std::endian::native == std::endian::little, "the page's bytes are those of memory");

RoundedRows round_rows(std::span<const float> numbers, int64_t rows) {
  constexpr float kLargest = 32767.0f;
  const auto count = static_cast<std::size_t>(rows);
  VAE_CHECK(rows > 0 && numbers.size() % count == 0, "round_rows: ", numbers.size(),
            " numbers are not ", rows, " rows");
  const std::size_t length = numbers.size() / count;
  RoundedRows rounded;
  rounded.numbers.reserve(numbers.size());
  for (std::size_t row = 0; row < count; ++row) {
    const std::span<const float> values = numbers.subspan(row * length, length);
    float largest = 0.0f;
    for (const float value : values) largest = std::max(largest, std::abs(value));
    const float scale = largest / kLargest;
    for (const float value : values) {
      const float whole = scale > 0.0f ? std::nearbyint(value / scale) : 0.0f;
      rounded.numbers.push_back(static_cast<int16_t>(std::clamp(whole, -kLargest, kLargest)));
    }
    rounded.scales.push_back(scale);
  }
  return rounded;
}

std::vector<float> RoundedRows::values() const {
  const std::size_t length = scales.empty() ? 0 : numbers.size() / scales.size();
  std::vector<float> all;
  all.reserve(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    all.push_back(static_cast<float>(numbers[i]) * scales[i / length]);
  }
  return all;
}

nlohmann::json PackedNumbers::append(const char* type, std::span<const std::byte> bytes,
                                     std::size_t count) {
  constexpr std::size_t kAlignment = 4;  // of what a typed array may begin at
  while (bytes_.size() % kAlignment != 0) bytes_.push_back({});
  const std::size_t at = bytes_.size();
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return {{"type", type}, {"at", at}, {"count", count}};
}

nlohmann::json PackedNumbers::add(std::span<const float> numbers) {
  return append("f32", std::as_bytes(numbers), numbers.size());
}

nlohmann::json PackedNumbers::add(std::span<const int32_t> numbers) {
  return append("i32", std::as_bytes(numbers), numbers.size());
}

nlohmann::json PackedNumbers::add(std::span<const uint8_t> numbers) {
  return append("u8", std::as_bytes(numbers), numbers.size());
}

nlohmann::json PackedNumbers::add(const RoundedRows& rows) {
  nlohmann::json reference =
      append("i16", std::as_bytes(std::span(rows.numbers)), rows.numbers.size());
  reference["scales"] = add(std::span<const float>(rows.scales));
  return reference;
}

std::string PackedNumbers::text() const { return encode_base64(bytes_); }

}  // namespace vae
