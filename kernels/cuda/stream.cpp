// SPDX-License-Identifier: MIT
#include "kernels/cuda/stream.h"

#include <cstdlib>
#include <string_view>

#include "kernels/check.h"

namespace vae::cuda {

Stream::Stream() {
  const char* const wanted = std::getenv("VAE_CUDA_SYNC");
  synchronous_ = wanted != nullptr && std::string_view(wanted) == "1";
  VAE_CUDA(cudaStreamCreateWithFlags(stream_.out(), cudaStreamNonBlocking));
}

void Stream::synchronize() {
  check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize(stream)");
}

void Stream::check(cudaError_t status, const char* call) const {
  if (status == cudaSuccess) return;
  cuda::check(status, call, concat("; last kernels launched: ", recent_kernels()).c_str());
}

std::string Stream::recent_kernels() const {
  std::string names;
  const std::size_t first = launches_ > kRemembered ? launches_ - kRemembered : 0;
  for (std::size_t i = first; i < launches_; ++i) {
    names += (names.empty() ? "" : ", ") + std::string(recent_[i % kRemembered]);
  }
  return names.empty() ? "none" : names;
}

void Stream::check_launch(cudaError_t status) {
  check(status, "launching a kernel");
  if (!synchronous_) return;
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream_.get(), &capture), "cudaStreamIsCapturing(stream)");
  if (capture == cudaStreamCaptureStatusNone) synchronize();
}

}  // namespace vae::cuda
