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
  bool is_dark(int64_t down, int64_t across) const {
    bool dark = true;
    for_lit_pixels(down, across, [&](int64_t, int64_t, float) { dark = false; });
    return dark;
  }
};

/// All moves of a clip's cells, [h, w, T - S]. Those of dark cells, which are most, are left out.
std::vector<Move> moves_of(const MovedClip& clip) {
  const TransportGeometry& g = clip.g;
  std::vector<Move> moves(static_cast<std::size_t>(g.cells_down * g.cells_across * g.predicted()));
  Move* of_cell = moves.data();
  for (int64_t down = 0; down < g.cells_down; ++down) {
    for (int64_t across = 0; across < g.cells_across; ++across, of_cell += g.predicted()) {
      if (clip.is_dark(down, across)) continue;
      for (int64_t frame = 0; frame < g.predicted(); ++frame) {
        of_cell[frame] = move_to(clip.motion_of(down, across), frame);
      }
    }
  }
  return moves;
}

/// The frames that are predicted, one after the other.
std::vector<float> moved_frames(const VectorOps& ops, const MovedClip& clip) {
  const TransportGeometry& g = clip.g;
  const std::vector<Move> moves = moves_of(clip);
  std::vector<float> frames(static_cast<std::size_t>(g.predicted() * g.pixels()));
  std::vector<float> heights(static_cast<std::size_t>(g.width));
  for (int64_t row = 0; row < g.height; ++row) {
    for (int64_t column = 0; column < g.width; ++column) {
      const float value = clip.last_seen(row, column);
      if (value == 0.0f) continue;
      const int64_t cell = row / g.cell_height() * g.cells_across + column / g.cell_width();
      for (int64_t frame = 0; frame < g.predicted(); ++frame) {
        const Move& move = moves[static_cast<std::size_t>(cell * g.predicted() + frame)];
        ops.add_spot(frames.data() + frame * g.pixels(), g.width,
                     clip.spot(value, row, column, move), heights.data());
      }
    }
  }
  return frames;
}

/// Of the frames that are predicted, one after the other, from pixels with all frames side by side;
/// with room behind the last for the columns that lanes read too many.
std::vector<float> frames_apart(const TransportGeometry& g, const float* dy) {
  std::vector<float> frames(
      static_cast<std::size_t>(g.predicted() * g.pixels() + kMostSpotLanes - 1));
  for (int64_t pixel = 0; pixel < g.pixels(); ++pixel) {
    for (int64_t frame = 0; frame < g.predicted(); ++frame) {
      frames[static_cast<std::size_t>(frame * g.pixels() + pixel)] =
          dy[pixel * g.frames + g.seen + frame];
    }
  }
  return frames;
}

/// The gradient of a cell's motion: a step moves its frame and all that follow. `tents` has room
/// for those of a frame's rows.
void cell_gradient(const VectorOps& ops, const MovedClip& clip, int64_t down, int64_t across,
                   const float* dy, std::vector<Tent>& tents, float* dmotion) {
  const TransportGeometry& g = clip.g;
  if (clip.is_dark(down, across)) {
    std::fill_n(dmotion, g.cell_numbers(), 0.0f);
    return;
  }
  const float* const motion = clip.motion_of(down, across);
  float steps_down = 0.0f, steps_aside = 0.0f;
  for (int64_t frame = g.predicted() - 1; frame >= 0; --frame) {
    const Move move = move_to(motion, frame);
    const float* const pixels = dy + frame * g.pixels();
    SpotSlopes sum;
    clip.for_lit_pixels(down, across, [&](int64_t row, int64_t column, float value) {
      const Spot spot = clip.spot(value, row, column, move);
      add_slopes(sum, spot, ops.slopes_of_spot(pixels, g.width, spot, tents.data()));
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
    const MovedClip clip{g, x, args.motion.data + row * g.motion()};
    const std::vector<float> frames = moved_frames(ops_, clip);
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
    std::vector<Tent> tents(static_cast<std::size_t>(g.height));
    for (int64_t down = 0; down < g.cells_down; ++down) {
      for (int64_t across = 0; across < g.cells_across; ++across) {
        cell_gradient(ops_, clip, down, across, dy.data(), tents, dmotion);
        dmotion += g.cell_numbers();
      }
    }
  });
}

}  // namespace vae::cpu
