// SPDX-License-Identifier: MIT
//
// Every rule of CUDA that the layer enforces, broken once; the message must say what and where.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/cuda/instructions.h"
#include "tests/simt/core_test/host_device.h"

namespace vae::cuda {
namespace {

class MisuseTest : public SimtTest {
 protected:
  /// Runs a kernel that takes nothing, at seed 0 and at a random schedule; both must fail. Returns
  /// the message at seed 0.
  std::string message(void (*kernel)(), const LaunchShape& shape = {1, 64}) {
    simt::options().seed = 5;
    EXPECT_NE(error_of([&] { launch_kernel(nullptr, shape, kernel); }), "");
    simt::options().seed = 0;
    const std::string text = error_of([&] { launch_kernel(nullptr, shape, kernel); });
    EXPECT_FALSE(simt::in_kernel());
    return text;
  }
};

#define EXPECT_CONTAINS(text, part) EXPECT_PRED_FORMAT2(contains, text, std::string(part))
::testing::AssertionResult contains(const char*, const char*, const std::string& text,
                                    const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "\"" << part << "\" is not in: " << text;
}

// ---- barriers

__global__ void two_sites_kernel() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST_F(MisuseTest, BarriersAtTwoPlaces) {
  const std::string text = message(two_sites_kernel);
  EXPECT_CONTAINS(text, "divergent __syncthreads: other threads wait at misuse_test.cpp:");
  EXPECT_CONTAINS(text, "by thread (32,0,0) of block (0,0,0)");
  EXPECT_CONTAINS(text, "launch at misuse_test.cpp:");
  EXPECT_CONTAINS(text, "seed 0");
}

__global__ void missed_barrier_kernel() {
  if (threadIdx.x != 5) __syncthreads();
}

TEST_F(MisuseTest, BarrierThatOneThreadMisses) {
  const std::string text = message(missed_barrier_kernel, {2, {8, 4}});
  EXPECT_CONTAINS(text, "deadlock, a barrier is not reached by every thread");
  EXPECT_CONTAINS(text, "4 thread(s): returned, such as thread (5,0,0) of block (0,0,0)");
  EXPECT_CONTAINS(text, "28 thread(s): waits at __syncthreads misuse_test.cpp:");
}

__global__ void grid_sync_kernel() {
  GridBarrier barrier = {};
  grid_sync(&barrier);
}

TEST_F(MisuseTest, GridBarrierWithoutCooperativeLaunch) {
  EXPECT_CONTAINS(message(grid_sync_kernel), "grid_sync in a launch that is not cooperative");
}

__global__ void dirty_grid_sync_kernel() {
  GridBarrier barrier = {7, 0};
  grid_sync(&barrier);
}

TEST_F(MisuseTest, GridBarrierThatWasNotZeroed) {
  LaunchShape shape{2, 64};
  shape.cooperative = true;
  EXPECT_CONTAINS(message(dirty_grid_sync_kernel, shape), "was not zeroed before its first use");
}

__global__ void partial_grid_sync_kernel() {
  GridBarrier barrier = {};
  if (blockIdx.x != 1) grid_sync(&barrier);
}

TEST_F(MisuseTest, GridBarrierThatOneBlockMisses) {
  LaunchShape shape{3, 32};
  shape.cooperative = true;
  EXPECT_CONTAINS(message(partial_grid_sync_kernel, shape), "64 thread(s): waits at grid_sync");
}

// ---- warp collectives

__global__ void foreign_mask_kernel() { __shfl_sync(0x0000ffffu, 1, 0); }

TEST_F(MisuseTest, MaskWithoutTheCaller) {
  const std::string text = message(foreign_mask_kernel);
  EXPECT_CONTAINS(text, "__shfl_sync: the mask does not name the calling lane");
  EXPECT_CONTAINS(text, "by thread (16,0,0)");
}

__global__ void two_masks_kernel() {
  __ballot_sync(threadIdx.x < 8 ? 0xffffffffu : 0xfffffff0u, 1);
}

TEST_F(MisuseTest, MasksThatOverlap) {
  EXPECT_CONTAINS(message(two_masks_kernel),
                  "lanes of one warp meet with different masks, others wait at __ballot_sync");
}

__global__ void two_collectives_kernel() {
  if (threadIdx.x % 2 == 0) {
    __syncwarp();
  } else {
    __any_sync(0xffffffffu, 1);
  }
}

TEST_F(MisuseTest, CollectivesAtTwoPlaces) {
  EXPECT_CONTAINS(message(two_collectives_kernel),
                  "__any_sync: divergent warp, other lanes wait at __syncwarp misuse_test.cpp:");
}

__global__ void early_return_kernel() {
  if (threadIdx.x % 32 >= 20) return;
  __syncwarp();
}

TEST_F(MisuseTest, ReturnBeforeACollective) {
  EXPECT_CONTAINS(message(early_return_kernel),
                  "the thread returns, though lanes of its warp wait for it at __syncwarp");
}

__global__ void late_collective_kernel() {
  if (threadIdx.x < 3) return;
  __syncwarp();
}

TEST_F(MisuseTest, CollectiveWithReturnedLanes) {
  EXPECT_CONTAINS(message(late_collective_kernel), "the mask names lanes that have returned");
}

__global__ void full_mask_kernel() { __shfl_sync(0xffffffffu, 1.0f, 0); }

TEST_F(MisuseTest, MaskBeyondTheBlock) {
  EXPECT_CONTAINS(message(full_mask_kernel, {1, 20}),
                  "the mask names lanes that the block does not have");
}

__global__ void foreign_lane_kernel() {
  if (threadIdx.x < 16) __shfl_sync(0x0000ffffu, 1, 20);
}

TEST_F(MisuseTest, ShuffleFromALaneOutsideTheMask) {
  EXPECT_CONTAINS(message(foreign_lane_kernel), "reads a lane that the mask does not name");
}

__global__ void odd_width_kernel() { __shfl_sync(0xffffffffu, 1, 0, 12); }

TEST_F(MisuseTest, ShuffleWidthNotAPowerOfTwo) {
  EXPECT_CONTAINS(message(odd_width_kernel), "the width is not a power of two up to 32");
}

__global__ void divergent_mma_kernel() {
  float d[4] = {};
  const uint32_t a[4] = {}, b[2] = {};
  if (threadIdx.x != 31) mma_bf16(d, a, b);
}

TEST_F(MisuseTest, TensorCoreInstructionWithoutAllLanes) {
  EXPECT_CONTAINS(message(divergent_mma_kernel), "wait for it at mma_bf16");
}

template <int kInstruction>
__global__ void new_instruction_kernel() {
  float d[4] = {};
  const uint32_t a[4] = {}, b[2] = {};
  if (kInstruction == 0) mma_tf32(d, a, b);
  if (kInstruction == 1) mma_bf16(d, a, b);
  if (kInstruction == 2) to_tf32(1.0f);
  if (kInstruction == 3) to_bf16x2(1.0f, 2.0f);
}

TEST_F(MisuseTest, InstructionsOfLaterCards) {
  EXPECT_EQ(error_of([] { launch_kernel(nullptr, {1, 32}, new_instruction_kernel<0>); }), "");
  simt::options().capability = 75;
  EXPECT_CONTAINS(message(new_instruction_kernel<0>), "mma_tf32 needs sm_80, this card is sm_75");
  EXPECT_CONTAINS(message(new_instruction_kernel<1>), "mma_bf16 needs sm_80");
  EXPECT_CONTAINS(message(new_instruction_kernel<2>), "to_tf32 needs sm_80");
  EXPECT_CONTAINS(message(new_instruction_kernel<3>), "to_bf16x2 needs sm_80");
}

// ---- shared memory

__global__ void large_static_kernel() {
  VAE_SHARED(float, first, [12000]);
  VAE_SHARED(float, second, [400]);
  first[0] = second[0] = 0;
}

TEST_F(MisuseTest, StaticSharedMemoryOver48KiB) {
  EXPECT_CONTAINS(message(large_static_kernel),
                  "49600 bytes of static shared memory, more than 48 KiB");
}

__global__ void carve_kernel() {
  SharedCarver shared;
  shared.take<float>(3);
  shared.take<float>(10);
}

TEST_F(MisuseTest, CarvingMoreThanTheLaunchGave) {
  EXPECT_CONTAINS(message(carve_kernel, {1, 32, 52}),
                  "takes 56 bytes of dynamic shared memory, the launch gave 52");
  EXPECT_EQ(error_of([] { launch_kernel(nullptr, {1, 32, 56}, carve_kernel); }), "");
}

__global__ void different_pieces_kernel() {
  SharedCarver shared;
  shared.take<float>(threadIdx.x == 9 ? 4 : 5);
}

TEST_F(MisuseTest, ThreadsCarvingDifferentPieces) {
  const std::string text = message(different_pieces_kernel, {1, 32, 1000});
  EXPECT_CONTAINS(text, "threads take different pieces of shared memory");
  EXPECT_CONTAINS(text, "by thread (9,0,0)");
}

TEST_F(MisuseTest, MoreSharedMemoryThanACardHas) {
  EXPECT_CONTAINS(message(carve_kernel, {1, 32, 300000}),
                  "300000 bytes of dynamic shared memory; a card has 232448");
  simt::options().max_shared_bytes = 99 * 1024;
  EXPECT_CONTAINS(message(carve_kernel, {1, 32, 100 * 1024}), "a card has 101376");
}

// ---- ldmatrix and cp.async

__global__ void misaligned_rows_kernel() {
  VAE_SHARED(uint16_t, tile, [32 * 12]);
  uint32_t registers[4];
  load_matrix_x4(registers, tile + threadIdx.x % 32 * 12);
}

TEST_F(MisuseTest, MatrixRowsThatAreNotAligned) {
  EXPECT_CONTAINS(message(misaligned_rows_kernel),
                  "load_matrix_x4: the shared address is not aligned to 16 bytes");
}

__global__ void foreign_rows_kernel() {
  alignas(16) uint16_t own[8] = {};
  uint32_t registers[2];
  load_matrix_x2_transposed(registers, own);
}

TEST_F(MisuseTest, MatrixRowsOutsideSharedMemory) {
  EXPECT_CONTAINS(message(foreign_rows_kernel),
                  "load_matrix_x2_transposed: the address is outside of the block's shared memory");
}

alignas(16) const float g_source[8] = {1, 2, 3, 4, 5, 6, 7, 8};

template <typename Vector, int kOffset>
__global__ void vector_kernel() {
  VAE_SHARED(float, memory, [12]);
  if (threadIdx.x == 0) vector_at<Vector>(memory + kOffset) = Vector{};
}

TEST_F(MisuseTest, VectorsThatAreNotAligned) {
  for (void (*aligned)() : {vector_kernel<float4, 4>, vector_kernel<float2, 2>}) {
    EXPECT_EQ(error_of([&] { launch_kernel(nullptr, {1, 64}, aligned); }), "");
  }
  EXPECT_CONTAINS(message(vector_kernel<float4, 2>),
                  "vector_at: the address is not aligned to 16 bytes");
  EXPECT_CONTAINS(message(vector_kernel<float2, 1>),
                  "vector_at: the address is not aligned to 8 bytes");
}

template <int kToOffset, int kFromOffset>
__global__ void misaligned_copy_kernel() {
  VAE_SHARED(float, to, [8]);
  copy_async<16>(to + kToOffset, g_source + kFromOffset, true);
}

TEST_F(MisuseTest, CopyBetweenMisalignedAddresses) {
  EXPECT_CONTAINS(message(misaligned_copy_kernel<2, 0>),
                  "copy_async: the shared address is not aligned to 16 bytes");
  EXPECT_CONTAINS(message(misaligned_copy_kernel<0, 2>),
                  "copy_async: the global address is not aligned");
}

__global__ void past_the_end_copy_kernel() {
  VAE_SHARED(float, to, [6]);
  copy_async<16>(to + 4, g_source, true);
}

TEST_F(MisuseTest, CopyBeyondASharedArray) {
  EXPECT_CONTAINS(message(past_the_end_copy_kernel),
                  "copy_async: the address is outside of the block's shared memory");
}

template <bool kCommit>
__global__ void forgotten_copy_kernel() {
  VAE_SHARED(float, to, [4]);
  if (threadIdx.x == 0) copy_async<16>(to, g_source, true);
  if (kCommit) copy_async_commit();
  copy_async_wait<kCommit ? 1 : 0>();
}

TEST_F(MisuseTest, CopyThatIsNeverWaitedFor) {
  EXPECT_CONTAINS(message(forgotten_copy_kernel<true>),
                  "the thread returns with a copy_async that it never waited for");
  // A wait does not cover what was not committed.
  EXPECT_CONTAINS(message(forgotten_copy_kernel<false>), "never waited for");
}

// ---- launches

__global__ void empty_kernel() {}

TEST_F(MisuseTest, ShapesThatNoCardRuns) {
  EXPECT_CONTAINS(message(empty_kernel, {1, {32, 33}}), "a block of 32 x 33 x 1 threads");
  EXPECT_CONTAINS(message(empty_kernel, {1, 0}), "a block of 0 x 1 x 1 threads");
  EXPECT_CONTAINS(message(empty_kernel, {1, {1, 1, 65}}), "a block of 1 x 1 x 65 threads");
  EXPECT_CONTAINS(message(empty_kernel, {{1, 65536}, 1}), "a grid of 1 x 65536 x 1 blocks");
  EXPECT_CONTAINS(message(empty_kernel, {{1, 0}, 1}), "(launch at misuse_test.cpp:");
}

__global__ void launching_kernel() { launch_kernel(nullptr, {1, 1}, empty_kernel); }

TEST_F(MisuseTest, LaunchWithinAKernel) {
  EXPECT_CONTAINS(message(launching_kernel), "a launch within a kernel");
}

__global__ void throwing_kernel() {
  if (threadIdx.x == 3) throw std::runtime_error("no luck");
  __syncthreads();
}

TEST_F(MisuseTest, ExceptionInAKernel) {
  EXPECT_CONTAINS(message(throwing_kernel), "exception in a kernel: no luck");
}

__global__ void trapping_kernel() {
  if (threadIdx.x == 3) __trap();
}

TEST_F(MisuseTest, Trap) { EXPECT_CONTAINS(message(trapping_kernel), "__trap [misuse_test.cpp:"); }

TEST_F(MisuseTest, CudaCallsOutsideOfAKernel) {
  EXPECT_CONTAINS(error_of([] { __syncthreads(); }), "__syncthreads outside of a kernel");
  EXPECT_CONTAINS(error_of([] { SharedCarver().take<float>(1); }), "outside of a kernel");
  EXPECT_CONTAINS(error_of([] { copy_async_wait<0>(); }), "outside of a kernel");
}

// A failed launch unwinds its threads, so what comes after is not disturbed.
struct CountsDestructions {
  int* count;
  ~CountsDestructions() { atomicAdd(count, 1); }
};

__global__ void failing_kernel(int* destroyed) {
  const CountsDestructions local{destroyed};
  __syncthreads();
  if (threadIdx.x == 17) __trap();
  __syncthreads();
}

TEST_F(MisuseTest, FailedLaunchUnwindsItsThreads) {
  for (const std::uint64_t seed : {0, 1, 2, 3}) {
    simt::options().seed = seed;
    int destroyed = 0;
    EXPECT_NE(error_of([&] { launch_kernel(nullptr, {1, 64}, failing_kernel, &destroyed); }), "");
    EXPECT_EQ(destroyed, 64);
    EXPECT_EQ(error_of([] { launch_kernel(nullptr, {3, 64}, empty_kernel); }), "");
  }
}

}  // namespace
}  // namespace vae::cuda
