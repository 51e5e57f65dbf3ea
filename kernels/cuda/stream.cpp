// SPDX-License-Identifier: MIT
#include "kernels/cuda/stream.h"

#include <cstdlib>
#include <string_view>

#include "kernels/check.h"

namespace vae::cuda {

Stream::Stream(int device) : device_(device) {
  make_current();
  const char* const wanted = std::getenv("VAE_CUDA_SYNC");
  synchronous_ = wanted != nullptr && std::string_view(wanted) == "1";
  VAE_CUDA(cudaStreamCreateWithFlags(stream_.out(), cudaStreamNonBlocking));
}

Stream::~Stream() {
  if (broken_) stream_.release();
}

void Stream::make_current() { check(cudaSetDevice(device_), "cudaSetDevice(device)"); }

void Stream::synchronize() {
  check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize(stream)");
}

void Stream::check(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  broken_ = broken_ || ends_the_process(status);
  cuda::check(status, call, concat("; last kernels launched: ", recent_kernels()));
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
