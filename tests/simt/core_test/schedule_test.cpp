// SPDX-License-Identifier: MIT
//
// Schedules: what is random, what can be repeated, and how launches reach a stand-in runtime.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cuda/instructions.h"
#include "tests/simt/core_test/host_device.h"

namespace vae::cuda {
namespace {

/// Ranks of threads in the order in which they took a number, before and after a barrier.
__global__ void order_kernel(uint32_t* counter, uint32_t* order) {
  const uint32_t threads = gridDim.x * blockDim.x;
  const uint32_t rank = blockIdx.x * blockDim.x + threadIdx.x;
  order[atomicAdd(counter, 1u)] = rank;
  __syncthreads();
  order[atomicAdd(counter, 1u)] = threads + rank;
}

std::vector<uint32_t> run_order(unsigned blocks = 4) {
  const unsigned threads = 96;
  uint32_t counter = 0;
  std::vector<uint32_t> order(2 * blocks * threads);
  launch_kernel(nullptr, {blocks, threads}, order_kernel, &counter, order.data());
  EXPECT_EQ(counter, order.size());
  return order;
}

TEST_F(SimtTest, SeedZeroRunsBlocksAndThreadsInAscendingOrder) {
  const std::vector<uint32_t> order = run_order(2);
  for (uint32_t i = 0; i < 96; ++i) EXPECT_EQ(order[i], i);
  EXPECT_EQ(*std::max_element(order.begin(), order.begin() + 96), 95u);
  EXPECT_EQ(order[192], 96u);  // the second block begins after the first has ended
}

TEST_F(SimtTest, ASeedGivesTheSameSchedulesAgain) {
  for (const std::uint64_t seed : {1, 2, 77}) {
    simt::options().seed = seed;
    simt::restart_schedules();
    const auto first = run_order(), second = run_order();
    EXPECT_NE(first, second) << "each launch has a schedule of its own";
    simt::restart_schedules();
    EXPECT_EQ(run_order(), first);
    EXPECT_EQ(run_order(), second);
  }
}

TEST_F(SimtTest, SeedsGiveDifferentSchedules) {
  std::set<std::vector<uint32_t>> orders;
  EXPECT_EQ(count_seeds(20, [&] { return orders.insert(run_order()).second; }), 20);
}

/// The rounds in the order in which threads began them. The lanes of a warp keep in step.
__global__ void rounds_kernel(uint32_t* counter, uint32_t* order) {
  for (uint32_t round = 0; round < 8; ++round) {
    order[atomicAdd(counter, 1u)] = round;
    __syncwarp();
  }
}

TEST_F(SimtTest, SomeWarpRunsFarAheadOrFarBehind) {
  const int found = count_seeds(20, [] {
    uint32_t counter = 0;
    std::vector<uint32_t> order(4 * 32 * 8);
    launch_kernel(nullptr, {1, 4 * 32}, rounds_kernel, &counter, order.data());
    // A warp begins its last round before another has begun its first one.
    const auto last = std::find(order.begin(), order.end(), 7u);
    return std::find(last, order.end(), 0u) != order.end();
  });
  EXPECT_GE(found, 15);
}

TEST_F(SimtTest, SeveralBlocksAreUnderWayAtOnce) {
  const int found = count_seeds(20, [] {
    const auto order = run_order();
    const uint32_t first_block = order[0] / 96;
    const auto other = std::find_if(order.begin(), order.end(),
                                    [&](uint32_t i) { return i % (4 * 96) / 96 != first_block; });
    const auto last = std::find_if(order.rbegin(), order.rend(), [&](uint32_t i) {
                        return i % (4 * 96) / 96 == first_block;
                      }).base();
    return other < last;
  });
  EXPECT_GE(found, 8);   // two or three at once in two of three launches
  EXPECT_LE(found, 19);  // and one by one in the others
}

__global__ void two_atomics_kernel(uint32_t* counter, uint32_t* interrupted) {
  const uint32_t first = atomicAdd(counter, 1u);
  if (atomicAdd(counter, 1u) != first + 1) atomicOr(interrupted, 1u);
}

TEST_F(SimtTest, OthersMayRunBetweenTwoAtomics) {
  const int found = count_seeds(20, [] {
    uint32_t counter = 0, interrupted = 0;
    launch_kernel(nullptr, {1, 64}, two_atomics_kernel, &counter, &interrupted);
    return interrupted == 1;
  });
  EXPECT_EQ(found, 20);
}

__global__ void indices_kernel(uint32_t* seen) {
  const uint32_t thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const uint32_t block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  __syncthreads();
  seen[block * blockDim.x * blockDim.y * blockDim.z + thread] += 1 + thread % warpSize;
}

TEST_F(SimtTest, EveryThreadOfEveryBlockRunsOnce) {
  for (const std::uint64_t seed : {0, 1, 2}) {
    simt::options().seed = seed;
    std::vector<uint32_t> seen(3 * 2 * 2 * 5 * 3 * 4);
    launch_kernel(nullptr, {{3, 2, 2}, {5, 3, 4}}, indices_kernel, seen.data());
    for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], 1 + i % 60 % 32);
  }
}

__global__ void widen_kernel(double* to, double value, int64_t count) {
  to[threadIdx.x] = value + static_cast<double>(count);
}

TEST_F(SimtTest, ArgumentsAreConvertedToTheParameters) {
  double to[2] = {};
  const unsigned char count = 200;
  EXPECT_EQ(launch_kernel(nullptr, {1, 2}, widen_kernel, to, 0.5f, count), cudaSuccess);
  EXPECT_EQ(to[1], 200.5);
}

__global__ void add_kernel(int* to, int value) { atomicAdd(to, value); }

TEST_F(SimtTest, AHookTakesLaunchesAndRunsThemAsOftenAsItLikes) {
  std::vector<std::function<void()>> queue;
  CUstream_st* const stream = reinterpret_cast<CUstream_st*>(&queue);
  simt::set_enqueue([&](CUstream_st* on, const LaunchShape& shape, std::function<void()> run) {
    EXPECT_EQ(on, stream);
    EXPECT_EQ(shape.block.x, 32u);
    queue.push_back(std::move(run));
    return static_cast<int>(queue.size() < 3 ? cudaSuccess : cudaErrorInvalidValue);
  });
  int sum = 0;
  for (const int value : {1, 10}) {
    EXPECT_EQ(launch_kernel(stream, {2, 32}, add_kernel, &sum, value), cudaSuccess);
  }
  EXPECT_EQ(launch_kernel(stream, {2, 32}, add_kernel, &sum, 0), cudaErrorInvalidValue);
  simt::set_enqueue({});
  EXPECT_EQ(sum, 0);
  queue[1]();
  EXPECT_EQ(sum, 640);
  queue[0]();
  queue[0]();
  EXPECT_EQ(sum, 640 + 2 * 64);
}

TEST_F(SimtTest, LaunchesOfSeveralHostThreadsTakeTurns) {
  int sum = 0;
  const auto launch = [&sum] {
    for (int i = 0; i < 5; ++i) launch_kernel(nullptr, {2, 32}, add_kernel, &sum, 1);
  };
  std::thread other(launch);
  launch();
  other.join();
  EXPECT_EQ(sum, 2 * 5 * 64);
}

TEST(SimtSeedDeathTest, TheEnvironmentSetsTheSeed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process of its own, which reads it anew
  setenv("VAE_SIMT_SEED", "4711", 1);
  EXPECT_EXIT(std::exit(simt::options().seed == 4711 ? 3 : 4), ::testing::ExitedWithCode(3), "");
  unsetenv("VAE_SIMT_SEED");
}

}  // namespace
}  // namespace vae::cuda
