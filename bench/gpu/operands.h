// SPDX-License-Identifier: MIT
//
// Operands of the measured products: numbers that the host can compute again.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace vae::microbench {

/// Number `index` of operand 0 or 1, uniform in [-1/2, 1/2); most need all of fp32's digits.
__host__ __device__ inline float operand_value(unsigned operand, uint64_t index) {
  unsigned hash = static_cast<unsigned>(index) * 2654435761u + operand * 40503u + 12345u;
  hash ^= hash >> 15;
  hash *= 2246822519u;
  hash ^= hash >> 13;
  return static_cast<float>(hash >> 8) * 0x1p-24f - 0.5f;
}

void fill_operand_fp32(void* values, unsigned operand, uint64_t count, cudaStream_t stream);
void fill_operand_bf16(void* values, unsigned operand, uint64_t count, cudaStream_t stream);

}  // namespace vae::microbench
