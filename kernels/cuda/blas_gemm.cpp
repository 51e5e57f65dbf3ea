// SPDX-License-Identifier: MIT
//
// cuBLASLt counts columns first. A row-major matrix is its transposed in that order, so instead of
// d = op(a) op(b) the library computes d^T = op(b)^T op(a)^T: its A is our b, its B our a, and no
// element moves. Then
//   a bias of d's columns [N] runs along the rows of the library's D, where its BIAS epilogue wants
//   it, and the sums over K of our op(a) are those of its B: BGRADB, [M].
#include "kernels/cuda/blas_gemm.h"

#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/check.h"
#include "kernels/cuda/blas_library.h"
#include "kernels/cuda/capture_mutex.h"

namespace vae::cuda {

namespace {

constexpr uint32_t kAlignment = 16;  // bytes; what 16-byte loads need

void check_library(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const ErrorCode code =
      status == CUBLAS_STATUS_ALLOC_FAILED ? ErrorCode::out_of_memory : ErrorCode::device;
  fail(code, call, " failed with ", blas_library().cublasLtGetStatusString(status), " (",
       static_cast<int>(status), "); with VAE_GEMM=own in the environment cuBLASLt is not used");
}

/// Calls a function of the library.
#define VAE_CUBLAS(call) check_library(blas_library().call, #call)

template <auto kDestroy>
struct Destroy {
  template <typename Handle>
  void operator()(Handle* handle) const {
    static_cast<void>((blas_library().*kDestroy)(handle));
  }
};
template <typename Handle, auto kDestroy>
using UniqueDescriptor = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<kDestroy>>;

using UniqueOperation =
    UniqueDescriptor<cublasLtMatmulDesc_t, &BlasLibrary::cublasLtMatmulDescDestroy>;
using UniqueLayout =
    UniqueDescriptor<cublasLtMatrixLayout_t, &BlasLibrary::cublasLtMatrixLayoutDestroy>;
using UniquePreference =
    UniqueDescriptor<cublasLtMatmulPreference_t, &BlasLibrary::cublasLtMatmulPreferenceDestroy>;

cublasComputeType_t compute_type(Precision precision) {
  if (precision == Precision::tf32) return CUBLAS_COMPUTE_32F_FAST_TF32;
  if (precision == Precision::bf16) return CUBLAS_COMPUTE_32F_FAST_16BF;
  return CUBLAS_COMPUTE_32F;
}

cublasLtEpilogue_t epilogue_of(GemmEpilogue epilogue) {
  switch (epilogue) {
    case GemmEpilogue::bias:
      return CUBLASLT_EPILOGUE_BIAS;
    case GemmEpilogue::relu_bias:
      return CUBLASLT_EPILOGUE_RELU_BIAS;
    case GemmEpilogue::bias_gradient:
      return CUBLASLT_EPILOGUE_BGRADB;
    case GemmEpilogue::none:
      break;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

/// A row-major matrix [rows, columns] as the library sees it.
UniqueLayout layout(int64_t rows, int64_t columns) {
  cublasLtMatrixLayout_t created = nullptr;
  VAE_CUBLAS(cublasLtMatrixLayoutCreate(&created, CUDA_R_32F, static_cast<uint64_t>(columns),
                                        static_cast<uint64_t>(rows), columns));
  return UniqueLayout(created);
}

/// The descriptors of one product. They are made for each call: a recorded step makes none.
struct Descriptors {
  UniqueOperation operation;
  UniqueLayout a, b, d;  // ours

  Descriptors(const BlasProduct& product, Precision precision) {
    const int64_t m = product.rows, n = product.columns, k = product.depth;
    cublasLtMatmulDesc_t created = nullptr;
    VAE_CUBLAS(cublasLtMatmulDescCreate(&created, compute_type(precision), CUDA_R_32F));
    operation.reset(created);
    a = product.transpose_a ? layout(k, m) : layout(m, k);
    b = product.transpose_b ? layout(n, k) : layout(k, n);
    d = layout(m, n);
    set(CUBLASLT_MATMUL_DESC_TRANSA, product.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, product.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(product.epilogue));
  }

  template <typename T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
    VAE_CUBLAS(cublasLtMatmulDescSetAttribute(operation.get(), attribute, &value, sizeof value));
  }

  /// The vector of the epilogue, where it has one.
  void set_vector(const BlasProduct& product, const void* vector) {
    if (product.epilogue != GemmEpilogue::none) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  }
};

/// Algorithms whose result does not depend on the order in which blocks happen to finish, for
/// memory as aligned as blas_product() asks for: not for these addresses, so that the answer is the
/// same in every run.
UniquePreference preference(std::size_t workspace_bytes) {
  cublasLtMatmulPreference_t created = nullptr;
  VAE_CUBLAS(cublasLtMatmulPreferenceCreate(&created));
  UniquePreference result(created);
  const auto set = [created](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    VAE_CUBLAS(cublasLtMatmulPreferenceSetAttribute(created, attribute, &value, sizeof value));
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(workspace_bytes));
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kAlignment);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kAlignment);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kAlignment);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kAlignment);
  return result;
}

cublasLtMatmulAlgo_t raw(const BlasAlgorithm& algorithm) {
  cublasLtMatmulAlgo_t result;
  static_assert(sizeof result.data == sizeof algorithm);
  std::memcpy(result.data, algorithm.data(), sizeof result.data);
  return result;
}

bool is_aligned(const void* memory) {
  return reinterpret_cast<uintptr_t>(memory) % kAlignment == 0;
}

/// The product, if the library takes its sizes and addresses.
std::optional<BlasProduct> if_covered(const BlasProduct& product) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  for (const int64_t size : {product.rows, product.columns, product.depth}) {
    if (size < 1 || size > kMost) return std::nullopt;
  }
  const int64_t a_pitch = product.transpose_a ? product.rows : product.depth;
  const int64_t b_pitch = product.transpose_b ? product.depth : product.columns;
  for (const int64_t pitch : {a_pitch, b_pitch, product.columns}) {
    if (pitch * static_cast<int64_t>(sizeof(float)) % kAlignment != 0) return std::nullopt;
  }
  const bool aligned = is_aligned(product.a) && is_aligned(product.b) && is_aligned(product.d) &&
                       is_aligned(product.bias) && is_aligned(product.bias_gradient);
  return aligned ? std::optional(product) : std::nullopt;
}

}  // namespace

std::optional<BlasProduct> blas_product(const DenseForwardArgs& args) {
  const bool relu = args.activation == Activation::relu;
  if (args.pre || (!relu && args.activation != Activation::none)) return std::nullopt;
  BlasProduct product;
  product.operation = GemmOperation::forward;
  product.d = args.y.data;
  product.a = args.x.data;
  product.b = args.w.data;
  product.rows = args.x.rows();
  product.columns = args.w.rows();
  product.depth = args.x.cols();
  product.transpose_b = true;
  product.epilogue = relu ? GemmEpilogue::relu_bias : GemmEpilogue::bias;
  product.bias = args.b.data;
  return if_covered(product);
}

std::optional<BlasProduct> blas_product(const DenseBackwardInputArgs& args) {
  if (args.activation != Activation::none || args.accumulate) return std::nullopt;
  BlasProduct product;
  product.operation = GemmOperation::backward_input;
  product.d = args.dx.data;
  product.a = args.dy.data;
  product.b = args.w.data;
  product.rows = args.dy.rows();
  product.columns = args.w.cols();
  product.depth = args.dy.cols();
  return if_covered(product);
}

std::optional<BlasProduct> blas_product(const DenseBackwardWeightsArgs& args) {
  if (args.accumulate) return std::nullopt;
  BlasProduct product;
  product.operation = GemmOperation::backward_weights;
  product.d = args.dw.data;
  product.a = args.dy.data;
  product.b = args.x.data;
  product.rows = args.dy.cols();
  product.columns = args.x.cols();
  product.depth = args.dy.rows();
  product.transpose_a = true;
  product.epilogue = GemmEpilogue::bias_gradient;
  product.bias_gradient = args.db.data;
  return if_covered(product);
}

std::optional<BlasProduct> blas_product(const GemmArgs& args) {
  BlasProduct product;
  product.d = args.c.data;
  product.a = args.a.data;
  product.b = args.b.data;
  product.rows = args.c.rows();
  product.columns = args.c.cols();
  product.depth = args.transpose_a ? args.a.rows() : args.a.cols();
  product.transpose_a = args.transpose_a;
  product.transpose_b = args.transpose_b;
  return if_covered(product);
}

void BlasGemm::DestroyContext::operator()(cublasLtContext* context) const {
  static_cast<void>(blas_library().cublasLtDestroy(context));
}

BlasGemm::BlasGemm(cudaStream_t stream, Precision precision, void* workspace, std::size_t bytes)
    : stream_(stream),
      precision_(precision),
      workspace_(static_cast<char*>(workspace)),
      workspace_bytes_(bytes) {
  const std::lock_guard no_capture(capture_mutex);
  cublasLtHandle_t created = nullptr;
  VAE_CUBLAS(cublasLtCreate(&created));
  context_.reset(created);
}

int64_t BlasGemm::version() { return static_cast<int64_t>(blas_library().cublasLtGetVersion()); }

std::vector<BlasAlgorithm> BlasGemm::algorithms(const BlasProduct& product, int most) const {
  Descriptors descriptors(product, precision_);
  // The heuristics read the alignment of the epilogue's vector from its address and no more: this
  // one is aligned to 16 bytes and not to 32.
  descriptors.set_vector(product, workspace_ + kAlignment);
  const UniquePreference wanted = preference(workspace_bytes_);
  std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(most));
  int count = 0;
  const std::lock_guard no_capture(capture_mutex);
  const cublasStatus_t status = blas_library().cublasLtMatmulAlgoGetHeuristic(
      context_.get(), descriptors.operation.get(), descriptors.b.get(), descriptors.a.get(),
      descriptors.d.get(), descriptors.d.get(), wanted.get(), most, results.data(), &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
  check_library(status, "cublasLtMatmulAlgoGetHeuristic");
  std::vector<BlasAlgorithm> algorithms;
  for (int i = 0; i < count; ++i) {
    const cublasLtMatmulHeuristicResult_t& result = results[static_cast<std::size_t>(i)];
    if (result.state != CUBLAS_STATUS_SUCCESS) continue;
    std::memcpy(algorithms.emplace_back().data(), result.algo.data, sizeof result.algo.data);
  }
  return algorithms;
}

bool BlasGemm::accepts(const BlasProduct& product, const BlasAlgorithm& algorithm) const {
  Descriptors descriptors(product, precision_);
  descriptors.set_vector(product, workspace_ + kAlignment);
  const cublasLtMatmulAlgo_t wanted = raw(algorithm);
  cublasLtMatmulHeuristicResult_t result = {};
  const std::lock_guard no_capture(capture_mutex);
  const cublasStatus_t status = blas_library().cublasLtMatmulAlgoCheck(
      context_.get(), descriptors.operation.get(), descriptors.b.get(), descriptors.a.get(),
      descriptors.d.get(), descriptors.d.get(), &wanted, &result);
  return status == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= workspace_bytes_;
}

void BlasGemm::run(const BlasProduct& product, const BlasAlgorithm& algorithm) const {
  Descriptors descriptors(product, precision_);
  descriptors.set_vector(product, product.epilogue == GemmEpilogue::bias_gradient
                                      ? product.bias_gradient
                                      : product.bias);
  const cublasLtMatmulAlgo_t wanted = raw(algorithm);
  const float one = 1.0f, zero = 0.0f;
  const cublasStatus_t status = blas_library().cublasLtMatmul(
      context_.get(), descriptors.operation.get(), &one, product.b, descriptors.b.get(), product.a,
      descriptors.a.get(), &zero, product.d, descriptors.d.get(), product.d, descriptors.d.get(),
      &wanted, workspace_, workspace_bytes_, stream_);
  check_library(status, "cublasLtMatmul");
}

}  // namespace vae::cuda
