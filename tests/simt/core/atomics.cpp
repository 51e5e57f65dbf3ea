// SPDX-License-Identifier: MIT
//
// Order by fences and atomics, as the race detector sees it: C++'s rules, which CUDA's memory model
// shares. An atomic after a fence releases what came before the fence, no more; a fence after an
// atomic acquires what was released to the atomic's address until then. The thread sanitizer does
// not model fences, so carriers keep what is known at one time for a later one.
#include <simt/atomics.h>

#include "tests/simt/core/machine.h"
#include "tests/simt/core/sanitizers.h"

namespace simt {

void fence() {
  const Quiet quiet;
  if (g_thread == nullptr) return;
  FenceOrder& fences = g_thread->fences;
  acquire(&fences.seen_by_atomics);
  release(&fences.before_fence);
  fences.fenced = true;
  preempt();
}

void before_atomic(const void* address) {
  const Quiet quiet;
  preempt();
  if (g_thread == nullptr || !g_thread->fences.fenced) return;
  g_thread->fences.to_others.carry(&g_thread->fences.before_fence, address);
}

void after_atomic(const void* address) {
  const Quiet quiet;
  if (g_thread == nullptr) return;
  g_thread->fences.from_others.carry(address, &g_thread->fences.seen_by_atomics);
}

}  // namespace simt
