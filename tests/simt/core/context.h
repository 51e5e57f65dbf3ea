// SPDX-License-Identifier: MIT
//
// A flow of control with a stack of its own, and the switch between two of them. On x86-64 the
// switch is 16 instructions, 100 times as quick as swapcontext, which makes a system call;
// elsewhere and with VAE_SIMT_UCONTEXT it is swapcontext.
#pragma once

#include <cstddef>
#include <string>

#if !defined(__x86_64__) && !defined(VAE_SIMT_UCONTEXT)
#define VAE_SIMT_UCONTEXT
#endif
#ifdef VAE_SIMT_UCONTEXT
#include <ucontext.h>
#endif

namespace simt {

class Context {
 public:
  /// The first switch to it calls `entry`, which must never return.
  void prepare(void (*entry)());
  /// How the race detector's reports call it.
  void set_name(const std::string& name);
  /// Gives the stack back. The context has ended or was never entered. `unwound`: an exception may
  /// have left frames of which the address sanitizer does not know that they have ended.
  void release(bool unwound);

 private:
  friend class Quiet;
  friend void switch_context(Context& from, Context& to, bool from_ends);
  friend class OrderCarrier;
  friend void adopt_running(Context& context);
  friend void context_main();
  friend void retire_contexts();

  void finish_switch();

  void (*entry_)() = nullptr;
  unsigned char* stack_ = nullptr;  // lowest usable byte
  std::size_t stack_bytes_ = 0;
#ifdef VAE_SIMT_UCONTEXT
  ucontext_t saved_ = {};
#else
  void* saved_ = nullptr;  // stack pointer
#endif
  void* asan_stack_ = nullptr;  // the address sanitizer's copy of the frames
  [[maybe_unused]] void* tsan_fiber_ = nullptr;
  [[maybe_unused]] int quiet_ = 0;  // how many Quiet objects it holds
};

/// Takes order from one tag to another for a CUDA thread, without the order that the thread itself
/// has: the race detector knows no other way to release what was so at an earlier time. Without the
/// race detector it does nothing.
class OrderCarrier {
 public:
  void carry(const void* from, const void* to);
  void release();

 private:
  [[maybe_unused]] void* tsan_fiber_ = nullptr;
};

/// Makes `context` stand for the flow that calls this.
void adopt_running(Context& context);

/// Runs `to` until something switches back to `from`. With `from_ends` nothing will.
void switch_context(Context& from, Context& to, bool from_ends);

/// Lets stacks be used again. Under the race detector a stack that two unordered CUDA threads used
/// would look like a race, so released ones wait for a point where everything so far is ordered.
void retire_contexts();

/// Contexts that retire_contexts would free. The race detector allows 8128 threads in all.
std::size_t contexts_to_retire();

}  // namespace simt
