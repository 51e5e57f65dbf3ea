// SPDX-License-Identifier: MIT
//
// What the files of the simulated runtime share. Everything is one State, created at the first call
// and never destroyed, so that no order of static objects matters.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simt/runtime/runtime.h"

namespace simt {

/// A kernel, copy, memset or host function: what a stream runs and a graph node holds.
struct Work {
  const char* name = "";
  cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
  std::function<void()> run;    // empty: nothing to do
  void* host_output = nullptr;  // pinned memory that it writes; closed to the host until it ran
  std::size_t host_bytes = 0;
};

/// A graph as captured; it does not change afterwards.
struct GraphBody;

/// An entry of a stream's queue. It may run once the entries before it and all of `after` are done.
struct Operation {
  CUstream_st* stream = nullptr;
  std::function<bool()> advance;  // runs a piece; true when it was the last one
  std::vector<std::shared_ptr<Operation>> after;
  bool done = false;
  double finished_ms = 0;
};
using OperationPtr = std::shared_ptr<Operation>;

/// A capture in progress, or a finished one that events still refer to.
struct Capture {
  std::shared_ptr<GraphBody> graph;
  CUstream_st* origin = nullptr;
  bool active = true;
  bool invalidated = false;
};

}  // namespace simt

struct CUstream_st {
  int number = 0;  // of its creation
  int device = 0;
  bool blocking = true;    // ordered with the legacy stream
  bool destroyed = false;  // by its owner; the queue still runs
  std::deque<simt::OperationPtr> queue;
  simt::OperationPtr last;  // the newest entry, done or not
  std::shared_ptr<simt::Capture> capture;
  std::set<std::size_t> tail;  // nodes that the next captured node depends on
};

struct CUevent_st {
  bool timing = true;
  simt::OperationPtr record;               // empty: never recorded, or captured
  std::shared_ptr<simt::Capture> capture;  // last recorded in it
  std::set<std::size_t> nodes;             // which it then stands for
};

struct CUgraphNode_st {
  simt::Work work;
  std::set<std::size_t> after;
};

struct simt::GraphBody {
  std::vector<std::unique_ptr<CUgraphNode_st>> nodes;
};

struct CUgraph_st {
  std::shared_ptr<simt::GraphBody> body;
};

struct CUgraphExec_st {
  std::shared_ptr<const simt::GraphBody> body;
  simt::OperationPtr last_launch;  // launches of one graph run one after the other
};

namespace simt {

struct Allocation {
  std::size_t bytes = 0;
  bool device = true;  // otherwise pinned
  int owner = 0;       // number of the device
  std::int64_t number = 0;
};

/// A fault to come: counts down, strikes at zero.
struct Countdown {
  std::int64_t left = 0;
  cudaError_t error = cudaSuccess;
  bool strikes() { return left > 0 && --left == 0; }
};

/// How the streams are drained; which one follows from the seed.
enum class Policy {
  lazy,       // only what somebody waits for, and that as directly as possible
  eager,      // at once, mostly
  shuffled,   // any stream, a little now and then
  favourite,  // one stream runs at once; the others when waited for, by rank
};

template <typename T>
using Owned = std::map<T*, std::unique_ptr<T>>;

struct State {
  State();

  std::recursive_mutex mutex;
  DeviceModel model;
  bool running = false;  // an operation of the device, on this thread

  // errors.cpp
  cudaError_t last_error = cudaSuccess;
  cudaError_t sticky = cudaSuccess;
  cudaError_t reason_of = cudaSuccess;  // the error that `reason` explains
  std::string reason;
  std::exception_ptr pending;  // thrown by an operation during a call that must not throw
  Countdown allocation_fault, call_fault, launch_fault, kernel_fault;
  std::map<std::string, std::int64_t> calls;

  // memory.cpp
  std::map<const char*, Allocation> memory;
  std::size_t device_bytes = 0;
  std::int64_t allocations = 0;
  int open = 0;  // above zero: device memory is accessible
  std::multimap<const char*, std::size_t> pending_output;

  // streams.cpp, graphs.cpp
  CUstream_st legacy;
  std::vector<std::unique_ptr<CUstream_st>> streams;  // in the order of their creation
  int streams_made = 0;
  Owned<CUevent_st> events;
  Owned<CUgraph_st> graphs;
  Owned<CUgraphExec_st> execs;

  // device.cpp
  std::map<const void*, int> dynamic_shared_limit;

  // schedule.cpp
  std::uint64_t seed = 0;
  std::uint64_t random_state = 0;
};

State& state();

// ---- errors.cpp
/// Remembers `error` as the last one, with the reason, and returns it.
cudaError_t report(State& s, cudaError_t error, const std::string& reason = {});
/// Stops the device: all that was queued is dropped, every later call returns `error`.
void raise_sticky(State& s, cudaError_t error, const std::string& reason);
bool is_sticky_error(cudaError_t error);
void apply_fault_environment(State& s);

// ---- memory.cpp
enum class Place { device, pinned, pageable };
/// Where `memory` starts; `fits` tells whether all bytes lie in that allocation.
Place place_of(const State& s, const void* memory, std::size_t bytes, bool* fits);
/// Opens device memory to this thread, or closes it; nests.
void open_device(State& s);
void close_device(State& s);
void expect_output(State& s, const Work& work);
void output_written(State& s, const Work& work);
void drop_outputs(State& s);
void free_all(State& s);

// ---- schedule.cpp
std::uint64_t random_below(State& s, std::uint64_t n);
Policy policy(State& s);
OperationPtr append(State& s, CUstream_st& stream, std::function<bool()> advance,
                    std::vector<OperationPtr> after = {});
void run_work(State& s, const Work& work);
/// Runs operations until `operation` is done. Throws what an operation throws.
void drain(State& s, const OperationPtr& operation);
void drain_all(State& s);
/// The same in a call that must not throw: the first exception is kept for the next call.
void drain_all_quietly(State& s);
/// One piece of what `operation` waits for, as a program polls for it.
void nudge(State& s, const OperationPtr& operation);
void abandon_all(State& s);
/// Forgets destroyed streams that have run dry.
void sweep_streams(State& s);

// ---- streams.cpp
/// The stream of a handle, or nullptr where it is none.
CUstream_st* find_stream(State& s, cudaStream_t handle);
/// An error where the stream is not one of the thread's current device.
cudaError_t check_current(State& s, const CUstream_st& stream);
/// An error where the stream is the legacy one and a blocking stream is being captured.
cudaError_t check_legacy(State& s, const CUstream_st& stream);
/// Queues work, or adds it to the capture in progress on the stream.
cudaError_t push(State& s, cudaStream_t handle, Work work);

// ---- graphs.cpp
bool any_capture(const State& s);
void invalidate(Capture& capture);
/// Ends a capture for every stream that takes part in it.
void end_capture(State& s, const std::shared_ptr<Capture>& capture);
cudaError_t capture_work(State& s, CUstream_st& stream, Work work);
/// The wait of a stream for an event where one of them is captured: an edge of the graph.
cudaError_t captured_wait(State& s, CUstream_st& stream, CUevent_st& event);

// ---- device.cpp
DeviceModel model_from_environment();
cudaError_t driver_error(const DeviceModel& model);
/// Of the calling thread, as cudaSetDevice left it.
int& current_device();
bool has_kernel_image(const DeviceModel& model);
/// Blocks of this size that fit one multiprocessor.
int resident_blocks(const DeviceModel& model, int threads, std::size_t shared_bytes);
int device_attribute(const DeviceModel& model, cudaDeviceAttr attribute);

// ---- launch.cpp
void install_launch_hook();

/// Which rules a call of the runtime follows.
enum class Call {
  any,          // allowed while a capture is in progress
  outside,      // not allowed then: allocation, synchronisation
  release,      // as `outside`, but never throws or fails by injection: destructors call it
  release_any,  // as `release`, and allowed during a capture
};

/// The frame of each function of the runtime; errors.cpp.
cudaError_t runtime_call(const char* name, Call rules,
                         const std::function<cudaError_t(State&)>& body);

}  // namespace simt
