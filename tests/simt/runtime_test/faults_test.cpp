// SPDX-License-Identifier: MIT
#include "tests/simt/runtime_test/runtime_test.h"

namespace vae {
namespace {

using FaultsTest = RuntimeTest;

TEST_F(FaultsTest, AFaultOfAKernelIsSticky) {
  const Stream stream;
  const DeviceFloats x(4);
  simt::fail_launch(2, cudaErrorIllegalAddress);
  EXPECT_OK(fill(stream, x, 1));
  EXPECT_OK(fill(stream, x, 2));  // the launch itself succeeds, as on a card
  EXPECT_OK(cudaPeekAtLastError());
  EXPECT_CUDA(cudaErrorIllegalAddress, cudaStreamSynchronize(stream));
  void* memory = nullptr;
  EXPECT_CUDA(cudaErrorIllegalAddress, cudaMalloc(&memory, 4));
  EXPECT_CUDA(cudaErrorIllegalAddress, cudaDeviceSynchronize());
  EXPECT_CUDA(cudaErrorIllegalAddress, fill(stream, x, 3));
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  // What is released is released, though the calls report the error as well. The rest is lost.
  EXPECT_EQ(simt::runtime_leaks(), "");
  EXPECT_CUDA(cudaErrorIllegalAddress, cudaFree(x.data));
  const_cast<DeviceFloats&>(x).data = nullptr;
}

TEST_F(FaultsTest, AKernelOfAGraphCanFault) {
  const Stream stream;
  const DeviceFloats x(4);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  simt::fail_launch(2, cudaErrorLaunchFailure);
  ASSERT_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  ASSERT_OK(fill(stream, x, 1));
  ASSERT_OK(cudaStreamEndCapture(stream, &graph));
  ASSERT_OK(cudaGraphInstantiate(&exec, graph));
  EXPECT_OK(cudaGraphLaunch(exec, stream));
  EXPECT_OK(cudaStreamSynchronize(stream));
  EXPECT_OK(cudaGraphLaunch(exec, stream));
  EXPECT_CUDA(cudaErrorLaunchFailure, cudaStreamSynchronize(stream));
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
}

TEST_F(FaultsTest, ALaunchErrorIsReturnedAndPasses) {
  const DeviceFloats x(4);
  simt::fail_launch(2, cudaErrorLaunchOutOfResources);
  EXPECT_OK(fill(nullptr, x, 1));
  EXPECT_CUDA(cudaErrorLaunchOutOfResources, fill(nullptr, x, 2));
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorLaunchOutOfResources);
  EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchOutOfResources);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_OK(affine(nullptr, x, 1, 2));
  EXPECT_EQ(x.read()[0], 3);  // the failed launch did nothing
}

TEST_F(FaultsTest, AnyCallCanBeMadeToFail) {
  simt::fail_call(3, cudaErrorUnknown);
  void *first = nullptr, *second = nullptr;
  int version = 0;
  EXPECT_OK(cudaMalloc(&first, 4));
  EXPECT_OK(cudaFree(first));                  // not counted
  EXPECT_OK(cudaRuntimeGetVersion(&version));  // not counted
  EXPECT_OK(cudaSetDevice(0));
  EXPECT_CUDA(cudaErrorUnknown, cudaMalloc(&second, 4));
  EXPECT_OK(cudaMalloc(&second, 4));
  EXPECT_OK(cudaFree(second));
}

// The message of what a kernel did wrong reaches the call that waits for it.
TEST_F(FaultsTest, AMisuseInAKernelIsThrownByTheCallThatRanIt) {
  const Stream stream;
  EXPECT_OK(cuda::launch_kernel(stream, shape(32), trapping_kernel));
  try {
    static_cast<void>(cudaStreamSynchronize(stream));
    FAIL() << "nothing was thrown";
  } catch (const simt::Error& error) {
    EXPECT_NE(std::string(error.what()).find("__trap"), std::string::npos) << error.what();
  }
  EXPECT_OK(cudaStreamSynchronize(stream));
}

TEST_F(FaultsTest, CallsOfDestructorsDoNotThrow) {
  void* memory = nullptr;
  ASSERT_OK(cudaMalloc(&memory, 4));
  EXPECT_OK(cuda::launch_kernel(nullptr, shape(32), trapping_kernel));
  EXPECT_NO_THROW(EXPECT_OK(cudaFree(memory)));
  EXPECT_NE(simt::runtime_leaks().find("__trap"), std::string::npos);
  EXPECT_THROW(static_cast<void>(cudaSetDevice(0)), simt::Error);
  EXPECT_OK(cudaSetDevice(0));
}

TEST_F(FaultsTest, CallsAreCounted) {
  const DeviceFloats x(4);
  EXPECT_OK(fill(nullptr, x, 1));
  EXPECT_OK(fill(nullptr, x, 2));
  EXPECT_EQ(simt::calls_of("cudaMalloc"), 1);
  EXPECT_EQ(simt::calls_of("cudaLaunchKernelExC"), 2);
  EXPECT_EQ(simt::calls_of("cudaMemset"), 0);
}

TEST_F(FaultsTest, ErrorsHaveNamesTextsAndReasons) {
  EXPECT_STREQ(cudaGetErrorName(cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
  EXPECT_STREQ(cudaGetErrorString(cudaSuccess), "no error");
  EXPECT_CUDA(cudaErrorInvalidValue, cudaFree(this));
  const char* text = cudaGetErrorString(cudaErrorInvalidValue);
  EXPECT_EQ(std::string(text).rfind("invalid argument [simulator: cudaFree", 0), 0u) << text;
  EXPECT_STREQ(cudaGetErrorString(cudaErrorNotReady), "device not ready");
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(text, cudaGetErrorString(cudaErrorInvalidValue));  // still known, as the caller may ask
}

// ---- launches that CUDA refuses

cudaError_t launch(dim3 grid, dim3 block, std::size_t shared_bytes = 0, bool cooperative = false) {
  return cuda::launch_kernel(nullptr, {grid, block, shared_bytes, cooperative}, trapping_kernel);
}

TEST_F(FaultsTest, ImpossibleShapesAreRefused) {
  EXPECT_CUDA(cudaErrorInvalidConfiguration, launch(dim3(1), dim3(1025)));
  EXPECT_CUDA(cudaErrorInvalidConfiguration, launch(dim3(1), dim3(1, 1, 65)));
  EXPECT_CUDA(cudaErrorInvalidConfiguration, launch(dim3(0), dim3(32)));
  EXPECT_CUDA(cudaErrorInvalidConfiguration, launch(dim3(1, 65536), dim3(32)));
  EXPECT_CUDA(cudaErrorInvalidValue, launch(dim3(1), dim3(32), (163 << 10) + 1));
  EXPECT_NE(simt::failure_reason().find("faults_test.cpp"), std::string::npos)
      << simt::failure_reason();
}

TEST_F(FaultsTest, ACooperativeGridMustFitTheDevice) {
  int blocks = 0;
  ASSERT_OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, trapping_kernel, 256, 0));
  EXPECT_EQ(blocks, 4);  // 64 registers a thread
  const auto room = static_cast<unsigned int>(4 * blocks);
  EXPECT_CUDA(cudaErrorCooperativeLaunchTooLarge, launch(dim3(room + 1), dim3(256), 0, true));
  EXPECT_OK(launch(dim3(room), dim3(256), 0, true));
  EXPECT_THROW(static_cast<void>(cudaDeviceSynchronize()), simt::Error);
}

}  // namespace
}  // namespace vae
