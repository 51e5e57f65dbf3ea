// SPDX-License-Identifier: MIT
//
// Memory of the device is the host's, in blocks of exact size, filled with 0xFF (a NaN) and closed
// to host code: under the address sanitizer it is poisoned except while an operation runs.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/simt/runtime/state.h"

#if defined(__SANITIZE_ADDRESS__)
#define VAE_SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VAE_SIMT_ASAN 1
#endif
#endif
#ifdef VAE_SIMT_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace simt {
namespace {

constexpr std::size_t kAlignment = 256;  // what cudaMalloc promises, and no more

void close_bytes([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef VAE_SIMT_ASAN
  __asan_poison_memory_region(memory, bytes);
#endif
}

void open_bytes([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef VAE_SIMT_ASAN
  __asan_unpoison_memory_region(memory, bytes);
#endif
}

std::string bytes_text(std::size_t bytes) { return std::to_string(bytes) + " bytes"; }

cudaError_t allocate(State& s, void** memory, std::size_t bytes, bool device) {
  if (memory == nullptr) return report(s, cudaErrorInvalidValue, "the result pointer is null");
  *memory = nullptr;
  if (s.allocation_fault.strikes()) {
    return report(s, s.allocation_fault.error, "allocation: the fault a test asked for");
  }
  if (bytes == 0) return cudaSuccess;
  if (device && bytes > s.model.memory_bytes - std::min(s.model.memory_bytes, s.device_bytes)) {
    return report(s, cudaErrorMemoryAllocation,
                  bytes_text(bytes) + " asked for, " + bytes_text(s.device_bytes) + " of " +
                      bytes_text(s.model.memory_bytes) + " taken");
  }
  void* block = nullptr;
  if (posix_memalign(&block, kAlignment, bytes) != 0) {
    return report(s, cudaErrorMemoryAllocation, "the host has no memory for it");
  }
  std::memset(block, 0xFF, bytes);
  s.memory[static_cast<const char*>(block)] = {bytes, device, current_device(), ++s.allocations};
  if (device) {
    s.device_bytes += bytes;
    close_bytes(block, bytes);
  }
  *memory = block;
  return cudaSuccess;
}

// Everything queued is waited for first, as the driver does.
cudaError_t release(State& s, void* memory, bool device) {
  if (memory == nullptr) return cudaSuccess;
  drain_all_quietly(s);
  const auto found = s.memory.find(static_cast<const char*>(memory));
  if (found == s.memory.end() || found->second.device != device) {
    return report(s, cudaErrorInvalidValue,
                  device ? "cudaFree of a pointer that cudaMalloc did not return, or freed before"
                         : "cudaFreeHost of a pointer that is not pinned, or freed before");
  }
  open_bytes(memory, found->second.bytes);
  if (device) s.device_bytes -= found->second.bytes;
  s.memory.erase(found);
  std::free(memory);
  return cudaSuccess;
}

}  // namespace

Place place_of(const State& s, const void* memory, std::size_t bytes, bool* fits) {
  const char* begin = static_cast<const char*>(memory);
  *fits = true;
  auto next = s.memory.upper_bound(begin);
  if (next != s.memory.begin()) {
    const auto& [start, allocation] = *std::prev(next);
    if (begin < start + allocation.bytes) {
      *fits = begin + bytes <= start + allocation.bytes;
      return allocation.device ? Place::device : Place::pinned;
    }
  }
  *fits = next == s.memory.end() || begin + bytes <= next->first;
  return Place::pageable;
}

void open_device(State& s) {
  if (s.open++ > 0) return;
  for (const auto& [start, allocation] : s.memory) {
    if (allocation.device) open_bytes(start, allocation.bytes);
  }
}

void close_device(State& s) {
  if (--s.open > 0) return;
  for (const auto& [start, allocation] : s.memory) {
    if (allocation.device) close_bytes(start, allocation.bytes);
  }
}

// The host must not look at what a copy has yet to bring: those bytes are closed until it ran.
void expect_output(State& s, const Work& work) {
  if (work.host_output == nullptr) return;
  s.pending_output.emplace(static_cast<const char*>(work.host_output), work.host_bytes);
  close_bytes(work.host_output, work.host_bytes);
}

void output_written(State& s, const Work& work) {
  if (work.host_output == nullptr) return;
  const auto [begin, end] = s.pending_output.equal_range(static_cast<char*>(work.host_output));
  for (auto entry = begin; entry != end; ++entry) {
    if (entry->second != work.host_bytes) continue;
    s.pending_output.erase(entry);
    break;
  }
  open_bytes(work.host_output, work.host_bytes);
  for (const auto& [start, bytes] : s.pending_output) close_bytes(start, bytes);
}

void drop_outputs(State& s) {
  for (const auto& [start, bytes] : s.pending_output) open_bytes(start, bytes);
  s.pending_output.clear();
}

void free_all(State& s) {
  drop_outputs(s);
  for (const auto& [start, allocation] : s.memory) {
    open_bytes(start, allocation.bytes);
    std::free(const_cast<char*>(start));
  }
  s.memory.clear();
  s.device_bytes = 0;
}

bool is_device_memory(const void* memory, std::size_t bytes) {
  const std::lock_guard lock(state().mutex);
  bool fits = false;
  return place_of(state(), memory, bytes, &fits) == Place::device && fits;
}

int device_of(const void* memory) {
  const std::lock_guard lock(state().mutex);
  const auto found = state().memory.find(static_cast<const char*>(memory));
  return found == state().memory.end() || !found->second.device ? -1 : found->second.owner;
}

}  // namespace simt

extern "C" {

cudaError_t cudaMalloc(void** devPtr, size_t size) {
  return simt::runtime_call("cudaMalloc", simt::Call::outside,
                            [&](simt::State& s) { return simt::allocate(s, devPtr, size, true); });
}

cudaError_t cudaFree(void* devPtr) {
  return simt::runtime_call("cudaFree", simt::Call::release,
                            [&](simt::State& s) { return simt::release(s, devPtr, true); });
}

cudaError_t cudaMallocHost(void** ptr, size_t size) {
  return simt::runtime_call("cudaMallocHost", simt::Call::outside,
                            [&](simt::State& s) { return simt::allocate(s, ptr, size, false); });
}

cudaError_t cudaHostAlloc(void** pHost, size_t size, unsigned int flags) {
  return simt::runtime_call("cudaHostAlloc", simt::Call::outside, [&](simt::State& s) {
    constexpr unsigned int kKnown =
        cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
    if ((flags & ~kKnown) != 0) return report(s, cudaErrorInvalidValue, "cudaHostAlloc: flags");
    return simt::allocate(s, pHost, size, false);
  });
}

cudaError_t cudaFreeHost(void* ptr) {
  return simt::runtime_call("cudaFreeHost", simt::Call::release,
                            [&](simt::State& s) { return simt::release(s, ptr, false); });
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return simt::runtime_call("cudaMemGetInfo", simt::Call::any, [&](simt::State& s) {
    if (free == nullptr || total == nullptr) return report(s, cudaErrorInvalidValue, "null");
    *total = s.model.memory_bytes;
    *free = *total - std::min(*total, s.device_bytes);
    return cudaSuccess;
  });
}

}  // extern "C"
