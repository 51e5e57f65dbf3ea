// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/backend.h"

namespace vae {

/// Opens a CUDA card. Throws Error(unavailable) with the reason.
std::unique_ptr<Backend> make_cuda_backend(const Device& device);

}  // namespace vae
