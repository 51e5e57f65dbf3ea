// SPDX-License-Identifier: MIT
//
// How often a test repeats itself.
#pragma once

#include <cstdlib>

namespace vae::test {

/// In `./run test full`: time is no object.
inline bool full_effort() { return std::getenv("VAE_TEST_FULL") != nullptr; }

/// Under a sanitizer every process starts slowly and computes slowly.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

/// The thread sanitizer judges what nothing orders, whatever the numbers: it needs every kernel and
/// every path of it once, not every size, and a barrier costs it a hundred times as much.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kRaceDetector = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kRaceDetector = true;
#else
inline constexpr bool kRaceDetector = false;
#endif
#else
inline constexpr bool kRaceDetector = false;
#endif

inline int repetitions(int full, int plain, int sanitized) {
  if (full_effort()) return full;
  return kSanitized ? sanitized : plain;
}

}  // namespace vae::test
