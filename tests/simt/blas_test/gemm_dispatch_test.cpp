// SPDX-License-Identifier: MIT
//
// Who computes a product in each mode, and that nothing but autotuning ever times.
#include "kernels/cuda/gemm_dispatch.h"

#include <chrono>
#include <map>
#include <stdexcept>

#include "tests/simt/blas_test/blas_test.h"

namespace vae::cuda {
namespace {

constexpr double kTolerance = 1e-2;  // sums of 8 products of factors rounded to tf32

/// A store in memory that counts.
struct MemoryStore : TuningStore {
  std::string load(std::string_view name) override {
    ++loads;
    return texts[std::string(name)];
  }
  void save(std::string_view name, std::string_view text) override {
    ++saves;
    texts[std::string(name)] = text;
  }
  std::map<std::string, std::string> texts;
  int loads = 0, saves = 0;
};

class GemmDispatchTest : public BlasTest {
 protected:
  GemmDispatchTest() : x_(numbers(64, 1)), w_(numbers(64, 2)), y_(64) {
    args_.c = view(y_, 8, 8);
    args_.a = view(x_, 8, 8);
    args_.b = view(w_, 8, 8);
  }

  GemmDispatch dispatch(GemmMode mode, Precision precision = Precision::tf32) {
    return GemmDispatch({mode, precision, 90, "simulated card", &store_}, device_.stream.get(),
                        device_.workspace.data(), Device32MiB::kBytes);
  }

  /// An operation as a backend has it: the library, or our kernel, which takes `own_ms`.
  void issue(GemmDispatch& gemms) {
    if (gemms.takes(blas_product(args_), [this, &gemms] { issue(gemms); })) return;
    ++own_runs_;
    const double ms = own_ms_;
    VAE_CUDA(simt::enqueue_work(device_.stream.get(), "own", [ms] {
      const auto end =
          std::chrono::steady_clock::now() + std::chrono::duration<double, std::milli>(ms);
      while (std::chrono::steady_clock::now() < end) {
      }
    }));
  }

  /// A graph of the operation.
  UniqueGraphExec captured(GemmDispatch& gemms) {
    UniqueGraph graph;
    UniqueGraphExec executable;
    VAE_CUDA(cudaStreamBeginCapture(device_.stream.get(), cudaStreamCaptureModeThreadLocal));
    issue(gemms);
    VAE_CUDA(cudaStreamEndCapture(device_.stream.get(), graph.out()));
    VAE_CUDA(cudaGraphInstantiate(executable.out(), graph.get(), 0));
    return executable;
  }

  static int64_t library_runs() { return simt::blas_calls_of("cublasLtMatmul"); }
  static int64_t event_calls() {
    return simt::calls_of("cudaEventCreate") + simt::calls_of("cudaEventCreateWithFlags") +
           simt::calls_of("cudaEventRecord") + simt::calls_of("cudaEventSynchronize") +
           simt::calls_of("cudaEventElapsedTime") + simt::calls_of("cudaEventQuery");
  }

  // Sizes from 2^31 multiply-adds on take too long here, but the choice can be asked for.
  static BlasProduct large() {
    BlasProduct product;
    product.rows = product.columns = 1024;
    product.depth = 2048;
    return product;
  }

  MemoryStore store_;
  Device32MiB device_;
  DeviceFloats x_, w_, y_;
  GemmArgs args_;
  int own_runs_ = 0;
  double own_ms_ = 0;
};

TEST_F(GemmDispatchTest, OwnModeNeverTouchesTheLibrary) {
  GemmDispatch gemms = dispatch(GemmMode::own);
  issue(gemms);
  EXPECT_EQ(own_runs_, 1);
  EXPECT_EQ(simt::blas_calls_of("cublasLtCreate"), 0);
  EXPECT_FALSE(gemms.prefers_library(large()));
  EXPECT_EQ(event_calls(), 0);
  EXPECT_EQ(store_.loads + store_.saves, 0);
}

TEST_F(GemmDispatchTest, InFp32TheLibraryGetsNothingAndMayNotBeAskedFor) {
  for (const GemmMode mode : {GemmMode::reproducible, GemmMode::autotune}) {
    GemmDispatch gemms = dispatch(mode, Precision::fp32);
    issue(gemms);
    EXPECT_FALSE(gemms.prefers_library(large()));
  }
  EXPECT_EQ(own_runs_, 2);
  EXPECT_EQ(simt::blas_calls_of("cublasLtCreate"), 0);
  const std::string text = error_of([&] { dispatch(GemmMode::library, Precision::fp32); });
  EXPECT_CONTAINS(text, "VAE_GEMM=library");
  EXPECT_CONTAINS(text, "choose tf32 or bf16");
}

TEST_F(GemmDispatchTest, LibraryModeGivesItWhatItCovers) {
  GemmDispatch gemms = dispatch(GemmMode::library);
  for (int i = 0; i < 3; ++i) issue(gemms);
  EXPECT_EQ(own_runs_, 0);
  EXPECT_EQ(library_runs(), 3);
  EXPECT_EQ(simt::blas_calls_of("cublasLtMatmulAlgoGetHeuristic"), 1);
  device_.stream.synchronize();
  EXPECT_EQ(simt::last_blas_algorithm(), 0);
  args_.c.data += 1;  // not aligned
  issue(gemms);
  EXPECT_EQ(own_runs_, 1);
  EXPECT_EQ(event_calls(), 0);
  EXPECT_EQ(store_.loads + store_.saves, 0);
}

TEST_F(GemmDispatchTest, ReproducibleModeFollowsTheRuleAndNeverTimes) {
  GemmDispatch gemms = dispatch(GemmMode::reproducible);
  for (int i = 0; i < 3; ++i) issue(gemms);
  EXPECT_EQ(own_runs_, 3);
  EXPECT_EQ(library_runs(), 0);
  BlasProduct smaller = large();
  smaller.depth -= 4;
  EXPECT_FALSE(gemms.prefers_library(smaller));
  EXPECT_EQ(simt::calls_of("cudaStreamIsCapturing"), 0);
  EXPECT_TRUE(gemms.prefers_library(large()));
  EXPECT_EQ(gemms.capture_tuned([] { return 5; }), 5);
  EXPECT_EQ(event_calls(), 0);
  EXPECT_EQ(store_.loads + store_.saves, 0);
}

TEST_F(GemmDispatchTest, WhatTheLibraryHasNoAlgorithmForIsOurs) {
  simt::blas_model().supported = false;
  for (const GemmMode mode : {GemmMode::library, GemmMode::reproducible, GemmMode::autotune}) {
    GemmDispatch gemms = dispatch(mode);
    EXPECT_FALSE(gemms.prefers_library(large()));
    const int before = own_runs_;
    issue(gemms);
    EXPECT_GT(own_runs_, before);
  }
  EXPECT_EQ(library_runs(), 0);
}

TEST_F(GemmDispatchTest, AutotuningKeepsOurFasterKernel) {
  simt::blas_model().delay_ms = 2;
  GemmDispatch gemms = dispatch(GemmMode::autotune);
  issue(gemms);
  EXPECT_EQ(own_runs_, 2 + 7 + 1);         // warm-ups, samples, and the operation itself
  EXPECT_EQ(library_runs(), 8 * (2 + 7));  // each algorithm
  const int64_t events = event_calls();
  EXPECT_GT(events, 0);
  for (int i = 0; i < 3; ++i) issue(gemms);
  EXPECT_EQ(own_runs_, 13);
  EXPECT_EQ(library_runs(), 72);
  EXPECT_EQ(event_calls(), events);
  EXPECT_FALSE(gemms.prefers_library(blas_product(args_)));
  EXPECT_EQ(store_.saves, 1);
}

TEST_F(GemmDispatchTest, AutotuningKeepsTheFastestAlgorithm) {
  own_ms_ = 4;
  simt::blas_model().delay_ms = 2;
  simt::blas_model().quick = 5;
  GemmDispatch gemms = dispatch(GemmMode::autotune);
  issue(gemms);
  EXPECT_TRUE(gemms.prefers_library(blas_product(args_)));
  device_.stream.synchronize();
  EXPECT_EQ(simt::last_blas_algorithm(), 5);
  EXPECT_EQ(own_runs_, 9);
  expect_near(y_.read(), product_of({x_.read(), 8}, {w_.read(), 8}, 8, 8, 8), kTolerance);

  // Another product, another decision.
  args_.transpose_b = true;
  own_ms_ = 0;
  issue(gemms);
  EXPECT_FALSE(gemms.prefers_library(blas_product(args_)));
}

TEST_F(GemmDispatchTest, AnotherRunTakesWhatWasKept) {
  own_ms_ = 4;
  simt::blas_model().delay_ms = 2;
  simt::blas_model().quick = 3;
  {
    GemmDispatch first = dispatch(GemmMode::autotune);
    issue(first);
  }
  ASSERT_EQ(store_.texts.size(), 1u);
  EXPECT_EQ(store_.texts.begin()->first, "gemm-simulated-card-130100.txt");
  const int64_t events = event_calls(), runs = library_runs(), created = 8;
  GemmDispatch second = dispatch(GemmMode::autotune);
  for (int i = 0; i < 2; ++i) issue(second);
  device_.stream.synchronize();
  EXPECT_EQ(simt::last_blas_algorithm(), 3);
  EXPECT_EQ(event_calls(), events + created);
  EXPECT_EQ(library_runs(), runs + 2);
  EXPECT_EQ(own_runs_, 9);
  EXPECT_EQ(store_.saves, 1);
}

TEST_F(GemmDispatchTest, DamagedOrForeignCachesAreMeasuredAnew) {
  own_ms_ = 4;
  simt::blas_model().quick = 1;
  simt::blas_model().delay_ms = 2;
  {
    GemmDispatch first = dispatch(GemmMode::autotune);
    issue(first);
  }
  std::string& text = store_.texts.begin()->second;
  const std::string good = text;
  text[good.size() / 2] = '?';
  {
    GemmDispatch again = dispatch(GemmMode::autotune);
    issue(again);
  }
  EXPECT_EQ(text, good);
  EXPECT_EQ(own_runs_, 18);
  // A table in good order whose algorithm the library does not know.
  const GemmOrigin origin{"simulated card", 130100};
  GemmTable table = *GemmTable::from_text(good, origin);
  table.set(*table.keys().begin(), {true, {1, 2, 3}});
  text = table.to_text(origin);
  {
    GemmDispatch again = dispatch(GemmMode::autotune);
    issue(again);
  }
  EXPECT_EQ(text, good);
  EXPECT_EQ(own_runs_, 27);
  // Nor is such an algorithm used by a capture, which cannot measure.
  text = table.to_text(origin);
  GemmDispatch again = dispatch(GemmMode::autotune);
  UniqueGraph graph;
  VAE_CUDA(cudaStreamBeginCapture(device_.stream.get(), cudaStreamCaptureModeThreadLocal));
  issue(again);
  VAE_CUDA(cudaStreamEndCapture(device_.stream.get(), graph.out()));
  EXPECT_EQ(own_runs_, 28);
}

TEST_F(GemmDispatchTest, CapturesAreTunedBehindThemAndCapturedAnew) {
  own_ms_ = 4;
  simt::blas_model().quick = 2;
  simt::blas_model().delay_ms = 2;
  GemmDispatch gemms = dispatch(GemmMode::autotune);
  const int64_t created = event_calls();
  int captures = 0;
  const auto capture = [&] {
    UniqueGraph graph;
    UniqueGraphExec executable;
    VAE_CUDA(cudaStreamBeginCapture(device_.stream.get(), cudaStreamCaptureModeThreadLocal));
    issue(gemms);
    issue(gemms);
    if (captures++ == 0) {
      EXPECT_EQ(event_calls(), created);
      EXPECT_EQ(own_runs_, 2);  // the rule
    }
    VAE_CUDA(cudaStreamEndCapture(device_.stream.get(), graph.out()));
    VAE_CUDA(cudaGraphInstantiate(executable.out(), graph.get(), 0));
    return executable;
  };
  const UniqueGraphExec graph = gemms.capture_tuned(capture);
  EXPECT_EQ(captures, 2);
  EXPECT_EQ(own_runs_, 2 + 9);
  EXPECT_EQ(store_.saves, 1);
  const int64_t runs = library_runs();
  EXPECT_EQ(runs, 8 * 9 + 2);
  VAE_CUDA(cudaGraphLaunch(graph.get(), device_.stream.get()));
  device_.stream.synchronize();
  EXPECT_EQ(simt::last_blas_algorithm(), 2);
  static_cast<void>(gemms.capture_tuned(capture));
  EXPECT_EQ(captures, 3);  // everything is known
}

// What was postponed names memory; it must not be used once its capture has failed.
TEST_F(GemmDispatchTest, AFailedCaptureLeavesNothingToMeasure) {
  GemmDispatch gemms = dispatch(GemmMode::autotune);
  EXPECT_THROW(gemms.capture_tuned([&]() -> int {
    UniqueGraph graph;
    VAE_CUDA(cudaStreamBeginCapture(device_.stream.get(), cudaStreamCaptureModeThreadLocal));
    issue(gemms);
    VAE_CUDA(cudaStreamEndCapture(device_.stream.get(), graph.out()));
    throw std::runtime_error("the body failed");
  }),
               std::runtime_error);
  const int64_t runs = library_runs();
  EXPECT_EQ(gemms.capture_tuned([] { return 1; }), 1);
  EXPECT_EQ(library_runs(), runs);
}

// cuBLASLt 13.3 answers no question then, and the run would end before its first step.
TEST_F(GemmDispatchTest, TheLibraryIsAskedNothingDuringACapture) {
  for (const GemmMode mode : {GemmMode::library, GemmMode::autotune}) {
    own_ms_ = mode == GemmMode::autotune ? 4 : 0;
    own_runs_ = 0;
    store_ = {};
    GemmDispatch gemms = dispatch(mode);
    int captures = 0;
    const auto capture = [&] {
      ++captures;
      return captured(gemms);
    };
    const UniqueGraphExec graph = gemms.capture_tuned(capture);
    EXPECT_EQ(captures, 2);
    EXPECT_TRUE(gemms.prefers_library(blas_product(args_)));
    const int64_t runs = library_runs();
    VAE_CUDA(cudaGraphLaunch(graph.get(), device_.stream.get()));
    expect_near(y_.read(), product_of({x_.read(), 8}, {w_.read(), 8}, 8, 8, 8), kTolerance);
    EXPECT_EQ(library_runs(), runs);
    // What a file remembers is checked with the library, which is a question too.
    if (mode == GemmMode::library) continue;
    GemmDispatch again = dispatch(mode);
    const int64_t events = event_calls(), own = own_runs_;
    static_cast<void>(again.capture_tuned([&] { return captured(again); }));
    EXPECT_EQ(event_calls(), events) << "it was timed once more";
    EXPECT_EQ(own_runs_, own + 1) << "of the first capture";
  }
}

// The rule's answer needs no library; that it has an algorithm is found out behind the capture.
TEST_F(GemmDispatchTest, WhatTheRuleGivesTheLibraryIsPreferredDuringACapture) {
  GemmDispatch gemms = dispatch(GemmMode::reproducible);
  BlasProduct smaller = large();
  smaller.depth -= 4;
  UniqueGraph graph;
  VAE_CUDA(cudaStreamBeginCapture(device_.stream.get(), cudaStreamCaptureModeThreadLocal));
  EXPECT_TRUE(gemms.prefers_library(large()));
  EXPECT_FALSE(gemms.prefers_library(smaller));
  VAE_CUDA(cudaStreamEndCapture(device_.stream.get(), graph.out()));
  EXPECT_EQ(simt::blas_calls_of("cublasLtMatmulAlgoGetHeuristic"), 0);
}

TEST_F(GemmDispatchTest, ACapturedProductWithoutAnAlgorithmIsOurs) {
  simt::blas_model().supported = false;
  GemmDispatch gemms = dispatch(GemmMode::library);
  static_cast<void>(gemms.capture_tuned([&] { return captured(gemms); }));
  EXPECT_FALSE(gemms.prefers_library(blas_product(args_)));
  EXPECT_EQ(own_runs_, 2);
  EXPECT_EQ(library_runs(), 0);
}

TEST_F(GemmDispatchTest, AnErrorWhileMeasuringEndsTheMeasurement) {
  GemmDispatch gemms = dispatch(GemmMode::autotune);
  simt::fail_blas_product(3);
  EXPECT_CONTAINS(error_of([&] { issue(gemms); }), "cublasLtMatmul failed");
  const int before = own_runs_;
  issue(gemms);
  EXPECT_GE(own_runs_ - before, 9);  // measured from the start
}

TEST_F(GemmDispatchTest, AHandleCannotBeMadeDuringACapture) {
  UniqueGraph graph;
  VAE_CUDA(cudaStreamBeginCapture(device_.stream.get(), cudaStreamCaptureModeThreadLocal));
  EXPECT_CONTAINS(error_of([&] { dispatch(GemmMode::library); }), "CUBLAS_STATUS_ALLOC_FAILED");
  EXPECT_NE(cudaStreamEndCapture(device_.stream.get(), graph.out()), cudaSuccess);
}

}  // namespace
}  // namespace vae::cuda
