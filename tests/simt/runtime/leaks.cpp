// SPDX-License-Identifier: MIT
//
// What is left on the device, and how to clear it.
#include <simt/launch.h>

#include <sstream>

#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "of unknown type";
  }
}

}  // namespace

std::string runtime_leaks() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.sticky != cudaSuccess) return {};  // all went with the context
  std::ostringstream out;
  for (const auto& [start, allocation] : s.memory) {
    out << (allocation.device ? "device" : "pinned") << " memory, " << allocation.bytes
        << " bytes, allocation " << allocation.number << '\n';
  }
  for (const auto& stream : s.streams) {
    if (!stream->destroyed) out << "stream, the " << stream->number << ". one created\n";
  }
  if (!s.events.empty()) out << s.events.size() << " event(s)\n";
  if (!s.graphs.empty()) out << s.graphs.size() << " graph(s)\n";
  if (!s.execs.empty()) out << s.execs.size() << " executable graph(s)\n";
  if (s.pending) out << "an error of a kernel that no call has reported: " << text_of(s.pending);
  return out.str();
}

void reset_runtime() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  abandon_all(s);
  free_all(s);
  s.events.clear();
  s.execs.clear();
  s.graphs.clear();
  s.streams.clear();
  s.legacy = {};
  s.streams_made = 0;
  s.allocations = 0;
  s.dynamic_shared_limit.clear();
  s.calls.clear();
  s.last_error = s.sticky = s.reason_of = cudaSuccess;
  s.reason.clear();
  s.pending = nullptr;
  s.allocation_fault = s.call_fault = s.launch_fault = s.kernel_fault = {};
  apply_fault_environment(s);
  s.model = model_from_environment();
  current_device() = 0;
  s.seed = s.random_state = options().seed;
  restart_schedules();
}

}  // namespace simt
