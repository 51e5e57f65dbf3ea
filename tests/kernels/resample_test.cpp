// SPDX-License-Identifier: MIT
//
// Enlarged and averaged images, for equality of bits with chains written down plainly.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/backend_test.h"

namespace vae::testing {
namespace {

struct ResampleCase {
  int64_t images;
  ScaleGeometry g;

  Shape small() const { return {images, g.small()}; }
  Shape large() const { return {images, g.large()}; }
  /// Index in the large image of value `small` of all small ones and of a position of its square.
  std::size_t in_square(int64_t small, int64_t y, int64_t x) const {
    const int64_t c = small % g.channels, column = small / g.channels % g.width;
    const int64_t row = small / g.channels / g.width;  // of all images
    const int64_t position = (row * g.factor + y) * g.width * g.factor + column * g.factor + x;
    return static_cast<std::size_t>(position * g.channels + c);
  }
};

const std::vector<ResampleCase>& resample_cases() {
  static const std::vector<ResampleCase> cases = {
      {1, {1, 1, 1, 1}}, {2, {3, 5, 33, 2}},  {130, {2, 1, 3, 2}}, {3, {4, 2, 1, 3}},
      {2, {1, 3, 7, 5}}, {2, {7, 7, 130, 2}}, {1, {40, 3, 5, 4}},
  };
  return cases;
}

/// Calls body(value of all small images, y, x) for all squares, row by row.
template <typename Body>
void for_squares(const ResampleCase& c, Body body) {
  for (int64_t i = 0; i < c.small().count(); ++i) {
    for (int64_t y = 0; y < c.g.factor; ++y) {
      for (int64_t x = 0; x < c.g.factor; ++x) body(i, y, x);
    }
  }
}

std::vector<float> sums_of_squares(const ResampleCase& c, const std::vector<float>& large) {
  std::vector<float> sums(c.small().count(), 0.0f);
  for_squares(c, [&](int64_t i, int64_t y, int64_t x) { sums[i] += large[c.in_square(i, y, x)]; });
  return sums;
}

std::vector<float> with_slope(std::vector<float> gradient, const std::vector<float>& outputs) {
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] *= outputs[i] > 0.0f ? 1.0f : 0.01f;
  return gradient;
}

class ResampleTest : public BackendTest {};

TEST_P(ResampleTest, UpsamplingRepeatsEveryValue) {
  for (const ResampleCase& c : resample_cases()) {
    const auto x = random_values(c.small().count(), 1);
    const FloatTensor from(backend(), c.small(), x), y(backend(), c.large());
    backend().issue(UpsampleArgs{y, from.view(), c.g});
    std::vector<float> expected(c.large().count());
    for_squares(c, [&](int64_t i, int64_t row, int64_t column) {
      expected[c.in_square(i, row, column)] = x[i];
    });
    EXPECT_EQ(bits_of(y.values()), bits_of(expected)) << c.g.factor;
  }
}

TEST_P(ResampleTest, AveragesAreChainsTimesTheirShare) {
  for (const ResampleCase& c : resample_cases()) {
    const auto x = random_values(c.large().count(), 2);
    const FloatTensor from(backend(), c.large(), x), y(backend(), c.small());
    backend().issue(AveragePoolArgs{y, from.view(), c.g});
    std::vector<float> expected = sums_of_squares(c, x);
    for (float& value : expected) value *= 1.0f / static_cast<float>(c.g.factor * c.g.factor);
    EXPECT_EQ(bits_of(y.values()), bits_of(expected)) << c.g.factor;
  }
}

TEST_P(ResampleTest, GradientsOfUpsamplingAreSumsTimesTheSlope) {
  for (const ResampleCase& c : resample_cases()) {
    const auto dy = random_values(c.large().count(), 3), x = random_values(c.small().count(), 4);
    const FloatTensor of_dy(backend(), c.large(), dy), of_x(backend(), c.small(), x);
    const FloatTensor dx(backend(), c.small());
    UpsampleBackwardArgs args{dx, of_dy.view(), of_x.view(), {}, Activation::leaky_relu, c.g};
    auto expected = with_slope(sums_of_squares(c, dy), x);
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(expected)) << c.g.factor;
    args.accumulate = true;
    backend().issue(args);
    for (float& value : expected) value += value;
    EXPECT_EQ(bits_of(dx.values()), bits_of(expected)) << c.g.factor;
    args = {dx, of_dy.view(), {}, {}, Activation::none, c.g};
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(sums_of_squares(c, dy))) << c.g.factor;
  }
}

TEST_P(ResampleTest, GradientsOfAveragesAreSharesTimesTheSlope) {
  for (const ResampleCase& c : resample_cases()) {
    const auto dy = random_values(c.small().count(), 5), x = random_values(c.large().count(), 6);
    const FloatTensor of_dy(backend(), c.small(), dy), of_x(backend(), c.large(), x);
    const FloatTensor dx(backend(), c.large());
    AveragePoolBackwardArgs args{dx, of_dy.view(), of_x.view(), {}, Activation::leaky_relu, c.g};
    std::vector<float> expected(c.large().count());
    const float share = 1.0f / static_cast<float>(c.g.factor * c.g.factor);
    for_squares(c, [&](int64_t i, int64_t row, int64_t column) {
      expected[c.in_square(i, row, column)] = dy[i] * share;
    });
    expected = with_slope(expected, x);
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(expected)) << c.g.factor;
    args.accumulate = true;
    backend().issue(args);
    for (float& value : expected) value += value;
    EXPECT_EQ(bits_of(dx.values()), bits_of(expected)) << c.g.factor;
  }
}

TEST_P(ResampleTest, WrongSizesAreNamed) {
  const FloatTensor x(backend(), {2, 12}), y(backend(), {2, 48});
  const auto complaint = [&](const ScaleGeometry& g) {
    try {
      backend().issue(UpsampleArgs{y, x.view(), g});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(complaint({2, 2, 3, 0}), "upsample: factor must be positive, got 0");
  EXPECT_EQ(complaint({2, 2, 3, int64_t{1} << 40}), "upsample: factor is too large: 1099511627776");
  EXPECT_EQ(complaint({2, 2, 3, 3}), "upsample: y is [2, 48], expected [2, 108]");
  EXPECT_EQ(complaint({2, 2, 2, 2}), "upsample: x is [2, 12], expected [2, 8]");
}

VAE_INSTANTIATE_BACKENDS(ResampleTest);

}  // namespace
}  // namespace vae::testing
