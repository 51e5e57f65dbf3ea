// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

#include "kernels/backend.h"
#include "kernels/cuda/stream.h"

namespace vae::cuda {

/// Records what `body` issues on the stream as a CUDA graph, without running it. With
/// VAE_CUDA_EAGER=1 or VAE_CUDA_SYNC=1 in the environment nothing is recorded: replay() runs `body`
/// again.
std::unique_ptr<Recording> record_graph(Stream& stream, std::function<void()> body);

}  // namespace vae::cuda
