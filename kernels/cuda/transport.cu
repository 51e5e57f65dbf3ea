// SPDX-License-Identifier: MIT
//
// Clips whose last seen frame moves on. Light is gathered, not scattered, so that every sum has the
// order of the CPU's: a block has a piece of a frame and goes through all lit pixels, 256 at a
// time, whose spots its threads make together.
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/transport.h"

// The launchers' side.
#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kTransportThreads = 256;
constexpr int kThreadPixels = 8;  // of a frame, a block's threads apart
constexpr unsigned kBlockPixels = kTransportThreads * kThreadPixels;

/// The sizes of clips and cells, in 32 bits: kernels divide by them.
struct Clips {
  unsigned rows, repeat;  // clips, and how many of them have one x
  unsigned height, width, frames, seen;
  unsigned cells_down, cells_across, cell_height, cell_width;

  __device__ unsigned pixels() const { return height * width; }
  __device__ unsigned predicted() const { return frames - seen; }
  __device__ unsigned cells() const { return cells_down * cells_across; }
  __device__ std::size_t clip() const { return std::size_t{pixels()} * frames; }
  __device__ std::size_t cell_numbers() const { return std::size_t{kMotionNumbers} * predicted(); }
  __device__ const float* motion_of(const float* motion, unsigned row, unsigned cell) const {
    return motion + (std::size_t{row} * cells() + cell) * cell_numbers();
  }
  __device__ unsigned cell_of(unsigned pixel) const {
    return pixel / width / cell_height * cells_across + pixel % width / cell_width;
  }
  __device__ Spot spot(float value, unsigned pixel, const Move& move) const {
    return spot_of(value, static_cast<int>(pixel / width), static_cast<int>(pixel % width), move,
                   static_cast<int>(height), static_cast<int>(width));
  }
};

__device__ inline bool holds(const PixelRange& range, int pixel) {
  return range.first <= pixel && pixel <= range.last;
}

/// What a spot adds to a pixel that it reaches.
__device__ inline float light_at(const Spot& spot, int row, int column) {
  const float light = spot.mass * tent_at(row, spot.y, spot.inverse).height;
  return light * tent_at(column, spot.x, spot.inverse).height;
}

/// Blocks: pieces of a frame, then predicted frames, then clips.
__global__ void __launch_bounds__(kTransportThreads)
    transport_kernel(float* __restrict__ y,             // [B*K, H*W*T] out
                     const float* __restrict__ x,       // [B, H*W*T]
                     const float* __restrict__ motion,  // [B*K, h*w*3 (T - S)]
                     const Clips clips) {
  VAE_SHARED(Spot, spots, [kTransportThreads]);
  VAE_SHARED(int, lit, [kTransportThreads]);
  const unsigned pieces = (clips.pixels() + kBlockPixels - 1) / kBlockPixels;
  const unsigned piece = blockIdx.x % pieces, frame = blockIdx.x / pieces % clips.predicted();
  const unsigned row = blockIdx.x / pieces / clips.predicted();
  const float* const seen = x + row / clips.repeat * clips.clip();
  const unsigned first = piece * kBlockPixels + threadIdx.x;
  float sums[kThreadPixels] = {};
  for (unsigned from = 0; from < clips.pixels(); from += kTransportThreads) {
    const unsigned pixel = from + threadIdx.x;
    float value = 0.0f;
    if (pixel < clips.pixels()) value = seen[std::size_t{pixel} * clips.frames + clips.seen - 1];
    lit[threadIdx.x] = value != 0.0f ? 1 : 0;
    if (value != 0.0f) {
      const float* const numbers = clips.motion_of(motion, row, clips.cell_of(pixel));
      spots[threadIdx.x] = clips.spot(value, pixel, move_to(numbers, frame));
    }
    __syncthreads();
    for (int source = 0; source < kTransportThreads; ++source) {
      if (lit[source] == 0) continue;
      const Spot spot = spots[source];
      VAE_UNROLL
      for (int i = 0; i < kThreadPixels; ++i) {
        const unsigned target = first + static_cast<unsigned>(i) * kTransportThreads;
        const int down = static_cast<int>(target / clips.width);
        const int across = static_cast<int>(target % clips.width);
        if (holds(spot.rows, down) && holds(spot.columns, across)) {
          sums[i] += light_at(spot, down, across);
        }
      }
    }
    __syncthreads();
  }
  float* const to = y + row * clips.clip();
  VAE_UNROLL
  for (int i = 0; i < kThreadPixels; ++i) {
    const unsigned target = first + static_cast<unsigned>(i) * kTransportThreads;
    if (target >= clips.pixels()) continue;
    const std::size_t at = std::size_t{target} * clips.frames;
    to[at + clips.seen + frame] = sums[i];
    for (unsigned shown = frame; shown < clips.seen; shown += clips.predicted()) {
      to[at + shown] = seen[at + shown];
    }
  }
}

/// A thread has a cell and a frame: the gradient of where the cell is then, not yet of its steps.
__global__ void __launch_bounds__(kTransportThreads)
    transport_places_kernel(float* __restrict__ dmotion,       // [B*K, h*w*3 (T - S)] out
                            const float* __restrict__ dy,      // [B*K, H*W*T]
                            const float* __restrict__ x,       // [B, H*W*T]
                            const float* __restrict__ motion,  // as dmotion
                            const Clips clips) {
  const std::size_t count = std::size_t{clips.rows} * clips.cells() * clips.predicted();
  const std::size_t stride = std::size_t{gridDim.x} * kTransportThreads;
  for (std::size_t i = std::size_t{blockIdx.x} * kTransportThreads + threadIdx.x; i < count;
       i += stride) {
    const auto frame = static_cast<unsigned>(i % clips.predicted());
    const auto cell = static_cast<unsigned>(i / clips.predicted() % clips.cells());
    const auto row = static_cast<unsigned>(i / clips.predicted() / clips.cells());
    const float* const seen = x + row / clips.repeat * clips.clip();
    const float* const gradient = dy + row * clips.clip();
    const float* const numbers = clips.motion_of(motion, row, cell);
    const Move move = move_to(numbers, frame);
    const unsigned top = cell / clips.cells_across * clips.cell_height;
    const unsigned left = cell % clips.cells_across * clips.cell_width;
    SpotSlopes sum;
    for (unsigned pixel = 0; pixel < clips.cell_height * clips.cell_width; ++pixel) {
      const unsigned at =
          (top + pixel / clips.cell_width) * clips.width + left + pixel % clips.cell_width;
      const float value = seen[std::size_t{at} * clips.frames + clips.seen - 1];
      if (value == 0.0f) continue;
      const Spot spot = clips.spot(value, at, move);
      const auto tent = [&](int down) { return tent_at(down, spot.y, spot.inverse); };
      const auto of_frame = [&](int down, int column) {
        const std::size_t target = static_cast<std::size_t>(down) * clips.width + column;
        return gradient[target * clips.frames + clips.seen + frame];
      };
      add_slopes(sum, spot, spot_slopes<float>(spot, tent, of_frame));
    }
    float* const d = dmotion + (numbers - motion) + kMotionNumbers * frame;
    d[0] = sum.down;
    d[1] = sum.aside;
    d[2] = sum.spread * spread_slope(numbers[kMotionNumbers * frame + 2]);
  }
}

/// A thread has a cell: a step moves its frame and all that follow.
__global__ void __launch_bounds__(kTransportThreads)
    transport_steps_kernel(float* dmotion,  // [B*K, h*w*3 (T - S)] in/out
                           const Clips clips) {
  const std::size_t count = std::size_t{clips.rows} * clips.cells();
  const std::size_t stride = std::size_t{gridDim.x} * kTransportThreads;
  for (std::size_t i = std::size_t{blockIdx.x} * kTransportThreads + threadIdx.x; i < count;
       i += stride) {
    float* const cell = dmotion + i * clips.cell_numbers();
    float down = 0.0f, aside = 0.0f;
    for (unsigned frame = clips.predicted(); frame-- > 0;) {
      float* const d = cell + kMotionNumbers * frame;
      down += d[0];
      aside += d[1];
      d[0] = down;
      d[1] = aside;
    }
  }
}

// ---- launchers

Clips clips_of(const char* name, const TransportGeometry& g, int64_t rows, int64_t images) {
  VAE_CHECK(g.clip() < int64_t{1} << 30 && rows < int64_t{1} << 30, name, ": clips of ", g.clip(),
            " values, ", rows, " of them, are too many for one launch");
  return {static_cast<unsigned>(rows),
          static_cast<unsigned>(rows / images),
          static_cast<unsigned>(g.height),
          static_cast<unsigned>(g.width),
          static_cast<unsigned>(g.frames),
          static_cast<unsigned>(g.seen),
          static_cast<unsigned>(g.cells_down),
          static_cast<unsigned>(g.cells_across),
          static_cast<unsigned>(g.cell_height()),
          static_cast<unsigned>(g.cell_width())};
}

}  // namespace

void CudaBackend::run(const TransportArgs& args) {
  const TransportGeometry& g = args.geometry;
  const Clips clips = clips_of("transport", g, args.y.rows(), args.x.rows());
  const int64_t pieces = (g.pixels() + kBlockPixels - 1) / kBlockPixels;
  const int64_t blocks = pieces * g.predicted() * args.y.rows();
  VAE_CHECK(blocks < int64_t{1} << 31, "transport: ", blocks,
            " blocks are too many for one launch");
  stream_.launch("transport", {static_cast<unsigned>(blocks), kTransportThreads}, transport_kernel,
                 args.y.data, args.x.data, args.motion.data, clips);
}

void CudaBackend::run(const TransportBackwardArgs& args) {
  const TransportGeometry& g = args.geometry;
  const Clips clips = clips_of("transport_backward", g, args.dy.rows(), args.x.rows());
  const int64_t cells = args.dy.rows() * g.cells_down * g.cells_across;
  const auto shape = [&](int64_t threads) {
    return LaunchShape{grid_of(threads, kTransportThreads, card_.multiprocessors),
                       kTransportThreads};
  };
  stream_.launch("transport_backward", shape(cells * g.predicted()), transport_places_kernel,
                 args.dmotion.data, args.dy.data, args.x.data, args.motion.data, clips);
  stream_.launch("transport_backward", shape(cells), transport_steps_kernel, args.dmotion.data,
                 clips);
}

}  // namespace vae::cuda
