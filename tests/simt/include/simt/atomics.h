// SPDX-License-Identifier: MIT
//
// CUDA's integer atomics and fences. Atomics are relaxed, as in CUDA, so only fences order other
// memory; each is a point where the schedule may change. There are none on floats: their sums would
// depend on the schedule.
#pragma once

#include <cstdint>
#include <type_traits>

namespace simt {

void before_atomic(const void* address);
void after_atomic(const void* address);
void fence();

template <typename T, typename Update>
T atomic_update(T* address, Update update) {
  static_assert(std::is_same_v<T, int> || std::is_same_v<T, unsigned int> ||
                    std::is_same_v<T, unsigned long long>,
                "atomics are for int, unsigned int and unsigned long long");
  before_atomic(address);
  T old = __atomic_load_n(address, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(address, &old, update(old), false, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED)) {
  }
  after_atomic(address);
  return old;
}

}  // namespace simt

// ---- CUDA's spelling

template <typename T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  // Unsigned, because CUDA's integers wrap around.
  using Bits = std::make_unsigned_t<T>;
  return simt::atomic_update(address, [value](T old) {
    return static_cast<T>(static_cast<Bits>(old) + static_cast<Bits>(value));
  });
}

template <typename T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return simt::atomic_update(address, [value](T old) { return old > value ? old : value; });
}

template <typename T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return simt::atomic_update(address, [value](T old) { return old < value ? old : value; });
}

template <typename T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return simt::atomic_update(address, [value](T old) { return old | value; });
}

template <typename T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return simt::atomic_update(address, [value](T) { return value; });
}

template <typename T>
T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value) {
  return simt::atomic_update(address, [=](T old) { return old == compare ? value : old; });
}

/// Counts from 0 to `last` and around.
inline unsigned int atomicInc(unsigned int* address, unsigned int last) {
  return simt::atomic_update(address,
                             [last](unsigned int old) { return old >= last ? 0u : old + 1u; });
}

inline void __threadfence() { simt::fence(); }
