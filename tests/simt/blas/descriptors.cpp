// SPDX-License-Identifier: MIT
//
// Handles and descriptors: created, described, destroyed.
#include <simt/location.h>

#include <cstring>
#include <utility>

#include "tests/simt/blas/state.h"
#include "tests/simt/runtime/runtime.h"

namespace simt {

namespace blas {
namespace {

// A call as all of them are: counted, under the lock.
template <typename Body>
cublasStatus_t call(const char* name, const Body& body) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  ++s.calls[name];
  return body(s);
}

template <typename Handle, typename Content>
cublasStatus_t create(Registry<Handle, Content>& registry, Handle* result, Content content) {
  if (result == nullptr) return refuse(CUBLAS_STATUS_INVALID_VALUE, "the result pointer is null");
  auto address = std::make_unique<std::remove_pointer_t<Handle>>();
  *result = address.get();
  registry[*result] = {std::move(address), std::move(content)};
  return CUBLAS_STATUS_SUCCESS;
}

template <typename Handle, typename Content>
cublasStatus_t destroy(Registry<Handle, Content>& registry, Handle handle) {
  if (registry.erase(handle) == 1) return CUBLAS_STATUS_SUCCESS;
  return refuse(CUBLAS_STATUS_INVALID_VALUE, "no such descriptor, or destroyed before");
}

// Takes or gives the value of an attribute; its size must be that of the library's storage.
struct Set {
  const void* from;
  std::size_t bytes;
  template <typename T>
  cublasStatus_t operator()(T& value) const {
    if (from == nullptr || bytes != sizeof value) {
      return refuse(CUBLAS_STATUS_INVALID_VALUE, "attribute: null, or " + std::to_string(bytes) +
                                                     " bytes instead of " +
                                                     std::to_string(sizeof value));
    }
    std::memcpy(&value, from, sizeof value);
    return CUBLAS_STATUS_SUCCESS;
  }
};

struct Get {
  void* to;
  std::size_t bytes;
  std::size_t* written;
  template <typename T>
  cublasStatus_t operator()(const T& value) const {
    if (bytes == 0 && written == nullptr) {
      return refuse(CUBLAS_STATUS_INVALID_VALUE, "attribute: neither value nor size asked for");
    }
    if (bytes != 0 && (to == nullptr || bytes != sizeof value)) {
      return refuse(CUBLAS_STATUS_INVALID_VALUE, "attribute: null, or of another size");
    }
    if (bytes != 0) std::memcpy(to, &value, sizeof value);
    if (written != nullptr) *written = sizeof value;
    return CUBLAS_STATUS_SUCCESS;
  }
};

[[noreturn]] void not_modelled(const char* what, int number) {
  throw Error("simt: cuBLASLt stand-in: " + std::string(what) + " " + std::to_string(number) +
              " is not modelled; tests/simt/blas must learn it first");
}

template <typename Access>
cublasStatus_t access(Operation& operation, cublasLtMatmulDescAttributes_t attribute,
                      const Access& value) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
      return value(operation.compute);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
      return value(operation.scale);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
      return value(operation.pointer_mode);
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return value(operation.transpose_a);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return value(operation.transpose_b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return value(operation.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return value(operation.bias);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return value(operation.bias_type);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      return value(operation.aux);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return value(operation.aux_ld);
    default:
      not_modelled("attribute of cublasLtMatmulDesc_t number", attribute);
  }
}

template <typename Access>
cublasStatus_t access(Layout& layout, cublasLtMatrixLayoutAttribute_t attribute,
                      const Access& value) {
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE:
      return value(layout.type);
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
      return value(layout.order);
    case CUBLASLT_MATRIX_LAYOUT_ROWS:
      return value(layout.rows);
    case CUBLASLT_MATRIX_LAYOUT_COLS:
      return value(layout.cols);
    case CUBLASLT_MATRIX_LAYOUT_LD:
      return value(layout.ld);
    default:
      not_modelled("attribute of cublasLtMatrixLayout_t number", attribute);
  }
}

template <typename Access>
cublasStatus_t access(Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
                      const Access& value) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return value(preference.workspace_bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return value(preference.reduction_schemes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return value(preference.alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES]);
    default:
      not_modelled("attribute of cublasLtMatmulPreference_t number", attribute);
  }
}

template <typename Handle, typename Content, typename Attribute, typename Access>
cublasStatus_t access(Registry<Handle, Content>& registry, Handle handle, Attribute attribute,
                      const Access& value) {
  Content* const content = find(registry, handle);
  if (content != nullptr) return access(*content, attribute, value);
  return refuse(CUBLAS_STATUS_INVALID_VALUE, "no such descriptor, or destroyed before");
}

}  // namespace

State& state() {
  static State* const instance = new State;
  return *instance;
}

cublasStatus_t refuse(cublasStatus_t status, const std::string& reason) {
  state().reason = reason;
  return status;
}

}  // namespace blas

BlasModel& blas_model() { return blas::state().model; }

std::int64_t blas_calls_of(const std::string& name) {
  const std::lock_guard lock(blas::state().mutex);
  const auto found = blas::state().calls.find(name);
  return found == blas::state().calls.end() ? 0 : found->second;
}

int last_blas_algorithm() { return blas::state().last_algorithm; }
void fail_blas_product(std::int64_t k) { blas::state().fault_in = k; }

std::string blas_failure_reason() {
  const std::lock_guard lock(blas::state().mutex);
  return blas::state().reason;
}

std::string blas_leaks() {
  blas::State& s = blas::state();
  const std::lock_guard lock(s.mutex);
  std::string text;
  const auto count = [&text](std::size_t number, const char* what) {
    if (number > 0) text += std::to_string(number) + " " + what + "\n";
  };
  count(s.handles.size(), "cublasLtHandle_t");
  count(s.operations.size(), "cublasLtMatmulDesc_t");
  count(s.layouts.size(), "cublasLtMatrixLayout_t");
  count(s.preferences.size(), "cublasLtMatmulPreference_t");
  return text;
}

void reset_blas() {
  blas::State& s = blas::state();
  const std::lock_guard lock(s.mutex);
  for (const auto& [handle, context] : s.handles) {
    static_cast<void>(cudaFree(context->device_memory));
  }
  s.handles.clear();
  s.operations.clear();
  s.layouts.clear();
  s.preferences.clear();
  s.calls.clear();
  s.reason.clear();
  s.model = {};
  s.fault_in = 0;
  s.last_algorithm = -1;
}

}  // namespace simt

namespace blas = simt::blas;

extern "C" {

// Whether the library allocates on the device here is not documented; so it must not be called
// where allocation is forbidden.
cublasStatus_t cublasLtCreate(cublasLtHandle_t* lightHandle) {
  return blas::call("cublasLtCreate", [&](blas::State& s) {
    if (lightHandle == nullptr) return blas::refuse(CUBLAS_STATUS_INVALID_VALUE, "null result");
    if (!s.model.available) {
      return blas::refuse(CUBLAS_STATUS_NOT_INITIALIZED, "simulated as not available");
    }
    auto context = std::make_unique<cublasLtContext>();
    if (cudaMalloc(&context->device_memory, 256) != cudaSuccess) {
      return blas::refuse(CUBLAS_STATUS_ALLOC_FAILED, simt::failure_reason());
    }
    *lightHandle = context.get();
    s.handles[*lightHandle] = std::move(context);
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t lightHandle) {
  return blas::call("cublasLtDestroy", [&](blas::State& s) {
    const auto found = s.handles.find(lightHandle);
    if (found == s.handles.end()) {
      return blas::refuse(CUBLAS_STATUS_NOT_INITIALIZED, "no such handle, or destroyed before");
    }
    static_cast<void>(cudaFree(found->second->device_memory));
    s.handles.erase(found);
    return CUBLAS_STATUS_SUCCESS;
  });
}

size_t cublasLtGetVersion(void) { return blas::state().model.version; }

const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_LICENSE_ERROR:
      return "CUBLAS_STATUS_LICENSE_ERROR";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}

// The messages of a failed test should have the reason.
const char* cublasLtGetStatusString(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return cublasLtGetStatusName(status);
  thread_local std::string text;
  text = cublasLtGetStatusName(status);
  text += " [simulator: " + simt::blas_failure_reason() + "]";
  return text.c_str();
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* matmulDesc,
                                        cublasComputeType_t computeType, cudaDataType_t scaleType) {
  return blas::call("cublasLtMatmulDescCreate", [&](blas::State& s) {
    blas::Operation operation;
    operation.compute = computeType;
    operation.scale = scaleType;
    return blas::create(s.operations, matmulDesc, operation);
  });
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t matmulDesc) {
  return blas::call("cublasLtMatmulDescDestroy",
                    [&](blas::State& s) { return blas::destroy(s.operations, matmulDesc); });
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t matmulDesc,
                                              cublasLtMatmulDescAttributes_t attr, const void* buf,
                                              size_t sizeInBytes) {
  return blas::call("cublasLtMatmulDescSetAttribute", [&](blas::State& s) {
    return blas::access(s.operations, matmulDesc, attr, blas::Set{buf, sizeInBytes});
  });
}

cublasStatus_t cublasLtMatmulDescGetAttribute(cublasLtMatmulDesc_t matmulDesc,
                                              cublasLtMatmulDescAttributes_t attr, void* buf,
                                              size_t sizeInBytes, size_t* sizeWritten) {
  return blas::call("cublasLtMatmulDescGetAttribute", [&](blas::State& s) {
    return blas::access(s.operations, matmulDesc, attr, blas::Get{buf, sizeInBytes, sizeWritten});
  });
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* matLayout, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld) {
  return blas::call("cublasLtMatrixLayoutCreate", [&](blas::State& s) {
    return blas::create(s.layouts, matLayout,
                        blas::Layout{type, CUBLASLT_ORDER_COL, rows, cols, ld});
  });
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t matLayout) {
  return blas::call("cublasLtMatrixLayoutDestroy",
                    [&](blas::State& s) { return blas::destroy(s.layouts, matLayout); });
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t matLayout,
                                                cublasLtMatrixLayoutAttribute_t attr,
                                                const void* buf, size_t sizeInBytes) {
  return blas::call("cublasLtMatrixLayoutSetAttribute", [&](blas::State& s) {
    return blas::access(s.layouts, matLayout, attr, blas::Set{buf, sizeInBytes});
  });
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* pref) {
  return blas::call("cublasLtMatmulPreferenceCreate", [&](blas::State& s) {
    return blas::create(s.preferences, pref, blas::Preference{});
  });
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t pref) {
  return blas::call("cublasLtMatmulPreferenceDestroy",
                    [&](blas::State& s) { return blas::destroy(s.preferences, pref); });
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t pref,
                                                    cublasLtMatmulPreferenceAttributes_t attr,
                                                    const void* buf, size_t sizeInBytes) {
  return blas::call("cublasLtMatmulPreferenceSetAttribute", [&](blas::State& s) {
    return blas::access(s.preferences, pref, attr, blas::Set{buf, sizeInBytes});
  });
}

}  // extern "C"
