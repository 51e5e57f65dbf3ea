// SPDX-License-Identifier: MIT
#include "bench/gpu/operands.h"

#include <cuda_bf16.h>

#include "bench/gpu/harness.h"

namespace vae::microbench {
namespace {

template <typename T>
__global__ void fill_operand(T* values, unsigned operand, uint64_t count) {
  const uint64_t threads = static_cast<uint64_t>(gridDim.x) * blockDim.x;
  for (uint64_t i = static_cast<uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += threads) {
    values[i] = T(operand_value(operand, i));
  }
}

constexpr int kBlocks = 1024, kThreads = 256;

}  // namespace

void fill_operand_fp32(void* values, unsigned operand, uint64_t count, cudaStream_t stream) {
  fill_operand<<<kBlocks, kThreads, 0, stream>>>(static_cast<float*>(values), operand, count);
  MICROBENCH_CHECK(cudaGetLastError());
}

void fill_operand_bf16(void* values, unsigned operand, uint64_t count, cudaStream_t stream) {
  fill_operand<<<kBlocks, kThreads, 0, stream>>>(static_cast<__nv_bfloat16*>(values), operand,
                                                 count);
  MICROBENCH_CHECK(cudaGetLastError());
}

}  // namespace vae::microbench
