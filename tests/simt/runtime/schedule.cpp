// SPDX-License-Identifier: MIT
//
// When and in which order queued operations run: not before somebody waits for them unless the
// seed says so, and in any order that streams and events allow.
#include <simt/launch.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

double now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

void reseed_if_changed(State& s) {
  if (s.seed == options().seed) return;
  s.seed = options().seed;
  s.random_state = s.seed;
}

// While one lives device memory is open. Loops over operations hold one, because opening and
// closing takes time in proportion to all memory.
class Opened {
 public:
  explicit Opened(State& s) : s_(s) { open_device(s_); }
  ~Opened() { close_device(s_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

 private:
  State& s_;
};

// The reverse, while a host function runs.
class Closed {
 public:
  explicit Closed(State& s) : s_(s), depth_(std::exchange(s.open, 1)) { close_device(s_); }
  ~Closed() {
    open_device(s_);
    s_.open = depth_;
  }
  Closed(const Closed&) = delete;
  Closed& operator=(const Closed&) = delete;

 private:
  State& s_;
  int depth_;
};

// While it lives calls of the runtime are refused.
class Running {
 public:
  explicit Running(State& s) : s_(s) { s_.running = true; }
  ~Running() { s_.running = false; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  State& s_;
};

bool is_ready(const CUstream_st& stream) {
  if (stream.queue.empty()) return false;
  const auto& after = stream.queue.front()->after;
  return std::all_of(after.begin(), after.end(), [](const OperationPtr& o) { return o->done; });
}

std::vector<CUstream_st*> ready_streams(State& s) {
  std::vector<CUstream_st*> ready;
  if (is_ready(s.legacy)) ready.push_back(&s.legacy);
  for (const auto& stream : s.streams) {
    if (is_ready(*stream)) ready.push_back(stream.get());
  }
  return ready;
}

void finish(CUstream_st& stream, Operation& operation) {
  operation.done = true;
  operation.finished_ms = now_ms();
  operation.after.clear();
  operation.advance = nullptr;
  stream.queue.pop_front();
}

void step(State& s, CUstream_st& stream) {
  const OperationPtr operation = stream.queue.front();
  bool finished = true;
  try {
    const Opened opened(s);
    const Running running(s);
    if (operation->advance) finished = operation->advance();
  } catch (...) {
    finish(stream, *operation);
    throw;
  }
  if (finished) finish(stream, *operation);
  if (s.sticky != cudaSuccess) abandon_all(s);
}

// The stream whose first entry has to run for `operation` to run. Entries wait only for older ones,
// so this ends.
CUstream_st& needed_stream(const Operation& operation) {
  CUstream_st* stream = operation.stream;
  for (bool moved = true; moved;) {
    moved = false;
    for (const OperationPtr& before : stream->queue.front()->after) {
      if (before->done) continue;
      stream = before->stream;
      moved = true;
      break;
    }
  }
  return *stream;
}

// Ranks follow from the seed and the number of the stream.
std::uint64_t rank(const State& s, const CUstream_st& stream) {
  std::uint64_t x = s.seed + 0x9E3779B97F4A7C15u * static_cast<std::uint64_t>(stream.number + 1);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  return x ^ (x >> 27);
}

CUstream_st& highest_rank(const State& s, const std::vector<CUstream_st*>& streams) {
  return **std::max_element(
      streams.begin(), streams.end(),
      [&](const CUstream_st* a, const CUstream_st* b) { return rank(s, *a) < rank(s, *b); });
}

// The stream to run next, of those that can, while somebody waits for `wanted`.
CUstream_st& choose(State& s, const Operation& wanted) {
  const Policy how = policy(s);
  if (how == Policy::lazy) return needed_stream(wanted);
  const std::vector<CUstream_st*> ready = ready_streams(s);
  if (how == Policy::favourite) return highest_rank(s, ready);
  return *ready[random_below(s, ready.size())];
}

void run_random_pieces(State& s, std::uint64_t pieces) {
  if (pieces == 0) return;
  const Opened opened(s);
  for (; pieces > 0; --pieces) {
    const std::vector<CUstream_st*> ready = ready_streams(s);
    if (ready.empty()) return;
    step(s, *ready[random_below(s, ready.size())]);
  }
}

void run_favourite(State& s) {
  std::vector<CUstream_st*> all = {&s.legacy};
  for (const auto& stream : s.streams) all.push_back(stream.get());
  CUstream_st& favourite = highest_rank(s, all);
  if (!is_ready(favourite)) return;
  const Opened opened(s);
  while (is_ready(favourite)) step(s, favourite);
}

// What a card does on its own while the host goes on.
void run_ahead(State& s) {
  switch (policy(s)) {
    case Policy::lazy:
      return;
    case Policy::eager:
      return run_random_pieces(s, random_below(s, 8) == 0 ? 0 : ~std::uint64_t{0});
    case Policy::shuffled:
      return run_random_pieces(s, random_below(s, 4) / 3);
    case Policy::favourite:
      return run_favourite(s);
  }
}

// One of the queued operations: of the oldest stream under seed 0, else of the newest, whose work
// tends to depend on that of the others.
const Operation* any_queued(State& s) {
  const Operation* found = nullptr;
  const auto take = [&](const CUstream_st& stream) {
    if (!stream.queue.empty() && (found == nullptr || s.seed != 0)) {
      found = stream.queue.front().get();
    }
  };
  take(s.legacy);
  for (const auto& stream : s.streams) take(*stream);
  return found;
}

void abandon(CUstream_st& stream) {
  while (!stream.queue.empty()) finish(stream, *stream.queue.front());
}

}  // namespace

std::uint64_t random_below(State& s, std::uint64_t n) {
  reseed_if_changed(s);
  std::uint64_t x = s.random_state += 0x9E3779B97F4A7C15u;  // SplitMix64
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return (x ^ (x >> 31)) % n;
}

Policy policy(State& s) {
  reseed_if_changed(s);
  return static_cast<Policy>(s.seed % 4);  // lazy for seed 0
}

OperationPtr append(State& s, CUstream_st& stream, std::function<bool()> advance,
                    std::vector<OperationPtr> after) {
  // The legacy stream runs after all that blocking streams hold, and they after it.
  if (&stream == &s.legacy) {
    for (const auto& other : s.streams) {
      if (other->blocking && other->last) after.push_back(other->last);
    }
  } else if (stream.blocking && s.legacy.last) {
    after.push_back(s.legacy.last);
  }
  after.erase(std::remove_if(after.begin(), after.end(),
                             [](const OperationPtr& o) { return !o || o->done; }),
              after.end());
  auto operation = std::make_shared<Operation>();
  operation->stream = &stream;
  operation->advance = std::move(advance);
  operation->after = std::move(after);
  stream.queue.push_back(operation);
  stream.last = operation;
  run_ahead(s);
  return operation;
}

void run_work(State& s, const Work& work) {
  if (work.type == cudaGraphNodeTypeKernel && s.kernel_fault.strikes()) {
    raise_sticky(s, s.kernel_fault.error, "the kernel fault a test asked for");
    return;
  }
  output_written(s, work);
  if (!work.run) return;
  if (work.type == cudaGraphNodeTypeHost) {
    const Closed closed(s);
    work.run();
  } else {
    work.run();
  }
}

void drain(State& s, const OperationPtr& operation) {
  if (!operation->done) {
    const Opened opened(s);
    while (!operation->done) step(s, choose(s, *operation));
  }
  sweep_streams(s);
}

void drain_all(State& s) {
  if (any_queued(s) != nullptr) {
    const Opened opened(s);
    while (const Operation* operation = any_queued(s)) step(s, choose(s, *operation));
  }
  sweep_streams(s);
}

void drain_all_quietly(State& s) {
  for (bool failed = true; failed;) {
    failed = false;
    try {
      drain_all(s);
    } catch (...) {  // its operation is gone, so this ends
      failed = true;
      if (!s.pending) s.pending = std::current_exception();
    }
  }
}

void nudge(State& s, const OperationPtr& operation) {
  if (!operation->done) step(s, choose(s, *operation));
  sweep_streams(s);
}

void abandon_all(State& s) {
  abandon(s.legacy);
  for (const auto& stream : s.streams) abandon(*stream);
  drop_outputs(s);
}

void sweep_streams(State& s) {
  s.streams.erase(std::remove_if(s.streams.begin(), s.streams.end(),
                                 [](const std::unique_ptr<CUstream_st>& stream) {
                                   return stream->destroyed && stream->queue.empty();
                                 }),
                  s.streams.end());
}

}  // namespace simt
