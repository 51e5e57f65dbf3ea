// SPDX-License-Identifier: MIT
//
// Gather from the 8-bit data set with permutation and binarisation. A block loads a few rows: some
// of its threads find their images, then each thread loads quads, for which one Philox counter
// draws.
#include "kernels/cuda/pixels.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"
#include "kernels/philox.h"
#include "kernels/rules/binarization.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = 256;  // also the most rows of a block

template <typename Rule>
__global__ void __launch_bounds__(kThreads)
    load_batch_kernel(float* __restrict__ x,               // [B, X] out
                      const uint8_t* __restrict__ pixels,  // [N, X]
                      const StepState* state, std::size_t rows, std::size_t width, uint32_t images,
                      bool shuffle, uint64_t seed, uint32_t first_draw, unsigned block_rows,
                      bool aligned, bool pixels_aligned) {
  VAE_SHARED(uint32_t, image_of, [kThreads]);
  const std::size_t first = std::size_t{blockIdx.x} * block_rows;
  const unsigned count =
      find_images(image_of, first, rows, block_rows, *state, images, shuffle, seed);
  const uint32_t step = Rule::draw_step(state->step);
  const auto quads = static_cast<unsigned>(quads_of(width));
  for (unsigned i = threadIdx.x; i < count * quads; i += kThreads) {
    const unsigned row = i / quads, quad = i % quads;
    const std::size_t image = image_of[row], at = std::size_t{4} * quad;
    const PhiloxRow noise =
        philox_row(seed, vae::Stream::binarize, step, first_draw + image_of[row]);
    const uchar4 loaded = load_pixels(pixels + image * width + at, width - at, pixels_aligned);
    store_quad(x + (first + row) * width + at, pixel_values(Rule(), loaded, noise, quad),
               width - at, aligned);
  }
}

}  // namespace

// ---- launchers

void CudaBackend::run(const LoadBatchArgs& args) {
  const int64_t rows = args.x.rows(), width = args.x.cols(), images = args.pixels.rows();
  const int64_t quads = static_cast<int64_t>(quads_of(width));
  constexpr int64_t kMostQuads = int64_t{1} << 30;  // of a block, counted in 32 bits
  VAE_CHECK(quads <= kMostQuads, "load_batch: images of ", width, " values are too large");
  // Enough blocks to fill the card before a block takes more than one row.
  const int64_t filling = std::max<int64_t>(1, rows / (int64_t{4} * card_.multiprocessors));
  const int64_t block_rows = std::min({filling, int64_t{kThreads}, kMostQuads / quads});
  const auto blocks = static_cast<unsigned>((rows + block_rows - 1) / block_rows);
  visit(args.binarization, [&](auto rule) {
    stream_.launch("load_batch", {blocks, kThreads}, load_batch_kernel<decltype(rule)>, args.x.data,
                   args.pixels.data, args.state, rows, width, images, args.shuffle, args.seed,
                   args.first_draw, block_rows, width % 4 == 0 && aligned_to_quads(args.x.data),
                   width % 4 == 0 && reinterpret_cast<std::uintptr_t>(args.pixels.data) % 4 == 0);
  });
}

}  // namespace vae::cuda
