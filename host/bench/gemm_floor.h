// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "host/graph/arena.h"
#include "kernels/backend.h"
#include "vae/config.h"

namespace vae {

/// The matrix products of one training step and nothing else: for each layer the forward
/// product, the weight gradient and, but for the first layer, the input gradient, with the step's
/// shapes and in memory of their own. Convolutions count as products of their taps.
class GemmFloor {
 public:
  GemmFloor(Backend& backend, const ModelConfig& model, int64_t batch_size);

  void run();
  double gflop() const;  ///< 10^9 floating-point operations of one run()

 private:
  struct LayerProducts {
    View x, w, y;  // [R, I], [O, I], [R, O]; R rows in all images together
    View dx, dw;   // [R, I] (empty for the first layer), [O, I]
  };

  Backend& backend_;
  Arena arena_;
  std::vector<LayerProducts> layers_;
};

}  // namespace vae
