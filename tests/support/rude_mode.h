// SPDX-License-Identifier: MIT
//
// The floating-point mode of a caller that computes in its own way.
#pragma once

#include <cfenv>
#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace vae::test {

/// The calling thread's mode, as the processor holds it.
inline uint64_t floating_point_mode() {
#if defined(__x86_64__)
  return _mm_getcsr() & ~0x3fu;  // without the flags of what has happened
#elif defined(__aarch64__)
  uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode) : : "memory");
  return mode;
#else
  return static_cast<uint64_t>(std::fegetround());
#endif
}

/// While it lives, this thread rounds upwards and takes subnormal numbers for zero.
class RudeMode {
 public:
  RudeMode() {
    std::fegetenv(&before_);
    std::fesetround(FE_UPWARD);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040u);
#elif defined(__aarch64__)
    asm volatile("msr fpcr, %0" : : "r"(floating_point_mode() | uint64_t{1} << 24) : "memory");
#endif
  }
  ~RudeMode() { std::fesetenv(&before_); }
  RudeMode(const RudeMode&) = delete;
  RudeMode& operator=(const RudeMode&) = delete;

 private:
  std::fenv_t before_;
};

}  // namespace vae::test
