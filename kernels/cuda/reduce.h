// SPDX-License-Identifier: MIT
//
// Sums over the lanes of a warp and the threads of a block, in an order that is always the same.
#pragma once

#include "kernels/cuda/simt.h"

namespace vae::cuda {

/// The sum over each group of `lanes` neighbouring lanes, a power of two up to 32: the same bits in
/// all of them, by a butterfly whose two operands may change places. All lanes of the warp must
/// call it.
template <typename T>
__device__ inline T group_sum(T value, int lanes) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  }
  return value;
}

/// The sum over a block of kThreads threads in x, the same bits in all of them: warps by
/// group_sum(), then their sums in ascending order. All threads of the block must call it.
template <int kThreads, typename T>
__device__ inline T block_sum(T value) {
  static_assert(kThreads % 32 == 0);
  VAE_SHARED(T, warp_sums, [kThreads / 32]);
  value = group_sum(value, 32);
  __syncthreads();  // the sums of the call before have been read
  if (threadIdx.x % 32 == 0) warp_sums[threadIdx.x / 32] = value;
  __syncthreads();
  T sum = warp_sums[0];
  VAE_UNROLL
  for (int warp = 1; warp < kThreads / 32; ++warp) sum += warp_sums[warp];
  return sum;
}

}  // namespace vae::cuda
