// SPDX-License-Identifier: MIT
//
// The dense layers and matrix products of the networks that are measured, one list for
// gpu_microbench and ops_bench.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vae::workloads {

/// y = x w^T of one layer: [rows, in] times [out, in] transposed.
struct Layer {
  int64_t rows, in, out;
};

struct Workload {
  std::string name;
  std::vector<Layer> layers;
};

/// c = op(a) op(b), row-major, c of [m, n].
struct Product {
  int64_t m, n, k;
  bool transpose_a, transpose_b;

  double flops() const { return 2.0 * static_cast<double>(m * n * k); }
  /// The floats read and written once each.
  double bytes() const { return 4.0 * static_cast<double>(m * k + k * n + m * n); }
  /// "128x400x784 nt": m, n, k and which operands are stored transposed.
  std::string name() const {
    return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) + " " +
           (transpose_a ? "t" : "n") + (transpose_b ? "t" : "n");
  }
};

inline Product forward(const Layer& layer) {
  return {layer.rows, layer.out, layer.in, false, true};
}
inline Product input_gradient(const Layer& layer) {
  return {layer.rows, layer.in, layer.out, false, false};
}
inline Product weight_gradient(const Layer& layer) {
  return {layer.out, layer.in, layer.rows, true, false};
}

/// 784-400-2x20-400-784, the preset mlp-400-20.
inline Workload mnist(int64_t batch) {
  return {"mnist-b" + std::to_string(batch),
          {{batch, 784, 400}, {batch, 400, 40}, {batch, 20, 400}, {batch, 400, 784}}};
}

/// 784-200-200-2x50-200-200-784 with k samples of each image.
inline Workload iwae(int64_t batch, int64_t k) {
  const int64_t rows = batch * k;
  return {"iwae-b" + std::to_string(batch) + "-k" + std::to_string(k),
          {{batch, 784, 200},
           {batch, 200, 200},
           {batch, 200, 100},
           {rows, 50, 200},
           {rows, 200, 200},
           {rows, 200, 784}}};
}

/// 3072-4096-4096-2x256-4096-4096-3072.
inline Workload wide(int64_t batch) {
  return {"wide-b" + std::to_string(batch),
          {{batch, 3072, 4096},
           {batch, 4096, 4096},
           {batch, 4096, 512},
           {batch, 256, 4096},
           {batch, 4096, 3072}}};
}

inline std::vector<Workload> all() {
  return {mnist(20), mnist(128), mnist(1024), iwae(20, 50), wide(1024), wide(4096)};
}

/// The products of one training step: forward, input gradients but for the first layer, weight
/// gradients.
inline std::vector<Product> products(const Workload& workload) {
  std::vector<Product> result;
  for (const Layer& layer : workload.layers) result.push_back(forward(layer));
  for (std::size_t i = 1; i < workload.layers.size(); ++i) {
    result.push_back(input_gradient(workload.layers[i]));
  }
  for (const Layer& layer : workload.layers) result.push_back(weight_gradient(layer));
  return result;
}

}  // namespace vae::workloads
