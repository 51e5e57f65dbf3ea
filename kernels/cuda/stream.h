// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "kernels/cuda/simt.h"

namespace vae::cuda {

/// Throws Error(out_of_memory) or Error(device) for a failed runtime call; `what` names it.
void check(cudaError_t status, const char* what, const char* file, int line);

/// Checks the status of a call of the CUDA runtime.
#define VAE_CUDA(call) ::vae::cuda::check((call), #call, __FILE__, __LINE__)

/// A stream of one device and the only way to launch kernels: every launch is checked, and the
/// last ones are remembered by name for the message of an error that surfaces later.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Launches kernel(arguments...); the arguments are converted to the kernel's parameters. With
  /// VAE_CUDA_SYNC=1 in the environment it waits for the kernel, to find one that fails.
  template <typename... Parameters, typename... Arguments>
  void launch(const char* name, const LaunchShape& shape, void (*kernel)(Parameters...),
              Arguments&&... arguments) {
    remember(name);
    check_launch(launch_kernel(stream_, shape, kernel, std::forward<Arguments>(arguments)...));
  }

  /// Waits for everything issued; throws what the kernels reported.
  void synchronize();

  cudaStream_t get() const { return stream_; }
  /// Names of the last kernels launched, oldest first, for error messages.
  std::string recent_kernels() const;

 private:
  static constexpr std::size_t kRemembered = 8;

  void remember(const char* name);
  void check_launch(cudaError_t status);

  cudaStream_t stream_ = nullptr;
  bool synchronous_ = false;
  std::array<const char*, kRemembered> recent_{};
  std::size_t launches_ = 0;
};

}  // namespace vae::cuda
