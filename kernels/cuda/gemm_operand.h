// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/cuda/gemm_prologue.h"
#include "kernels/cuda/quads.h"

namespace vae::cuda {

using AlongDepth = MatrixOperand<Major::depth>;
using AlongExtent = MatrixOperand<Major::extent>;

/// A matrix of rows `pitch` long as an operand.
template <typename Operand>
Operand operand(const float* data, int64_t extent, int64_t pitch) {
  return {data, static_cast<int>(extent), static_cast<std::size_t>(pitch),
          pitch % 4 == 0 && aligned_to_quads(data)};
}

}  // namespace vae::cuda
