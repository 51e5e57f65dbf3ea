// SPDX-License-Identifier: MIT
#include "host/explore/packed_numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace vae {
namespace {

TEST(PackedNumbersTest, ARoundedNumberIsOffByHalfOfItsRowsScale) {
  std::vector<float> numbers;
  for (int i = 0; i < 300; ++i) {
    const float size = i < 100 ? 1e-3f : i < 200 ? 1.0f : 1e4f;
    numbers.push_back(size * static_cast<float>(std::sin(1.7 * i)));
  }
  const RoundedRows rounded = round_rows(numbers, 3);
  ASSERT_EQ(rounded.scales.size(), 3u);
  const std::vector<float> values = rounded.values();
  ASSERT_EQ(values.size(), numbers.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double scale = rounded.scales[i / 100];
    EXPECT_LE(std::abs(values[i] - numbers[i]), 0.5001 * scale) << i;
    EXPECT_LE(scale, 1.0001 * (i < 100 ? 1e-3 : i < 200 ? 1.0 : 1e4) / 32767) << i;
  }
}

TEST(PackedNumbersTest, TheLargestMagnitudeIsKeptAndZerosStayZeros) {
  const std::vector<float> numbers = {0, 0, 0, -3, 1.5f, 3, 5, -7, 0};
  const RoundedRows rounded = round_rows(numbers, 3);
  EXPECT_EQ(rounded.numbers[3], -32767);
  EXPECT_EQ(rounded.numbers[5], 32767);
  EXPECT_EQ(rounded.numbers[7], -32767);
  for (const size_t zero : {0, 1, 2, 8}) EXPECT_EQ(rounded.values()[zero], 0.0f);
  EXPECT_FLOAT_EQ(rounded.values()[7], -7.0f);
}

TEST(PackedNumbersTest, EveryArrayBeginsWhereATypedArrayMay) {
  PackedNumbers packed;
  const std::vector<uint8_t> bytes = {1, 2, 3};
  const std::vector<float> floats = {1.5f, -2.0f};
  const nlohmann::json first = packed.add(std::span<const uint8_t>(bytes));
  const nlohmann::json rows = packed.add(round_rows(std::vector<float>{1, 2, 3}, 1));
  const nlohmann::json last = packed.add(std::span<const float>(floats));
  EXPECT_EQ(first, (nlohmann::json{{"type", "u8"}, {"at", 0}, {"count", 3}}));
  EXPECT_EQ(rows["at"], 4);
  EXPECT_EQ(rows["count"], 3);
  EXPECT_EQ(rows["scales"], (nlohmann::json{{"type", "f32"}, {"at", 12}, {"count", 1}}));
  EXPECT_EQ(last, (nlohmann::json{{"type", "f32"}, {"at", 16}, {"count", 2}}));
  EXPECT_EQ(packed.text().size(), 32u) << "24 bytes";
  EXPECT_EQ(packed.text().substr(0, 5), "AQIDA");
}

}  // namespace
}  // namespace vae
