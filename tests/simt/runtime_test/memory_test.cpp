// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include "tests/simt/runtime_test/runtime_test.h"

namespace vae {
namespace {

using MemoryTest = RuntimeTest;

TEST_F(MemoryTest, DeviceMemoryStartsAsNotANumber) {
  const DeviceFloats x(5);
  for (const float value : x.read()) EXPECT_TRUE(std::isnan(value));
}

TEST_F(MemoryTest, AddressesAreAlignedAsCudaPromises) {
  const DeviceFloats x(1), y(3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.data) % 256, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(y.data) % 256, 0u);
}

TEST_F(MemoryTest, NothingIsAllocatedForNoBytes) {
  void* memory = this;
  EXPECT_OK(cudaMalloc(&memory, 0));
  EXPECT_EQ(memory, nullptr);
  EXPECT_OK(cudaFree(nullptr));
}

TEST_F(MemoryTest, ForeignPointersAndSecondFreesAreErrors) {
  float host = 0;
  EXPECT_CUDA(cudaErrorInvalidValue, cudaFree(&host));
  float* memory = nullptr;
  ASSERT_OK(cudaMalloc(&memory, 8));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaFree(memory + 1));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaFreeHost(memory));
  EXPECT_OK(cudaFree(memory));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaFree(memory));
}

TEST_F(MemoryTest, FreeWaitsForTheWorkBefore) {
  const Stream stream;
  const DeviceFloats x(4), y(4);
  ASSERT_OK(fill(stream, x, 3));
  float* other = nullptr;
  ASSERT_OK(cudaMalloc(&other, 4));
  ASSERT_OK(cudaFree(other));
  ASSERT_OK(cudaMemcpy(y.data, x.data, 16, cudaMemcpyDeviceToDevice));
  EXPECT_EQ(y.read()[3], 3);
}

TEST_F(MemoryTest, TheBudgetIsKept) {
  simt::device_model().memory_bytes = 1000;
  std::size_t free = 0, total = 0;
  void *first = nullptr, *second = nullptr;
  ASSERT_OK(cudaMalloc(&first, 600));
  ASSERT_OK(cudaMemGetInfo(&free, &total));
  EXPECT_EQ(free, 400u);
  EXPECT_EQ(total, 1000u);
  EXPECT_CUDA(cudaErrorMemoryAllocation, cudaMalloc(&second, 401));
  EXPECT_EQ(second, nullptr);
  EXPECT_CUDA(cudaErrorMemoryAllocation,
              cudaMalloc(&second, std::numeric_limits<std::size_t>::max()));
  EXPECT_OK(cudaMalloc(&second, 400));  // the error was not sticky
  EXPECT_OK(cudaFree(first));
  EXPECT_OK(cudaFree(second));
  ASSERT_OK(cudaMemGetInfo(&free, &total));
  EXPECT_EQ(free, 1000u);
}

TEST_F(MemoryTest, TheAllocationThatATestNamesFails) {
  simt::fail_allocation(2);
  void *first = nullptr, *second = nullptr;
  EXPECT_OK(cudaMalloc(&first, 4));
  EXPECT_CUDA(cudaErrorMemoryAllocation, cudaMallocHost(&second, 4));
  EXPECT_OK(cudaMallocHost(&second, 4));
  EXPECT_OK(cudaFree(first));
  EXPECT_OK(cudaFreeHost(second));
}

TEST_F(MemoryTest, LeaksAreNamed) {
  void *device = nullptr, *pinned = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  ASSERT_OK(cudaMalloc(&device, 12));
  ASSERT_OK(cudaMallocHost(&pinned, 20));
  ASSERT_OK(cudaStreamCreate(&stream));
  ASSERT_OK(cudaEventCreate(&event));
  const std::string leaks = simt::runtime_leaks();
  EXPECT_NE(leaks.find("device memory, 12 bytes, allocation 1"), std::string::npos) << leaks;
  EXPECT_NE(leaks.find("pinned memory, 20 bytes, allocation 2"), std::string::npos) << leaks;
  EXPECT_NE(leaks.find("stream"), std::string::npos) << leaks;
  EXPECT_NE(leaks.find("1 event"), std::string::npos) << leaks;
  simt::reset_runtime();
  EXPECT_EQ(simt::runtime_leaks(), "");
}

TEST_F(MemoryTest, ADevicePointerIsKnownAsSuch) {
  const DeviceFloats x(4);
  EXPECT_TRUE(simt::is_device_memory(x.data, 16));
  EXPECT_TRUE(simt::is_device_memory(x.data + 1, 12));
  EXPECT_FALSE(simt::is_device_memory(x.data + 1, 16));
  EXPECT_FALSE(simt::is_device_memory(&x, 4));
}

#ifdef VAE_SIMT_TEST_ASAN

float read_float(const volatile float* address) { return *address; }
void write_float(volatile float* address) { *address = 1; }

using MemoryDeathTest = RuntimeTest;

TEST_F(MemoryDeathTest, TheHostCannotTouchDeviceMemory) {
  const DeviceFloats x(4);
  EXPECT_DEATH(read_float(x.data + 3), "use-after-poison");
  EXPECT_DEATH(write_float(x.data), "use-after-poison");
  ASSERT_OK(fill(nullptr, x, 1));
  ASSERT_OK(cudaDeviceSynchronize());
  EXPECT_DEATH(read_float(x.data), "use-after-poison");  // closed again after the kernel
}

TEST_F(MemoryDeathTest, AHostFunctionCannotTouchDeviceMemory) {
  const DeviceFloats x(4);
  const auto touch = [](void* memory) { write_float(static_cast<float*>(memory)); };
  ASSERT_OK(cudaLaunchHostFunc(nullptr, touch, x.data));
  EXPECT_DEATH(cudaDeviceSynchronize(), "use-after-poison");
  simt::reset_runtime();
  const_cast<DeviceFloats&>(x).data = nullptr;
}

TEST_F(MemoryDeathTest, AKernelCannotWritePastAnAllocation) {
  const DeviceFloats x(5);
  EXPECT_DEATH(
      {
        static_cast<void>(cuda::launch_kernel(nullptr, shape(6), fill_kernel, x.data, 6, 1.0f));
        cudaDeviceSynchronize();
      },
      "heap-buffer-overflow");
}

TEST_F(MemoryDeathTest, TheHostCannotReadPinnedMemoryBeforeTheCopyRan) {
  const Stream stream;
  const DeviceFloats x(4);
  const PinnedFloats host(8);
  ASSERT_OK(fill(stream, x, 2));
  ASSERT_OK(cudaMemcpyAsync(host.data + 4, x.data, 16, cudaMemcpyDeviceToHost, stream));
  EXPECT_TRUE(std::isnan(read_float(host.data + 3)));  // the copy does not concern it
  EXPECT_DEATH(read_float(host.data + 4), "use-after-poison");
  ASSERT_OK(cudaStreamSynchronize(stream));
  EXPECT_EQ(read_float(host.data + 4), 2);
}

TEST_F(MemoryDeathTest, ACopyReadsNoHostMemoryPastItsEnd) {
  const DeviceFloats x(4);
  const std::vector<float> host(3);
  EXPECT_DEATH(cudaMemcpy(x.data, host.data(), 16, cudaMemcpyHostToDevice), "heap-buffer-overflow");
}

#endif

}  // namespace
}  // namespace vae
