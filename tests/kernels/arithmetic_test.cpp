// SPDX-License-Identifier: MIT
#include "kernels/arithmetic.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/effort.h"

namespace vae {
namespace {

/// Bit patterns that have broken such code before: zeros, subnormals, powers of two and their
/// neighbours, infinities, NaN; and numbers of few bits, whose products and sums are often halfway
/// between two others.
template <typename Float, typename Bits>
class AwkwardNumbers {
 public:
  static constexpr int kMantissa = std::numeric_limits<Float>::digits - 1;
  static constexpr Bits kFields = Bits{2} * std::numeric_limits<Float>::max_exponent - 1;

  Float any() { return of_field(random() % (kFields + 1)); }
  /// Within some powers of two of x.
  Float near(Float x) {
    const auto field = static_cast<int64_t>(std::bit_cast<Bits>(x) >> kMantissa & kFields);
    const int64_t near = field + static_cast<int64_t>(random() % 128) - 64;
    return of_field(static_cast<Bits>(std::clamp<int64_t>(near, 0, kFields)));
  }

 private:
  uint64_t random() { return generator_(); }

  Float of_field(Bits field) {
    const Bits all = (Bits{1} << kMantissa) - 1;
    const Bits some = static_cast<Bits>(random());
    const Bits mantissas[] = {0,           1,          2,
                              all,         all - 1,    all / 2,
                              all / 2 + 1, some & all, some & all & ~(all >> 6),
                              some & 7,    some & all};
    const Bits mantissa = mantissas[random() % std::size(mantissas)];
    const Bits sign = static_cast<Bits>(random() & 1) << (kMantissa + std::bit_width(kFields));
    return std::bit_cast<Float>(sign | field << kMantissa | mantissa);
  }

  std::mt19937_64 generator_{7};
};

template <typename Float, typename Bits>
void expect_exact_multiply_adds(int64_t count) {
  AwkwardNumbers<Float, Bits> numbers;
  for (int64_t i = 0; i < count; ++i) {
    const Float a = numbers.any(), b = i % 8 == 0 ? numbers.any() : numbers.near(Float{1} / a);
    const Float c = i % 4 == 0 ? numbers.any() : numbers.near(a * b);
    const Float exact = std::fma(a, b, c), found = fused_multiply_add(a, b, c);
    if (std::isnan(exact)) {
      ASSERT_TRUE(std::isnan(found)) << a << ' ' << b << ' ' << c;
    } else {
      ASSERT_EQ(std::bit_cast<Bits>(found), std::bit_cast<Bits>(exact))
          << std::hexfloat << a << " * " << b << " + " << c << " = " << exact << ", not " << found;
    }
  }
}

TEST(ArithmeticTest, AFusedMultiplyAddRoundsOnce) {
  const int64_t count = test::repetitions(20'000'000, 400'000, 100'000);
  expect_exact_multiply_adds<float, uint32_t>(count);
  expect_exact_multiply_adds<double, uint64_t>(count);
}

TEST(ArithmeticTest, AFusedMultiplyAddKnowsTheHardCases) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  // Below halfway by 2^-70, which a sum in binary64 loses.
  EXPECT_EQ(fused_multiply_add(0x1.000002p0f, 0x1.fffffcp-25f, 0x1.000002p0f), 0x1.000002p0f);
  EXPECT_EQ(fused_multiply_add(0x1p-75f, 0x1p-75f, tiny), 2.0f * tiny);  // halfway: to even
  EXPECT_EQ(fused_multiply_add(0x1.fffffep-76f, 0x1p-75f, tiny), tiny);
  EXPECT_EQ(fused_multiply_add(0x1.8p-75f, 0x1p-75f, 0.0f), tiny);
  EXPECT_EQ(fused_multiply_add(0x1p-75f, 0x1p-75f, 0.0f), 0.0f);
  EXPECT_TRUE(std::signbit(fused_multiply_add(-0x1p-100f, 0x1p-100f, 0.0f)));
  EXPECT_TRUE(std::signbit(fused_multiply_add(-0x1p-600, 0x1p-600, 0.0)));
  EXPECT_EQ(fused_multiply_add(0x1p127f, 2.0f, -0x1p127f), 0x1p127f);
  EXPECT_EQ(fused_multiply_add(0x1p1023, 2.0, -0x1p1023), 0x1p1023);
}

TEST(ArithmeticTest, LimitsKeepNan) {
  EXPECT_TRUE(std::isnan(clamped(std::nanf(""), -1.0f, 1.0f)));
  EXPECT_EQ(clamped(-2.0f, -1.0f, 1.0f), -1.0f);
  EXPECT_EQ(clamped(2.0, -1.0, 1.0), 1.0);
}

}  // namespace
}  // namespace vae
