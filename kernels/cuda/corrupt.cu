// SPDX-License-Identifier: MIT
//
// Corrupted images. As in load_batch some threads of a block find the images of its rows, then each
// thread takes quads, for which one Philox counter draws normals.
#include "kernels/cuda/pixels.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"
#include "kernels/philox.h"
#include "kernels/rules/corruption.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kCorruptThreads = 256;  // also the most rows of a block

/// Of values 4 quad .. 4 quad + 3 of a row.
__device__ inline Quad normals_of_quad(const PhiloxRow& noise, uint32_t quad) {
  const PhiloxWords words = philox_quad(noise, quad);
  Quad normals;
  normals_from_words(words.word[0], words.word[1], normals.value[0], normals.value[1]);
  normals_from_words(words.word[2], words.word[3], normals.value[2], normals.value[3]);
  return normals;
}

/// The sides of images, in 32 bits: kernels divide by them.
struct ImageSides {
  unsigned height, width, channels;

  __device__ bool shows(uint32_t shown, unsigned value) const {
    const unsigned pixel = value / channels;
    return is_shown(shown, pixel / width, pixel % width, height, width);
  }
  /// Of a pixel's values, which lie side by side.
  __device__ unsigned channel_of(unsigned value) const { return value % channels; }
};

template <typename Rule>
__global__ void __launch_bounds__(kCorruptThreads)
    corrupt_kernel(float* __restrict__ y,        // [B, X] out
                   float* __restrict__ counted,  // [B, X] out, or null
                   const float* __restrict__ x,  // [B, X]
                   const StepState* state, std::size_t rows, const ImageSides sides, float amount,
                   uint32_t images, bool shuffle, uint64_t seed, uint32_t first_draw,
                   unsigned block_rows, bool aligned) {
  VAE_SHARED(uint32_t, image_of, [kCorruptThreads]);
  const std::size_t first = std::size_t{blockIdx.x} * block_rows;
  const unsigned count =
      find_images(image_of, first, rows, block_rows, *state, images, shuffle, seed);
  const unsigned width = sides.height * sides.width * sides.channels;
  const auto quads = static_cast<unsigned>(quads_of(width));
  for (unsigned i = threadIdx.x; i < count * quads; i += kCorruptThreads) {
    const unsigned row = i / quads, quad = i % quads, rest = width - 4 * quad;
    const std::size_t at = (first + row) * width + 4 * quad;
    const PhiloxRow noise =
        philox_row(seed, vae::Stream::corruption, state->step, first_draw + image_of[row]);
    Quad values = load_quad(x + at, rest, aligned), weights = {}, normals = {};
    uint32_t shown = 0;
    if constexpr (Rule::kNormals) normals = normals_of_quad(noise, quad);
    if constexpr (Rule::kQuadrants) {
      shown = Rule::quadrants(noise, static_cast<int>(amount));
    }
    VAE_UNROLL
    for (unsigned j = 0; j < 4; ++j) {
      bool is_seen = false;
      if constexpr (Rule::kQuadrants) is_seen = sides.shows(shown, 4 * quad + j);
      if constexpr (Rule::kFrames) {
        is_seen = sides.channel_of(4 * quad + j) < static_cast<unsigned>(amount);
      }
      weights.value[j] = Rule::counted(is_seen);
      values.value[j] = Rule::value(values.value[j], normals.value[j], is_seen, amount);
    }
    store_quad(y + at, values, rest, aligned);
    if (counted != nullptr) store_quad(counted + at, weights, rest, aligned);
  }
}

}  // namespace

// ---- launchers

void CudaBackend::run(const CorruptArgs& args) {
  constexpr int64_t kMostQuads = int64_t{1} << 28;  // of a block, counted in 32 bits
  constexpr int64_t kBlockQuads = 1 << 10;
  const int64_t rows = args.x.rows(), width = args.x.cols();
  const auto quads = static_cast<int64_t>(quads_of(width));
  VAE_CHECK(quads <= kMostQuads, "corrupt: images of ", width, " values are too large");
  const int64_t block_rows =
      std::min<int64_t>(std::max<int64_t>(1, kBlockQuads / quads), kCorruptThreads);
  const auto blocks = static_cast<unsigned>((rows + block_rows - 1) / block_rows);
  const ImageSides sides{static_cast<unsigned>(args.height), static_cast<unsigned>(args.width),
                         static_cast<unsigned>(args.channels)};
  const bool aligned =
      width % 4 == 0 && aligned_to_quads(args.y.data, args.counted.data, args.x.data);
  visit(args.kind, [&](auto rule) {
    stream_.launch("corrupt", {blocks, kCorruptThreads}, corrupt_kernel<decltype(rule)>,
                   args.y.data, args.counted.data, args.x.data, args.state, rows, sides,
                   args.amount, args.images, args.shuffle, args.seed, args.first_draw, block_rows,
                   aligned);
  });
}

}  // namespace vae::cuda
