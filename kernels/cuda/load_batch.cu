// SPDX-License-Identifier: MIT
//
// Gather from the 8-bit data set with permutation and binarisation. A block loads a few rows: some
// of its threads find their images, then each thread loads quads, for which one Philox counter
// draws. All arithmetic is in integers or exact, so the CPU's x results bit for bit.
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"
#include "kernels/permutation.h"
#include "kernels/philox.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = 256;  // also the most rows of a block

/// What a pixel becomes. Fixed and dynamic binarisation differ in the step that keys the draw.
enum class Rule { grey, threshold, draw };

/// Pixels 0 to 3 at `memory`; zeros from `remaining` on. `aligned`: to 4 bytes.
__device__ inline uchar4 load_pixels(const uint8_t* memory, std::size_t remaining, bool aligned) {
  if (aligned && remaining >= 4) return *reinterpret_cast<const uchar4*>(memory);
  uchar4 pixels = {};
  pixels.x = memory[0];
  if (remaining > 1) pixels.y = memory[1];
  if (remaining > 2) pixels.z = memory[2];
  if (remaining > 3) pixels.w = memory[3];
  return pixels;
}

template <Rule kRule>
__device__ inline float pixel_value(uint32_t pixel, uint32_t word) {
  if constexpr (kRule == Rule::grey) return static_cast<float>(pixel) / 255.0f;
  if constexpr (kRule == Rule::threshold) return pixel >= 128 ? 1.0f : 0.0f;
  return bernoulli_pixel(word, pixel) ? 1.0f : 0.0f;
}

template <Rule kRule>
__device__ inline Quad load_values(const uint8_t* memory, std::size_t remaining, bool aligned,
                                   const PhiloxRow& noise, uint32_t quad) {
  const uchar4 pixels = load_pixels(memory, remaining, aligned);
  PhiloxWords words = {};
  if constexpr (kRule == Rule::draw) words = philox_quad(noise, quad);
  return {{pixel_value<kRule>(pixels.x, words.word[0]), pixel_value<kRule>(pixels.y, words.word[1]),
           pixel_value<kRule>(pixels.z, words.word[2]),
           pixel_value<kRule>(pixels.w, words.word[3])}};
}

template <Rule kRule>
__global__ void __launch_bounds__(kThreads)
    load_batch_kernel(float* __restrict__ x,               // [B, X] out
                      const uint8_t* __restrict__ pixels,  // [N, X]
                      const StepState* state, std::size_t rows, std::size_t width, uint32_t images,
                      bool shuffle, bool dynamic, uint64_t seed, unsigned block_rows, bool aligned,
                      bool pixels_aligned) {
  VAE_SHARED(uint32_t, image_of, [kThreads]);
  const std::size_t first = std::size_t{blockIdx.x} * block_rows;
  const std::size_t left = rows - first;
  const unsigned count = left < block_rows ? static_cast<unsigned>(left) : block_rows;
  if (threadIdx.x < count) {
    const uint32_t position = state->first_row + static_cast<uint32_t>(first) + threadIdx.x;
    image_of[threadIdx.x] =
        shuffle ? permute(make_permutation(seed, state->epoch, images), position) : position;
  }
  __syncthreads();
  const uint32_t step = dynamic ? state->step : 0;
  const auto quads = static_cast<unsigned>(quads_of(width));
  for (unsigned i = threadIdx.x; i < count * quads; i += kThreads) {
    const unsigned row = i / quads, quad = i % quads;
    const std::size_t image = image_of[row], at = std::size_t{4} * quad;
    const PhiloxRow noise = philox_row(seed, vae::Stream::binarize, step, image_of[row]);
    const Quad values =
        load_values<kRule>(pixels + image * width + at, width - at, pixels_aligned, noise, quad);
    store_quad(x + (first + row) * width + at, values, width - at, aligned);
  }
}

// ---- launchers

auto* kernel_of(Binarization binarization) {
  switch (binarization) {
    case Binarization::threshold:
      return load_batch_kernel<Rule::threshold>;
    case Binarization::fixed:
    case Binarization::dynamic:
      return load_batch_kernel<Rule::draw>;
    case Binarization::none:
      break;
  }
  return load_batch_kernel<Rule::grey>;
}

}  // namespace

void CudaBackend::do_load_batch(const LoadBatchArgs& args) {
  const int64_t rows = args.x.rows(), width = args.x.cols(), images = args.pixels.rows();
  const int64_t quads = static_cast<int64_t>(quads_of(width));
  constexpr int64_t kMostQuads = int64_t{1} << 30;  // of a block, counted in 32 bits
  VAE_CHECK(quads <= kMostQuads, "load_batch: images of ", width, " values are too large");
  // Enough blocks to fill the card before a block takes more than one row.
  const int64_t filling = std::max<int64_t>(1, rows / (int64_t{4} * card_.multiprocessors));
  const int64_t block_rows = std::min({filling, int64_t{kThreads}, kMostQuads / quads});
  const auto blocks = static_cast<unsigned>((rows + block_rows - 1) / block_rows);
  stream_.launch("load_batch", {blocks, kThreads}, kernel_of(args.binarization), args.x.data,
                 args.pixels.data, args.state, rows, width, images, args.shuffle,
                 args.binarization == Binarization::dynamic, args.seed, block_rows,
                 width % 4 == 0 && aligned_to_quads(args.x.data),
                 width % 4 == 0 && reinterpret_cast<std::uintptr_t>(args.pixels.data) % 4 == 0);
}

}  // namespace vae::cuda
