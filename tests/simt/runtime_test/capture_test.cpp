// SPDX-License-Identifier: MIT
#include "tests/simt/runtime_test/runtime_test.h"

namespace vae {
namespace {

// A capture in progress on `stream`, beside memory and events that exist already.
class CaptureTest : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    ASSERT_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    ASSERT_OK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    ASSERT_OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    ASSERT_OK(cudaMalloc(&memory, 16));
    ASSERT_OK(cudaMallocHost(&pinned, 16));
    begin(stream);
  }
  void TearDown() override {
    for (const cudaStream_t s : {stream, other}) {
      if (status(s) != cudaStreamCaptureStatusNone) {
        cudaGraph_t graph = nullptr;
        if (cudaStreamEndCapture(s, &graph) == cudaSuccess) {
          EXPECT_OK(cudaGraphDestroy(graph));
        }
      }
    }
    EXPECT_OK(cudaFree(memory));
    EXPECT_OK(cudaFreeHost(pinned));
    EXPECT_OK(cudaEventDestroy(event));
    EXPECT_OK(cudaStreamDestroy(other));
    EXPECT_OK(cudaStreamDestroy(stream));
    RuntimeTest::TearDown();
  }
  static void begin(cudaStream_t s) {
    ASSERT_OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
  }
  static cudaStreamCaptureStatus status(cudaStream_t s) {
    cudaStreamCaptureStatus result = cudaStreamCaptureStatusNone;
    EXPECT_OK(cudaStreamIsCapturing(s, &result));
    return result;
  }
  // `call` fails with `expected`, and then the capture is lost.
  void expect_loss(cudaError_t expected, const std::function<cudaError_t()>& call) {
    EXPECT_CUDA(expected, call());
    EXPECT_EQ(status(stream), cudaStreamCaptureStatusInvalidated);
    EXPECT_CUDA(cudaErrorStreamCaptureInvalidated, cudaMemsetAsync(memory, 0, 16, stream));
    cudaGraph_t graph = reinterpret_cast<cudaGraph_t>(this);
    EXPECT_CUDA(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(stream, &graph));
    EXPECT_EQ(graph, nullptr);
    EXPECT_EQ(status(stream), cudaStreamCaptureStatusNone);
    EXPECT_OK(cudaMemsetAsync(memory, 0, 16, stream));  // the stream can be used again
    EXPECT_OK(cudaStreamSynchronize(stream));
  }

  cudaStream_t stream = nullptr;
  cudaStream_t other = nullptr;
  cudaEvent_t event = nullptr;
  float* memory = nullptr;
  float* pinned = nullptr;
};

TEST_F(CaptureTest, AllocationIsAnError) {
  void* result = nullptr;
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaMalloc(&result, 4); });
  begin(stream);
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaMallocHost(&result, 4); });
}

TEST_F(CaptureTest, ReleaseIsAnError) {
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaFree(memory); });
  begin(stream);
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaFreeHost(pinned); });
}

TEST_F(CaptureTest, SynchronisationIsAnError) {
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaStreamSynchronize(stream); });
  begin(stream);
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaStreamSynchronize(other); });
  begin(stream);
  expect_loss(cudaErrorStreamCaptureUnsupported, [] { return cudaDeviceSynchronize(); });
  begin(stream);
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaStreamQuery(stream); });
  begin(stream);
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaEventSynchronize(event); });
  begin(stream);
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaEventQuery(event); });
}

TEST_F(CaptureTest, SynchronousCopiesAreErrors) {
  expect_loss(cudaErrorStreamCaptureUnsupported,
              [&] { return cudaMemcpy(memory, pinned, 16, cudaMemcpyHostToDevice); });
  begin(stream);
  expect_loss(cudaErrorStreamCaptureUnsupported, [&] { return cudaMemset(memory, 0, 16); });
}

TEST_F(CaptureTest, PageableMemoryIsAnError) {
  float host[4] = {};
  expect_loss(cudaErrorStreamCaptureUnsupported,
              [&] { return cudaMemcpyAsync(memory, host, 16, cudaMemcpyHostToDevice, stream); });
}

TEST_F(CaptureTest, WaitingForAnUncapturedEventIsAnError) {
  EXPECT_OK(cudaEventRecord(event, other));
  expect_loss(cudaErrorStreamCaptureIsolation, [&] { return cudaStreamWaitEvent(stream, event); });
}

TEST_F(CaptureTest, TheHostCannotUseACapturedEvent) {
  ASSERT_OK(cudaEventRecord(event, stream));
  cudaGraph_t graph = nullptr;
  ASSERT_OK(cudaStreamEndCapture(stream, &graph));
  EXPECT_CUDA(cudaErrorCapturedEvent, cudaEventQuery(event));
  EXPECT_CUDA(cudaErrorCapturedEvent, cudaEventSynchronize(event));
  EXPECT_CUDA(cudaErrorCapturedEvent, cudaStreamWaitEvent(other, event));
  EXPECT_OK(cudaEventRecord(event, other));  // recorded anew, it is an event like any other
  EXPECT_OK(cudaEventSynchronize(event));
  EXPECT_OK(cudaGraphDestroy(graph));
}

TEST_F(CaptureTest, AnUnjoinedForkIsAnError) {
  ASSERT_OK(cudaEventRecord(event, stream));
  ASSERT_OK(cudaStreamWaitEvent(other, event));
  EXPECT_EQ(status(other), cudaStreamCaptureStatusActive);
  ASSERT_OK(cudaMemsetAsync(memory, 0, 16, other));
  cudaGraph_t graph = nullptr;
  EXPECT_CUDA(cudaErrorStreamCaptureUnjoined, cudaStreamEndCapture(stream, &graph));
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(status(other), cudaStreamCaptureStatusNone);
}

TEST_F(CaptureTest, OnlyTheStreamThatBeganCanEnd) {
  ASSERT_OK(cudaEventRecord(event, stream));
  ASSERT_OK(cudaStreamWaitEvent(other, event));
  cudaGraph_t graph = nullptr;
  EXPECT_CUDA(cudaErrorStreamCaptureUnmatched, cudaStreamEndCapture(other, &graph));
  EXPECT_CUDA(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(stream, &graph));
  EXPECT_CUDA(cudaErrorIllegalState, cudaStreamEndCapture(stream, &graph));
}

TEST_F(CaptureTest, TwoCapturesCannotMerge) {
  begin(other);
  ASSERT_OK(cudaEventRecord(event, other));
  expect_loss(cudaErrorStreamCaptureMerge, [&] {
    const cudaError_t result = cudaStreamWaitEvent(stream, event);
    cudaGraph_t graph = nullptr;
    EXPECT_CUDA(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(other, &graph));
    return result;
  });
}

TEST_F(CaptureTest, TheLegacyStreamIsNoPartOfACapture) {
  EXPECT_CUDA(cudaErrorStreamCaptureUnsupported,
              cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal));
  EXPECT_CUDA(cudaErrorIllegalState, cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  ASSERT_OK(cudaEventRecord(event, stream));
  expect_loss(cudaErrorStreamCaptureImplicit, [&] { return cudaStreamWaitEvent(nullptr, event); });
}

TEST_F(CaptureTest, ABlockingStreamForbidsTheLegacyStream) {
  const Stream blocking(cudaStreamDefault);
  begin(blocking);
  cudaGraph_t graph = nullptr;
  EXPECT_CUDA(cudaErrorStreamCaptureImplicit, cudaMemsetAsync(memory, 0, 16, nullptr));
  EXPECT_CUDA(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(blocking, &graph));
}

TEST_F(CaptureTest, WorkOnAnotherStreamIsNotCaptured) {
  ASSERT_OK(cudaMemsetAsync(memory, 0, 16, other));
  cudaGraph_t graph = nullptr;
  std::size_t nodes = 9;
  ASSERT_OK(cudaStreamEndCapture(stream, &graph));
  ASSERT_OK(cudaGraphGetNodes(graph, nullptr, &nodes));
  EXPECT_EQ(nodes, 0u);
  EXPECT_OK(cudaGraphDestroy(graph));
}

TEST_F(CaptureTest, DestroyingTheStreamEndsTheCapture) {
  cudaStream_t brief = nullptr;
  ASSERT_OK(cudaStreamCreate(&brief));
  begin(brief);
  EXPECT_OK(cudaStreamDestroy(brief));
  cudaGraph_t graph = nullptr;
  ASSERT_OK(cudaStreamEndCapture(stream, &graph));
  EXPECT_OK(cudaGraphDestroy(graph));
  EXPECT_OK(cudaDeviceSynchronize());  // nothing is being captured any more
}

}  // namespace
}  // namespace vae
