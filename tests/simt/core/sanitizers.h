// SPDX-License-Identifier: MIT
//
// What the core tells the sanitizers. The core itself is compiled without them and says what
// happens through these functions; VAE_SIMT_WITH_ASAN or VAE_SIMT_WITH_TSAN tells it which one the
// program is linked with.
//
// Thread sanitizer: every CUDA thread is one of its fibers, and switching makes no order. Order is
// made by acquire and release alone, which barriers, fences with atomics, starts and ends call. So
// two accesses race unless CUDA orders them, whatever the schedule was.
#pragma once

#include <cstddef>

#ifdef VAE_SIMT_WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif
#ifdef VAE_SIMT_WITH_TSAN
#include <sanitizer/tsan_interface.h>
extern "C" {  // exported by the runtime, in none of its headers
void __tsan_read_range_pc(void* address, unsigned long bytes, void* pc);
void __tsan_write_range_pc(void* address, unsigned long bytes, void* pc);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace simt {

#ifdef VAE_SIMT_WITH_TSAN
inline constexpr bool kRaceDetector = true;
inline void release(const void* tag) { __tsan_release(const_cast<void*>(tag)); }
inline void acquire(const void* tag) { __tsan_acquire(const_cast<void*>(tag)); }
/// `code` is where a report says that it happened.
inline void reads(const void* address, std::size_t bytes, void* code) {
  __tsan_read_range_pc(const_cast<void*>(address), bytes, code);
}
inline void writes(void* address, std::size_t bytes, void* code) {
  __tsan_write_range_pc(address, bytes, code);
}
#else
inline constexpr bool kRaceDetector = false;
inline void release(const void*) {}
inline void acquire(const void*) {}
inline void reads(const void*, std::size_t, void*) {}
inline void writes(void*, std::size_t, void*) {}
#endif

/// True if the address sanitizer forbids some byte.
inline bool is_out_of_bounds([[maybe_unused]] const void* address,
                             [[maybe_unused]] std::size_t bytes) {
#ifdef VAE_SIMT_WITH_ASAN
  return __asan_region_is_poisoned(const_cast<void*>(address), bytes) != nullptr;
#else
  return false;
#endif
}

/// While one lives, the race detector overlooks what this CUDA thread touches. Each entry to the
/// core has one: libc's functions and templates shared with instrumented code touch the core's
/// data.
class Quiet {
 public:
  Quiet();
  ~Quiet();
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

}  // namespace simt
