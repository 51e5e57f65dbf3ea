// SPDX-License-Identifier: MIT
#include "kernels/rules/gate.h"

#include <algorithm>

#include "kernels/cpu/cpu_backend.h"

namespace vae::cpu {

namespace {

constexpr int64_t kGateRows = 8;     // of a task
constexpr int64_t kGatePiece = 256;  // gates opened at a time
constexpr float kZeros[kGatePiece] = {};

/// Calls body(first value, gates there, how many) for the pieces of one row's gates.
template <typename Body>
void for_gates(const VectorOps& ops, const float* g, int64_t width, Body body) {
  float gates[kGatePiece];
  for (int64_t first = 0; first < width; first += kGatePiece) {
    const int64_t count = std::min(kGatePiece, width - first);
    std::copy_n(g + first, count, gates);
    ops.bias_activate(gates, nullptr, kZeros, count, Activation::sigmoid);
    body(first, gates, count);
  }
}

}  // namespace

void CpuBackend::run(const GateArgs& args) {
  const int64_t width = args.y.cols();
  for_ranges(args.y.rows(), kGateRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* const a = args.heads.data + row * 2 * width;
      float* const y = args.y.data + row * width;
      for_gates(ops_, a + width, width, [&](int64_t first, const float* s, int64_t count) {
        for (int64_t i = 0; i < count; ++i) y[first + i] = gated(a[first + i], s[i]);
      });
    }
  });
}

void CpuBackend::run(const GateBackwardArgs& args) {
  const int64_t width = args.dy.cols();
  for_ranges(args.dy.rows(), kGateRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* const a = args.heads.data + row * 2 * width;
      const float* const dy = args.dy.data + row * width;
      float* const da = args.dheads.data + row * 2 * width;
      for_gates(ops_, a + width, width, [&](int64_t first, const float* s, int64_t count) {
        for (int64_t i = 0; i < count; ++i) {
          const GateSlopes slopes = gate_slopes(a[first + i], s[i]);
          da[first + i] = dy[first + i] * slopes.value;
          da[width + first + i] = dy[first + i] * slopes.gate;
        }
      });
    }
  });
}

}  // namespace vae::cpu
