// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "tests/simt/runtime_test/runtime_test.h"

namespace vae {
namespace {

using DeviceTest = RuntimeTest;

int attribute(cudaDeviceAttr which) {
  int value = -1;
  EXPECT_OK(cudaDeviceGetAttribute(&value, which, 0));
  return value;
}

TEST_F(DeviceTest, ThereIsOneAndItSaysWhatItIs) {
  int count = 0;
  EXPECT_OK(cudaGetDeviceCount(&count));
  EXPECT_EQ(count, 1);
  EXPECT_OK(cudaSetDevice(0));
  EXPECT_CUDA(cudaErrorInvalidDevice, cudaSetDevice(1));
  cudaDeviceProp properties;
  EXPECT_CUDA(cudaErrorInvalidDevice, cudaGetDeviceProperties(&properties, -1));
  ASSERT_OK(cudaGetDeviceProperties(&properties, 0));
  EXPECT_STREQ(properties.name, "CUDA simulator");
  EXPECT_EQ(properties.major, 8);
  EXPECT_EQ(properties.minor, 0);
  EXPECT_EQ(properties.multiProcessorCount, 4);
  EXPECT_EQ(properties.sharedMemPerBlockOptin, 163u << 10);
  EXPECT_EQ(properties.totalGlobalMem, std::size_t{4} << 30);
}

TEST_F(DeviceTest, StreamsAndMemoryAreOfTheCurrentDevice) {
  simt::device_model().count = 2;
  void *first = nullptr, *second = nullptr;
  cudaStream_t stream = nullptr;
  ASSERT_OK(cudaMalloc(&first, 64));
  ASSERT_OK(cudaSetDevice(1));
  ASSERT_OK(cudaStreamCreate(&stream));
  ASSERT_OK(cudaMalloc(&second, 64));
  EXPECT_EQ(simt::device_of(first), 0);
  EXPECT_EQ(simt::device_of(second), 1);
  EXPECT_OK(cudaMemsetAsync(second, 0, 64, stream));
  ASSERT_OK(cudaSetDevice(0));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaMemsetAsync(second, 0, 64, stream));
  char host[64];
  EXPECT_OK(cudaMemcpyAsync(host, second, 64, cudaMemcpyDeviceToHost, stream));
  EXPECT_OK(cudaStreamSynchronize(stream));
  EXPECT_OK(cudaStreamDestroy(stream));
  EXPECT_OK(cudaFree(first));
  EXPECT_OK(cudaFree(second));
}

TEST_F(DeviceTest, PropertiesAndAttributesAgree) {
  simt::device_model().major = 7;
  simt::device_model().minor = 5;
  simt::device_model().multiprocessors = 40;
  cudaDeviceProp p;
  ASSERT_OK(cudaGetDeviceProperties(&p, 0));
  EXPECT_EQ(p.major, attribute(cudaDevAttrComputeCapabilityMajor));
  EXPECT_EQ(p.minor, attribute(cudaDevAttrComputeCapabilityMinor));
  EXPECT_EQ(p.multiProcessorCount, attribute(cudaDevAttrMultiProcessorCount));
  EXPECT_EQ(static_cast<int>(p.sharedMemPerBlockOptin),
            attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
  EXPECT_EQ(p.sharedMemPerBlockOptin, 64u << 10);
  EXPECT_EQ(p.maxThreadsPerMultiProcessor, attribute(cudaDevAttrMaxThreadsPerMultiProcessor));
  EXPECT_EQ(p.maxThreadsPerMultiProcessor, 1024);
  EXPECT_EQ(p.l2CacheSize, attribute(cudaDevAttrL2CacheSize));
}

TEST_F(DeviceTest, OccupancyFollowsThreadsRegistersAndSharedMemory) {
  const auto blocks = [](int threads, std::size_t shared_bytes) {
    int result = -1;
    EXPECT_OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&result, trapping_kernel, threads,
                                                            shared_bytes));
    return result;
  };
  EXPECT_EQ(blocks(32, 0), 32);
  EXPECT_EQ(blocks(1024, 0), 1);
  EXPECT_EQ(blocks(128, 40 << 10), 4);
  EXPECT_EQ(blocks(128, 100 << 10), 0);  // more than was granted
  EXPECT_OK(cudaFuncSetAttribute(trapping_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 100 << 10));
  EXPECT_EQ(blocks(128, 100 << 10), 1);
  cudaFuncAttributes attributes;
  ASSERT_OK(cudaFuncGetAttributes(&attributes, trapping_kernel));
  EXPECT_EQ(attributes.maxDynamicSharedSizeBytes, 100 << 10);
  EXPECT_EQ(attributes.binaryVersion, 80);
  EXPECT_CUDA(cudaErrorInvalidValue,
              cudaFuncSetAttribute(trapping_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   164 << 10));
}

TEST_F(DeviceTest, WithoutADriverNothingWorks) {
  struct Case {
    simt::Driver driver;
    cudaError_t error;
    int version;
  };
  for (const Case& c : {Case{simt::Driver::missing, cudaErrorInsufficientDriver, 0},
                        Case{simt::Driver::old, cudaErrorInsufficientDriver, 11040},
                        Case{simt::Driver::no_device, cudaErrorNoDevice, CUDART_VERSION}}) {
    simt::device_model().driver = c.driver;
    int count = 7, version = -1, runtime = 0;
    void* memory = nullptr;
    EXPECT_CUDA(c.error, cudaGetDeviceCount(&count));
    EXPECT_EQ(count, 0);
    EXPECT_CUDA(c.error, cudaSetDevice(0));
    EXPECT_CUDA(c.error, cudaMalloc(&memory, 4));
    EXPECT_OK(cudaDriverGetVersion(&version));
    EXPECT_EQ(version, c.version);
    EXPECT_OK(cudaRuntimeGetVersion(&runtime));
    EXPECT_EQ(runtime, CUDART_VERSION);
    EXPECT_EQ(cudaGetLastError(), c.error);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  }
}

TEST_F(DeviceTest, ACardWithoutCodeForItRefusesKernels) {
  const DeviceFloats x(4);
  simt::device_model().kernel_image = false;
  EXPECT_CUDA(cudaErrorNoKernelImageForDevice, fill(nullptr, x, 1));
  simt::device_model().kernel_image = true;
  EXPECT_OK(fill(nullptr, x, 1));
  simt::device_model().major = 7;  // 7.0, which toolkit 13 does not compile for
  EXPECT_CUDA(cudaErrorNoKernelImageForDevice, fill(nullptr, x, 1));
  int blocks = 0;
  EXPECT_CUDA(cudaErrorNoKernelImageForDevice,
              cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, trapping_kernel, 32, 0));
  simt::device_model().minor = 5;
  EXPECT_OK(fill(nullptr, x, 1));
}

TEST_F(DeviceTest, TheEnvironmentSetsTheModel) {
  ASSERT_EQ(setenv("VAE_SIMT_CAPABILITY", "120", 1), 0);
  ASSERT_EQ(setenv("VAE_SIMT_SMS", "13", 1), 0);
  ASSERT_EQ(setenv("VAE_SIMT_MEMORY", "1000000", 1), 0);
  ASSERT_EQ(setenv("VAE_SIMT_DRIVER", "old", 1), 0);
  ASSERT_EQ(setenv("VAE_SIMT_FAIL_LAUNCH", "1:9", 1), 0);
  simt::reset_runtime();
  const simt::DeviceModel model = simt::device_model();
  simt::device_model().driver = simt::Driver::present;
  EXPECT_CUDA(cudaErrorInvalidConfiguration,
              cuda::launch_kernel(nullptr, shape(32), trapping_kernel));
  for (const char* name : {"VAE_SIMT_CAPABILITY", "VAE_SIMT_SMS", "VAE_SIMT_MEMORY",
                           "VAE_SIMT_DRIVER", "VAE_SIMT_FAIL_LAUNCH"}) {
    unsetenv(name);
  }
  EXPECT_EQ(model.major, 12);
  EXPECT_EQ(model.minor, 0);
  EXPECT_EQ(model.multiprocessors, 13);
  EXPECT_EQ(model.memory_bytes, 1000000u);
  EXPECT_EQ(model.driver, simt::Driver::old);
}

}  // namespace
}  // namespace vae
