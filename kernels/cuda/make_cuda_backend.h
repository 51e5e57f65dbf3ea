// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "kernels/backend.h"

namespace vae {

/// Opens a CUDA card. Throws Error(unavailable) with the reason. `tuning` as in make_backend().
std::unique_ptr<Backend> make_cuda_backend(const Device& device, TuningStore* tuning);

/// Makes the card the calling thread's, which creates its context; what is not known before. Empty,
/// or why the card does not take this process and what to do: another one may have it for itself.
std::string try_cuda_card(int index);

}  // namespace vae
