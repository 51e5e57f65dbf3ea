// SPDX-License-Identifier: MIT
#include <cmath>

#include "tests/simt/runtime_test/runtime_test.h"

namespace vae {
namespace {

using StreamsTest = RuntimeTest;

TEST_F(StreamsTest, AStreamKeepsItsOrderUnderEverySeed) {
  const auto program = [] {
    const Stream stream;
    const DeviceFloats x(33);
    EXPECT_OK(fill(stream, x, 1));
    EXPECT_OK(affine(stream, x, 3, 0));
    EXPECT_OK(affine(stream, x, 1, 4));
    EXPECT_OK(affine(stream, x, 2, 0));
    return x.read() == std::vector<float>(33, 14.0f);
  };
  EXPECT_EQ(correct_runs(program), 9);
}

TEST_F(StreamsTest, NothingRunsBeforeItIsWaitedForUnderSeed0) {
  const Stream stream;
  int calls = 0;
  ASSERT_OK(cudaLaunchHostFunc(
      stream, [](void* n) { ++*static_cast<int*>(n); }, &calls));
  EXPECT_EQ(calls, 0);
  EXPECT_CUDA(cudaErrorNotReady, cudaStreamQuery(stream));
  ASSERT_OK(cudaStreamSynchronize(stream));
  EXPECT_EQ(calls, 1);
  EXPECT_OK(cudaStreamQuery(stream));
}

bool producer_and_consumer(bool wait) {
  const Stream producer, consumer;
  const DeviceFloats x(4), y(4);
  const Event ready;
  EXPECT_OK(fill(producer, x, 7));
  EXPECT_OK(cudaEventRecord(ready, producer));
  if (wait) {
    EXPECT_OK(cudaStreamWaitEvent(consumer, ready));
  }
  EXPECT_OK(copy(consumer, y, x));
  EXPECT_OK(cudaStreamSynchronize(consumer));
  return y.read()[0] == 7;
}

TEST_F(StreamsTest, AMissingWaitBetweenStreamsIsSeen) {
  EXPECT_EQ(correct_runs([] { return producer_and_consumer(true); }), 9);
  EXPECT_LE(correct_runs([] { return producer_and_consumer(false); }), 6);
}

TEST_F(StreamsTest, AWaitCoversWhatWasRecordedBeforeIt) {
  const auto program = [] {
    const Stream producer, consumer;
    const DeviceFloats x(4), y(4);
    const Event ready;
    EXPECT_OK(cudaEventRecord(ready, producer));
    EXPECT_OK(fill(producer, x, 7));
    EXPECT_OK(cudaStreamWaitEvent(consumer, ready));  // recorded too early
    EXPECT_OK(copy(consumer, y, x));
    return y.read()[0] == 7;
  };
  EXPECT_LE(correct_runs(program), 7);
}

TEST_F(StreamsTest, TheLegacyStreamIsOrderedWithBlockingStreamsOnly) {
  const auto program = [](unsigned int flags) {
    const Stream stream(flags);
    const DeviceFloats x(4), y(4);
    EXPECT_OK(fill(nullptr, x, 7));
    EXPECT_OK(affine(stream, x, 2, 0));
    EXPECT_OK(copy(nullptr, y, x));
    return y.read()[0] == 14;
  };
  EXPECT_EQ(correct_runs([&] { return program(cudaStreamDefault); }), 9);
  EXPECT_LE(correct_runs([&] { return program(cudaStreamNonBlocking); }), 7);
}

TEST_F(StreamsTest, EventsAreReadyOnceTheirStreamReachedThem) {
  const Stream stream;
  const DeviceFloats x(4);
  const Event event;
  EXPECT_OK(cudaEventQuery(event));  // never recorded
  ASSERT_OK(fill(stream, x, 1));
  ASSERT_OK(cudaEventRecord(event, stream));
  EXPECT_CUDA(cudaErrorNotReady, cudaEventQuery(event));
  int queries = 0;
  while (cudaEventQuery(event) == cudaErrorNotReady) ASSERT_LT(++queries, 100);
  ASSERT_OK(fill(stream, x, 2));
  ASSERT_OK(cudaEventRecord(event, stream));
  EXPECT_OK(cudaEventSynchronize(event));
  EXPECT_OK(cudaEventQuery(event));
}

TEST_F(StreamsTest, ElapsedTimeWantsTwoTimedEventsThatWereReached) {
  const Stream stream;
  const Event start(cudaEventDefault), end(cudaEventDefault), untimed;
  float ms = -1;
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&ms, start, end));
  ASSERT_OK(cudaEventRecord(start, stream));
  ASSERT_OK(cudaEventRecord(end, stream));
  ASSERT_OK(cudaEventRecord(untimed, stream));
  EXPECT_CUDA(cudaErrorNotReady, cudaEventElapsedTime(&ms, start, end));
  ASSERT_OK(cudaStreamSynchronize(stream));
  EXPECT_OK(cudaEventElapsedTime(&ms, start, end));
  EXPECT_GE(ms, 0);
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&ms, start, untimed));
}

TEST_F(StreamsTest, DestroyedHandlesAreRefused) {
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  ASSERT_OK(cudaStreamCreate(&stream));
  ASSERT_OK(cudaEventCreate(&event));
  EXPECT_OK(cudaStreamDestroy(stream));
  EXPECT_OK(cudaEventDestroy(event));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaStreamDestroy(stream));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaStreamSynchronize(stream));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaEventDestroy(event));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaEventRecord(event, nullptr));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaStreamDestroy(nullptr));
}

TEST_F(StreamsTest, WorkOfADestroyedStreamStillRuns) {
  const DeviceFloats x(4);
  {
    const Stream stream;
    ASSERT_OK(fill(stream, x, 9));
  }
  EXPECT_EQ(x.read()[0], 9);
}

TEST_F(StreamsTest, HostFunctionsMustNotCallCuda) {
  cudaError_t status = cudaSuccess;
  const auto function = [](void* result) {
    *static_cast<cudaError_t*>(result) = cudaDeviceSynchronize();
  };
  ASSERT_OK(cudaLaunchHostFunc(nullptr, function, &status));
  ASSERT_OK(cudaDeviceSynchronize());
  EXPECT_EQ(status, cudaErrorNotPermitted);
}

TEST_F(StreamsTest, WorkOfAnotherLibraryIsQueuedLikeAKernel) {
  const Stream stream;
  const DeviceFloats x(4);
  ASSERT_OK(fill(stream, x, 1));
  ASSERT_OK(simt::enqueue_work(stream, "library", [data = x.data] { data[2] += 10; }));
  EXPECT_EQ(x.read(), (std::vector<float>{1, 1, 11, 1}));
}

TEST_F(StreamsTest, OneSeedGivesOneOrder) {
  const auto order = [] {
    simt::options().seed = 6;
    simt::reset_runtime();
    std::vector<int> ran;
    struct Note {
      std::vector<int>* ran;
      int number;
    };
    Note notes[6];
    {
      const Stream a, b, c;
      const cudaStream_t streams[] = {a, b, c};
      for (int i = 0; i < 6; ++i) {
        notes[i] = {&ran, i};
        const auto write = [](void* note) {
          const Note& n = *static_cast<Note*>(note);
          n.ran->push_back(n.number);
        };
        EXPECT_OK(cudaLaunchHostFunc(streams[i % 3], write, &notes[i]));
      }
      EXPECT_OK(cudaDeviceSynchronize());
    }
    return ran;
  };
  const std::vector<int> first = order();
  EXPECT_EQ(first.size(), 6u);
  EXPECT_EQ(first, order());
}

}  // namespace
}  // namespace vae
