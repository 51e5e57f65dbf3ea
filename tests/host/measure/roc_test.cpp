// SPDX-License-Identifier: MIT
#include "vae/roc.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

const std::vector<double> kUsualScores = {1.0, 2.0, 2.0, 5.0};
const std::vector<double> kOddScores = {2.0, 4.0, 6.0};

TEST(RocTest, TheAreaIsTheChanceThatAnOddOneScoresHigher) {
  const RocCurve curve = roc_curve(kUsualScores, kOddScores);
  double wins = 0.0;  // pair by pair
  for (const double odd : kOddScores) {
    for (const double usual : kUsualScores) wins += odd > usual ? 1.0 : odd == usual ? 0.5 : 0.0;
  }
  EXPECT_DOUBLE_EQ(curve.area, wins / 12.0);
  EXPECT_DOUBLE_EQ(roc_curve(kOddScores, kUsualScores).area, 1.0 - curve.area);
}

/// By hand: of the odd ones 1/2, 3/4 and 1 of the usual ones lie below, so that Var(W) = 1/16; of
/// the usual ones 1, 5/6, 5/6 and 1/3 of the odd ones above, so that Var(V) = 1/12.
TEST(RocTest, TheStandardErrorIsThatOfThePlacements) {
  const RocCurve curve = roc_curve(kUsualScores, kOddScores);
  EXPECT_NEAR(curve.standard_error, std::sqrt(1.0 / 12.0 / 4.0 + 1.0 / 16.0 / 3.0), 1e-12);
  EXPECT_EQ(roc_curve(std::vector<double>{1, 2}, std::vector<double>{3, 4}).standard_error, 0.0);
  EXPECT_TRUE(std::isnan(roc_curve(std::vector<double>{1.0}, kOddScores).standard_error));
}

TEST(RocTest, TheCurveGoesThroughEveryThresholdAndHasItsArea) {
  const RocCurve curve = roc_curve(kUsualScores, kOddScores);
  const double third = 1.0 / 3.0;
  EXPECT_EQ(curve.false_alarms, (std::vector<double>{0.0, 0.0, 0.25, 0.25, 0.75, 1.0}));
  EXPECT_EQ(curve.found, (std::vector<double>{0.0, third, third, 2.0 * third, 1.0, 1.0}));
  double below = 0.0;  // trapezia: a step of equal scores is a slope
  for (std::size_t i = 1; i < curve.found.size(); ++i) {
    below += (curve.false_alarms[i] - curve.false_alarms[i - 1]) *
             (curve.found[i] + curve.found[i - 1]) / 2.0;
  }
  EXPECT_NEAR(below, curve.area, 1e-12);
}

TEST(RocTest, InfiniteScoresAreScores) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> usual = {-kInfinity, 0.0}, odd = {kInfinity, -kInfinity};
  const RocCurve curve = roc_curve(usual, odd);
  EXPECT_DOUBLE_EQ(curve.area, 2.5 / 4.0);
  EXPECT_EQ(curve.found.back(), 1.0);
  EXPECT_EQ(curve.false_alarms.back(), 1.0);
}

TEST(RocTest, SaysWhatIsWrong) {
  const auto expect_refusal = [](const std::vector<double>& usual, const std::vector<double>& odd,
                                 const char* part) {
    test::expect_error(ErrorCode::invalid_argument, [&] { roc_curve(usual, odd); }, {part});
  };
  expect_refusal({}, kOddScores, "no scores of usual");
  expect_refusal(kUsualScores, {}, "no scores of odd");
  expect_refusal(kUsualScores, {1.0, std::nan("")}, "odd image 1 is not a number");
}

/// The first pixel of a column, from the top of the square, that a curve of this colour covers.
int64_t height_in_column(const Image& image, int64_t x, const std::vector<uint8_t>& colour) {
  for (int64_t y = 0; y < image.height; ++y) {
    const auto at = image.pixels.begin() + (y * image.width + x) * 3;
    if (std::equal(colour.begin(), colour.end(), at)) return y;
  }
  return -1;
}

TEST(RocTest, ACurveIsDrawnWhereItsSharesAre) {
  const std::vector<double> usual = {1.0, 2.0, 3.0, 4.0};
  const Image low = draw_roc_curves(std::vector<NamedRoc>{{"a", roc_curve(usual, usual)}}, 200);
  const Image high =
      draw_roc_curves(std::vector<NamedRoc>{{"a", roc_curve(usual, {{9.0, 9.0}})}}, 200);
  ASSERT_EQ(low.channels, 3);
  ASSERT_EQ(low.width, high.width);
  const std::vector<uint8_t> blue = {31, 119, 180};  // the first colour of a palette of one
  const int64_t middle = low.width / 2;
  const int64_t of_low = height_in_column(low, middle, blue);
  const int64_t of_high = height_in_column(high, middle, blue);
  ASSERT_GE(of_low, 0);
  ASSERT_GE(of_high, 0);
  EXPECT_GT(of_low, of_high + 50);
  EXPECT_LT(of_high, 25) << "at the top";
  EXPECT_NE(draw_roc_curves(std::vector<NamedRoc>{{"b", roc_curve(usual, usual)}}, 200).pixels,
            low.pixels)
      << "the name is written";
}

TEST(RocTest, PicturesThatCannotBeDrawnAreRefused) {
  const std::vector<NamedRoc> bad = {{"bad", {}}};
  test::expect_error(ErrorCode::invalid_argument, [&] { draw_roc_curves(bad); }, {"'bad'"});
  test::expect_error(ErrorCode::invalid_argument, [] { draw_roc_curves({}, 20); }, {"20 pixels"});
}

}  // namespace
}  // namespace vae
