// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/backend.h"

namespace vae {

/// Opens a CUDA card. Throws Error(unavailable) with the reason. `tuning` as in make_backend().
std::unique_ptr<Backend> make_cuda_backend(const Device& device, TuningStore* tuning);

}  // namespace vae
