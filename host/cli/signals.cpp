// SPDX-License-Identifier: MIT
#include "host/cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace vae::cli {
namespace {

// The only globals of the program: a handler can reach nothing else.
std::atomic<int> requested_stop{0};
std::atomic<bool> requested_checkpoint{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

extern "C" void on_stop(int signal) {
  if (requested_stop.exchange(signal) != 0) ::_exit(128 + signal);
}

extern "C" void on_checkpoint(int) { requested_checkpoint = true; }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void ignore_write_signals() {
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

void install_stop_handlers() {
  handle(SIGINT, on_stop);
  handle(SIGTERM, on_stop);
  struct sigaction current = {};
  ::sigaction(SIGHUP, nullptr, &current);
  if (current.sa_handler != SIG_IGN) handle(SIGHUP, on_stop);  // nohup keeps its promise
  handle(SIGUSR1, on_checkpoint);
}

int stop_signal() { return requested_stop; }

bool take_checkpoint_request() { return requested_checkpoint.exchange(false); }

}  // namespace vae::cli
