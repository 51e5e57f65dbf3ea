// SPDX-License-Identifier: MIT
//
// Every rule of the library that the stand-in enforces, broken once; and the epilogues that no
// product of ours uses.
#include <cublasLt.h>

#include <cmath>
#include <limits>

#include "tests/simt/blas_test/blas_test.h"

namespace vae::cuda {
namespace {

// D [4, 8] = A [4, 12] B [12, 8], column-major, with everything right at first.
class StandInTest : public BlasTest {
 protected:
  StandInTest()
      : a_(numbers(4 * 12, 1)),
        b_(numbers(12 * 8, 2)),
        d_(4 * 8),
        vector_(numbers(8, 3)),
        mask_(64),
        workspace_(1 << 20) {
    cublasLtCreate(&handle_);
    cublasLtMatmulDescCreate(&operation_, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    cublasLtMatrixLayoutCreate(&a_layout_, CUDA_R_32F, 4, 12, 4);
    cublasLtMatrixLayoutCreate(&b_layout_, CUDA_R_32F, 12, 8, 12);
    cublasLtMatrixLayoutCreate(&d_layout_, CUDA_R_32F, 4, 8, 4);
    cublasLtMatmulPreferenceCreate(&preference_);
    set_preference(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{4} << 20);
    for (int i = 0; i < 4; ++i) {
      set_preference(static_cast<cublasLtMatmulPreferenceAttributes_t>(
                         CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES + i),
                     uint32_t{16});
    }
  }
  ~StandInTest() override {
    cublasLtMatmulPreferenceDestroy(preference_);
    cublasLtMatrixLayoutDestroy(d_layout_);
    cublasLtMatrixLayoutDestroy(b_layout_);
    cublasLtMatrixLayoutDestroy(a_layout_);
    cublasLtMatmulDescDestroy(operation_);
    cublasLtDestroy(handle_);
  }

  template <typename T>
  cublasStatus_t set(cublasLtMatmulDescAttributes_t attribute, T value) {
    return cublasLtMatmulDescSetAttribute(operation_, attribute, &value, sizeof value);
  }
  template <typename T>
  cublasStatus_t set_preference(cublasLtMatmulPreferenceAttributes_t attribute, T value) {
    return cublasLtMatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof value);
  }
  void set_epilogue(cublasLtEpilogue_t epilogue) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(vector_.data()));
  }
  void set_mask(int64_t ld) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<void*>(mask_.data()));
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, ld);
  }

  cublasStatus_t heuristics(int most = 1) {
    return cublasLtMatmulAlgoGetHeuristic(handle_, operation_, a_layout_, b_layout_, d_layout_,
                                          d_layout_, preference_, most, results_, &count_);
  }
  cublasStatus_t multiply(float beta = 0) {
    const float one = 1;
    return cublasLtMatmul(handle_, operation_, &one, a_data(), a_layout_, b_.data(), b_layout_,
                          &beta, d_data(), d_layout_, d_data(), d_layout_,
                          &results_[algorithm_].algo, workspace_data_, workspace_bytes_, nullptr);
  }
  float* a_data() const { return a_.data() + a_offset_; }
  float* d_data() const { return d_override_ != nullptr ? d_override_ : d_.data(); }

  // The status of a product that is refused by heuristics or by the product, with the reason.
  void expect_refused(cublasStatus_t expected, const std::string& reason) {
    cublasStatus_t status = heuristics();
    if (status == CUBLAS_STATUS_SUCCESS) status = multiply();
    EXPECT_EQ(status, expected) << simt::blas_failure_reason();
    EXPECT_CONTAINS(simt::blas_failure_reason(), reason);
    EXPECT_CONTAINS(std::string(cublasLtGetStatusString(status)), reason);
  }
  void expect_not_modelled(const std::string& what) {
    const std::string text = error_of([&] { static_cast<void>(heuristics()); });
    EXPECT_CONTAINS(text, "not modelled");
    EXPECT_CONTAINS(text, what);
  }
  std::vector<float> run() {
    EXPECT_EQ(heuristics(), CUBLAS_STATUS_SUCCESS) << simt::blas_failure_reason();
    EXPECT_EQ(multiply(), CUBLAS_STATUS_SUCCESS) << simt::blas_failure_reason();
    return d_.read();
  }
  // Column-major elements.
  std::vector<double> expected() const {
    const std::vector<float> a = a_.read(), b = b_.read();
    std::vector<double> d(4 * 8);
    for (std::size_t n = 0; n < 8; ++n) {
      for (std::size_t m = 0; m < 4; ++m) {
        for (std::size_t k = 0; k < 12; ++k) {
          d[n * 4 + m] += double{a[k * 4 + m]} * double{b[n * 12 + k]};
        }
      }
    }
    return d;
  }

  DeviceFloats a_, b_, d_, vector_, mask_, workspace_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t operation_ = nullptr;
  cublasLtMatrixLayout_t a_layout_ = nullptr, b_layout_ = nullptr, d_layout_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatmulHeuristicResult_t results_[8] = {};
  int count_ = 0;
  int algorithm_ = 0;
  int a_offset_ = 0;
  float* d_override_ = nullptr;
  void* workspace_data_ = nullptr;
  std::size_t workspace_bytes_ = 0;
};

// ---- descriptors

TEST_F(StandInTest, WhatIsNotDestroyedIsListed) {
  EXPECT_EQ(simt::blas_leaks(),
            "1 cublasLtHandle_t\n1 cublasLtMatmulDesc_t\n3 cublasLtMatrixLayout_t\n"
            "1 cublasLtMatmulPreference_t\n");
  cublasLtMatmulDesc_t operation = nullptr;
  ASSERT_EQ(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cublasLtMatmulDescDestroy(operation), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cublasLtMatmulDescDestroy(operation), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtMatrixLayoutDestroy(nullptr), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtDestroy(nullptr), CUBLAS_STATUS_NOT_INITIALIZED);
  std::swap(operation, operation_);
  expect_refused(CUBLAS_STATUS_INVALID_VALUE, "no such descriptor");
  std::swap(operation, operation_);
}

TEST_F(StandInTest, AttributesHaveTheirSize) {
  EXPECT_EQ(set(CUBLASLT_MATMUL_DESC_TRANSA, int64_t{0}), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int32_t{128}), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtMatmulDescSetAttribute(operation_, CUBLASLT_MATMUL_DESC_TRANSA, nullptr, 4),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_T), CUBLAS_STATUS_SUCCESS);
  int32_t value = -1;
  std::size_t written = 0;
  EXPECT_EQ(cublasLtMatmulDescGetAttribute(operation_, CUBLASLT_MATMUL_DESC_TRANSB, &value,
                                           sizeof value, &written),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(value, CUBLAS_OP_T);
  EXPECT_EQ(written, 4u);
  EXPECT_EQ(
      cublasLtMatmulDescGetAttribute(operation_, CUBLASLT_MATMUL_DESC_TRANSB, nullptr, 0, nullptr),
      CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(StandInTest, WhatIsNotModelledIsLoud) {
  EXPECT_CONTAINS(error_of([&] { set(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, int32_t{4}); }),
                  "attribute of cublasLtMatmulDesc_t number 15 is not modelled");
  EXPECT_CONTAINS(error_of([&] { set_preference(CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT, 1.0f); }),
                  "attribute of cublasLtMatmulPreference_t number 9 is not modelled");
  const int32_t batches = 2;
  EXPECT_CONTAINS(error_of([&] {
                    cublasLtMatrixLayoutSetAttribute(a_layout_, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                                     &batches, sizeof batches);
                  }),
                  "attribute of cublasLtMatrixLayout_t number 5 is not modelled");
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_GELU_BIAS);
  expect_not_modelled("epilogue 36");
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT);
  set(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, CUBLAS_COMPUTE_32F_FAST_16F);
  expect_not_modelled("compute type 74");
  set(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, CUBLAS_COMPUTE_32F);
  set(CUBLASLT_MATMUL_DESC_POINTER_MODE, CUBLASLT_POINTER_MODE_DEVICE);
  expect_not_modelled("pointer mode");
}

TEST_F(StandInTest, OrdersAndTypesOfMatrices) {
  const int32_t row = CUBLASLT_ORDER_ROW;
  cublasLtMatrixLayoutSetAttribute(a_layout_, CUBLASLT_MATRIX_LAYOUT_ORDER, &row, sizeof row);
  expect_not_modelled("order");
  const int32_t column = CUBLASLT_ORDER_COL, half = CUDA_R_16F;
  cublasLtMatrixLayoutSetAttribute(a_layout_, CUBLASLT_MATRIX_LAYOUT_ORDER, &column, sizeof column);
  cublasLtMatrixLayoutSetAttribute(a_layout_, CUBLASLT_MATRIX_LAYOUT_TYPE, &half, sizeof half);
  expect_not_modelled("element type 2");
}

// ---- problems

TEST_F(StandInTest, TheCorrectProductIsComputed) { expect_near(run(), expected(), 1e-6); }

TEST_F(StandInTest, LeadingDimensionsHoldTheRows) {
  const int64_t ld = 8;
  cublasLtMatrixLayoutSetAttribute(b_layout_, CUBLASLT_MATRIX_LAYOUT_LD, &ld, sizeof ld);
  expect_refused(CUBLAS_STATUS_INVALID_VALUE, "B: the leading dimension 8 is less than its 12");
}

TEST_F(StandInTest, LeadingDimensionsKeepTheAlignment) {
  const int64_t ld = 5;
  cublasLtMatrixLayoutSetAttribute(a_layout_, CUBLASLT_MATRIX_LAYOUT_LD, &ld, sizeof ld);
  expect_refused(CUBLAS_STATUS_NOT_SUPPORTED, "alignment");
}

TEST_F(StandInTest, SizesFit) {
  set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  expect_refused(CUBLAS_STATUS_INVALID_VALUE, "op(A) has 4 columns, op(B) has 12 rows");
  set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_N);
  const uint64_t columns = 7;
  cublasLtMatrixLayoutSetAttribute(d_layout_, CUBLASLT_MATRIX_LAYOUT_COLS, &columns,
                                   sizeof columns);
  expect_refused(CUBLAS_STATUS_INVALID_VALUE, "C and D must have 4 rows and 8 columns");
}

TEST_F(StandInTest, FactorsHaveTheScaleType) {
  set(CUBLASLT_MATMUL_DESC_SCALE_TYPE, CUDA_R_64F);
  expect_refused(CUBLAS_STATUS_NOT_SUPPORTED, "factors");
}

TEST_F(StandInTest, EpiloguesNeedTheirVector) {
  for (const cublasLtEpilogue_t epilogue : {CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_RELU_BIAS,
                                            CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_BGRADB}) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    expect_refused(CUBLAS_STATUS_INVALID_VALUE, "has a vector, and none is given");
  }
  set_epilogue(CUBLASLT_EPILOGUE_BIAS);
  set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_16BF);
  expect_refused(CUBLAS_STATUS_INVALID_VALUE, "must have the type of D");
}

TEST_F(StandInTest, MasksAreRowsOf128Bits) {
  set_epilogue(CUBLASLT_EPILOGUE_RELU_AUX);
  expect_refused(CUBLAS_STATUS_INVALID_VALUE, "has a mask, and none is given");
  for (const int64_t ld : {0, 4, 64, 127, 129}) {
    set_mask(ld);
    expect_refused(CUBLAS_STATUS_INVALID_VALUE, "multiple of 128");
  }
  set_mask(128);
  EXPECT_EQ(heuristics(), CUBLAS_STATUS_SUCCESS);
}

// ---- addresses

TEST_F(StandInTest, AddressesKeepTheirPromises) {
  a_offset_ = 1;
  expect_refused(CUBLAS_STATUS_INVALID_VALUE, "A is not aligned to the promised 16 bytes");
  a_offset_ = 0;
  set_preference(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, uint32_t{256});
  d_override_ = d_.data() + 4;
  expect_refused(CUBLAS_STATUS_INVALID_VALUE, "D is not aligned to the promised 256 bytes");
}

TEST_F(StandInTest, VectorsAreAsAlignedAsTheHeuristicsSawThem) {
  set_epilogue(CUBLASLT_EPILOGUE_BIAS);
  ASSERT_EQ(heuristics(), CUBLAS_STATUS_SUCCESS);
  set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(vector_.data() + 4));
  EXPECT_EQ(multiply(), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_CONTAINS(simt::blas_failure_reason(), "less aligned");
}

TEST_F(StandInTest, EverythingIsWholeDeviceMemory) {
  d_override_ = d_.data() + 4;  // its end is beyond the allocation
  expect_refused(CUBLAS_STATUS_EXECUTION_FAILED, "D: 128 bytes, not all in one piece");
  alignas(256) float host[32] = {};
  d_override_ = host;
  expect_refused(CUBLAS_STATUS_EXECUTION_FAILED, "D: 128 bytes");
  d_override_ = nullptr;
  set_epilogue(CUBLASLT_EPILOGUE_BIAS);
  set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(host));
  expect_refused(CUBLAS_STATUS_EXECUTION_FAILED, "the epilogue's vector: 16 bytes");
}

TEST_F(StandInTest, OutputsDoNotOverlapInputs) {
  d_override_ = a_.data();
  expect_refused(CUBLAS_STATUS_INVALID_VALUE, "D overlaps A or B");
}

// ---- algorithms and workspaces

TEST_F(StandInTest, WorkspacesAreLargeAndAlignedEnough) {
  ASSERT_EQ(heuristics(8), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(count_, 8);
  algorithm_ = 2;
  EXPECT_EQ(multiply(), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_CONTAINS(simt::blas_failure_reason(), "needs a workspace of 524288 bytes, and has 0");
  workspace_data_ = workspace_.data() + 4;
  workspace_bytes_ = std::size_t{1} << 20;
  EXPECT_EQ(multiply(), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_CONTAINS(simt::blas_failure_reason(), "aligned to 256 bytes");
  workspace_data_ = workspace_.data();
  EXPECT_EQ(multiply(), CUBLAS_STATUS_SUCCESS) << simt::blas_failure_reason();
  expect_near(d_.read(), expected(), 1e-6);
  EXPECT_TRUE(std::isnan(workspace_.read()[131071]));  // used, and not given back as it was
}

TEST_F(StandInTest, PreferencesLimitTheAlgorithms) {
  set_preference(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{600000});
  ASSERT_EQ(heuristics(8), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(count_, 3);
  set_preference(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                 uint32_t{CUBLASLT_REDUCTION_SCHEME_INPLACE});
  ASSERT_EQ(heuristics(8), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(count_, 1);
  EXPECT_EQ(heuristics(0), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(set_preference(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint32_t{0}),
            CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(StandInTest, AlgorithmsBelongToTheirProduct) {
  ASSERT_EQ(heuristics(), CUBLAS_STATUS_SUCCESS);
  set_epilogue(CUBLASLT_EPILOGUE_BIAS);
  EXPECT_EQ(multiply(), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_CONTAINS(simt::blas_failure_reason(), "made for another product");
  results_[0].algo = {};
  EXPECT_EQ(multiply(), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_CONTAINS(simt::blas_failure_reason(), "no algorithm of the library");
}

// ---- epilogues

TEST_F(StandInTest, SumsOfOperands) {
  set_epilogue(CUBLASLT_EPILOGUE_BGRADA);
  expect_near(run(), expected(), 1e-6);
  const std::vector<float> a = a_.read(), b = b_.read();
  std::vector<double> of_a(4), of_b(8);
  for (std::size_t i = 0; i < a.size(); ++i) of_a[i % 4] += double{a[i]};
  for (std::size_t i = 0; i < b.size(); ++i) of_b[i / 12] += double{b[i]};
  std::vector<float> sums = vector_.read();
  sums.resize(4);
  expect_near(sums, of_a, 1e-6);
  set_epilogue(CUBLASLT_EPILOGUE_BGRADB);
  expect_near(run(), expected(), 1e-6);
  expect_near(vector_.read(), of_b, 1e-6);
}

TEST_F(StandInTest, ReluItsMaskAndItsSlope) {
  set_epilogue(CUBLASLT_EPILOGUE_RELU_AUX_BIAS);
  set_mask(128);
  std::vector<double> forward = expected(), backward = expected(), sums(4);
  const std::vector<float> bias = vector_.read();
  for (std::size_t i = 0; i < forward.size(); ++i) {
    forward[i] = std::max(forward[i] + double{bias[i % 4]}, 0.0);
    if (forward[i] == 0.0) backward[i] = 0;
    sums[i % 4] += backward[i];
  }
  EXPECT_NE(forward, backward);
  expect_near(run(), forward, 1e-6);
  set_epilogue(CUBLASLT_EPILOGUE_DRELU_BGRAD);  // of the same product, by the mask just made
  expect_near(run(), backward, 1e-6);
  std::vector<float> actual = vector_.read();
  actual.resize(4);
  expect_near(actual, sums, 1e-6);
}

TEST_F(StandInTest, ReluTurnsNaNIntoZeroAndBetaZeroReadsNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  VAE_CUDA(cudaMemcpy(a_.data(), &nan, sizeof nan, cudaMemcpyHostToDevice));
  EXPECT_TRUE(std::isnan(run()[0]));
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_RELU);
  const std::vector<float> d = run();
  for (std::size_t n = 0; n < 8; ++n) EXPECT_EQ(d[4 * n], 0.0f);
  ASSERT_EQ(multiply(1), CUBLAS_STATUS_SUCCESS);  // beta: once more the same
  EXPECT_EQ(d_.read()[0], 0.0f);
  const std::vector<double> product = expected();
  const float once = d[1];
  if (product[1] > 0) {
    EXPECT_FLOAT_EQ(d_.read()[1], 2 * once);
  }
}

// A product runs when its stream does.
TEST_F(StandInTest, NothingIsAnsweredWhileAnyStreamIsCaptured) {
  ASSERT_EQ(heuristics(), CUBLAS_STATUS_SUCCESS);
  const cublasLtMatmulAlgo_t algorithm = results_[0].algo;
  const auto check = [&] {
    cublasLtMatmulHeuristicResult_t result;
    return cublasLtMatmulAlgoCheck(handle_, operation_, a_layout_, b_layout_, d_layout_, d_layout_,
                                   &algorithm, &result);
  };
  EXPECT_EQ(check(), CUBLAS_STATUS_SUCCESS);
  UniqueStream other;
  UniqueGraph graph;
  VAE_CUDA(cudaStreamCreateWithFlags(other.out(), cudaStreamNonBlocking));
  VAE_CUDA(cudaStreamBeginCapture(other.get(), cudaStreamCaptureModeRelaxed));
  EXPECT_EQ(heuristics(), CUBLAS_STATUS_INTERNAL_ERROR);
  EXPECT_CONTAINS(simt::blas_failure_reason(), "could not obtain green context information");
  EXPECT_EQ(check(), CUBLAS_STATUS_INTERNAL_ERROR);
  VAE_CUDA(cudaStreamEndCapture(other.get(), graph.out()));
  EXPECT_EQ(heuristics(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(check(), CUBLAS_STATUS_SUCCESS);
}

TEST_F(StandInTest, ProductsRunInTheOrderOfTheirStream) {
  ASSERT_EQ(heuristics(), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(multiply(), CUBLAS_STATUS_SUCCESS);
  VAE_CUDA(cudaMemsetAsync(a_.data(), 0, 4 * 12 * sizeof(float), nullptr));
  expect_near(
      d_.read(),
      [&] {
        const std::vector<float> a = numbers(4 * 12, 1), b = numbers(12 * 8, 2);
        return product_of({b, 12}, {a, 4}, 8, 4, 12);  // transposed: row-major
      }(),
      1e-6);
  ASSERT_EQ(multiply(), CUBLAS_STATUS_SUCCESS);
  expect_near(d_.read(), std::vector<double>(32), 0);
}

TEST_F(StandInTest, AskedForFaults) {
  ASSERT_EQ(heuristics(), CUBLAS_STATUS_SUCCESS);
  simt::fail_blas_product(2);
  EXPECT_EQ(multiply(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(multiply(), CUBLAS_STATUS_EXECUTION_FAILED);
  EXPECT_EQ(multiply(), CUBLAS_STATUS_SUCCESS);
}

}  // namespace
}  // namespace vae::cuda
