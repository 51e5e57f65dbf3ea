// SPDX-License-Identifier: MIT
//
// A launch: blocks are started in ascending or random order, one at a time or up to three, all of
// them for a cooperative launch, and run until every thread has returned or one has failed.
#include <simt/builtins.h>
#include <simt/launch.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/floating_point_mode.h"
#include "tests/simt/core/machine.h"
#include "tests/simt/core/sanitizers.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace simt {

Launch g_launch;
Thread* g_thread = nullptr;

namespace {

std::mutex g_one_launch;
thread_local bool t_runs_grid = false;  // this OS thread holds the mutex
std::uint64_t g_launches = 0;           // since restart_schedules
EnqueueHook g_enqueue;

struct RunsGrid {
  RunsGrid() { t_runs_grid = true; }
  ~RunsGrid() { t_runs_grid = false; }
};

void enter(Thread& thread) {
  g_thread = &thread;
  threadIdx = thread.index;
  blockIdx = thread.block->index;
}

/// Leaves `thread` for the one to run next, or for the host if there is none or one has failed.
void leave(Thread& thread, bool ends) {
  Thread* next = g_launch.failed ? nullptr : g_launch.schedule.next();
  if (next != &thread) {
    if (next != nullptr) {
      enter(*next);
      switch_context(thread.context, next->context, ends);
    } else {
      g_thread = nullptr;
      switch_context(thread.context, g_launch.host, ends);
    }
  }
  if (g_launch.cancelling) throw Cancelled();
}

void record_failure(std::string message) {
  const Quiet quiet;
  if (!g_launch.failed) g_launch.error = std::move(message);
  g_launch.failed = true;
}

void check_return(Thread& thread) {
  const Quiet quiet;
  if (!thread.copies.empty()) {
    fail("the thread returns with a copy_async that it never waited for", thread.copies[0].where);
  }
  thread.warp->live &= ~(1u << thread.lane);
  for (const auto& meeting : thread.warp->meetings) {
    if (meeting->arrived != 0 && (meeting->mask >> thread.lane & 1u) != 0) {
      fail("the thread returns, though lanes of its warp wait for it at " +
               std::string(meeting->name),
           meeting->where);
    }
  }
}

/// The life of a CUDA thread.
void thread_main() {
  Thread& thread = *g_thread;
  thread.entered = true;
  acquire(thread.block);
  try {
    (*g_launch.thread)();
    check_return(thread);
  } catch (const Cancelled&) {
  } catch (const Error& error) {
    record_failure(error.what());
  } catch (const std::exception& error) {
    record_failure(std::string("simt: exception in a kernel: ") + error.what());
  } catch (...) {
    record_failure("simt: unknown exception in a kernel");
  }
  const Quiet quiet;
  thread.state = Thread::State::kReturned;
  ++thread.block->returned;
  release(&g_launch.ended);
  leave(thread, true);
  std::abort();  // it has no caller
}

void start_block(uint3 index) {
  const dim3 size = g_launch.shape->block;
  const unsigned count = size.x * size.y * size.z;
  Block& block = *g_launch.blocks.emplace_back(std::make_unique<Block>());
  block.index = index;
  block.threads.resize(count);
  block.warps.resize((count + kWarpSize - 1) / kWarpSize);
  block.barrier.expected = count;
  for (unsigned i = 0; i < count; ++i) {
    Thread& thread = block.threads[i];
    thread.index = {i % size.x, i / size.x % size.y, i / (size.x * size.y)};
    thread.lane = i % kWarpSize;
    thread.block = &block;
    thread.warp = &block.warps[i / kWarpSize];
    thread.warp->exists |= 1u << thread.lane;
    thread.warp->live = thread.warp->exists;
    thread.context.prepare(thread_main);
    if (kRaceDetector) thread.context.set_name(thread_text(thread));
    make_ready(thread);
  }
  release(&block);
}

/// Unwinds every thread that is suspended within the kernel.
void cancel_threads() {
  g_launch.cancelling = true;
  for (const auto& block : g_launch.blocks) {
    for (Thread& thread : block->threads) {
      if (!thread.entered || thread.state == Thread::State::kReturned) continue;
      enter(thread);
      switch_context(g_launch.host, thread.context, false);
    }
  }
  g_launch.cancelling = false;
}

/// Runs the started blocks to their end.
void run_blocks() {
  if (Thread* first = g_launch.schedule.next()) {
    enter(*first);
    switch_context(g_launch.host, first->context, false);
  }
  const bool all_returned =
      std::all_of(g_launch.blocks.begin(), g_launch.blocks.end(),
                  [](const auto& block) { return block->returned == block->threads.size(); });
  if (!g_launch.failed && !all_returned) record_failure(describe_deadlock());
  if (g_launch.failed) cancel_threads();
}

void end_blocks() {
  for (const auto& block : g_launch.blocks) {
    for (Thread& thread : block->threads) {
      thread.context.release(g_launch.failed);
      thread.fences.to_others.release();
      thread.fences.from_others.release();
    }
    free_shared(*block);
  }
  g_launch.blocks.clear();
  g_launch.schedule.clear();
}

/// Everything that ran so far is ordered before whatever comes next, so its memory may be reused.
void retire() {
  acquire(&g_launch.ended);
  for (void* memory : g_launch.shared_to_free) std::free(memory);
  g_launch.shared_to_free.clear();
  retire_contexts();
}

void check_shape(const LaunchShape& shape) {
  const auto place = " (launch at " + place_text(shape.where) + ")";
  const auto text = [](const dim3& size) {
    return std::to_string(size.x) + " x " + std::to_string(size.y) + " x " + std::to_string(size.z);
  };
  const dim3 block = shape.block, grid = shape.grid;
  if (block.x < 1 || block.y < 1 || block.z < 1 || block.x > 1024 || block.y > 1024 ||
      block.z > 64 || block.x * block.y * block.z > 1024) {
    throw Error("simt: a block of " + text(block) + " threads; CUDA allows 1024" + place);
  }
  if (grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.x > 0x7fffffffu || grid.y > 65535 ||
      grid.z > 65535) {
    throw Error("simt: a grid of " + text(grid) +
                " blocks; CUDA allows 2147483647 x 65535 x 65535" + place);
  }
  if (shape.shared_bytes > options().max_shared_bytes) {
    throw Error("simt: " + std::to_string(shape.shared_bytes) +
                " bytes of dynamic shared memory; a card has " +
                std::to_string(options().max_shared_bytes) + place);
  }
}

void begin_launch(const LaunchShape& shape, const std::function<void()>& thread) {
  g_launch.shape = &shape;
  g_launch.thread = &thread;
  g_launch.serial = ++g_launches;
  g_launch.seed = options().seed;
  g_launch.schedule.begin(g_launch.seed, g_launch.serial);
  g_launch.failed = false;
  g_launch.error.clear();
  const dim3 grid = shape.grid, block = shape.block;
  g_launch.grid = Barrier();
  g_launch.grid.expected = grid.x * grid.y * grid.z * block.x * block.y * block.z;
  blockDim = block;
  gridDim = grid;
  adopt_running(g_launch.host);
}

std::vector<std::uint64_t> block_order(std::uint64_t count) {
  std::vector<std::uint64_t> order(count);
  for (std::uint64_t i = 0; i < count; ++i) order[i] = i;
  for (std::uint64_t i = count; g_launch.schedule.is_random() && i > 1; --i) {
    std::swap(order[i - 1], order[g_launch.schedule.below(i)]);
  }
  return order;
}

void run_all_blocks() {
  // A new context costs the race detector 0.7 ms. Races between blocks that lie further apart than
  // this are overlooked.
  constexpr std::size_t kContextsToRetire = 2048;
  const dim3 grid = g_launch.shape->grid;
  const std::uint64_t count = std::uint64_t{grid.x} * grid.y * grid.z;
  const std::uint64_t at_once =
      g_launch.shape->cooperative ? count : 1 + g_launch.schedule.below(3);
  const std::vector<std::uint64_t> order = block_order(count);
  for (std::uint64_t first = 0; first < count && !g_launch.failed; first += at_once) {
    for (std::uint64_t i = first; i < std::min(count, first + at_once); ++i) {
      const std::uint64_t block = order[i];
      start_block({static_cast<unsigned>(block % grid.x),
                   static_cast<unsigned>(block / grid.x % grid.y),
                   static_cast<unsigned>(block / grid.x / grid.y)});
    }
    run_blocks();
    end_blocks();
    if (contexts_to_retire() > kContextsToRetire) retire();
  }
}

}  // namespace

// ---- for the other parts of the core ------------------------------------------------------------

Thread& this_thread(const char* what, Location where) {
  if (g_thread == nullptr) fail(std::string(what) + " outside of a kernel", where);
  return *g_thread;
}

void make_ready(Thread& thread) {
  thread.state = Thread::State::kReady;
  g_launch.schedule.add(thread.warp->ready, thread);
}

void yield_to_others(Thread& thread) {
  make_ready(thread);
  leave(thread, false);
}

void wait_for_others(Thread& thread, const char* waits_at, Location where) {
  thread.state = Thread::State::kWaiting;
  thread.waits_at = waits_at;
  thread.where = where;
  leave(thread, false);
}

void maybe_yield(Thread& thread) {
  if (g_launch.schedule.is_random()) yield_to_others(thread);
}

void preempt() {
  if (g_thread == nullptr || g_launch.failed) return;  // a destructor may call it while unwinding
  if (g_launch.schedule.one_in_four()) yield_to_others(*g_thread);
}

// ---- for tests and the stand-in of the CUDA runtime ---------------------------------------------

Options& options() {
  static Options instance = [] {
    Options initial;
    if (const char* seed = std::getenv("VAE_SIMT_SEED")) {
      initial.seed = std::strtoull(seed, nullptr, 10);
    }
    if (const char* capability = std::getenv("VAE_SIMT_CAPABILITY")) {
      initial.capability = std::atoi(capability);
    }
    return initial;
  }();
  return instance;
}

void restart_schedules() { g_launches = 0; }

void require_capability(int capability, const char* name, Location where) {
  if (!in_kernel() || options().capability >= capability) return;
  fail(std::string(name) + " needs sm_" + std::to_string(capability) + ", this card is sm_" +
           std::to_string(options().capability),
       where);
}

bool in_kernel() { return t_runs_grid && g_thread != nullptr; }

void run_grid(const LaunchShape& shape, const std::function<void()>& thread) {
  if (t_runs_grid) fail("a launch within a kernel", shape.where);
  check_shape(shape);
  const std::lock_guard<std::mutex> lock(g_one_launch);
  const RunsGrid runs_grid;
  const Quiet quiet;
  const vae::FloatingPointMode mode;  // a card has its own
  begin_launch(shape, thread);
  try {
    run_all_blocks();
  } catch (...) {  // no memory for stacks or contexts; nothing was entered
    end_blocks();
    retire();
    throw;
  }
  retire();
  if (g_launch.failed) throw Error(g_launch.error);
}

void set_enqueue(EnqueueHook hook) { g_enqueue = std::move(hook); }

int enqueue(CUstream_st* stream, const LaunchShape& shape, std::function<void()> thread) {
  if (t_runs_grid) fail("a launch within a kernel", shape.where);
  if (!g_enqueue) {
    run_grid(shape, thread);
    return 0;
  }
  return g_enqueue(stream, shape, [shape, thread = std::move(thread)] { run_grid(shape, thread); });
}

}  // namespace simt
