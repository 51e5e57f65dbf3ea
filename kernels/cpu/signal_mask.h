// SPDX-License-Identifier: MIT
#pragma once

#include <signal.h>

namespace vae::cpu {

/// While it lives, signals wait: the calling thread, and each thread it starts meanwhile, takes
/// none but those that a fault of its own raises.
class SignalMask {
 public:
  SignalMask() noexcept {
    sigset_t held;
    ::sigfillset(&held);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
      ::sigdelset(&held, fault);
    }
    ::pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~SignalMask() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalMask(const SignalMask&) = delete;
  SignalMask& operator=(const SignalMask&) = delete;

 private:
  sigset_t before_;
};

}  // namespace vae::cpu
