// SPDX-License-Identifier: MIT
//
// Convolutions as products: operands whose elements are gathered from images while their tiles are
// loaded. A patch is what a kernel covers of an image. Its first tap lies at a place; places form a
// grid over every image, and depths or rows count through columns, rows, images. Taps count
// through channels, columns, rows. Outside the image a tap is 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/divisor.h"
#include "kernels/cuda/gemm_prologue.h"
#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/instructions.h"

namespace vae::cuda {

/// A place or a tap, in rows and columns of an image.
struct Place {
  int image, y, x;
};
struct Tap {
  int y, x, channel;
};

/// Images [images, height, width, channels] and the taps of their patches.
struct Patches {
  const float* data;
  int extent;  // rows of the operand
  int height, width, channels;
  int tap_step;  // from tap to tap in the image: 1, or -1 in the adjoint
  Divisor of_channels, of_taps_across;
  bool in_quads;  // four channels lie side by side, aligned to 16 bytes

  __device__ Tap tap(int index) const {
    const int tap = index / of_channels, row = tap / of_taps_across;
    return {row * tap_step, (tap - row * static_cast<int>(of_taps_across)) * tap_step,
            index - tap * static_cast<int>(of_channels)};
  }
  __device__ bool contain(int y, int x) const {
    return static_cast<unsigned>(y) < static_cast<unsigned>(height) &&
           static_cast<unsigned>(x) < static_cast<unsigned>(width);
  }
};

/// The places, of numbers that are divided by as Size says.
template <typename Size>
struct PlaceGrid {
  Size rows, columns;    // in each image
  int first_y, first_x;  // in the image, negative where it is padded
  int step_y, step_x;    // from place to place

  __device__ Place place(int index) const {
    const int row = index / columns, image = row / rows;
    return {image, first_y + (row - image * static_cast<int>(rows)) * step_y,
            first_x + (index - row * static_cast<int>(columns)) * step_x};
  }
};

/// Patches as rows, of which depth counts the taps.
struct PatchRows : Patches {
  static constexpr Major kMajor = Major::depth;
  static constexpr SumOver kSumOver = SumOver::features;
  template <typename Tile, int kExtent>
  class Loader;

  PlaceGrid<int> grid;  // a division for each row of a tile, once
};

/// Places are found once and kept in shared memory, a thread's tap once for each tile.
template <typename Tile, int kExtent>
class PatchRows::Loader {
 public:
  __device__ Loader(const PatchRows& patches, int first, bool /*leader*/) : patches_(patches) {
    static_assert(kExtent <= Tile::kThreads);
    VAE_SHARED(PackedPlace, places, [kExtent]);
    const int row = first + static_cast<int>(threadIdx.x);
    if (threadIdx.x < kExtent) {
      PackedPlace packed = {0, kOutside, kOutside};
      if (row < patches.extent) {
        const Place place = patches.grid.place(row);
        packed = {(place.image * patches.height + place.y) * patches.width + place.x,
                  static_cast<int16_t>(place.y), static_cast<int16_t>(place.x)};
      }
      places[threadIdx.x] = packed;
    }
    __syncthreads();
    places_ = places;
  }

  __device__ void fetch(float* shared, int depth, int end) const {
    if (patches_.in_quads) {
      VAE_UNROLL
      for (int i = 0; i < kExtent; i += kLines<4>) copy<4>(shared, depth, end, i);
    } else {  // not unrolled, as in MatrixLoader
      const int lines = static_cast<int>(blockDim.x) * kLines<1> / Tile::kThreads;
      for (int i = 0; i < kExtent; i += lines) copy<1>(shared, depth, end, i);
    }
  }
  __device__ void store(float*) const {}

 private:
  /// In 8 bytes, so that a large tile with its places fits twice where it does without them.
  struct PackedPlace {
    int pixel;  // counted through all images
    int16_t y, x;
  };
  static constexpr int16_t kOutside = INT16_MIN;  // so far that no tap is inside
  using Shared = SharedTile<Major::depth, kExtent, Tile::kDepth>;
  /// Lines of the tile that the block copies at a time, in pieces of so many floats.
  template <int kFloats>
  static constexpr int kLines = Tile::kThreads / (Tile::kDepth / kFloats);
  static_assert(kExtent % kLines<1> == 0 && kExtent % kLines<4> == 0);

  template <int kFloats>
  __device__ void copy(float* shared, int depth, int end, int first_line) const {
    constexpr int kInLine = Tile::kDepth / kFloats;
    const int thread = static_cast<int>(threadIdx.x);
    const int line = first_line + thread / kInLine, inner = thread % kInLine * kFloats;
    const Tap tap = patches_.tap(depth + inner);
    const PackedPlace place = places_[line];
    const bool valid = depth + inner < end && patches_.contain(place.y + tap.y, place.x + tap.x);
    const int pixel = place.pixel + tap.y * patches_.width + tap.x;
    const std::size_t offset =
        static_cast<std::size_t>(pixel) * static_cast<std::size_t>(patches_.channels) +
        static_cast<std::size_t>(tap.channel);
    copy_async<4 * kFloats>(shared + Shared::at(line, inner), patches_.data + (valid ? offset : 0),
                            valid);
  }

  const PatchRows patches_;
  const PackedPlace* places_;  // [kExtent] in shared memory
};

/// Patches as columns: the operand's rows are the taps, and depth counts the places.
struct PatchColumns : Patches {
  static constexpr Major kMajor = Major::extent;
  static constexpr SumOver kSumOver = SumOver::features;
  template <typename Tile, int kExtent>
  class Loader;

  PlaceGrid<Divisor> grid;
};

/// A thread has one tap, or four neighbouring channels of one, at several depths of each tile.
template <typename Tile, int kExtent>
class PatchColumns::Loader {
 public:
  __device__ Loader(const PatchColumns& patches, int first, bool /*leader*/) : patches_(patches) {
    const int floats = patches.in_quads ? 4 : 1, thread = static_cast<int>(threadIdx.x);
    own_ = thread % (kExtent / floats) * floats;
    wanted_ = first + own_ < patches.extent;
    tap_ = patches.tap(first + own_);
  }

  __device__ void fetch(float* shared, int depth, int end) const {
    if (patches_.in_quads) {
      VAE_UNROLL
      for (int i = 0; i < Tile::kDepth; i += kLines<4>) copy<4>(shared, depth, end, i);
    } else {  // not unrolled, as in MatrixLoader
      const int lines = static_cast<int>(blockDim.x) * kLines<1> / Tile::kThreads;
      for (int i = 0; i < Tile::kDepth; i += lines) copy<1>(shared, depth, end, i);
    }
  }
  __device__ void store(float*) const {}

 private:
  using Shared = SharedTile<Major::extent, kExtent, Tile::kDepth>;
  template <int kFloats>
  static constexpr int kLines = Tile::kThreads / (kExtent / kFloats);
  static_assert(Tile::kDepth % kLines<1> == 0 && Tile::kDepth % kLines<4> == 0);

  template <int kFloats>
  __device__ void copy(float* shared, int depth, int end, int first_line) const {
    const int line = first_line + static_cast<int>(threadIdx.x) / (kExtent / kFloats);
    const Place place = patches_.grid.place(depth + line);
    const int y = place.y + tap_.y, x = place.x + tap_.x;
    const bool valid = wanted_ && depth + line < end && patches_.contain(y, x);
    const int pixel = (place.image * patches_.height + y) * patches_.width + x;
    const std::size_t offset =
        static_cast<std::size_t>(pixel) * static_cast<std::size_t>(patches_.channels) +
        static_cast<std::size_t>(tap_.channel);
    copy_async<4 * kFloats>(shared + Shared::at(own_, line), patches_.data + (valid ? offset : 0),
                            valid);
  }

  const PatchColumns patches_;
  int own_;  // of the tile
  bool wanted_;
  Tap tap_;
};

/// The weights [filters, kernel_height, kernel_width, channels] of a convolution in its adjoint: a
/// row for each channel, and depth counts through filters, then taps, of which a class of pixels
/// sees every stride-th.
struct AdjointWeights {
  static constexpr Major kMajor = Major::extent;
  static constexpr SumOver kSumOver = SumOver::features;
  template <typename Tile, int kExtent>
  using Loader = MatrixLoader<Tile, kExtent, AdjointWeights>;

  const float* data;
  int extent;  // channels
  int kernel_height, kernel_width;
  int first_y, first_x;  // the first tap
  int step_y, step_x;    // from tap to tap
  Divisor of_filters, of_taps_across;
  bool in_quads;

  __device__ std::size_t offset(int own, int k) const {
    const int tap = k / of_filters, row = tap / of_taps_across;
    const int filter = k - tap * static_cast<int>(of_filters);
    const int y = first_y + row * step_y;
    const int x = first_x + (tap - row * static_cast<int>(of_taps_across)) * step_x;
    const int of_kernel = (filter * kernel_height + y) * kernel_width + x;
    return static_cast<std::size_t>(of_kernel) * static_cast<std::size_t>(extent) +
           static_cast<std::size_t>(own);
  }
};

}  // namespace vae::cuda
