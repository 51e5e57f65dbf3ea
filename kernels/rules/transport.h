// SPDX-License-Identifier: MIT
//
// How what was seen moves on: each lit pixel of a clip's last seen frame goes along a path of its
// cell, and is spread over what is around its place in every later frame. The network says by how
// much the place changes from frame to frame, and how wide the spread is, so that what is uncertain
// is blurred and a place that is far off still has a slope towards where it should be.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"

namespace vae {

/// What the network says of a cell and a frame, side by side: steps down and aside since the frame
/// before, in pixels, and a number that the spread is made of.
static constexpr int kMotionNumbers = 3;

/// Spreads begin at 1 + softplus(this) = 4 pixels, where motions begin near 0.
static constexpr float kSpreadShift = 2.94892025f;

/// From the last seen frame to a later one.
struct Move {
  float down = 0.0f, aside = 0.0f;  // pixels
  float spread = 1.0f;              // pixels to each side, at least 1
};

VAE_HD static inline float spread_of(float number) {
  return 1.0f + softplus(number + kSpreadShift);
}
VAE_HD static inline float spread_slope(float number) { return sigmoid(number + kSpreadShift); }

/// To later frame number `frame`, from 0, of what a cell's motion says.
VAE_HD static inline Move move_to(const float* motion, int64_t frame) {
  Move move;
  for (int64_t i = 0; i <= frame; ++i) {
    move.down += motion[kMotionNumbers * i];
    move.aside += motion[kMotionNumbers * i + 1];
  }
  move.spread = spread_of(motion[kMotionNumbers * frame + 2]);
  return move;
}

/// Pixels first .. last along one side of a frame; none where last is below first.
struct PixelRange {
  int first, last;
};

/// Those within `spread` of a finite place, of `size` pixels.
VAE_HD static inline PixelRange pixels_around(float place, float spread, int size) {
  const auto end = static_cast<float>(size);
  const float low = clamped(place - spread, 0.0f, end);
  const float high = clamped(place + spread, -1.0f, end - 1.0f) + 1.0f;
  const int first = static_cast<int>(low), behind = static_cast<int>(high);
  return {static_cast<float>(first) < low ? first + 1 : first, behind - 1};
}

/// One pixel's light in a later frame: mass times a tent down times a tent across.
struct Spot {
  float y, x;                // its place
  float inverse;             // 1 / spread
  float mass;                // of the pixel, over the spread's square
  PixelRange rows, columns;  // where it is not 0
};

/// Of a pixel at (row, column) with `value` in frames of height x width. A move that is no number
/// leaves none, where the pixel was, so that it does not go unseen.
VAE_HD static inline Spot spot_of(float value, int row, int column, const Move& move, int height,
                                  int width) {
  constexpr float kLargest = 3.0e38f;
  const float y = static_cast<float>(row) + move.down;
  const float x = static_cast<float>(column) + move.aside;
  if (absolute(y) + absolute(x) + move.spread <= kLargest) {
    const float inverse = 1.0f / move.spread;
    return {y,
            x,
            inverse,
            value * (inverse * inverse),
            pixels_around(y, move.spread, height),
            pixels_around(x, move.spread, width)};
  }
  return {static_cast<float>(row),
          static_cast<float>(column),
          1.0f,
          float_from_bits(0x7fc00000u),
          {row, row},
          {column, column}};
}

/// A tent of height 1 over one side, at one pixel.
struct Tent {
  float height = 0.0f;    // 1 - distance, 0 at least
  float side = 0.0f;      // +1 behind its top, -1 before it
  float distance = 0.0f;  // from the top, in spreads
};

VAE_HD static inline Tent tent_at(int pixel, float place, float inverse) {
  const float u = (static_cast<float>(pixel) - place) * inverse;
  const float distance = absolute(u), height = 1.0f - distance;
  const float reached = height > 0.0f ? 1.0f : 0.0f;  // no branch: half of them are not
  const float side = (u > 0.0f ? 1.0f : 0.0f) - (u < 0.0f ? 1.0f : 0.0f);
  return {height * reached, side * reached, distance * reached};
}

/// What a frame's gradient says of one spot, apart from the factor mass / spread: of its place down
/// and aside, and of its spread.
struct SpotSlopes {
  float down = 0.0f, aside = 0.0f, spread = 0.0f;
};

/// Neighbouring columns that are summed side by side: a float is one of them, a vector several.
template <typename Lanes>
VAE_HD static inline float lane_of(const Lanes& lanes, int lane) {
  if constexpr (sizeof(Lanes) == sizeof(float)) {
    return lanes;
  } else {
    return lanes[lane];
  }
}

/// down(row) is the spot's tent down, dy(row, column) the gradient of the frame there, of as many
/// columns as Lanes has; those behind the spot's last one do not matter. Chains of additions, of a
/// column's rows and then of the columns: not of fused multiply-adds, which are slow on processors
/// without them.
VAE_HD_CALLS_BACK
template <typename Lanes, typename Down, typename Gradient>
VAE_HD static inline SpotSlopes spot_slopes(const Spot& spot, Down down, Gradient dy) {
  constexpr int kLanes = sizeof(Lanes) / sizeof(float);
  SpotSlopes slopes;
  for (int first = spot.columns.first; first <= spot.columns.last; first += kLanes) {
    // Of each column: sums with the tent down, with its side, and with what a wider spread does.
    Lanes heights = {}, sides = {}, wider = {};
    for (int row = spot.rows.first; row <= spot.rows.last; ++row) {
      const Tent tent = down(row);
      const Lanes g = dy(row, first);
      heights += tent.height * g;
      sides += tent.side * g;
      wider += (tent.distance - 2.0f * tent.height) * g;
    }
    for (int lane = 0; lane < kLanes && first + lane <= spot.columns.last; ++lane) {
      const Tent across = tent_at(first + lane, spot.x, spot.inverse);
      const float height = lane_of(heights, lane);
      slopes.down += across.height * lane_of(sides, lane);
      slopes.aside += across.side * height;
      slopes.spread += across.height * lane_of(wider, lane);
      slopes.spread += across.distance * height;
    }
  }
  return slopes;
}

/// Adds what one pixel says of its cell's move.
VAE_HD static inline void add_slopes(SpotSlopes& sum, const Spot& spot, const SpotSlopes& slopes) {
  const float factor = spot.mass * spot.inverse;
  sum.down += factor * slopes.down;
  sum.aside += factor * slopes.aside;
  sum.spread += factor * slopes.spread;
}

}  // namespace vae
