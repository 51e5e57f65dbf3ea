// SPDX-License-Identifier: MIT
#include <string>
#include <utility>

#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

cudaError_t create_stream(State& s, cudaStream_t* handle, unsigned int flags) {
  if (handle == nullptr || (flags & ~static_cast<unsigned int>(cudaStreamNonBlocking)) != 0) {
    return report(s, cudaErrorInvalidValue, "stream: null result pointer or unknown flags");
  }
  auto stream = std::make_unique<CUstream_st>();
  stream->blocking = (flags & cudaStreamNonBlocking) == 0;
  stream->number = ++s.streams_made;
  stream->device = current_device();
  *handle = stream.get();
  s.streams.push_back(std::move(stream));
  return cudaSuccess;
}

// As CUDA has it the handle is gone at once and the work still runs.
cudaError_t destroy_stream(State& s, cudaStream_t handle) {
  CUstream_st* stream = find_stream(s, handle);
  if (stream == nullptr || stream == &s.legacy) {
    return report(s, cudaErrorInvalidResourceHandle, "no such stream, or destroyed before");
  }
  if (const std::shared_ptr<Capture> capture = stream->capture) {
    invalidate(*capture);
    if (capture->origin == stream) end_capture(s, capture);
    stream->capture = nullptr;
  }
  stream->destroyed = true;
  sweep_streams(s);
  return cudaSuccess;
}

cudaError_t launch_host_function(State& s, cudaStream_t handle, cudaHostFn_t function, void* data) {
  if (function == nullptr) return report(s, cudaErrorInvalidValue, "null host function");
  Work work;
  work.name = "host function";
  work.type = cudaGraphNodeTypeHost;
  work.run = [function, data] { function(data); };
  return push(s, handle, std::move(work));
}

}  // namespace

CUstream_st* find_stream(State& s, cudaStream_t handle) {
  if (handle == nullptr) return &s.legacy;
  for (const auto& stream : s.streams) {
    if (stream.get() == handle && !stream->destroyed) return stream.get();
  }
  return nullptr;
}

cudaError_t check_current(State& s, const CUstream_st& stream) {
  if (&stream == &s.legacy || stream.device == current_device()) return cudaSuccess;
  return report(s, cudaErrorInvalidResourceHandle,
                "the stream is one of device " + std::to_string(stream.device) +
                    ", the current one is " + std::to_string(current_device()));
}

cudaError_t check_legacy(State& s, const CUstream_st& stream) {
  if (&stream != &s.legacy) return cudaSuccess;
  cudaError_t status = cudaSuccess;
  for (const auto& other : s.streams) {
    if (!other->capture || !other->blocking) continue;
    invalidate(*other->capture);
    status = report(s, cudaErrorStreamCaptureImplicit,
                    "work on the legacy stream while a blocking stream is captured");
  }
  return status;
}

cudaError_t push(State& s, cudaStream_t handle, Work work) {
  CUstream_st* stream = find_stream(s, handle);
  if (stream == nullptr) {
    return report(s, cudaErrorInvalidResourceHandle, "no such stream, or destroyed before");
  }
  // Copies may be issued to any device's stream.
  if (work.type != cudaGraphNodeTypeMemcpy) {
    if (const cudaError_t error = check_current(s, *stream); error != cudaSuccess) return error;
  }
  if (stream->capture) return capture_work(s, *stream, std::move(work));
  if (const cudaError_t error = check_legacy(s, *stream); error != cudaSuccess) return error;
  expect_output(s, work);
  append(s, *stream, [&s, work = std::move(work)] {
    run_work(s, work);
    return true;
  });
  return cudaSuccess;
}

cudaError_t enqueue_work(cudaStream_t stream, const char* name, std::function<void()> run) {
  return runtime_call(name, Call::any, [&](State& s) {
    Work work;
    work.name = name;
    work.type = cudaGraphNodeTypeKernel;
    work.run = std::move(run);
    return push(s, stream, std::move(work));
  });
}

}  // namespace simt

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t* pStream) {
  return simt::runtime_call("cudaStreamCreate", simt::Call::any, [&](simt::State& s) {
    return simt::create_stream(s, pStream, cudaStreamDefault);
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* pStream, unsigned int flags) {
  return simt::runtime_call("cudaStreamCreateWithFlags", simt::Call::any,
                            [&](simt::State& s) { return simt::create_stream(s, pStream, flags); });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return simt::runtime_call("cudaStreamDestroy", simt::Call::release_any,
                            [&](simt::State& s) { return simt::destroy_stream(s, stream); });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return simt::runtime_call("cudaStreamSynchronize", simt::Call::outside, [&](simt::State& s) {
    CUstream_st* found = simt::find_stream(s, stream);
    if (found == nullptr) return report(s, cudaErrorInvalidResourceHandle, "no such stream");
    if (const simt::OperationPtr last = found->last) drain(s, last);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return simt::runtime_call("cudaStreamQuery", simt::Call::outside, [&](simt::State& s) {
    CUstream_st* found = simt::find_stream(s, stream);
    if (found == nullptr) return report(s, cudaErrorInvalidResourceHandle, "no such stream");
    const simt::OperationPtr last = found->last;
    if (!last || last->done) return cudaSuccess;
    nudge(s, last);
    return report(s, cudaErrorNotReady, "the stream has work left");
  });
}

cudaError_t cudaDeviceSynchronize() {
  return simt::runtime_call("cudaDeviceSynchronize", simt::Call::outside, [](simt::State& s) {
    drain_all(s);
    return cudaSuccess;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t fn, void* userData) {
  return simt::runtime_call("cudaLaunchHostFunc", simt::Call::any, [&](simt::State& s) {
    return simt::launch_host_function(s, stream, fn, userData);
  });
}

}  // extern "C"
