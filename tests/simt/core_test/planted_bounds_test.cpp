// SPDX-License-Identifier: MIT
//
// Accesses beyond an array or before it was written.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "kernels/cuda/instructions.h"
#include "tests/simt/core_test/host_device.h"
#include "tests/simt/core_test/planted_faults.h"

namespace vae::cuda {
namespace {

// ---- bounds

enum class Bounds { kRight, kSharedRead, kSharedWrite, kPiece, kGlobalRead, kGlobalWrite };

template <Bounds kFault>
__global__ void bounds_kernel(const float* from, float* to) {
  VAE_SHARED(float, tile, [64 + 8]);
  SharedCarver shared;
  float* first = shared.take<float>(61);
  float* second = shared.take<float>(64);
  const unsigned i = threadIdx.x;
  const unsigned past =
      i + (kFault == Bounds::kSharedRead || kFault == Bounds::kSharedWrite ? 9 : 0);
  tile[kFault == Bounds::kSharedWrite ? past : i] = from[kFault == Bounds::kGlobalRead ? i + 1 : i];
  if (i < (kFault == Bounds::kPiece ? 62 : 61)) first[i] = 1;
  second[i] = 1;
  __syncthreads();
  float value = tile[i];
  if (kFault == Bounds::kSharedRead && tile[past] == 0) value = 1;
  to[kFault == Bounds::kGlobalWrite ? i + 1 : i] = value;
}

template <Bounds kFault>
bool stays_within() {
  HostDevice device;
  std::vector<float> from(64);
  for (std::size_t i = 0; i < 64; ++i) from[i] = static_cast<float>(i);
  float* to = device.upload(std::vector<float>(64));
  LaunchShape shape{1, 64};
  shape.shared_bytes = 2 * 64 * sizeof(float);
  launch_kernel(nullptr, shape, bounds_kernel<kFault>, device.upload(from), to);
  return device.download(to, 64) == from;
}

TEST_F(PlantedFaultTest, BoundsOfTheRightKernel) { expect_right(stays_within<Bounds::kRight>); }

TEST_F(PlantedFaultTest, AccessesPastTheEnd) {
  if (!kAddressSanitizer) GTEST_SKIP() << "needs the address sanitizer";
  EXPECT_BOUNDS(stays_within<Bounds::kSharedRead>());
  EXPECT_BOUNDS(stays_within<Bounds::kSharedWrite>());
  EXPECT_BOUNDS(stays_within<Bounds::kPiece>());
  EXPECT_BOUNDS(stays_within<Bounds::kGlobalRead>());
  EXPECT_BOUNDS(stays_within<Bounds::kGlobalWrite>());
}

__global__ void copy_past_the_end_kernel(const float* from, int count) {
  VAE_SHARED(float, tile, [32]);
  const int i = static_cast<int>(threadIdx.x);
  copy_async<4>(&tile[i], from + i, i <= count);
  copy_async_commit();
  copy_async_wait<0>();
}

TEST_F(PlantedFaultTest, CopyFromPastTheEnd) {
  if (!kAddressSanitizer) GTEST_SKIP() << "needs the address sanitizer";
  HostDevice device;
  const float* from = device.upload(std::vector<float>(20));
  const std::string error = error_of([&] {
    launch_kernel(nullptr, {1, 32}, copy_past_the_end_kernel, from, 20);
  });
  EXPECT_NE(error.find("copy_async: the source is out of bounds"), std::string::npos) << error;
  EXPECT_NE(error.find("by thread (20,0,0)"), std::string::npos) << error;
}

// What was never written is a NaN.
__global__ void unwritten_kernel(float* to) {
  VAE_SHARED(float, tile, [4]);
  SharedCarver shared;
  to[0] = tile[3];
  to[1] = shared.take<float>(2)[1];
}

TEST_F(PlantedFaultTest, SharedMemoryReadBeforeItWasWritten) {
  float to[2] = {};
  launch_kernel(nullptr, {1, 1, 8}, unwritten_kernel, to);
  EXPECT_TRUE(std::isnan(to[0]));
  EXPECT_TRUE(std::isnan(to[1]));
}

}  // namespace
}  // namespace vae::cuda
