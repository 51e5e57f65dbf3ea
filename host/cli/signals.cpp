// SPDX-License-Identifier: MIT
#include "host/cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <system_error>
#include <thread>

#include "vae/error.h"

namespace vae::cli {
namespace {

// What the watching thread tells the others.
std::atomic<bool> stops_when_asked{false};
std::atomic<int> requested_stop{0};
std::atomic<bool> requested_checkpoint{false};

bool is_ignored(int signal) {
  struct sigaction current = {};
  ::sigaction(signal, nullptr, &current);
  return current.sa_handler == SIG_IGN;
}

/// The end that a signal brings to a program that knows nothing of it.
[[noreturn]] void end_by(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  ::_exit(128 + signal);
}

[[noreturn]] void watch(sigset_t watched) {
  while (true) {
    int signal = 0;
    if (::sigwait(&watched, &signal) != 0) continue;
    if (signal == SIGUSR1) {
      requested_checkpoint = true;
    } else if (!stops_when_asked) {
      end_by(signal);
    } else if (requested_stop.exchange(signal) != 0) {
      ::_exit(128 + signal);
    }
  }
}

}  // namespace

void ignore_write_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

void watch_signals() {
  sigset_t watched;
  ::sigemptyset(&watched);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    if (signal == SIGHUP && is_ignored(signal)) continue;  // nohup keeps its promise
    ::signal(signal, SIG_DFL);                             // an ignored one need not arrive
    ::sigaddset(&watched, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &watched, nullptr);  // threads inherit it
  try {
    std::thread(watch, watched).detach();
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::unavailable,
                std::string("no thread can be started (") + error.what() +
                    "); end other programs or raise the limit, see `ulimit -u`");
  }
}

void stop_when_asked() { stops_when_asked = true; }

int stop_signal() { return requested_stop; }

bool take_checkpoint_request() { return requested_checkpoint.exchange(false); }

}  // namespace vae::cli
