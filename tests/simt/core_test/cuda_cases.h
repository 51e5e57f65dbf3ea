// SPDX-License-Identifier: MIT
//
// Cases as in instruction_cases.h for what CUDA C++ itself gives and the SIMT layer imitates:
// shuffles, votes, atomics, rounded arithmetic, dynamic shared memory, order among blocks.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/instructions.h"
#include "tests/simt/core_test/fragment_layouts.h"
#include "tests/simt/core_test/instruction_cases.h"

namespace vae::cuda::cases {

// ---- shuffles and votes

inline constexpr int kShuffleArguments = 70;

/// to: [4 kinds, kShuffleArguments, 32 lanes]
template <int kWidth>
static __global__ void shuffle_kernel(int* to) {
  const int lane = static_cast<int>(threadIdx.x);
  const int value = 100 + lane;
  for (int argument = 0; argument < kShuffleArguments; ++argument) {
    int* own = to + argument * 32 + lane;
    constexpr int kKind = kShuffleArguments * 32;
    own[0] = __shfl_sync(0xffffffffu, value, argument, kWidth);
    own[kKind] = __shfl_up_sync(0xffffffffu, value, static_cast<unsigned>(argument), kWidth);
    own[2 * kKind] = __shfl_down_sync(0xffffffffu, value, static_cast<unsigned>(argument), kWidth);
    own[3 * kKind] = __shfl_xor_sync(0xffffffffu, value, argument, kWidth);
  }
}

template <int kWidth, typename Device>
std::string shuffles_of_width(Device& device) {
  using layout::ShuffleKind;
  std::vector<int> want;
  for (const ShuffleKind kind :
       {ShuffleKind::kIndex, ShuffleKind::kUp, ShuffleKind::kDown, ShuffleKind::kXor}) {
    for (int argument = 0; argument < kShuffleArguments; ++argument) {
      for (int lane = 0; lane < 32; ++lane) {
        want.push_back(100 + layout::shuffle_source(kind, lane, argument, kWidth));
      }
    }
  }
  int* to = device.upload(std::vector<int>(want.size()));
  device.launch({1, 32}, shuffle_kernel<kWidth>, to);
  return first_difference("shuffles", device.download(to, want.size()), want);
}

template <typename Device>
std::string shuffles(Device& device) {
  std::string difference = shuffles_of_width<32>(device);
  if (difference.empty()) difference = shuffles_of_width<16>(device);
  if (difference.empty()) difference = shuffles_of_width<8>(device);
  if (difference.empty()) difference = shuffles_of_width<1>(device);
  return difference;
}

/// to: [8, 32]. The two halves of the warp vote apart, then all lanes together.
static __global__ void vote_kernel(uint32_t* to) {
  const unsigned lane = threadIdx.x;
  const uint32_t half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  const bool odd = lane % 2 == 1;
  to[lane] = __ballot_sync(half, odd);
  to[32 + lane] = static_cast<uint32_t>(__any_sync(half, lane == 3) != 0);
  to[64 + lane] = static_cast<uint32_t>(__all_sync(half, lane < 16) != 0);
  to[96 + lane] = __ballot_sync(0xffffffffu, lane >= 8);
  to[128 + lane] = static_cast<uint32_t>(__any_sync(0xffffffffu, lane == 32) != 0);
  to[160 + lane] = static_cast<uint32_t>(__all_sync(0xffffffffu, lane < 32) != 0);
  to[192 + lane] = __shfl_xor_sync(half, lane, 1);
  to[224 + lane] = __shfl_sync(half, lane, 5, 16);
}

template <typename Device>
std::string votes(Device& device) {
  std::vector<uint32_t> want(8 * 32);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const bool low = lane < 16;
    want[lane] = low ? 0x0000aaaau : 0xaaaa0000u;
    want[32 + lane] = low ? 1 : 0;
    want[64 + lane] = low ? 1 : 0;
    want[96 + lane] = 0xffffff00u;
    want[128 + lane] = 0;
    want[160 + lane] = 1;
    want[192 + lane] = lane ^ 1u;
    want[224 + lane] = low ? 5 : 21;
  }
  uint32_t* to = device.upload(std::vector<uint32_t>(want.size()));
  device.launch({1, 32}, vote_kernel, to);
  return first_difference("votes", device.download(to, want.size()), want);
}

// ---- atomics

/// cells: [7]. 4 blocks of 64 threads with ranks 0..255.
static __global__ void atomics_kernel(uint32_t* cells, unsigned long long* wide, int* negative) {
  const uint32_t rank = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(&cells[0], rank);
  atomicMax(&cells[1], rank);
  atomicMin(&cells[2], rank + 5);
  atomicOr(&cells[3], 1u << rank % 32);
  atomicInc(&cells[4], 99u);
  const uint32_t before = atomicExch(&cells[5], rank + 1);
  atomicAdd(&cells[6], before - (rank + 1));  // telescopes: 0 - the last one stored
  atomicCAS(&cells[7], 1000u + rank, 1001u + rank);
  atomicAdd(wide, 1ull << 33);
  atomicAdd(negative, -1);
}

template <typename Device>
std::string atomics(Device& device) {
  const std::vector<uint32_t> start = {0, 0, 999, 0, 0, 0, 0, 5000};
  uint32_t* cells = device.upload(start);
  auto* wide = device.upload(std::vector<unsigned long long>{1});
  int* negative = device.upload(std::vector<int>{100});
  device.launch({4, 64}, atomics_kernel, cells, wide, negative);
  std::vector<uint32_t> got = device.download(cells, start.size());
  got[6] += got[5];
  got[5] = got[5] >= 1 && got[5] <= 256;
  // 256 counts in a cycle of 100 end at 56; nothing compares equal to 5000.
  std::string difference =
      first_difference("atomics", got, {255 * 256 / 2, 255, 5, 0xffffffffu, 56, 1, 0, 5000});
  if (!difference.empty()) return difference;
  difference = first_difference("64-bit atomicAdd", device.download(wide, 1), {1 + (256ull << 33)});
  if (!difference.empty()) return difference;
  return first_difference("signed atomicAdd", device.download(negative, 1), {100 - 256});
}

// ---- scalar functions

inline constexpr int kScalarResults = 16;

static __device__ void scalar_results(float x, float y, float z, uint32_t* own) {
  const uint32_t bits = __float_as_uint(x);
  const int signed_bits = __float_as_int(y);
  own[0] = __float_as_uint(__fadd_rn(x, y));
  own[1] = __float_as_uint(__fsub_rn(x, y));
  own[2] = __float_as_uint(__fmul_rn(x, y));
  own[3] = __float_as_uint(__fdiv_rn(x, y));
  own[4] = __float_as_uint(__fmaf_rn(x, y, z));
  own[5] = __float_as_uint(__fsqrt_rn(x));
  own[6] = static_cast<uint32_t>(__popc(bits));
  own[7] = static_cast<uint32_t>(__ffs(signed_bits));
  own[8] = static_cast<uint32_t>(__clz(signed_bits));
  own[9] = __umulhi(bits, __float_as_uint(z));
  own[10] = static_cast<uint32_t>(min(signed_bits, 5));
  own[11] = max(bits, 5u);
  own[12] = __float_as_uint(min(x, y));
  own[13] = __float_as_uint(max(x, z));
  own[14] = __float_as_uint(__uint_as_float(bits));
  own[15] = __float_as_uint(__int_as_float(signed_bits));
}

static __global__ void scalar_kernel(const float* a, const float* b, const float* c, uint32_t* to,
                                     int count) {
  const int threads = static_cast<int>(gridDim.x * blockDim.x);
  for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < count; i += threads) {
    scalar_results(__ldg(a + i), __ldcs(b + i), __ldcg(c + i), to + i * kScalarResults);
  }
}

inline uint32_t bits_of_result(float x) {  // which NaN is not specified
  return std::isnan(x) ? 0x7fffffffu : std::bit_cast<uint32_t>(x);
}

inline void expect_scalars(float x, float y, float z, std::vector<uint32_t>& want) {
  const auto x_bits = std::bit_cast<uint32_t>(x), z_bits = std::bit_cast<uint32_t>(z);
  const auto y_bits = std::bit_cast<uint32_t>(y);
  const auto y_int = std::bit_cast<int>(y);
  want.push_back(bits_of_result(x + y));
  want.push_back(bits_of_result(x - y));
  want.push_back(bits_of_result(x * y));
  want.push_back(bits_of_result(x / y));
  want.push_back(bits_of_result(std::fma(x, y, z)));
  want.push_back(bits_of_result(std::sqrt(x)));
  uint32_t ones = 0, lowest = 0, leading = 32;
  for (uint32_t bit = 32; bit-- > 0;) {
    ones += x_bits >> bit & 1u;
    if ((y_bits >> bit & 1u) != 0) {
      lowest = bit + 1;
      if (leading == 32) leading = 31 - bit;
    }
  }
  want.push_back(ones);
  want.push_back(lowest);
  want.push_back(leading);
  want.push_back(static_cast<uint32_t>(uint64_t{x_bits} * z_bits >> 32));
  want.push_back(static_cast<uint32_t>(std::min(y_int, 5)));
  want.push_back(std::max(x_bits, uint32_t{5}));
  want.push_back(bits_of_result(std::fmin(x, y)));
  want.push_back(bits_of_result(std::fmax(x, z)));
  want.push_back(x_bits);
  want.push_back(y_bits);
}

template <typename Device>
std::string scalars(Device& device) {
  std::mt19937 random(3);
  // No NaN among the inputs, and magnitudes of which products and quotients stay finite or not.
  std::vector<float> inputs[3];
  for (auto& input : inputs) {
    for (int i = 0; i < 4096; ++i) {
      float x = std::bit_cast<float>(static_cast<uint32_t>(random()));
      while (std::isnan(x)) x = std::bit_cast<float>(static_cast<uint32_t>(random()));
      input.push_back(x == 0.0f ? 1.0f : x);
    }
  }
  std::vector<uint32_t> want;
  for (std::size_t i = 0; i < 4096; ++i) {
    expect_scalars(inputs[0][i], inputs[1][i], inputs[2][i], want);
  }
  uint32_t* to = device.upload(std::vector<uint32_t>(want.size()));
  device.launch({4, 128}, scalar_kernel, device.upload(inputs[0]), device.upload(inputs[1]),
                device.upload(inputs[2]), to, 4096);
  std::vector<uint32_t> got = device.download(to, want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (i % kScalarResults < 6) got[i] = bits_of_result(std::bit_cast<float>(got[i]));
  }
  return first_difference("scalar functions", got, want);
}

// ---- shared memory

/// Pieces of 1, 3 and 5000 elements: each must begin at a multiple of 16 and keep what is written.
/// More than 48 KiB, so the launch must ask for it.
static __global__ void carver_kernel(uint32_t* faults) {
  SharedCarver shared;
  auto* byte = shared.take<unsigned char>(1);
  auto* shorts = shared.take<uint16_t>(3);
  auto* quads = shared.take<float4>(4000);
  VAE_SHARED(double, fixed, [3]);
  const unsigned i = threadIdx.x;
  if (i == 0) byte[0] = 17;
  if (i < 3) shorts[i] = static_cast<uint16_t>(i + 1);
  if (i < 3) fixed[i] = i;
  for (unsigned e = i; e < 4000; e += blockDim.x) quads[e] = make_float4(1.0f * e, 1, 2, 3);
  __syncthreads();
  uint32_t wrong = byte[0] != 17;
  for (unsigned e = 0; e < 3; ++e) wrong += shorts[e] != e + 1;
  for (unsigned e = 0; e < 3; ++e) wrong += fixed[e] != e;
  for (unsigned e = 0; e < 4000; e += 7) wrong += quads[e].x != 1.0f * e || quads[e].w != 3;
  wrong += reinterpret_cast<uintptr_t>(byte) % 16 != 0;
  wrong += reinterpret_cast<uintptr_t>(shorts) % 16 != 0;
  wrong += reinterpret_cast<uintptr_t>(quads) % 16 != 0;
  wrong += reinterpret_cast<uintptr_t>(fixed) % 16 != 0;
  atomicAdd(faults, wrong);
}

template <typename Device>
std::string shared_pieces(Device& device) {
  uint32_t* faults = device.upload(std::vector<uint32_t>{0});
  device.launch({2, 64, 32 + 4000 * sizeof(float4)}, carver_kernel, faults);
  return first_difference("faults in shared memory", device.download(faults, 1), {0u});
}

// ---- order among blocks

inline constexpr unsigned kOrderBlocks = 13;

/// results: [2], the sum over all blocks and how many of them were the last.
static __global__ void last_block_kernel(uint32_t* partial, uint32_t* ticket, uint32_t* results) {
  if (threadIdx.x == 40) partial[blockIdx.x] = 1u << blockIdx.x;
  if (last_block_to_arrive(ticket, gridDim.x)) {
    if (threadIdx.x == 50) {
      uint32_t sum = 0;
      for (unsigned block = 0; block < gridDim.x; ++block) sum += partial[block];
      results[0] = sum;
      atomicAdd(&results[1], 1u);
    }
  }
}

template <typename Device>
std::string last_block(Device& device) {
  uint32_t* ticket = device.upload(std::vector<uint32_t>{0});
  for (int repeat = 0; repeat < 3; ++repeat) {  // the ticket is left as it was found
    uint32_t* partial = device.upload(std::vector<uint32_t>(kOrderBlocks));
    uint32_t* results = device.upload(std::vector<uint32_t>(2));
    device.launch({kOrderBlocks, 64}, last_block_kernel, partial, ticket, results);
    std::vector<uint32_t> got = device.download(results, 2);
    got.push_back(device.download(ticket, 1)[0]);
    const std::string difference =
        first_difference("last_block_to_arrive", got, {(1u << kOrderBlocks) - 1, 1u, 0u});
    if (!difference.empty()) return difference;
  }
  return {};
}

/// In every round each block publishes a number and sums those of all.
static __global__ void grid_sync_kernel(GridBarrier* barrier, uint32_t* slots, uint32_t* faults) {
  for (uint32_t round = 1; round <= 5; ++round) {
    if (threadIdx.x == 33) slots[blockIdx.x] = round * 100 + blockIdx.x;
    grid_sync(barrier);
    uint32_t sum = 0;
    for (unsigned block = 0; block < gridDim.x; ++block) sum += slots[block];
    const uint32_t want = gridDim.x * round * 100 + gridDim.x * (gridDim.x - 1) / 2;
    if (sum != want) atomicAdd(faults, 1u);
    grid_sync(barrier);
  }
}

template <typename Device>
std::string grid_barrier(Device& device) {
  GridBarrier* barrier = device.upload(std::vector<GridBarrier>(1));
  uint32_t* slots = device.upload(std::vector<uint32_t>(kOrderBlocks));
  uint32_t* faults = device.upload(std::vector<uint32_t>{0});
  LaunchShape shape{kOrderBlocks, 64};
  shape.cooperative = true;
  for (int repeat = 0; repeat < 2; ++repeat) {
    device.launch(shape, grid_sync_kernel, barrier, slots, faults);
  }
  const GridBarrier left = device.download(barrier, 1)[0];
  const std::vector<uint32_t> got = {device.download(faults, 1)[0], left.arrived, left.generation};
  return first_difference("grid_sync", got, {0u, 0u, 20u});
}

}  // namespace vae::cuda::cases
