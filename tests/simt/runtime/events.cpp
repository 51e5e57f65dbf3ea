// SPDX-License-Identifier: MIT
//
// An event stands for the operation that recorded it last, or for nodes of a capture.
#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

cudaError_t create_event(State& s, cudaEvent_t* handle, unsigned int flags) {
  constexpr unsigned int kKnown = cudaEventBlockingSync | cudaEventDisableTiming;
  if (handle == nullptr || (flags & ~kKnown) != 0) {
    return report(s, cudaErrorInvalidValue, "event: null result pointer or unknown flags");
  }
  auto event = std::make_unique<CUevent_st>();
  event->timing = (flags & cudaEventDisableTiming) == 0;
  *handle = event.get();
  s.events.emplace(*handle, std::move(event));
  return cudaSuccess;
}

cudaError_t no_event(State& s) {
  return report(s, cudaErrorInvalidResourceHandle, "no such event, or destroyed before");
}

cudaError_t no_stream(State& s) {
  return report(s, cudaErrorInvalidResourceHandle, "no such stream, or destroyed before");
}

cudaError_t record_event(State& s, cudaEvent_t event, cudaStream_t handle) {
  if (s.events.count(event) == 0) return no_event(s);
  CUstream_st* stream = find_stream(s, handle);
  if (stream == nullptr) return no_stream(s);
  if (stream->capture) {
    if (stream->capture->invalidated) return report(s, cudaErrorStreamCaptureInvalidated);
    event->record = nullptr;
    event->capture = stream->capture;
    event->nodes = stream->tail;
    return cudaSuccess;
  }
  event->capture = nullptr;
  event->record = append(s, *stream, nullptr);
  return cudaSuccess;
}

cudaError_t wait_event(State& s, cudaStream_t handle, cudaEvent_t event, unsigned int flags) {
  if (s.events.count(event) == 0) return no_event(s);
  CUstream_st* stream = find_stream(s, handle);
  if (stream == nullptr) return no_stream(s);
  if (flags != cudaEventWaitDefault) return report(s, cudaErrorInvalidValue, "wait: flags");
  if (stream->capture || event->capture) return captured_wait(s, *stream, *event);
  if (event->record) append(s, *stream, nullptr, {event->record});  // else never recorded: no wait
  return cudaSuccess;
}

// Asks or waits for an event on the host.
cudaError_t await_event(State& s, cudaEvent_t event, bool wait) {
  if (s.events.count(event) == 0) return no_event(s);
  if (event->capture) {
    return report(s, cudaErrorCapturedEvent, "the event was last recorded in a capture");
  }
  const OperationPtr record = event->record;
  if (!record || record->done) return cudaSuccess;
  if (wait) {
    drain(s, record);
    return cudaSuccess;
  }
  nudge(s, record);
  return report(s, cudaErrorNotReady, "the event has not been reached");
}

cudaError_t elapsed(State& s, float* ms, cudaEvent_t start, cudaEvent_t end) {
  if (ms == nullptr) return report(s, cudaErrorInvalidValue, "null result pointer");
  for (const cudaEvent_t event : {start, end}) {
    if (s.events.count(event) == 0) return no_event(s);
    if (!event->timing || !event->record) {
      return report(s, cudaErrorInvalidResourceHandle,
                    "the event has no timing, or was not recorded outside a capture");
    }
  }
  if (!start->record->done || !end->record->done) {
    return report(s, cudaErrorNotReady, "an event has not been reached");
  }
  *ms = static_cast<float>(end->record->finished_ms - start->record->finished_ms);
  return cudaSuccess;
}

}  // namespace
}  // namespace simt

extern "C" {

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return simt::runtime_call("cudaEventCreate", simt::Call::any, [&](simt::State& s) {
    return simt::create_event(s, event, cudaEventDefault);
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  return simt::runtime_call("cudaEventCreateWithFlags", simt::Call::any,
                            [&](simt::State& s) { return simt::create_event(s, event, flags); });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return simt::runtime_call("cudaEventDestroy", simt::Call::release_any, [&](simt::State& s) {
    return s.events.erase(event) == 1 ? cudaSuccess : simt::no_event(s);
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return simt::runtime_call("cudaEventRecord", simt::Call::any,
                            [&](simt::State& s) { return simt::record_event(s, event, stream); });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return simt::runtime_call("cudaEventQuery", simt::Call::outside,
                            [&](simt::State& s) { return simt::await_event(s, event, false); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return simt::runtime_call("cudaEventSynchronize", simt::Call::outside,
                            [&](simt::State& s) { return simt::await_event(s, event, true); });
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  return simt::runtime_call("cudaEventElapsedTime", simt::Call::outside,
                            [&](simt::State& s) { return simt::elapsed(s, ms, start, end); });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags) {
  return simt::runtime_call("cudaStreamWaitEvent", simt::Call::any, [&](simt::State& s) {
    return simt::wait_event(s, stream, event, flags);
  });
}

}  // extern "C"
