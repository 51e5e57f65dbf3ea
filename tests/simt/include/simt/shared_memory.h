// SPDX-License-Identifier: MIT
//
// Shared memory. Each array is one allocation of its exact size for each block, filled with 0xFF:
// the address sanitizer sees the first byte past its end, and what is read before it was written is
// a NaN.
#pragma once

#include <cstddef>
#include <type_traits>

#include <simt/location.h>

namespace simt {

void* shared_slot(const void* key, std::size_t bytes, Location where);
void* shared_piece(std::size_t index, std::size_t bytes, Location where);

/// Fails unless [address, address + bytes) lies in one shared array of the block and is aligned.
void check_shared(const void* address, std::size_t bytes, std::size_t alignment, const char* name,
                  Location where);

namespace detail {
template <typename Array, typename Tag>
inline char shared_key = 0;  // its address is the name of an array
}

/// VAE_SHARED calls this with a lambda of its own, whose type tells the arrays of a kernel, and of
/// each instantiation of a kernel template, apart.
template <typename Array, typename Tag>
Array& shared_array(Tag, Location where = Location::current()) {
  static_assert(std::is_trivially_default_constructible_v<std::remove_all_extents_t<Array>>,
                "CUDA does not construct shared variables");
  return *static_cast<Array*>(shared_slot(&detail::shared_key<Array, Tag>, sizeof(Array), where));
}

class SharedCarver {
 public:
  template <typename T>
  T* take(std::size_t count, Location where = Location::current()) {
    static_assert(alignof(T) <= 16 && std::is_trivially_default_constructible_v<T>);
    return static_cast<T*>(shared_piece(taken_++, count * sizeof(T), where));
  }

 private:
  std::size_t taken_ = 0;
};

}  // namespace simt
