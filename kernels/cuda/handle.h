// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <utility>

namespace vae::cuda {

/// Throws Error(out_of_memory), Error(unavailable) or Error(device) for a failed call of the CUDA
/// runtime; `call` is its text. `context` is added to the message, for example the last kernels.
void check(cudaError_t status, const char* call, const char* context = "");

/// Checks the status of a call of the CUDA runtime.
#define VAE_CUDA(call) ::vae::cuda::check((call), #call)

/// Owns a handle of the CUDA runtime, of the size of the raw handle. Destroying one after the
/// context broke fails without harm, so the status is ignored.
template <typename Handle, cudaError_t (*kDestroy)(Handle)>
class Unique {
 public:
  Unique() = default;
  explicit Unique(Handle handle) : handle_(handle) {}
  ~Unique() { reset(); }
  Unique(Unique&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Unique& operator=(Unique&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }

  Handle get() const { return handle_; }
  /// For functions that create: check(cudaStreamCreate(stream.out())).
  Handle* out() {
    reset();
    return &handle_;
  }

 private:
  void reset() {
    if (handle_ != nullptr) static_cast<void>(kDestroy(std::exchange(handle_, nullptr)));
  }

  Handle handle_ = nullptr;
};

using UniqueMemory = Unique<void*, cudaFree>;
using UniqueStream = Unique<cudaStream_t, cudaStreamDestroy>;
using UniqueGraph = Unique<cudaGraph_t, cudaGraphDestroy>;
using UniqueGraphExec = Unique<cudaGraphExec_t, cudaGraphExecDestroy>;

}  // namespace vae::cuda
