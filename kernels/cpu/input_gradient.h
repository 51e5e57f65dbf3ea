// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/vector_ops.h"
#include "kernels/rules/activations.h"

namespace vae::cpu {

/// What every operation with a `dx` does to the sums it has made: they are multiplied by the slope
/// of the activation below, and written to dx or added to it.
class InputGradient {
 public:
  template <typename Args>
  InputGradient(const VectorOps& ops, const Args& args)
      : ops_(ops),
        dx_(args.dx.data),
        source_(needs_pre_activation(args.activation) ? args.pre.data : args.x.data),
        activation_(args.activation),
        accumulate_(args.accumulate) {}

  /// The sums of dx[at] .. dx[at + count - 1]; they may lie there already unless dx accumulates.
  void finish(float* sums, int64_t at, int64_t count) const {
    if (activation_ != Activation::none) {
      ops_.multiply_slope(sums, source_ + at, count, activation_);
    }
    if (accumulate_) {
      ops_.add(dx_ + at, sums, count);
    } else if (sums != dx_ + at) {
      std::copy(sums, sums + count, dx_ + at);
    }
  }

 private:
  const VectorOps& ops_;
  float* dx_;
  const float* source_;
  Activation activation_;
  bool accumulate_;
};

}  // namespace vae::cpu
