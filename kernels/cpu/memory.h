// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace vae::cpu {

/// Bytes that this process can still use before the system starts to kill: the machine's, or what
/// its control group (a container) is allowed, whichever is less. The largest number where the
/// system does not tell.
std::size_t available_memory();

}  // namespace vae::cpu
