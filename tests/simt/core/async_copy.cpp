// SPDX-License-Identifier: MIT
#include <simt/async_copy.h>
#include <simt/shared_memory.h>

#include <cstdint>
#include <cstring>

#include "tests/simt/core/machine.h"
#include "tests/simt/core/sanitizers.h"

namespace simt {

namespace {

// The call in the kernel; a return address is that of the instruction after it.
#define CALLER (static_cast<char*>(__builtin_return_address(0)) - 1)

void land(PendingCopy& copy, void* code) {
  const auto bytes = static_cast<std::size_t>(copy.bytes);
  {
    const Quiet quiet;
    if (copy.valid) {
      std::memcpy(copy.shared, copy.global, bytes);
    } else {
      std::memset(copy.shared, 0, bytes);
    }
    copy.landed = true;
  }
  if (copy.valid) reads(copy.global, bytes, code);
  writes(copy.shared, bytes, code);
}

void check_copy(const PendingCopy& copy) {
  const auto bytes = static_cast<std::size_t>(copy.bytes);
  check_shared(copy.shared, bytes, bytes, "copy_async", copy.where);
  if (reinterpret_cast<std::uintptr_t>(copy.global) % bytes != 0) {
    fail("copy_async: the global address is not aligned", copy.where);
  }
  if (copy.valid && is_out_of_bounds(copy.global, bytes)) {
    fail("copy_async: the source is out of bounds", copy.where);
  }
}

}  // namespace

void async_copy(void* shared, const void* global, int bytes, bool valid, Location where) {
  Thread& thread = this_thread("copy_async", where);
  PendingCopy copy{shared, global, bytes, valid, false, thread.committed_groups, where};
  check_copy(copy);
  // It may touch both ends at any time from here on.
  if (valid) reads(global, static_cast<std::size_t>(bytes), CALLER);
  writes(shared, static_cast<std::size_t>(bytes), CALLER);
  if (g_launch.schedule.coin()) land(copy, CALLER);
  const Quiet quiet;
  thread.copies.push_back(copy);
}

void async_commit() {
  Thread& thread = this_thread("copy_async_commit", Location::current());
  ++thread.committed_groups;
}

void async_wait(int pending_groups) {
  Thread& thread = this_thread("copy_async_wait", Location::current());
  std::size_t kept = 0;
  for (PendingCopy& copy : thread.copies) {
    if (copy.group + static_cast<unsigned>(pending_groups) < thread.committed_groups) {
      if (!copy.landed) land(copy, CALLER);
    } else {
      thread.copies[kept++] = copy;
    }
  }
  const Quiet quiet;
  thread.copies.resize(kept);
}

}  // namespace simt
