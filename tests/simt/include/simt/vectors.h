// SPDX-License-Identifier: MIT
//
// Vectors that lie in memory. A card ends a launch that reads or writes one at an address which is
// no multiple of its size; the host's processors do not mind, and sanitizers do not look at copies
// of structs.
#pragma once

#include <cstddef>
#include <type_traits>

#include <simt/location.h>

namespace simt {

/// Fails where an address is no multiple of `alignment`.
void check_vector(const volatile void* address, std::size_t alignment, Location where);

template <typename Vector, typename Scalar>
auto& vector_at(Scalar* memory, Location where = Location::current()) {
  using Found = std::conditional_t<std::is_const_v<Scalar>, const Vector, Vector>;
  check_vector(memory, alignof(Vector), where);
  return *reinterpret_cast<Found*>(memory);
}

}  // namespace simt
