// SPDX-License-Identifier: MIT
//
// Clips whose last seen frame moves on: against sums in binary64 written down plainly, and the
// gradient against central differences of these.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/backend_test.h"

namespace vae::testing {
namespace {

struct TransportCase {
  int64_t images, samples;
  TransportGeometry g;

  int64_t rows() const { return images * samples; }
  Shape clips() const { return {images, g.clip()}; }
  Shape moved() const { return {rows(), g.clip()}; }
  Shape motion() const { return {rows(), g.motion()}; }
};

const std::vector<TransportCase>& transport_cases() {
  // A block of the card has 2048 pixels: some frames are a piece and more, and one is just that.
  static const std::vector<TransportCase> cases = {
      {1, 1, {1, 1, 2, 1, 1, 1}},     {2, 1, {6, 4, 5, 2, 3, 2}},   {1, 3, {8, 12, 4, 3, 2, 4}},
      {3, 1, {5, 5, 7, 1, 5, 5}},     {2, 2, {16, 8, 3, 2, 4, 2}},  {1, 1, {48, 56, 2, 1, 12, 14}},
      {1, 2, {32, 32, 12, 10, 8, 8}}, {1, 1, {32, 64, 3, 1, 4, 8}},
  };
  return cases;
}

/// Of pixels a third is lit.
std::vector<float> lit_clips(const TransportCase& c) {
  std::vector<float> x = random_values(c.clips().count(), 1);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 3 == 0 || x[i] > 0.9f ? std::abs(x[i]) : 0;
  return x;
}

/// Steps of some pixels, and spreads from narrow ones to wide ones.
std::vector<float> motions(const TransportCase& c) {
  std::vector<float> motion = random_values(c.motion().count(), 2);
  for (std::size_t i = 0; i < motion.size(); ++i) {
    motion[i] = i % 3 == 2 ? 2.0f * motion[i] - 2.0f : 1.5f * motion[i];
  }
  return motion;
}

double tent(double u) { return std::max(0.0, 1.0 - std::abs(u)); }

/// A predicted frame of one row, in binary64.
std::vector<double> reference_frame(const TransportGeometry& g, const float* x,
                                    const std::vector<double>& motion, int64_t frame) {
  std::vector<double> out(static_cast<std::size_t>(g.pixels()));
  for (int64_t pixel = 0; pixel < g.pixels(); ++pixel) {
    const double value = x[pixel * g.frames + g.seen - 1];
    if (value == 0) continue;
    const int64_t row = pixel / g.width, column = pixel % g.width;
    const int64_t cell =
        row / (g.height / g.cells_down) * g.cells_across + column / (g.width / g.cells_across);
    const double* const of_cell = motion.data() + cell * g.cell_numbers();
    double down = static_cast<double>(row), aside = static_cast<double>(column);
    for (int64_t i = 0; i <= frame; ++i) {
      down += of_cell[3 * i];
      aside += of_cell[3 * i + 1];
    }
    const double spread = 1.0 + std::log1p(std::exp(of_cell[3 * frame + 2] + 2.94892025));
    for (int64_t to = 0; to < g.pixels(); ++to) {
      out[to] += value / (spread * spread) *
                 tent((static_cast<double>(to / g.width) - down) / spread) *
                 tent((static_cast<double>(to % g.width) - aside) / spread);
    }
  }
  return out;
}

std::vector<double> row_motion(const TransportCase& c, const std::vector<float>& motion,
                               int64_t row) {
  const auto begin = motion.begin() + row * c.g.motion();
  return {begin, begin + c.g.motion()};
}

class TransportTest : public BackendTest {};

TEST_P(TransportTest, MovesEveryLitPixelAlongThePathOfItsCell) {
  for (const TransportCase& c : transport_cases()) {
    const std::vector<float> x = lit_clips(c), motion = motions(c);
    const FloatTensor of_x(backend(), c.clips(), x), of_motion(backend(), c.motion(), motion);
    const FloatTensor y(backend(), c.moved());
    backend().issue(TransportArgs{y, of_x.view(), of_motion.view(), c.g});
    std::vector<double> expected(c.moved().count());
    for (int64_t row = 0; row < c.rows(); ++row) {
      const float* const clip = x.data() + row / c.samples * c.g.clip();
      double* const to = expected.data() + row * c.g.clip();
      for (int64_t pixel = 0; pixel < c.g.pixels(); ++pixel) {
        for (int64_t t = 0; t < c.g.seen; ++t) {
          to[pixel * c.g.frames + t] = clip[pixel * c.g.frames + t];
        }
      }
      for (int64_t frame = 0; frame < c.g.predicted(); ++frame) {
        const auto moved = reference_frame(c.g, clip, row_motion(c, motion, row), frame);
        for (int64_t pixel = 0; pixel < c.g.pixels(); ++pixel) {
          to[pixel * c.g.frames + c.g.seen + frame] = moved[pixel];
        }
      }
    }
    EXPECT_LT(worst_error(y.values(), expected), 1e-5) << c.g.height << " x " << c.g.width;
  }
}

/// sum of dy times the predicted frames of a row.
double reference_objective(const TransportCase& c, const float* clip, const float* dy,
                           const std::vector<double>& motion) {
  double sum = 0.0;
  for (int64_t frame = 0; frame < c.g.predicted(); ++frame) {
    const std::vector<double> moved = reference_frame(c.g, clip, motion, frame);
    for (int64_t pixel = 0; pixel < c.g.pixels(); ++pixel) {
      sum += dy[pixel * c.g.frames + c.g.seen + frame] * moved[pixel];
    }
  }
  return sum;
}

TEST_P(TransportTest, TheGradientIsThatOfCentralDifferences) {
  constexpr double kStep = 1e-6;  // tents have kinks: almost no place is this near to one
  for (const TransportCase& c : transport_cases()) {
    if (c.g.pixels() > 1000) continue;  // slow in the reference
    const std::vector<float> x = lit_clips(c), motion = motions(c);
    const std::vector<float> dy = random_values(c.moved().count(), 3);
    const FloatTensor of_x(backend(), c.clips(), x), of_motion(backend(), c.motion(), motion);
    const FloatTensor of_dy(backend(), c.moved(), dy), dmotion(backend(), c.motion());
    backend().issue(
        TransportBackwardArgs{dmotion, of_dy.view(), of_x.view(), of_motion.view(), c.g});
    std::vector<double> expected;
    for (int64_t row = 0; row < c.rows(); ++row) {
      const float* const clip = x.data() + row / c.samples * c.g.clip();
      const float* const of_row = dy.data() + row * c.g.clip();
      std::vector<double> at = row_motion(c, motion, row);
      for (double& number : at) {
        const double before = number;
        number = before + kStep;
        const double above = reference_objective(c, clip, of_row, at);
        number = before - kStep;
        expected.push_back((above - reference_objective(c, clip, of_row, at)) / (2.0 * kStep));
        number = before;
      }
    }
    EXPECT_LT(worst_error(dmotion.values(), expected), 1e-4) << c.g.height << " x " << c.g.width;
  }
}

/// Rows and cells beyond what the threads of a small card take at once.
TEST_P(TransportTest, EqualRowsHaveEqualGradients) {
  const TransportCase c{1, 150, {8, 8, 3, 1, 8, 8}}, one{1, 1, c.g};
  const auto repeated = [&](const std::vector<float>& row) {
    std::vector<float> rows;
    for (int64_t i = 0; i < c.rows(); ++i) rows.insert(rows.end(), row.begin(), row.end());
    return rows;
  };
  const std::vector<float> dy = repeated(random_values(one.moved().count(), 3));
  const FloatTensor x(backend(), c.clips(), std::vector<float>(c.g.clip(), 0.5f));
  const FloatTensor motion(backend(), c.motion(), repeated(motions(one)));
  const FloatTensor of_dy(backend(), c.moved(), dy), dmotion(backend(), c.motion());
  backend().issue(TransportBackwardArgs{dmotion, of_dy.view(), x.view(), motion.view(), c.g});
  const std::vector<float> found = dmotion.values();
  const std::vector<float> first(found.begin(), found.begin() + c.g.motion());
  EXPECT_NE(first, std::vector<float>(first.size(), 0.0f));
  EXPECT_EQ(bits_of(found), bits_of(repeated(first)));
}

/// Results are written, whatever was there; of most cells of a clip no pixel is lit.
TEST_P(TransportTest, DarkCellsAreWrittenToo) {
  const TransportGeometry g{6, 6, 4, 1, 3, 3};
  const float dirt = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> clip(static_cast<std::size_t>(g.clip()), 0.0f);
  clip[0] = 1.0f;
  const FloatTensor x(backend(), {1, g.clip()}, clip);
  const FloatTensor dy(backend(), {1, g.clip()}, random_values(g.clip(), 3));
  const FloatTensor motion(backend(), {1, g.motion()},
                           std::vector<float>(static_cast<std::size_t>(g.motion()), 0.0f));
  const FloatTensor y(backend(), {1, g.clip()}, std::vector<float>(clip.size(), dirt));
  const FloatTensor dmotion(backend(), {1, g.motion()}, std::vector<float>(g.motion(), dirt));
  backend().issue(TransportArgs{y, x.view(), motion.view(), g});
  backend().issue(TransportBackwardArgs{dmotion, dy.view(), x.view(), motion.view(), g});
  for (const float value : y.values()) EXPECT_TRUE(std::isfinite(value));
  const std::vector<float> slopes = dmotion.values();
  for (std::size_t i = 0; i < slopes.size(); ++i) {
    if (i < static_cast<std::size_t>(g.cell_numbers())) {
      EXPECT_NE(slopes[i], 0.0f);
    } else {
      EXPECT_EQ(slopes[i], 0.0f) << i;
    }
  }
}

/// Light that leaves a frame is lost, also where a step is longer than any frame.
TEST_P(TransportTest, NothingIsLeftOfWhatMovesOut) {
  const TransportGeometry g{4, 4, 3, 1, 2, 2};
  for (const float step : {12.0f, -12.0f, 1e9f, -1e9f, 1e30f}) {
    std::vector<float> motion(static_cast<std::size_t>(g.motion()), 0.0f);
    for (std::size_t i = 0; i < motion.size(); i += 3) motion[i] = motion[i + 1] = step;
    const FloatTensor x(backend(), {1, g.clip()}, std::vector<float>(g.clip(), 1.0f));
    const FloatTensor of_motion(backend(), {1, g.motion()}, motion), y(backend(), {1, g.clip()});
    const FloatTensor dmotion(backend(), {1, g.motion()});
    backend().issue(TransportArgs{y, x.view(), of_motion.view(), g});
    backend().issue(TransportBackwardArgs{dmotion, x.view(), x.view(), of_motion.view(), g});
    const std::vector<float> moved = y.values();
    for (std::size_t i = 0; i < moved.size(); ++i) EXPECT_EQ(moved[i], i % 3 == 0 ? 1.0f : 0.0f);
    for (const float slope : dmotion.values()) EXPECT_EQ(slope, 0.0f);
  }
}

/// A motion that is no number is seen in the frame, and in its gradient.
TEST_P(TransportTest, WhatIsNoNumberStaysVisible) {
  const TransportGeometry g{4, 4, 3, 1, 2, 2};
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 3.4e38f}) {
    for (const std::size_t at : {std::size_t{0}, std::size_t{2}}) {
      std::vector<float> motion(static_cast<std::size_t>(g.motion()), 0.0f);
      motion[at] = bad;
      const FloatTensor x(backend(), {1, g.clip()}, std::vector<float>(g.clip(), 1.0f));
      const FloatTensor of_motion(backend(), {1, g.motion()}, motion), y(backend(), {1, g.clip()});
      const FloatTensor dmotion(backend(), {1, g.motion()});
      backend().issue(TransportArgs{y, x.view(), of_motion.view(), g});
      backend().issue(TransportBackwardArgs{dmotion, x.view(), x.view(), of_motion.view(), g});
      EXPECT_TRUE(std::isnan(y.values()[1])) << bad;
      EXPECT_TRUE(std::isnan(dmotion.values()[at == 0 ? 0 : 2])) << bad;
    }
  }
}

TEST_P(TransportTest, RefusesShapesThatDoNotFit) {
  const TransportGeometry g{4, 4, 3, 1, 2, 2};
  const FloatTensor x(backend(), {1, g.clip()}), motion(backend(), {1, g.motion()});
  const FloatTensor y(backend(), {1, g.clip()}), short_motion(backend(), {1, g.motion() - 1});
  EXPECT_THROW(backend().issue(TransportArgs{y, x.view(), short_motion.view(), g}), Error);
  TransportGeometry all_seen = g;
  all_seen.seen = 3;
  EXPECT_THROW(backend().issue(TransportArgs{y, x.view(), motion.view(), all_seen}), Error);
  TransportGeometry uneven = g;
  uneven.cells_down = 3;
  EXPECT_THROW(backend().issue(TransportArgs{y, x.view(), motion.view(), uneven}), Error);
}

VAE_INSTANTIATE_BACKENDS(TransportTest);

}  // namespace
}  // namespace vae::testing
