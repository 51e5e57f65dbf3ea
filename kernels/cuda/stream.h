// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "kernels/cuda/handle.h"
#include "kernels/cuda/simt.h"

namespace vae::cuda {

/// A stream of one device and the only way to launch kernels: every launch is checked, and the
/// last ones are remembered by name for the message of an error that surfaces later.
class Stream {
 public:
  explicit Stream(int device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Launches kernel(arguments...); the arguments are converted to the kernel's parameters. `name`
  /// must be a literal. With VAE_CUDA_SYNC=1 in the environment it waits for the kernel, to find
  /// one that fails.
  template <typename... Parameters, typename... Arguments>
  void launch(const char* name, const LaunchShape& shape, void (*kernel)(Parameters...),
              Arguments&&... arguments) {
    remember(name);
    check_launch(
        launch_kernel(stream_.get(), shape, kernel, std::forward<Arguments>(arguments)...));
  }

  /// Notes what somebody else launches on this stream. `name` must be a literal.
  void remember(const char* name) { recent_[launches_++ % kRemembered] = name; }

  /// Makes the device the calling thread's, which launches and allocations go to.
  void make_current();

  /// Waits for everything issued; throws what the kernels reported.
  void synchronize();
  /// For calls that may report an error of a kernel launched earlier.
  void check(cudaError_t status, const char* call);

  cudaStream_t get() const { return stream_.get(); }
  int device() const { return device_; }
  /// Whether VAE_CUDA_SYNC=1 was set: kernels are then issued one by one, not by graphs.
  bool is_synchronous() const { return synchronous_; }
  /// Whether an error ended the context. What was created with it is then abandoned: calls that
  /// destroy would fail, and some hang.
  bool is_broken() const { return broken_; }
  /// Names of the last kernels launched, oldest first, for error messages.
  std::string recent_kernels() const;

 private:
  static constexpr std::size_t kRemembered = 8;

  void check_launch(cudaError_t status);

  int device_;
  UniqueStream stream_;
  bool synchronous_ = false;
  bool broken_ = false;
  std::array<const char*, kRemembered> recent_{};
  std::size_t launches_ = 0;
};

}  // namespace vae::cuda
