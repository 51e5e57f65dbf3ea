// SPDX-License-Identifier: MIT
//
// Corrupted images; one task some rows.
#include <algorithm>

#include "kernels/cpu/batch_order.h"
#include "kernels/cpu/cpu_backend.h"

namespace vae::cpu {

namespace {

constexpr int64_t kCorruptedValues = 1 << 12;

}  // namespace

void CpuBackend::run(const CorruptArgs& args) {
  const int64_t width = args.x.cols();
  const BatchOrder image_at(args, args.images);
  const CorruptionModel model{args.kind, args.amount, args.height, args.width, args.channels};
  const int64_t rows_of_task = std::max<int64_t>(1, kCorruptedValues / width);
  for_ranges(args.x.rows(), rows_of_task, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      float* const counted = args.counted ? args.counted.data + row * width : nullptr;
      ops_.corrupt(args.y.data + row * width, counted, args.x.data + row * width, model,
                   philox_row(args.seed, Stream::corruption, args.state->step,
                              args.first_draw + image_at(row)));
    }
  });
}

}  // namespace vae::cpu
