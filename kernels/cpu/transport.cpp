// SPDX-License-Identifier: MIT
//
// Clips whose last seen frame moves on; one task a clip. Frames lie apart there while light is
// added to them, so that a row of pixels is one piece of memory.
#include "kernels/rules/transport.h"

#include <algorithm>
#include <vector>

#include "kernels/cpu/cpu_backend.h"

namespace vae::cpu {

namespace {

constexpr int kLanes = 8;  // columns whose gradients are summed side by side

/// One clip: what is seen, and the motion of its cells.
struct MovedClip {
  const TransportGeometry& g;
  const float* x;
  const float* motion;

  const float* motion_of(int64_t down, int64_t across) const {
    return motion + (down * g.cells_across + across) * g.cell_numbers();
  }
  float last_seen(int64_t row, int64_t column) const {
    return x[(row * g.width + column) * g.frames + g.seen - 1];
  }
  Spot spot(float value, int64_t row, int64_t column, const Move& move) const {
    return spot_of(value, static_cast<int>(row), static_cast<int>(column), move,
                   static_cast<int>(g.height), static_cast<int>(g.width));
  }

  /// Calls body(row, column, value) for the lit pixels of a cell, row by row.
  template <typename Body>
  void for_lit_pixels(int64_t down, int64_t across, Body body) const {
    for (int64_t row = down * g.cell_height(); row < (down + 1) * g.cell_height(); ++row) {
      const int64_t first = across * g.cell_width(), end = first + g.cell_width();
      for (int64_t column = first; column < end; ++column) {
        const float value = last_seen(row, column);
        if (value != 0.0f) body(row, column, value);
      }
    }
  }
};

/// `across` has room for the heights of a tent's columns.
void add_light(float* frame, int64_t width, const Spot& spot, std::vector<float>& across) {
  const int first = spot.columns.first, count = spot.columns.last - first + 1;
  float* const heights = across.data();
  for (int i = 0; i < count; ++i) heights[i] = tent_at(first + i, spot.x, spot.inverse).height;
  for (int row = spot.rows.first; row <= spot.rows.last; ++row) {
    const float light = spot.mass * tent_at(row, spot.y, spot.inverse).height;
    float* const pixels = frame + row * width + first;
    for (int i = 0; i < count; ++i) pixels[i] += light * heights[i];
  }
}

/// All moves of a clip's cells, [h, w, T - S].
std::vector<Move> moves_of(const MovedClip& clip) {
  const TransportGeometry& g = clip.g;
  std::vector<Move> moves;
  moves.reserve(static_cast<std::size_t>(g.cells_down * g.cells_across * g.predicted()));
  for (int64_t cell = 0; cell < g.cells_down * g.cells_across; ++cell) {
    for (int64_t frame = 0; frame < g.predicted(); ++frame) {
      moves.push_back(move_to(clip.motion + cell * g.cell_numbers(), frame));
    }
  }
  return moves;
}

/// The frames that are predicted, one after the other.
std::vector<float> moved_frames(const MovedClip& clip) {
  const TransportGeometry& g = clip.g;
  const std::vector<Move> moves = moves_of(clip);
  std::vector<float> frames(static_cast<std::size_t>(g.predicted() * g.pixels()));
  std::vector<float> across(static_cast<std::size_t>(g.width));
  for (int64_t row = 0; row < g.height; ++row) {
    for (int64_t column = 0; column < g.width; ++column) {
      const float value = clip.last_seen(row, column);
      if (value == 0.0f) continue;
      const int64_t cell = row / g.cell_height() * g.cells_across + column / g.cell_width();
      for (int64_t frame = 0; frame < g.predicted(); ++frame) {
        const Move& move = moves[static_cast<std::size_t>(cell * g.predicted() + frame)];
        add_light(frames.data() + frame * g.pixels(), g.width,
                  clip.spot(value, row, column, move), across);
      }
    }
  }
  return frames;
}

/// Of the frames that are predicted, one after the other, from pixels with all frames side by side;
/// with room behind the last for the columns that lanes read too many.
std::vector<float> frames_apart(const TransportGeometry& g, const float* dy) {
  std::vector<float> frames(static_cast<std::size_t>(g.predicted() * g.pixels() + kLanes - 1));
  for (int64_t pixel = 0; pixel < g.pixels(); ++pixel) {
    for (int64_t frame = 0; frame < g.predicted(); ++frame) {
      frames[static_cast<std::size_t>(frame * g.pixels() + pixel)] =
          dy[pixel * g.frames + g.seen + frame];
    }
  }
  return frames;
}

/// The gradient of a cell's motion: a step moves its frame and all that follow.
void cell_gradient(const MovedClip& clip, int64_t down, int64_t across, const float* dy,
                   float* dmotion) {
  const TransportGeometry& g = clip.g;
  const float* const motion = clip.motion_of(down, across);
  float steps_down = 0.0f, steps_aside = 0.0f;
  for (int64_t frame = g.predicted() - 1; frame >= 0; --frame) {
    const Move move = move_to(motion, frame);
    const float* const pixels = dy + frame * g.pixels();
    const auto gradient = [&](int row, int column) { return pixels[row * g.width + column]; };
    SpotSlopes sum;
    clip.for_lit_pixels(down, across, [&](int64_t row, int64_t column, float value) {
      const Spot spot = clip.spot(value, row, column, move);
      add_slopes(sum, spot, spot_slopes<kLanes>(spot, gradient));
    });
    steps_down += sum.down;
    steps_aside += sum.aside;
    float* const d = dmotion + kMotionNumbers * frame;
    d[0] = steps_down;
    d[1] = steps_aside;
    d[2] = sum.spread * spread_slope(motion[kMotionNumbers * frame + 2]);
  }
}

}  // namespace

void CpuBackend::run(const TransportArgs& args) {
  const TransportGeometry& g = args.geometry;
  const int64_t repeat = args.y.rows() / args.x.rows();
  for_ranges(args.y.rows(), 1, [&](int64_t row, int64_t) {
    const float* const x = args.x.data + row / repeat * g.clip();
    const std::vector<float> frames = moved_frames({g, x, args.motion.data + row * g.motion()});
    float* y = args.y.data + row * g.clip();
    for (int64_t pixel = 0; pixel < g.pixels(); ++pixel) {
      y = std::copy_n(x + pixel * g.frames, g.seen, y);
      for (int64_t frame = 0; frame < g.predicted(); ++frame) {
        *y++ = frames[static_cast<std::size_t>(frame * g.pixels() + pixel)];
      }
    }
  });
}

void CpuBackend::run(const TransportBackwardArgs& args) {
  const TransportGeometry& g = args.geometry;
  const int64_t repeat = args.dy.rows() / args.x.rows();
  for_ranges(args.dy.rows(), 1, [&](int64_t row, int64_t) {
    const MovedClip clip{g, args.x.data + row / repeat * g.clip(),
                         args.motion.data + row * g.motion()};
    const std::vector<float> dy = frames_apart(g, args.dy.data + row * g.clip());
    float* dmotion = args.dmotion.data + row * g.motion();
    for (int64_t down = 0; down < g.cells_down; ++down) {
      for (int64_t across = 0; across < g.cells_across; ++across) {
        cell_gradient(clip, down, across, dy.data(), dmotion);
        dmotion += g.cell_numbers();
      }
    }
  });
}

}  // namespace vae::cpu
