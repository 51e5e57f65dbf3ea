// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "kernels/cpu/threads.h"

namespace vae {

/// c [m, n] = op(a) op(b) of row-major matrices by oneDNN's dnnl_sgemm, each of our threads with a
/// rectangle of its own. Called with OpenMP's threads instead it was slower on these shapes.
class OneDnnProducts {
 public:
  explicit OneDnnProducts(int threads) : pool_(threads) {}

  void multiply(float* c, const float* a, const float* b, bool transpose_a, bool transpose_b,
                int64_t m, int64_t n, int64_t k);

  /// "oneDNN 2.6.3".
  static std::string version();

 private:
  cpu::ThreadPool pool_;
};

}  // namespace vae
