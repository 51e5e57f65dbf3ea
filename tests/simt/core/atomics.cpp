// SPDX-License-Identifier: MIT
//
// Order by fences and atomics, as the race detector sees it: C++'s rules, which CUDA's memory model
// shares. An atomic after a fence releases; a fence after an atomic acquires what was released
// there. The thread sanitizer knows neither fences nor that the kernel's atomics are meant so.
#include <simt/atomics.h>

#include <algorithm>

#include "tests/simt/core/machine.h"
#include "tests/simt/core/sanitizers.h"

namespace simt {

void fence() {
  const Quiet quiet;
  if (g_thread == nullptr) return;
  for (const void* address : g_thread->atomics_to_fence) acquire(address);
  g_thread->atomics_to_fence.clear();
  g_thread->fenced = true;
  preempt();
}

void before_atomic(const void* address) {
  const Quiet quiet;
  preempt();
  if (g_thread != nullptr && g_thread->fenced) release(address);
}

void after_atomic(const void* address) {
  if (!kRaceDetector || g_thread == nullptr) return;
  const Quiet quiet;
  auto& addresses = g_thread->atomics_to_fence;
  if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
    addresses.push_back(address);
  }
}

}  // namespace simt
