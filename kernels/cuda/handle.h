// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <string>
#include <utility>

namespace vae::cuda {

/// Throws Error(out_of_memory), Error(unavailable) or Error(device) for a failed call of the CUDA
/// runtime; `call` is its text. `context` is added to the message, for example the last kernels.
void check(cudaError_t status, const char* call, const std::string& context = {});

/// Whether the context is gone after this error, so that every later call fails or hangs.
bool ends_the_process(cudaError_t status);

/// "cudaErrorNoDevice (100, no CUDA-capable device is detected)".
std::string status_text(cudaError_t status);

/// What a person can do about a status that says that the card is there but not for this process,
/// busy for example; empty for others.
std::string advice_for(cudaError_t status);

/// Checks the status of a call of the CUDA runtime.
#define VAE_CUDA(call) ::vae::cuda::check((call), #call)

/// Owns a handle of the CUDA runtime, of the size of the raw handle.
template <typename Handle, cudaError_t (*kDestroy)(Handle)>
class Unique {
 public:
  Unique() = default;
  explicit Unique(Handle handle) : handle_(handle) {}
  ~Unique() { reset(); }
  Unique(Unique&& other) noexcept : handle_(other.release()) {}
  Unique& operator=(Unique&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = other.release();
    }
    return *this;
  }

  Handle get() const { return handle_; }
  /// For functions that create: check(cudaStreamCreate(stream.out())).
  Handle* out() {
    reset();
    return &handle_;
  }
  /// Gives the handle up without destroying it, as one must when the context is gone.
  Handle release() { return std::exchange(handle_, nullptr); }

 private:
  void reset() {
    if (handle_ != nullptr) static_cast<void>(kDestroy(release()));
  }

  Handle handle_ = nullptr;
};

using UniqueMemory = Unique<void*, cudaFree>;
using UniquePinnedMemory = Unique<void*, cudaFreeHost>;
using UniqueStream = Unique<cudaStream_t, cudaStreamDestroy>;
using UniqueGraph = Unique<cudaGraph_t, cudaGraphDestroy>;
using UniqueGraphExec = Unique<cudaGraphExec_t, cudaGraphExecDestroy>;

}  // namespace vae::cuda
