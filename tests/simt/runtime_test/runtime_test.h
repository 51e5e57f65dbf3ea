// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/cuda/simt.h"
#include "tests/simt/runtime/runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#define VAE_SIMT_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VAE_SIMT_TEST_ASAN 1
#endif
#endif

namespace vae {

#define EXPECT_CUDA(expected, call) EXPECT_EQ(expected, call) << simt::failure_reason()
#define ASSERT_OK(call) ASSERT_EQ(cudaSuccess, call) << simt::failure_reason()
#define EXPECT_OK(call) EXPECT_CUDA(cudaSuccess, call)

// Every test starts with a fresh device and must leave nothing on it.
class RuntimeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    simt::options().seed = 0;
    simt::reset_runtime();
  }
  void TearDown() override {
    EXPECT_EQ(simt::runtime_leaks(), "");
    simt::reset_runtime();
  }
};

constexpr std::uint64_t kSeeds = 9;

// Runs a program under seeds 0..8 and counts the runs that found what they had to.
inline int correct_runs(const std::function<bool()>& program) {
  int correct = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    simt::options().seed = seed;
    simt::reset_runtime();
    correct += program() ? 1 : 0;
    EXPECT_EQ(simt::runtime_leaks(), "") << "seed " << seed;
  }
  return correct;
}

struct Stream {
  explicit Stream(unsigned int flags = cudaStreamNonBlocking) {
    EXPECT_OK(cudaStreamCreateWithFlags(&handle, flags));
  }
  ~Stream() { cudaStreamDestroy(handle); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return handle; }  // NOLINT(google-explicit-constructor)
  cudaStream_t handle = nullptr;
};

struct Event {
  explicit Event(unsigned int flags = cudaEventDisableTiming) {
    EXPECT_OK(cudaEventCreateWithFlags(&handle, flags));
  }
  ~Event() { cudaEventDestroy(handle); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return handle; }  // NOLINT(google-explicit-constructor)
  cudaEvent_t handle = nullptr;
};

struct DeviceFloats {
  explicit DeviceFloats(std::size_t n) : count(n) { EXPECT_OK(cudaMalloc(&data, 4 * n)); }
  ~DeviceFloats() { cudaFree(data); }
  DeviceFloats(const DeviceFloats&) = delete;
  DeviceFloats& operator=(const DeviceFloats&) = delete;
  std::vector<float> read() const {
    std::vector<float> host(count);
    EXPECT_OK(cudaDeviceSynchronize());
    EXPECT_OK(cudaMemcpy(host.data(), data, 4 * count, cudaMemcpyDeviceToHost));
    return host;
  }
  float* data = nullptr;
  std::size_t count;
};

struct PinnedFloats {
  explicit PinnedFloats(std::size_t n) { EXPECT_OK(cudaMallocHost(&data, 4 * n)); }
  ~PinnedFloats() { cudaFreeHost(data); }
  PinnedFloats(const PinnedFloats&) = delete;
  PinnedFloats& operator=(const PinnedFloats&) = delete;
  float* data = nullptr;
};

// x[i] = scale x[i] + offset: two of them do not commute, so that their order shows.
__global__ inline void affine_kernel(float* x, int n, float scale, float offset) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) x[i] = scale * x[i] + offset;
}

__global__ inline void fill_kernel(float* x, int n, float value) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) x[i] = value;
}

__global__ inline void copy_kernel(float* y, const float* x, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) y[i] = x[i];
}

__global__ inline void trapping_kernel() { __trap(); }

inline cuda::LaunchShape shape(int n) {
  return {dim3(static_cast<unsigned int>((n + 31) / 32)), dim3(32)};
}

inline cudaError_t fill(cudaStream_t stream, const DeviceFloats& x, float value) {
  const int n = static_cast<int>(x.count);
  return cuda::launch_kernel(stream, shape(n), fill_kernel, x.data, n, value);
}

inline cudaError_t affine(cudaStream_t stream, const DeviceFloats& x, float scale, float offset) {
  const int n = static_cast<int>(x.count);
  return cuda::launch_kernel(stream, shape(n), affine_kernel, x.data, n, scale, offset);
}

inline cudaError_t copy(cudaStream_t stream, const DeviceFloats& to, const DeviceFloats& from) {
  const int n = static_cast<int>(to.count);
  return cuda::launch_kernel(stream, shape(n), copy_kernel, to.data, from.data, n);
}

}  // namespace vae
