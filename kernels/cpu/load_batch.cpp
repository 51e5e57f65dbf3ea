// SPDX-License-Identifier: MIT
//
// Gather from the 8-bit data set with permutation and binarisation; one task a few rows.
#include <algorithm>

#include "kernels/cpu/batch_order.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/rules/binarization.h"

namespace vae::cpu {

namespace {

constexpr int64_t kLoadedRows = 16;  // of 784 pixels: some 10 us of work

/// Asks for the beginning of an image, whose place the processor cannot foresee.
void fetch_pixels(const uint8_t* pixels, int64_t width) {
  constexpr int64_t kLineBytes = 64, kMost = 4096;  // the rest follows on from it
  for (int64_t at = 0; at < std::min(width, kMost); at += kLineBytes) {
    __builtin_prefetch(pixels + at);
  }
}

}  // namespace

void CpuBackend::run(const LoadBatchArgs& args) {
  const int64_t width = args.x.cols();
  const BatchOrder image_at(args, args.pixels.rows());
  const uint32_t step =
      visit(args.binarization, [&](auto rule) { return rule.draw_step(args.state->step); });
  for_ranges(args.x.rows(), kLoadedRows, [&](int64_t first, int64_t last) {
    uint32_t next = image_at(first);
    for (int64_t row = first; row < last; ++row) {
      const uint32_t image = next;
      if (row + 1 < last) {
        next = image_at(row + 1);
        fetch_pixels(args.pixels.data + next * width, width);
      }
      float* const x = args.x.data + row * width;
      const uint8_t* const pixels = args.pixels.data + image * width;
      ops_.load_pixels(x, pixels, width, args.binarization,
                       philox_row(args.seed, Stream::binarize, step, args.first_draw + image));
    }
  });
}

}  // namespace vae::cpu
