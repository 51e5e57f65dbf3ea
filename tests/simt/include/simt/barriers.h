// SPDX-License-Identifier: MIT
//
// Barriers of the block and of the grid.
#pragma once

#include <cstdint>

#include <simt/location.h>

namespace simt {

void block_barrier(Location where);

/// Of all threads of a cooperative launch. Like the device's barrier it needs *arrived to be 0
/// before the first use, and counts the uses in *generation.
void grid_barrier(std::uint32_t* arrived, std::uint32_t* generation, Location where);

}  // namespace simt

inline void __syncthreads(simt::Location where = simt::Location::current()) {
  simt::block_barrier(where);
}
