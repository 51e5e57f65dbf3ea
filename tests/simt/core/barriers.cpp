// SPDX-License-Identifier: MIT
#include <simt/barriers.h>

#include <vector>

#include "tests/simt/core/machine.h"
#include "tests/simt/core/sanitizers.h"

namespace simt {

void arrive(Barrier& barrier, Thread& thread, const char* name, Location where,
            const std::function<void()>& complete) {
  if (barrier.arrived == 0) {
    barrier.where = where;
  } else if (!same_place(barrier.where, where)) {
    fail(std::string("divergent ") + name + ": other threads wait at " + place_text(barrier.where),
         where);
  }
  const void* order = barrier.order.current();
  release(order);
  if (++barrier.arrived < barrier.expected) {
    barrier.waiting.push_back(&thread);
    wait_for_others(thread, name, where);
  } else {
    if (complete) complete();
    barrier.arrived = 0;
    barrier.order.next();
    for (Thread* other : barrier.waiting) make_ready(*other);
    barrier.waiting.clear();
    maybe_yield(thread);
  }
  acquire(order);
}

void block_barrier(Location where) {
  const Quiet quiet;
  Thread& thread = this_thread("__syncthreads", where);
  arrive(thread.block->barrier, thread, "__syncthreads", where);
}

void grid_barrier(std::uint32_t* arrived, std::uint32_t* generation, Location where) {
  const Quiet quiet;
  Thread& thread = this_thread("grid_sync", where);
  if (!g_launch.shape->cooperative) fail("grid_sync in a launch that is not cooperative", where);
  if (is_out_of_bounds(arrived, sizeof *arrived) ||
      is_out_of_bounds(generation, sizeof *generation)) {
    fail("grid_sync: the barrier lies outside of any allocation", where);
  }
  if (*arrived != 0) fail("grid_sync: the barrier was not zeroed before its first use", where);
  arrive(g_launch.grid, thread, "grid_sync", where, [generation] { ++*generation; });
}

}  // namespace simt
