// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "host/graph/arena.h"
#include "host/graph/parameters.h"
#include "kernels/backend.h"

namespace vae {

/// Muon's update of all matrices of weights, one after the other. Their momentum lives in Adam's
/// first moments; the second moments of matrices stay as they are. Everything else is left to Adam.
class Muon {
 public:
  /// Takes scratch memory for the largest matrix. Throws Error(out_of_memory).
  explicit Muon(const Parameters& parameters, Backend& backend);

  /// Issues the update of the matrices.
  void issue(const StepState* state, float beta, float weight_decay);
  /// A part of the arena that is no matrix, in whole lines of kDecayLine but for its end.
  struct Range {
    int64_t first = 0, count = 0;
  };
  const std::vector<Range>& others() const { return others_; }

 private:
  struct Matrix {
    View value, gradient, momentum;  // [rows, cols]
  };

  void issue(const Matrix& matrix, const StepState* state, float beta, float weight_decay);

  Backend& backend_;
  std::vector<Matrix> matrices_;
  std::vector<Range> others_;
  Arena arena_;
  View x_, y_;          // as the largest matrix
  View gram_, square_;  // as the largest of its small sides
  DoubleView squares_;
};

}  // namespace vae
