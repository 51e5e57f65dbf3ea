// SPDX-License-Identifier: MIT
//
// Launches, and the knobs of a test.
#pragma once

#include <vector_types.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include <simt/location.h>

struct CUstream_st;  // cudaStream_t points to one

namespace simt {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
  bool cooperative = false;
  Location where = Location::current();  // not in CUDA's twin: for messages
};

struct Options {
  /// 0: blocks one by one, threads in ascending order, copies land when waited for. Any other
  /// number: a random schedule, a function of the seed and of the launches before. The variable
  /// VAE_SIMT_SEED sets the initial value.
  std::uint64_t seed = 0;
  std::size_t max_shared_bytes = 227 * 1024;  // dynamic; the largest of any card (sm_90)
};
Options& options();

/// Starts the count of launches anew: after it the same seed gives the same schedules again.
void restart_schedules();

/// Runs `thread` once for every thread of the grid, now. Throws Error.
void run_grid(const LaunchShape& shape, const std::function<void()>& thread);

/// What a stand-in for the CUDA runtime does with a launch: it keeps `run`, which runs the whole
/// grid and may be called any number of times, and returns a cudaError_t.
using EnqueueHook =
    std::function<int(CUstream_st* stream, const LaunchShape& shape, std::function<void()> run)>;
void set_enqueue(EnqueueHook hook);  // an empty one: grids run at once

/// Hands a launch to the hook, or runs it now and returns 0.
int enqueue(CUstream_st* stream, const LaunchShape& shape, std::function<void()> thread);

/// True while a kernel runs, that is, within run_grid.
bool in_kernel();

}  // namespace simt
