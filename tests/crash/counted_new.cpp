// SPDX-License-Identifier: MIT
#include "tests/crash/counted_new.h"

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

std::atomic<int64_t> allocations{0}, live{0};
std::atomic<int64_t> calls_until_failure{kNever};
std::atomic<bool> fails_for_good{false}, failed{false};

bool must_fail() {
  if (calls_until_failure.load() == kNever) return false;
  const int64_t left = --calls_until_failure;
  if (left > 0 || (left < 0 && !fails_for_good)) return false;
  failed = true;
  return true;
}

void* counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  ++allocations;
  ++live;
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(must_fail() ? nullptr : std::malloc(size == 0 ? 1 : size));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  const std::size_t rounded = (size + align - 1) / align * align;
  return counted(must_fail() ? nullptr : std::aligned_alloc(align, rounded));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace vae::test {

int64_t allocation_count() { return allocations; }
int64_t live_allocations() { return live; }

FailingNew::FailingNew(int64_t k, bool for_good) : k_(k) {
  failed = false;
  fails_for_good = for_good;
}
void FailingNew::start() { calls_until_failure = k_; }
void FailingNew::stop() { calls_until_failure = kNever; }
bool FailingNew::reached() const { return failed; }

}  // namespace vae::test
