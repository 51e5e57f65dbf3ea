// SPDX-License-Identifier: MIT
//
// The state of a launch: blocks that are under way, their warps and threads, and what these wait
// for. A CUDA thread runs until it meets others (a barrier, a warp collective) or touches an
// atomic, then the schedule chooses the next one, which is entered directly. Everything happens on
// one OS thread, so nothing here is locked.
#pragma once

#include <simt/async_copy.h>
#include <simt/launch.h>
#include <simt/location.h>
#include <simt/warp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/simt/core/context.h"
#include "tests/simt/core/schedule.h"

namespace simt {

struct Block;
struct Warp;

/// A cp.async that was issued and not yet waited for.
struct PendingCopy {
  void* shared;
  const void* global;
  int bytes;
  bool valid;
  bool landed;
  unsigned group;
  Location where;
};

/// What fences and atomics of a thread order; see atomics.cpp.
struct FenceOrder {
  bool fenced = false;       // there was a fence
  char before_fence = 0;     // tag: what came before the last fence
  char seen_by_atomics = 0;  // tag: what was released to the addresses of its atomics
  OrderCarrier to_others;
  OrderCarrier from_others;
};

struct Thread {
  enum class State : unsigned char { kReady, kWaiting, kReturned };

  Context context;
  uint3 index = {};
  unsigned lane = 0;
  Block* block = nullptr;
  Warp* warp = nullptr;
  State state = State::kReady;
  bool entered = false;
  const char* waits_at = "";  // while kWaiting
  Location where;
  std::vector<PendingCopy> copies;
  unsigned committed_groups = 0;
  FenceOrder fences;
};

/// Two tags in turn order what comes before a meeting before what comes after. With a single one a
/// thread that is late to leave would also acquire what others released for the next meeting.
class OrderTags {
 public:
  const void* current() const { return &tags_[phase_ & 1u]; }
  void next() { ++phase_; }

 private:
  char tags_[2] = {};
  unsigned phase_ = 0;
};

struct Barrier {
  unsigned expected = 0;
  unsigned arrived = 0;
  Location where;  // of the first to arrive
  std::vector<Thread*> waiting;
  OrderTags order;
};

/// Lanes of one warp on their way into a collective with this mask.
struct Meeting {
  std::uint32_t mask = 0;
  std::uint32_t arrived = 0;
  const char* name = "";  // of the first to arrive
  Location where;
  std::array<void*, kWarpSize> operands = {};
  std::array<Thread*, kWarpSize> lanes = {};
  OrderTags order;
};

struct Warp {
  std::uint32_t exists = 0;                        // lanes the block has
  std::uint32_t live = 0;                          // of them, those that have not returned
  std::vector<std::unique_ptr<Meeting>> meetings;  // one for each mask seen
  ReadyWarp ready;
};

/// One array of shared memory.
struct SharedArray {
  const void* key;  // null for a piece of the dynamic memory
  unsigned char* data;
  std::size_t bytes;
  Location where;
};

struct Block {
  uint3 index = {};
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  Barrier barrier;
  std::vector<SharedArray> arrays;  // VAE_SHARED, in order of first use
  std::vector<SharedArray> pieces;  // SharedCarver, in order
  std::size_t static_bytes = 0;
  std::size_t dynamic_bytes = 0;
  std::size_t returned = 0;
};

/// Thrown in every suspended thread after one has failed, so that its frames are unwound.
struct Cancelled {};

struct Launch {
  const LaunchShape* shape = nullptr;
  const std::function<void()>* thread = nullptr;
  std::uint64_t serial = 0;  // since restart_schedules
  std::uint64_t seed = 0;
  Context host;
  Schedule schedule;
  std::vector<std::unique_ptr<Block>> blocks;  // under way
  Barrier grid;
  bool failed = false;
  bool cancelling = false;
  std::string error;                  // of the first failure
  std::vector<void*> shared_to_free;  // once everything is ordered; see retire() in launch.cpp
  char ended = 0;                     // tag that every thread releases at its end
};

extern Launch g_launch;
extern Thread* g_thread;  // the one that runs; null outside of kernels

/// The calling thread; fails outside of kernels.
Thread& this_thread(const char* what, Location where);

/// Leaves the calling thread for another that is ready; returns when it is scheduled again.
void yield_to_others(Thread& thread);
/// The same for a thread that others must make ready.
void wait_for_others(Thread& thread, const char* waits_at, Location where);
/// Makes a waiting thread ready.
void make_ready(Thread& thread);
/// In a random schedule lets others run first, always or in one of four cases.
void maybe_yield(Thread& thread);
void preempt();

/// Counts the thread in; returns when all have come. The last to come runs `complete`.
void arrive(Barrier& barrier, Thread& thread, const char* name, Location where,
            const std::function<void()>& complete = {});

// ---- errors.cpp ---------------------------------------------------------------------------------

bool same_place(Location a, Location b);
std::string place_text(Location where);         // dense.cu:77
std::string thread_text(const Thread& thread);  // thread (5,0,0) of block (0,0,0)
std::string launch_text();                      // launch at dense.cu:140, seed 7
std::string describe_deadlock();

// ---- shared_memory.cpp --------------------------------------------------------------------------

void free_shared(Block& block);

}  // namespace simt
