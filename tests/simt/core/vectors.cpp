// SPDX-License-Identifier: MIT
#include <simt/vectors.h>

#include <cstdint>
#include <string>

namespace simt {

void check_vector(const volatile void* address, std::size_t alignment, Location where) {
  if (reinterpret_cast<std::uintptr_t>(address) % alignment == 0) return;
  fail("vector_at: the address is not aligned to " + std::to_string(alignment) + " bytes", where);
}

}  // namespace simt
