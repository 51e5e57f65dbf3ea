// SPDX-License-Identifier: MIT
#include "kernels/cuda/activations.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"
#include "kernels/math.h"
#include "kernels/rules/gate.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kGateThreads = 256;

/// Rows of values and, behind them, gates.
struct GatedRows {
  unsigned rows, width, lanes;  // neighbouring threads that share a row
  bool aligned;                 // all rows, to quads
};

__global__ void __launch_bounds__(kGateThreads)
    gate_kernel(float* y, const float* heads, const GatedRows shape) {
  for_pixels(shape.rows, shape.width, shape.lanes, [&](unsigned row, unsigned at, unsigned rest) {
    const std::size_t start = std::size_t{row} * shape.width;
    const float* const a = heads + 2 * start + at;
    Quad value = load_quad(a, rest, shape.aligned);
    const Quad gate = load_quad(a + shape.width, rest, shape.aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) value.value[i] = gated(value.value[i], sigmoid(gate.value[i]));
    store_quad(y + start + at, value, rest, shape.aligned);
  });
}

__global__ void __launch_bounds__(kGateThreads)
    gate_backward_kernel(float* dheads, const float* dy, const float* heads,
                         const GatedRows shape) {
  for_pixels(shape.rows, shape.width, shape.lanes, [&](unsigned row, unsigned at, unsigned rest) {
    const std::size_t start = std::size_t{row} * shape.width, from = 2 * start + at;
    Quad value = load_quad(heads + from, rest, shape.aligned);
    Quad gate = load_quad(heads + from + shape.width, rest, shape.aligned);
    const Quad slope = load_quad(dy + start + at, rest, shape.aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      const GateSlopes slopes = gate_slopes(value.value[i], sigmoid(gate.value[i]));
      value.value[i] = slope.value[i] * slopes.value;
      gate.value[i] = slope.value[i] * slopes.gate;
    }
    store_quad(dheads + from, value, rest, shape.aligned);
    store_quad(dheads + from + shape.width, gate, rest, shape.aligned);
  });
}

template <typename... Pointers>
GatedRows gated_rows(ConstView y, const Pointers*... memory) {
  const auto width = static_cast<std::size_t>(y.cols());
  return {static_cast<unsigned>(y.rows()), static_cast<unsigned>(width),
          static_cast<unsigned>(lanes_of(quads_of(width))),
          width % 4 == 0 && aligned_to_quads(memory...)};
}

LaunchShape shape_of(const GatedRows& rows, const Card& card) {
  return {grid_of(rows.rows, kGateThreads / rows.lanes, card.multiprocessors), kGateThreads};
}

}  // namespace

void CudaBackend::run(const GateArgs& args) {
  const GatedRows rows = gated_rows(args.y, args.y.data, args.heads.data);
  stream_.launch("gate", shape_of(rows, card_), gate_kernel, args.y.data, args.heads.data, rows);
}

void CudaBackend::run(const GateBackwardArgs& args) {
  const GatedRows rows = gated_rows(args.dy, args.dheads.data, args.dy.data, args.heads.data);
  stream_.launch("gate_backward", shape_of(rows, card_), gate_backward_kernel, args.dheads.data,
                 args.dy.data, args.heads.data, rows);
}

}  // namespace vae::cuda
