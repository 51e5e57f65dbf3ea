// SPDX-License-Identifier: MIT
//
// Sums over the lanes of a warp and the threads of a block: docs/arithmetic.md, rules 3, 5 and 6.
// Absent values are +0, which is what moving up unchanged comes to: no sum here can be -0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/sums.h"

namespace vae::cuda {

/// The balanced tree over `lanes` neighbouring lanes, a power of two up to 32: the same bits in all
/// of them, because the two operands of a sum may change places. All lanes of the warp must call
/// it.
template <typename T>
__device__ inline T tree_sum(T value, int lanes) {
  for (int distance = 1; distance < lanes; distance *= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  }
  return value;
}

/// The balanced tree over a block of kThreads threads in x, a power of two: the same bits in all of
/// them. All threads of the block must call it.
template <int kThreads, typename T>
__device__ inline T block_tree_sum(T value) {
  constexpr int kWarps = kThreads / 32;
  static_assert(kThreads % 32 == 0 && (kWarps & (kWarps - 1)) == 0 && kWarps <= 32);
  VAE_SHARED(T, warp_sums, [kWarps]);
  value = tree_sum(value, 32);
  __syncthreads();  // the sums of the call before have been read
  if (threadIdx.x % 32 == 0) warp_sums[threadIdx.x / 32] = value;
  __syncthreads();
  return tree_sum(warp_sums[threadIdx.x % kWarps], kWarps);
}

// ---- row sums

/// Four neighbouring terms of a group, added as its tree does.
__device__ inline float quad_sum(const Quad& terms) {
  return (terms.value[0] + terms.value[1]) + (terms.value[2] + terms.value[3]);
}

constexpr int kGroupLanes = kSumGroup / 4;  // that hold a group, a quad each

/// The sum of a group over the lanes that hold it, of `lanes` neighbours that share a row: the same
/// bits in all of them.
__device__ inline float group_sum(float sum_of_quad, int lanes) {
  return tree_sum(sum_of_quad, lanes < kGroupLanes ? lanes : kGroupLanes);
}

/// `sum` and the groups that `lanes` neighbouring lanes hold, from left to right: the same bits in
/// all of them. All lanes of the warp must call it.
__device__ inline float with_groups(float sum, float sum_of_quad, int lanes) {
  const float group = group_sum(sum_of_quad, lanes);
  for (int first = 0; first < lanes; first += kGroupLanes) {
    sum += __shfl_sync(0xffffffffu, group, first, lanes);
  }
  return sum;
}

/// The same for a row that a block of kThreads threads shares; the sum is right in warp 0. Between
/// two calls `parity` must change.
template <int kThreads>
__device__ inline float with_block_groups(float sum, float sum_of_quad, unsigned parity) {
  constexpr int kGroups = kThreads / kGroupLanes;
  VAE_SHARED(float, groups, [2][kGroups]);
  const float group = group_sum(sum_of_quad, 32);
  if (threadIdx.x % kGroupLanes == 0) groups[parity % 2][threadIdx.x / kGroupLanes] = group;
  __syncthreads();  // the other half has been read: its readers were here since
  if (threadIdx.x < 32) {
    VAE_UNROLL
    for (int g = 0; g < kGroups; ++g) sum += groups[parity % 2][g];
  }
  return sum;
}

// ---- long sums

/// A lane's part of the block of a long sum: of term(first + lane), term(first + lane + 32), ...
template <typename Term>
__device__ inline double long_sum_lane(std::size_t first, std::size_t count, Term term) {
  const std::size_t end = count - first < kSumBlock ? count : first + kSumBlock;
  double sum = 0.0;
  for (std::size_t at = first + threadIdx.x % 32; at < end; at += kSumLanes) sum += term(at);
  return sum;
}

/// The balanced tree over sum_of(0) .. sum_of(count - 1), which all threads of a block call
/// together and which has the same bits in all of them.
template <typename SumOf>
__device__ inline double tree_over(std::size_t count, SumOf sum_of) {
  if (count == 0) return 0.0;
  if (count == 1) return sum_of(std::size_t{0});
  VAE_SHARED(double, levels, [BalancedSum<double>::kMost]);
  VAE_SHARED(double, result, [1]);
  BalancedSum<double> sum{levels, 0, 0};
  for (std::size_t i = 0; i < count; ++i) {
    const double number = sum_of(i);
    if (threadIdx.x == 0) add(sum, number);
  }
  if (threadIdx.x == 0) result[0] = total(sum);
  __syncthreads();
  return result[0];
}

/// The balanced tree over `count` numbers in memory, by one block.
template <int kThreads>
__device__ inline double tree_of(const double* numbers, std::size_t count) {
  return tree_over((count + kThreads - 1) / kThreads, [&](std::size_t part) {
    const std::size_t at = part * kThreads + threadIdx.x;
    return block_tree_sum<kThreads>(at < count ? numbers[at] : 0.0);
  });
}

/// The long sum of term(0) .. term(count - 1) by one block, in which a warp takes a block of the
/// sum: the same bits in all threads.
template <int kThreads, typename Term>
__device__ inline double long_sum(std::size_t count, Term term) {
  constexpr std::size_t kPart = kThreads / 32 * kSumBlock;
  return tree_over((count + kPart - 1) / kPart, [&](std::size_t part) {
    const std::size_t first = part * kPart + threadIdx.x / 32 * kSumBlock;
    return block_tree_sum<kThreads>(first < count ? long_sum_lane(first, count, term) : 0.0);
  });
}

}  // namespace vae::cuda
