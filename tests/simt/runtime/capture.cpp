// SPDX-License-Identifier: MIT
//
// Stream capture. Each captured node depends on the nodes before it in its stream and on those that
// the stream was told to wait for, and on nothing else.
#include <utility>

#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

cudaError_t begin_capture(State& s, cudaStream_t handle, cudaStreamCaptureMode mode) {
  CUstream_st* stream = find_stream(s, handle);
  if (stream == nullptr) return report(s, cudaErrorInvalidResourceHandle, "no such stream");
  if (stream == &s.legacy) {
    return report(s, cudaErrorStreamCaptureUnsupported, "the legacy stream cannot be captured");
  }
  if (mode < cudaStreamCaptureModeGlobal || mode > cudaStreamCaptureModeRelaxed) {
    return report(s, cudaErrorInvalidValue, "unknown capture mode");
  }
  if (stream->capture) return report(s, cudaErrorIllegalState, "the stream is captured already");
  stream->capture = std::make_shared<Capture>();
  stream->capture->graph = std::make_shared<GraphBody>();
  stream->capture->origin = stream;
  stream->tail.clear();
  return cudaSuccess;
}

// Every node must come before the end of the stream where the capture began.
bool all_joined(const GraphBody& graph, const std::set<std::size_t>& tail) {
  std::set<std::size_t> reached;
  std::vector<std::size_t> open(tail.begin(), tail.end());
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    if (!reached.insert(node).second) continue;
    const auto& after = graph.nodes[node]->after;
    open.insert(open.end(), after.begin(), after.end());
  }
  return reached.size() == graph.nodes.size();
}

cudaError_t finish_capture(State& s, cudaStream_t handle, cudaGraph_t* result) {
  CUstream_st* stream = find_stream(s, handle);
  if (stream == nullptr) return report(s, cudaErrorInvalidResourceHandle, "no such stream");
  if (result == nullptr) return report(s, cudaErrorInvalidValue, "null result pointer");
  *result = nullptr;
  const std::shared_ptr<Capture> capture = stream->capture;
  if (!capture) return report(s, cudaErrorIllegalState, "the stream is not being captured");
  if (capture->origin != stream) {
    invalidate(*capture);
    return report(s, cudaErrorStreamCaptureUnmatched, "the capture began in another stream");
  }
  const bool joined = all_joined(*capture->graph, stream->tail);
  end_capture(s, capture);
  if (capture->invalidated) return report(s, cudaErrorStreamCaptureInvalidated);
  if (!joined) {
    return report(s, cudaErrorStreamCaptureUnjoined,
                  "work of a forked stream does not come before the end of the capture");
  }
  auto graph = std::make_unique<CUgraph_st>();
  graph->body = capture->graph;
  *result = graph.get();
  s.graphs.emplace(*result, std::move(graph));
  return cudaSuccess;
}

cudaError_t capture_status(State& s, cudaStream_t handle, cudaStreamCaptureStatus* status) {
  CUstream_st* stream = find_stream(s, handle);
  if (stream == nullptr) return report(s, cudaErrorInvalidResourceHandle, "no such stream");
  if (status == nullptr) return report(s, cudaErrorInvalidValue, "null result pointer");
  *status = !stream->capture               ? cudaStreamCaptureStatusNone
            : stream->capture->invalidated ? cudaStreamCaptureStatusInvalidated
                                           : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

}  // namespace

bool any_capture(const State& s) {
  for (const auto& stream : s.streams) {
    if (stream->capture) return true;
  }
  return false;
}

bool is_capturing() {
  const std::lock_guard lock(state().mutex);
  return any_capture(state());
}

void invalidate(Capture& capture) { capture.invalidated = true; }

void end_capture(State& s, const std::shared_ptr<Capture>& capture) {
  capture->active = false;
  for (const auto& stream : s.streams) {
    if (stream->capture != capture) continue;
    stream->capture = nullptr;
    stream->tail.clear();
  }
}

cudaError_t capture_work(State& s, CUstream_st& stream, Work work) {
  if (stream.capture->invalidated) return report(s, cudaErrorStreamCaptureInvalidated);
  auto node = std::make_unique<CUgraphNode_st>();
  node->work = std::move(work);
  node->after = stream.tail;
  GraphBody& graph = *stream.capture->graph;
  graph.nodes.push_back(std::move(node));
  stream.tail = {graph.nodes.size() - 1};
  return cudaSuccess;
}

cudaError_t captured_wait(State& s, CUstream_st& stream, CUevent_st& event) {
  if (!event.capture) {
    invalidate(*stream.capture);
    return report(s, cudaErrorStreamCaptureIsolation,
                  "a captured stream waits for an event recorded outside the capture");
  }
  if (!event.capture->active) {
    return report(s, cudaErrorCapturedEvent, "the event was recorded in a capture now ended");
  }
  if (event.capture->invalidated) return report(s, cudaErrorStreamCaptureInvalidated);
  if (stream.capture && stream.capture != event.capture) {
    invalidate(*stream.capture);
    invalidate(*event.capture);
    return report(s, cudaErrorStreamCaptureMerge, "the event belongs to another capture");
  }
  if (&stream == &s.legacy) {
    invalidate(*event.capture);
    return report(s, cudaErrorStreamCaptureImplicit, "the legacy stream waits for a capture");
  }
  if (!stream.capture) {
    stream.capture = event.capture;
    stream.tail.clear();
  }
  stream.tail.insert(event.nodes.begin(), event.nodes.end());
  return cudaSuccess;
}

}  // namespace simt

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return simt::runtime_call("cudaStreamBeginCapture", simt::Call::any,
                            [&](simt::State& s) { return simt::begin_capture(s, stream, mode); });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* pGraph) {
  return simt::runtime_call("cudaStreamEndCapture", simt::Call::any, [&](simt::State& s) {
    return simt::finish_capture(s, stream, pGraph);
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* pCaptureStatus) {
  return simt::runtime_call("cudaStreamIsCapturing", simt::Call::any, [&](simt::State& s) {
    return simt::capture_status(s, stream, pCaptureStatus);
  });
}

}  // extern "C"
