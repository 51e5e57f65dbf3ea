// SPDX-License-Identifier: MIT
//
// log p(t|z) of boxes on a grid, and what is known of each cell.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/rules/detection.h"

namespace vae::cpu {

namespace {

constexpr int64_t kCellOutputs = 1024;  // a task handles: some 10 us of work

int64_t tasks_of_cells(int64_t outputs) { return std::max<int64_t>(1, kCellOutputs / outputs); }

}  // namespace

void CpuBackend::run(const DetectionArgs& args) {
  const int64_t cells = args.targets.cols(), width = args.outputs.cols();
  for_ranges(args.outputs.rows(), tasks_of_cells(width), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const int64_t image = row / args.samples;
      float* const doutputs = args.doutputs ? args.doutputs.data + row * width : nullptr;
      const float scale = args.weights ? args.scale * args.weights.data[row] : args.scale;
      args.log_px.data[row] = ops_.cell_log_p(
          doutputs, args.outputs.data + row * width, args.targets.data + image * cells,
          args.boxes.data + image * args.boxes.cols(), cells, args.classes, scale);
    }
  });
}

void CpuBackend::run(const DetectionMeanArgs& args) {
  const int64_t per_cell = rules::GridCell::outputs(args.classes);
  const int64_t cells = args.outputs.count() / per_cell;
  for_ranges(cells, tasks_of_cells(per_cell), [&](int64_t first, int64_t last) {
    ops_.cell_means(args.means.data + first * per_cell, args.outputs.data + first * per_cell,
                    last - first, args.classes);
  });
}

}  // namespace vae::cpu
