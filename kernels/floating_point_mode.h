// SPDX-License-Identifier: MIT
//
// The calling thread's floating-point mode, which every rounding depends on and which a program may
// have changed: -ffast-math sets it for a whole process, games and audio software for speed.
#pragma once

#include <cstdint>

namespace vae {

/// While it lives the calling thread rounds to nearest, keeps subnormal numbers and raises no
/// signals. Then the mode is again what it was. Cheap where it need not be changed.
class FloatingPointMode {
 public:
  FloatingPointMode() : before_(read()) {
    if (ours(before_) != before_) write(ours(before_));
  }
  ~FloatingPointMode() {
    if (ours(before_) != before_) write(before_);
  }
  FloatingPointMode(const FloatingPointMode&) = delete;
  FloatingPointMode& operator=(const FloatingPointMode&) = delete;

 private:
#if defined(__x86_64__)
  // MXCSR: flags that have no effect, and masks of all exceptions. [Intel SDM 1, 10.2.3]
  static uint64_t ours(uint64_t mode) { return (mode & 0x3fu) | 0x1f80u; }
  static uint64_t read() {
    uint32_t mode;
    asm volatile("stmxcsr %0" : "=m"(mode) : : "memory");
    return mode;
  }
  static void write(uint64_t mode) {
    const auto word = static_cast<uint32_t>(mode);
    asm volatile("ldmxcsr %0" : : "m"(word) : "memory");
  }
#elif defined(__aarch64__)
  // FPCR: zero is the mode of IEEE 754. [Arm Architecture Reference Manual, FPCR]
  static uint64_t ours(uint64_t) { return 0; }
  static uint64_t read() {
    uint64_t mode;
    asm volatile("mrs %0, fpcr" : "=r"(mode) : : "memory");
    return mode;
  }
  static void write(uint64_t mode) { asm volatile("msr fpcr, %0" : : "r"(mode) : "memory"); }
#else
  static uint64_t ours(uint64_t mode) { return mode; }
  static uint64_t read() { return 0; }
  static void write(uint64_t) {}
#endif

  const uint64_t before_;
};

}  // namespace vae
