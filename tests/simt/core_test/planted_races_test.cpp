// SPDX-License-Identifier: MIT
//
// Order that is missing: barriers, waits, fences, atomics.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cuda/instructions.h"
#include "tests/simt/core_test/host_device.h"
#include "tests/simt/core_test/planted_faults.h"

namespace vae::cuda {
namespace {

// ---- barriers

enum class Reverse { kRight, kNoBarrierBeforeReading, kNoBarrierBeforeWriting };

/// Three times: reverses 128 numbers through shared memory.
template <Reverse kFault>
__global__ void reverse_kernel(const float* from, float* to) {
  VAE_SHARED(float, tile, [128]);
  const unsigned i = threadIdx.x;
  for (int round = 0; round < 3; ++round) {
    tile[i] = from[128 * round + i];
    if (kFault != Reverse::kNoBarrierBeforeReading) __syncthreads();
    to[128 * round + i] = tile[127 - i];
    if (kFault != Reverse::kNoBarrierBeforeWriting) __syncthreads();
  }
}

template <Reverse kFault>
bool reverses() {
  std::vector<float> from(3 * 128), to(3 * 128);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i);
  launch_kernel(nullptr, {1, 128}, reverse_kernel<kFault>, from.data(), to.data());
  for (std::size_t i = 0; i < 128; ++i) {
    for (std::size_t round = 0; round < 3; ++round) {
      if (to[128 * round + i] != from[128 * round + 127 - i]) return false;
    }
  }
  return true;
}

TEST_F(PlantedFaultTest, BarriersOfTheRightKernel) { expect_right(reverses<Reverse::kRight>); }

TEST_F(PlantedFaultTest, NoBarrierBeforeReading) {
  if (!kThreadSanitizer) {
    EXPECT_FALSE(reverses<Reverse::kNoBarrierBeforeReading>());
    EXPECT_EQ(seeds_that_find(reverses<Reverse::kNoBarrierBeforeReading>), kSeeds);
  }
  EXPECT_RACE(reverses<Reverse::kNoBarrierBeforeReading>());
}

TEST_F(PlantedFaultTest, NoBarrierBeforeWriting) {
  if (!kThreadSanitizer) {
    EXPECT_GE(seeds_that_find(reverses<Reverse::kNoBarrierBeforeWriting>), kSeeds * 3 / 4);
  }
  EXPECT_RACE(reverses<Reverse::kNoBarrierBeforeWriting>());
}

// ---- a tensor-core product with two stages ------------------------------------------------------

enum class Product {
  kRight,
  kNoBarrierAfterWait,
  kNoBarrierAfterUse,
  kWaitTooWeak,
  kFragmentsSwapped
};

constexpr int kSteps = 4;
constexpr int kStepDepth = 32;
constexpr int kRepeats = 4;  // a kernel with larger tiles has as many products for each load
constexpr int kDepth = kSteps * kStepDepth;
constexpr int kPitch = kStepDepth + 4;  // floats; rows are aligned to 16 bytes

/// Copies rows of kStepDepth floats of x, which has kDepth columns, into a tile.
__device__ void load_rows(float* tile, const float* x, int rows, int step) {
  for (int i = static_cast<int>(threadIdx.x); i < rows * kStepDepth / 4; i += 128) {
    const int row = i / (kStepDepth / 4), column = i % (kStepDepth / 4) * 4;
    copy_async<16>(tile + row * kPitch + column, x + row * kDepth + step * kStepDepth + column,
                   true);
  }
}

/// D[16, 8 w ..] = kRepeats A[16, kDepth] B[kDepth, 32] for four warps w. b_transposed: [32,
/// kDepth].
template <Product kFault>
__global__ void product_kernel(const float* a, const float* b_transposed, float* d) {
  VAE_SHARED(float, a_tile, [2][16 * kPitch]);
  VAE_SHARED(float, b_tile, [2][32 * kPitch]);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int g = lane / 4, t = lane % 4;
  const auto load = [&](int step) {
    load_rows(a_tile[step % 2], a, 16, step);
    load_rows(b_tile[step % 2], b_transposed, 32, step);
    copy_async_commit();
  };
  constexpr int kLastPending = kFault == Product::kWaitTooWeak ? 1 : 0;
  float sums[4] = {};
  load(0);
  for (int step = 0; step < kSteps; ++step) {
    if (step + 1 < kSteps) {
      load(step + 1);
      copy_async_wait<1>();
    } else {
      copy_async_wait<kLastPending>();
    }
    if (kFault != Product::kNoBarrierAfterWait) __syncthreads();
    for (int k = 0; k < kStepDepth; k += 8) {
      const float* a_at = a_tile[step % 2] + g * kPitch + k + t;
      const float* b_at = b_tile[step % 2] + (warp * 8 + g) * kPitch + k + t;
      uint32_t a_bits[4] = {to_tf32(a_at[0]), to_tf32(a_at[8 * kPitch]), to_tf32(a_at[4]),
                            to_tf32(a_at[8 * kPitch + 4])};
      const uint32_t b_bits[2] = {to_tf32(b_at[0]), to_tf32(b_at[4])};
      if (kFault == Product::kFragmentsSwapped) {
        const uint32_t second = a_bits[1];
        a_bits[1] = a_bits[2];
        a_bits[2] = second;
      }
      for (int i = 0; i < kRepeats; ++i) mma_tf32(sums, a_bits, b_bits);
    }
    if (kFault != Product::kNoBarrierAfterUse) __syncthreads();
  }
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 32 + warp * 8 + 2 * t + i % 2] = sums[i];
}

template <Product kFault>
bool multiplies() {
  HostDevice device;
  std::vector<float> a(16 * kDepth), b(32 * kDepth);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 11) - 5;
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 7) - 3;
  float* d = device.upload(std::vector<float>(16 * 32));
  launch_kernel(nullptr, {1, 128}, product_kernel<kFault>, device.upload(a), device.upload(b), d);
  for (std::size_t row = 0; row < 16; ++row) {
    for (std::size_t column = 0; column < 32; ++column) {
      float sum = 0;
      for (std::size_t k = 0; k < kDepth; ++k) sum += a[row * kDepth + k] * b[column * kDepth + k];
      if (d[row * 32 + column] != kRepeats * sum) return false;
    }
  }
  return true;
}

TEST_F(PlantedFaultTest, ProductOfTheRightKernel) { expect_right(multiplies<Product::kRight>); }

TEST_F(PlantedFaultTest, ProductWithoutBarrierAfterTheWait) {
  if (!kThreadSanitizer) {
    EXPECT_EQ(seeds_that_find(multiplies<Product::kNoBarrierAfterWait>), kSeeds);
  }
  EXPECT_RACE(multiplies<Product::kNoBarrierAfterWait>());
}

// Only a warp that runs far ahead of another shows it: mma keeps the lanes of each in step.
TEST_F(PlantedFaultTest, ProductWithoutBarrierAfterTheUse) {
  if (!kThreadSanitizer) {
    EXPECT_TRUE(multiplies<Product::kNoBarrierAfterUse>());
    EXPECT_GE(seeds_that_find(multiplies<Product::kNoBarrierAfterUse>), kSeeds * 3 / 4);
  }
  EXPECT_RACE(multiplies<Product::kNoBarrierAfterUse>());
}

TEST_F(PlantedFaultTest, ProductThatWaitsTooLittle) {
  const std::string error = error_of([] { multiplies<Product::kWaitTooWeak>(); });
  EXPECT_NE(error.find("never waited for"), std::string::npos) << error;
}

TEST_F(PlantedFaultTest, ProductWithFragmentsSwapped) {
  EXPECT_FALSE(multiplies<Product::kFragmentsSwapped>());
}

// ---- cp.async

enum class Copy { kRight, kReadBeforeWait, kOverwriteBeforeLanding };

/// to = from + 1, through shared memory.
template <Copy kFault>
__global__ void copy_kernel(const float* from, float* to) {
  VAE_SHARED(float, tile, [32]);
  const unsigned i = threadIdx.x;
  tile[i] = -1;
  copy_async<4>(&tile[i], from + i, true);
  copy_async_commit();
  if (kFault == Copy::kReadBeforeWait) to[i] = tile[i] + 1;
  if (kFault == Copy::kOverwriteBeforeLanding) tile[i] = from[i] + 1;
  copy_async_wait<0>();
  if (kFault == Copy::kRight) to[i] = tile[i] + 1;
  if (kFault == Copy::kOverwriteBeforeLanding) to[i] = tile[i];
}

template <Copy kFault>
bool copies() {
  std::vector<float> from(32), to(32);
  for (std::size_t i = 0; i < 32; ++i) from[i] = static_cast<float>(i);
  launch_kernel(nullptr, {1, 32}, copy_kernel<kFault>, from.data(), to.data());
  for (std::size_t i = 0; i < 32; ++i) {
    if (to[i] != from[i] + 1) return false;
  }
  return true;
}

TEST_F(PlantedFaultTest, CopiesOfTheRightKernel) { expect_right(copies<Copy::kRight>); }

TEST_F(PlantedFaultTest, CopyReadBeforeTheWait) {
  EXPECT_FALSE(copies<Copy::kReadBeforeWait>());
  EXPECT_EQ(seeds_that_find(copies<Copy::kReadBeforeWait>), kSeeds);
}

TEST_F(PlantedFaultTest, CopyThatLandsOnWhatWasWrittenMeanwhile) {
  EXPECT_FALSE(copies<Copy::kOverwriteBeforeLanding>());
  EXPECT_EQ(seeds_that_find(copies<Copy::kOverwriteBeforeLanding>), kSeeds);
}

/// Reverses 64 numbers. A wait covers the copies of its own thread: the others' need a barrier
/// after.
template <bool kRight>
__global__ void wait_kernel(const float* from, float* to) {
  VAE_SHARED(float, tile, [64]);
  const unsigned i = threadIdx.x;
  copy_async<4>(&tile[i], from + i, true);
  copy_async_commit();
  if (!kRight) __syncthreads();
  copy_async_wait<0>();
  if (kRight) __syncthreads();
  to[i] = tile[63 - i];
}

template <bool kRight>
bool waits() {
  std::vector<float> from(64), to(64);
  for (std::size_t i = 0; i < 64; ++i) from[i] = static_cast<float>(i);
  launch_kernel(nullptr, {1, 64}, wait_kernel<kRight>, from.data(), to.data());
  for (std::size_t i = 0; i < 64; ++i) {
    if (to[i] != from[63 - i]) return false;
  }
  return true;
}

TEST_F(PlantedFaultTest, BarrierAfterTheWait) { expect_right(waits<true>); }

TEST_F(PlantedFaultTest, BarrierBeforeTheWait) {
  if (!kThreadSanitizer) {
    EXPECT_EQ(seeds_that_find(waits<false>), kSeeds);
  }
  EXPECT_RACE(waits<false>());
}

// ---- order within a warp

enum class Exchange { kRight, kNothing, kShuffle, kVote };

/// Lanes exchange through shared memory without a barrier of the block.
template <Exchange kBetween>
__global__ void warp_exchange_kernel(float* to) {
  VAE_SHARED(float, tile, [32]);
  const unsigned lane = threadIdx.x;
  tile[lane] = static_cast<float>(lane);
  if (kBetween == Exchange::kRight) __syncwarp();
  if (kBetween == Exchange::kShuffle) __shfl_xor_sync(0xffffffffu, 1, 1);
  if (kBetween == Exchange::kVote) __any_sync(0xffffffffu, 1);
  to[lane] = tile[31 - lane];
}

template <Exchange kBetween>
bool exchanges() {
  std::vector<float> to(32);
  launch_kernel(nullptr, {1, 32}, warp_exchange_kernel<kBetween>, to.data());
  for (std::size_t i = 0; i < 32; ++i) {
    if (to[i] != static_cast<float>(31 - i)) return false;
  }
  return true;
}

TEST_F(PlantedFaultTest, LanesThatMeetBeforeTheyExchange) {
  expect_right(exchanges<Exchange::kRight>);
}

TEST_F(PlantedFaultTest, LanesThatCountOnRunningInStep) {
  if (!kThreadSanitizer) {
    EXPECT_FALSE(exchanges<Exchange::kNothing>());
  }
  EXPECT_RACE(exchanges<Exchange::kNothing>());
}

// The numbers come out right, but CUDA does not promise it.
TEST_F(PlantedFaultTest, LanesThatMeetInAShuffleOrVoteOnly) {
  if (!kThreadSanitizer) GTEST_SKIP() << "needs the thread sanitizer";
  EXPECT_RACE(exchanges<Exchange::kShuffle>());
  EXPECT_RACE(exchanges<Exchange::kVote>());
}

// ---- order among blocks

enum class Total {
  kRight,
  kNoFenceBefore,
  kFenceTooEarly,
  kNoFenceAfter,
  kPlainSum  // added to memory without an atomic
};

template <Total kFault>
__global__ void total_kernel(uint32_t* partial, uint32_t* ticket, uint32_t* total) {
  VAE_SHARED(uint32_t, is_last, [1]);
  if (kFault == Total::kPlainSum) {
    if (threadIdx.x == 0) *total += blockIdx.x + 1;
    return;
  }
  if (threadIdx.x == 0) {
    if (kFault == Total::kFenceTooEarly) __threadfence();
    partial[blockIdx.x] = blockIdx.x + 1;
    if (kFault == Total::kRight || kFault == Total::kNoFenceAfter) __threadfence();
    is_last[0] = atomicInc(ticket, gridDim.x - 1) == gridDim.x - 1;
    if (kFault != Total::kNoFenceAfter) __threadfence();
  }
  __syncthreads();
  if (is_last[0] == 0 || threadIdx.x != 0) return;
  for (unsigned block = 0; block < gridDim.x; ++block) *total += partial[block];
}

template <Total kFault>
bool totals() {
  std::vector<uint32_t> partial(8);
  uint32_t ticket = 0, total = 0;
  launch_kernel(nullptr, {8, 32}, total_kernel<kFault>, partial.data(), &ticket, &total);
  return total == 36 && ticket == 0;
}

TEST_F(PlantedFaultTest, TotalOfTheRightKernel) { expect_right(totals<Total::kRight>); }

// A schedule cannot show these: threads switch at meeting points only.
TEST_F(PlantedFaultTest, TotalWithoutAFence) {
  if (!kThreadSanitizer) GTEST_SKIP() << "needs the thread sanitizer";
  EXPECT_RACE(totals<Total::kNoFenceBefore>());
}

TEST_F(PlantedFaultTest, TotalWithAFenceTooEarly) {
  if (!kThreadSanitizer) GTEST_SKIP() << "needs the thread sanitizer";
  EXPECT_RACE(totals<Total::kFenceTooEarly>());
}

TEST_F(PlantedFaultTest, TotalWithoutTheSecondFence) {
  if (!kThreadSanitizer) GTEST_SKIP() << "needs the thread sanitizer";
  EXPECT_RACE(totals<Total::kNoFenceAfter>());
}

TEST_F(PlantedFaultTest, TotalWithoutAnAtomic) {
  if (!kThreadSanitizer) GTEST_SKIP() << "needs the thread sanitizer";
  EXPECT_RACE(totals<Total::kPlainSum>());
}

template <bool kRight>
__global__ void two_phase_kernel(GridBarrier* barrier, float* slots, float* to) {
  if (threadIdx.x == 0) slots[blockIdx.x] = 1;
  if (kRight) grid_sync(barrier);
  if (threadIdx.x != 0) return;
  to[blockIdx.x] = 0;
  for (unsigned block = 0; block < gridDim.x; ++block) to[blockIdx.x] += slots[block];
}

template <bool kRight>
bool two_phases() {
  GridBarrier barrier = {};
  std::vector<float> slots(6), to(6);
  LaunchShape shape{6, 32};
  shape.cooperative = true;
  launch_kernel(nullptr, shape, two_phase_kernel<kRight>, &barrier, slots.data(), to.data());
  return to == std::vector<float>(6, 6.0f);
}

TEST_F(PlantedFaultTest, PhasesBehindAGridBarrier) { expect_right(two_phases<true>); }

TEST_F(PlantedFaultTest, PhasesWithoutAGridBarrier) {
  if (!kThreadSanitizer) {
    EXPECT_EQ(seeds_that_find(two_phases<false>), kSeeds);
  }
  EXPECT_RACE(two_phases<false>());
}

}  // namespace
}  // namespace vae::cuda
