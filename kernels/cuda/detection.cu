// SPDX-License-Identifier: MIT
//
// log p(t|z) of boxes on a grid, and what is known of each cell. A thread takes the outputs of one
// cell.
#include "kernels/cuda/quads.h"
#include "kernels/cuda/row_sums.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/detection.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = kRowThreads;

using rules::GridCell;

__global__ void __launch_bounds__(kThreads, 1)
    detection_kernel(float* log_px,         // [B*K] out
                     float* doutputs,       // [B*K, G A] out, or null; may be outputs
                     const float* outputs,  // [B*K, G A]
                     const uint8_t* __restrict__ targets,  // [B, G]
                     const float* __restrict__ boxes,      // [B, G 4]
                     std::size_t rows, std::size_t samples, std::size_t cells, std::size_t classes,
                     float scale,
                     const float* weights,  // [B*K] of the gradients, or null
                     int lanes) {
  const std::size_t per_cell = GridCell::outputs(classes);
  const auto terms = [&](std::size_t row, std::size_t quad) {
    const float row_scale = weights != nullptr ? scale * weights[row] : scale;
    Quad log_p = {};
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      const std::size_t cell = 4 * quad + i, at = (row * cells + cell) * per_cell;
      if (cell >= cells) continue;
      const std::size_t target = row / samples * cells + cell;
      log_p.value[i] = GridCell::log_p(doutputs != nullptr ? doutputs + at : nullptr, outputs + at,
                                       targets[target], boxes + target * GridCell::kBoxNumbers,
                                       classes, row_scale);
    }
    return quad_sum(log_p);
  };
  sum_rows(rows, quads_of(cells), lanes, terms,
           [&](std::size_t row, float sum) { log_px[row] = sum; });
}

__global__ void __launch_bounds__(kThreads, 1)
    detection_mean_kernel(float* means,          // [count, A] out, may be outputs
                          const float* outputs,  // [count, A]
                          std::size_t count, std::size_t classes) {
  const std::size_t stride = std::size_t{gridDim.x} * kThreads;
  const std::size_t per_cell = GridCell::outputs(classes);
  for (std::size_t i = std::size_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += stride) {
    GridCell::mean(means + i * per_cell, outputs + i * per_cell, classes);
  }
}

}  // namespace

// ---- launchers

void CudaBackend::run(const DetectionArgs& args) {
  const int64_t rows = args.outputs.rows(), cells = args.targets.cols();
  const int lanes = row_lanes(static_cast<int64_t>(quads_of(cells)));
  stream_.launch("detection", {grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads},
                 detection_kernel, args.log_px.data, args.doutputs.data, args.outputs.data,
                 args.targets.data, args.boxes.data, rows, args.samples, cells, args.classes,
                 args.scale, args.weights.data, lanes);
}

void CudaBackend::run(const DetectionMeanArgs& args) {
  const int64_t count = args.outputs.count() / GridCell::outputs(args.classes);
  stream_.launch("detection_mean", {grid_of(count, kThreads, card_.multiprocessors), kThreads},
                 detection_mean_kernel, args.means.data, args.outputs.data, count, args.classes);
}

}  // namespace vae::cuda
