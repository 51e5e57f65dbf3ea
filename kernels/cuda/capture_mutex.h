// SPDX-License-Identifier: MIT
#pragma once

#include <mutex>

namespace vae::cuda {

/// Held during a capture and while cuBLASLt is asked something: since 13.3 it fails with
/// CUBLAS_STATUS_INTERNAL_ERROR ("could not obtain green context information") while any stream of
/// the context is being captured, another thread's too. Both take milliseconds. Recursive, so that
/// who asks within a capture of its own gets that error instead of waiting for itself.
inline std::recursive_mutex capture_mutex;

}  // namespace vae::cuda
