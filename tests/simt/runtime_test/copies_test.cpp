// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstring>

#include "tests/simt/runtime_test/runtime_test.h"

namespace vae {
namespace {

using CopiesTest = RuntimeTest;

TEST_F(CopiesTest, EveryDirectionMovesTheBytes) {
  const std::vector<float> in = {1, 2, 3};
  std::vector<float> out(3), again(3);
  const DeviceFloats x(3), y(3);
  EXPECT_OK(cudaMemcpy(x.data, in.data(), 12, cudaMemcpyHostToDevice));
  EXPECT_OK(cudaMemcpy(y.data, x.data, 12, cudaMemcpyDeviceToDevice));
  EXPECT_OK(cudaMemcpy(out.data(), y.data, 12, cudaMemcpyDeviceToHost));
  EXPECT_OK(cudaMemcpy(again.data(), out.data(), 12, cudaMemcpyHostToHost));
  EXPECT_EQ(out, in);
  EXPECT_EQ(again, in);
  EXPECT_OK(cudaMemcpy(x.data, again.data() + 1, 8, cudaMemcpyDefault));
  EXPECT_EQ(x.read(), (std::vector<float>{2, 3, 3}));
  EXPECT_OK(cudaMemcpy(nullptr, nullptr, 0, cudaMemcpyHostToDevice));
}

TEST_F(CopiesTest, TheDirectionMustFitThePointers) {
  float host[2] = {}, other[2] = {};
  const DeviceFloats x(2), y(2);
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(x.data, host, 8, cudaMemcpyDeviceToHost));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(x.data, y.data, 8, cudaMemcpyHostToDevice));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(host, other, 8, cudaMemcpyDeviceToDevice));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(host, x.data, 8, cudaMemcpyHostToHost));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(nullptr, x.data, 8, cudaMemcpyDeviceToHost));
  EXPECT_NE(simt::failure_reason().find("null"), std::string::npos);
}

TEST_F(CopiesTest, ACopyLongerThanTheAllocationIsAnError) {
  const std::vector<float> host(8);
  const DeviceFloats x(4), y(8);
  const PinnedFloats pinned(4);
  for (const std::size_t offset : {0u, 1u}) {
    const std::size_t room = 4 * (4 - offset);
    EXPECT_OK(cudaMemcpy(x.data + offset, host.data(), room, cudaMemcpyHostToDevice));
    EXPECT_CUDA(cudaErrorInvalidValue,
                cudaMemcpy(x.data + offset, host.data(), room + 1, cudaMemcpyHostToDevice));
    EXPECT_CUDA(cudaErrorInvalidValue,
                cudaMemcpy(y.data, x.data + offset, room + 1, cudaMemcpyDeviceToDevice));
    EXPECT_CUDA(cudaErrorInvalidValue,
                cudaMemcpy(y.data, pinned.data + offset, room + 1, cudaMemcpyHostToDevice));
    EXPECT_CUDA(cudaErrorInvalidValue, cudaMemset(x.data + offset, 0, room + 1));
  }
  EXPECT_CUDA(cudaErrorInvalidValue,
              cudaMemcpy(y.data, y.data + 1, 8, cudaMemcpyDeviceToDevice));  // overlap
}

TEST_F(CopiesTest, MemsetFillsAndWantsDeviceMemory) {
  const DeviceFloats x(4);
  float host = 1;
  EXPECT_OK(cudaMemset(x.data, 0, 8));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemset(&host, 0, 4));
  const std::vector<float> got = x.read();
  EXPECT_EQ(got[1], 0);
  EXPECT_TRUE(std::isnan(got[2]));
}

// Pageable memory is read when the stream gets there: a buffer used again too early shows.
TEST_F(CopiesTest, ABufferReusedBeforeTheStreamReadItIsSeen) {
  const auto program = [](bool wait, bool pinned_source) {
    const Stream stream;
    const DeviceFloats x(4);
    std::vector<float> pageable(4, 1.0f);
    const PinnedFloats pinned(4);
    float* source = pinned_source ? pinned.data : pageable.data();
    std::fill(source, source + 4, 1.0f);
    EXPECT_OK(cudaMemcpyAsync(x.data, source, 16, cudaMemcpyHostToDevice, stream));
    if (wait) {
      EXPECT_OK(cudaStreamSynchronize(stream));
    }
    std::fill(source, source + 4, 2.0f);
    return x.read() == std::vector<float>(4, 1.0f);
  };
  for (const bool pinned : {false, true}) {
    EXPECT_EQ(correct_runs([&] { return program(true, pinned); }), 9);
    EXPECT_LE(correct_runs([&] { return program(false, pinned); }), 6);
  }
}

TEST_F(CopiesTest, APageableResultIsThereOnlyAfterTheStreamWasWaitedFor) {
  const auto program = [](bool wait) {
    const Stream stream;
    const DeviceFloats x(4);
    std::vector<float> host(4);
    EXPECT_OK(fill(stream, x, 5));
    EXPECT_OK(cudaMemcpyAsync(host.data(), x.data, 16, cudaMemcpyDeviceToHost, stream));
    if (wait) {
      EXPECT_OK(cudaStreamSynchronize(stream));
    }
    const bool correct = host[0] == 5;
    EXPECT_OK(cudaStreamSynchronize(stream));
    return correct;
  };
  EXPECT_EQ(correct_runs([&] { return program(true); }), 9);
  EXPECT_LE(correct_runs([&] { return program(false); }), 6);
}

// cudaMemcpy runs on the legacy stream, which a non-blocking stream neither waits for nor delays.
TEST_F(CopiesTest, SynchronousCopiesDoNotWaitForNonBlockingStreams) {
  const auto program = [](unsigned int flags) {
    const Stream stream(flags);
    const DeviceFloats x(4);
    std::vector<float> host(4);
    EXPECT_OK(fill(stream, x, 5));
    EXPECT_OK(cudaMemcpy(host.data(), x.data, 16, cudaMemcpyDeviceToHost));
    return host[0] == 5;
  };
  EXPECT_EQ(correct_runs([&] { return program(cudaStreamDefault); }), 9);
  EXPECT_LE(correct_runs([&] { return program(cudaStreamNonBlocking); }), 6);
}

TEST_F(CopiesTest, AStagedUploadMayReachTheDeviceAfterTheCallReturned) {
  const auto program = [](unsigned int flags) {
    const Stream stream(flags);
    const DeviceFloats x(4), y(4);
    const std::vector<float> host(4, 6.0f);
    EXPECT_OK(cudaMemcpy(x.data, host.data(), 16, cudaMemcpyHostToDevice));
    EXPECT_OK(copy(stream, y, x));
    return y.read()[0] == 6;
  };
  EXPECT_EQ(correct_runs([&] { return program(cudaStreamDefault); }), 9);
  EXPECT_LE(correct_runs([&] { return program(cudaStreamNonBlocking); }), 8);
}

TEST_F(CopiesTest, ACopyOfMemoryFreedSinceItsCaptureIsAnIllegalAddress) {
  const Stream stream;
  const DeviceFloats x(4);
  float* gone = nullptr;
  ASSERT_OK(cudaMalloc(&gone, 16));
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  ASSERT_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  ASSERT_OK(cudaMemcpyAsync(x.data, gone, 16, cudaMemcpyDeviceToDevice, stream));
  ASSERT_OK(cudaStreamEndCapture(stream, &graph));
  ASSERT_OK(cudaGraphInstantiate(&exec, graph));
  ASSERT_OK(cudaFree(gone));
  ASSERT_OK(cudaGraphLaunch(exec, stream));
  EXPECT_CUDA(cudaErrorIllegalAddress, cudaStreamSynchronize(stream));
  EXPECT_NE(simt::failure_reason().find("freed"), std::string::npos);
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
}

}  // namespace
}  // namespace vae
