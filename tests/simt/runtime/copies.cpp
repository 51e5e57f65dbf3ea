// SPDX-License-Identifier: MIT
//
// Copies and memsets. Where CUDA leaves open when host memory is read or written, the simulator
// takes what hurts a careless program most.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

struct Copy {
  void* to;
  const void* from;
  std::size_t bytes;
  Place to_place;
  Place from_place;
};

bool is_host(Place place) { return place != Place::device; }

const char* place_name(Place place) {
  return place == Place::device ? "device" : place == Place::pinned ? "pinned host" : "host";
}

bool direction_matches(const Copy& copy, cudaMemcpyKind kind) {
  const bool to_host = is_host(copy.to_place), from_host = is_host(copy.from_place);
  switch (kind) {
    case cudaMemcpyHostToHost:
      return to_host && from_host;
    case cudaMemcpyHostToDevice:
      return !to_host && from_host;
    case cudaMemcpyDeviceToHost:
      return to_host && !from_host;
    case cudaMemcpyDeviceToDevice:
      return !to_host && !from_host;
    case cudaMemcpyDefault:
      return true;
  }
  return false;
}

cudaError_t examine(State& s, Copy* copy, cudaMemcpyKind kind) {
  if (copy->to == nullptr || copy->from == nullptr) {
    return report(s, cudaErrorInvalidValue, "copy to or from a null pointer");
  }
  bool to_fits = false, from_fits = false;
  copy->to_place = place_of(s, copy->to, copy->bytes, &to_fits);
  copy->from_place = place_of(s, copy->from, copy->bytes, &from_fits);
  if (!direction_matches(*copy, kind)) {
    return report(s, cudaErrorInvalidValue,
                  std::string("copy of kind ") + std::to_string(kind) + ": the destination is " +
                      place_name(copy->to_place) + " memory, the source " +
                      place_name(copy->from_place) + " memory");
  }
  if (!to_fits || !from_fits) {
    return report(s, cudaErrorInvalidValue,
                  "copy of " + std::to_string(copy->bytes) + " bytes: the " +
                      (to_fits ? "source" : "destination") + " is shorter");
  }
  const auto* to = static_cast<const char*>(copy->to);
  const auto* from = static_cast<const char*>(copy->from);
  if (to < from + copy->bytes && from < to + copy->bytes) {
    return report(s, cudaErrorInvalidValue, "copy between overlapping memory");
  }
  return cudaSuccess;
}

// Memory that was there at the call may be gone when the operation runs.
bool still_there(State& s, const void* memory, std::size_t bytes, Place place) {
  bool fits = false;
  if (!is_host(place) && (place_of(s, memory, bytes, &fits) != place || !fits)) {
    raise_sticky(s, cudaErrorIllegalAddress, "copy or memset of device memory freed meanwhile");
    return false;
  }
  return true;
}

Work copy_work(State& s, const Copy& copy) {
  Work work;
  work.name = "copy";
  work.type = cudaGraphNodeTypeMemcpy;
  work.run = [&s, copy] {
    if (still_there(s, copy.to, copy.bytes, copy.to_place) &&
        still_there(s, copy.from, copy.bytes, copy.from_place)) {
      std::memcpy(copy.to, copy.from, copy.bytes);
    }
  };
  if (copy.to_place == Place::pinned) {
    work.host_output = copy.to;
    work.host_bytes = copy.bytes;
  }
  return work;
}

// "For transfers between device memory and pageable host memory, the function might be synchronous
// with respect to the host": here it never is, so pageable memory is read or written when the
// stream gets there, like pinned memory. A capture cannot hold such a copy. Between host memory the
// call is synchronous.
cudaError_t copy_async(State& s, Copy copy, cudaMemcpyKind kind, cudaStream_t handle) {
  if (copy.bytes == 0) return cudaSuccess;
  if (const cudaError_t error = examine(s, &copy, kind); error != cudaSuccess) return error;
  CUstream_st* stream = find_stream(s, handle);
  if (stream == nullptr) return report(s, cudaErrorInvalidResourceHandle, "no such stream");
  const bool pageable = copy.to_place == Place::pageable || copy.from_place == Place::pageable;
  if (stream->capture && pageable) {
    invalidate(*stream->capture);
    return report(s, cudaErrorStreamCaptureUnsupported, "pageable host memory in a capture");
  }
  const cudaError_t status = push(s, handle, copy_work(s, copy));
  if (status == cudaSuccess && !stream->capture && is_host(copy.to_place) &&
      is_host(copy.from_place)) {
    drain(s, stream->last);
  }
  return status;
}

// The synchronous copy runs on the legacy stream, which waits for no stream made with
// cudaStreamNonBlocking. As documented it returns once pageable memory to be sent has been staged,
// though the device may not have it yet, and does not wait for copies within the device.
cudaError_t copy_now(State& s, Copy copy, cudaMemcpyKind kind) {
  if (copy.bytes == 0) return cudaSuccess;
  if (const cudaError_t error = examine(s, &copy, kind); error != cudaSuccess) return error;
  const bool to_device = copy.to_place == Place::device;
  if (to_device && copy.from_place == Place::pageable) {
    if (s.legacy.last) drain(s, s.legacy.last);
    const char* from = static_cast<const char*>(copy.from);
    auto staged = std::make_shared<std::vector<char>>(from, from + copy.bytes);
    copy.from = staged->data();
    Work work = copy_work(s, copy);
    work.run = [run = std::move(work.run), staged] { run(); };
    return push(s, nullptr, std::move(work));
  }
  const cudaError_t status = push(s, nullptr, copy_work(s, copy));
  if (status == cudaSuccess && !(to_device && copy.from_place == Place::device)) {
    drain(s, s.legacy.last);
  }
  return status;
}

cudaError_t set_async(State& s, void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  bool fits = false;
  if (place_of(s, memory, bytes, &fits) != Place::device || !fits) {
    return report(s, cudaErrorInvalidValue,
                  "memset of " + std::to_string(bytes) + " bytes, not all in device memory");
  }
  Work work;
  work.name = "memset";
  work.type = cudaGraphNodeTypeMemset;
  work.run = [&s, memory, value, bytes] {
    if (still_there(s, memory, bytes, Place::device)) std::memset(memory, value, bytes);
  };
  return push(s, stream, std::move(work));
}

}  // namespace
}  // namespace simt

extern "C" {

cudaError_t cudaMemcpy(void* dst, const void* src, size_t count, cudaMemcpyKind kind) {
  return simt::runtime_call("cudaMemcpy", simt::Call::outside, [&](simt::State& s) {
    return simt::copy_now(s, {dst, src, count, {}, {}}, kind);
  });
}

cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t count, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return simt::runtime_call("cudaMemcpyAsync", simt::Call::any, [&](simt::State& s) {
    return simt::copy_async(s, {dst, src, count, {}, {}}, kind, stream);
  });
}

cudaError_t cudaMemset(void* devPtr, int value, size_t count) {
  return simt::runtime_call("cudaMemset", simt::Call::outside, [&](simt::State& s) {
    return simt::set_async(s, devPtr, value, count, nullptr);
  });
}

cudaError_t cudaMemsetAsync(void* devPtr, int value, size_t count, cudaStream_t stream) {
  return simt::runtime_call("cudaMemsetAsync", simt::Call::any, [&](simt::State& s) {
    return simt::set_async(s, devPtr, value, count, stream);
  });
}

}  // extern "C"
