// SPDX-License-Identifier: MIT
#pragma once

#include "vae/dataset.h"

namespace vae {

/// The bundled MNIST, whose files' hashes are known. Throws Error(io) where it is not found,
/// Error(corrupt) for other data under this name.
Dataset load_mnist(const LogCallback& warn);

}  // namespace vae
