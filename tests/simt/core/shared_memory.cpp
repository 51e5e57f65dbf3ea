// SPDX-License-Identifier: MIT
#include <simt/shared_memory.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/simt/core/machine.h"
#include "tests/simt/core/sanitizers.h"

namespace simt {

namespace {

constexpr std::size_t kAlignment = 16;  // what VAE_SHARED promises, and no more

unsigned char* allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, kAlignment, bytes == 0 ? 1 : bytes) != 0) {
    throw Error("simt: no memory for shared arrays");
  }
  std::memset(memory, 0xff, bytes);
  return static_cast<unsigned char*>(memory);
}

void check_total(const Block& block, Location where) {
  const std::size_t total = block.static_bytes + g_launch.shape->shared_bytes;
  if (total > options().max_shared_bytes) {
    fail("the block uses " + std::to_string(total) + " bytes of shared memory, a card has " +
             std::to_string(options().max_shared_bytes),
         where);
  }
}

bool contains(const std::vector<SharedArray>& arrays, const void* address, std::size_t bytes) {
  const auto* first = static_cast<const unsigned char*>(address);
  for (const SharedArray& array : arrays) {
    if (first >= array.data && first + bytes <= array.data + array.bytes) return true;
  }
  return false;
}

}  // namespace

void* shared_slot(const void* key, std::size_t bytes, Location where) {
  const Quiet quiet;
  Block& block = *this_thread("a shared array", where).block;
  for (const SharedArray& array : block.arrays) {
    if (array.key == key) return array.data;
  }
  constexpr std::size_t kMostStatic = 48 * 1024;
  block.static_bytes += bytes;
  if (block.static_bytes > kMostStatic) {
    fail(std::to_string(block.static_bytes) +
             " bytes of static shared memory, more than 48 KiB: take it from a SharedCarver",
         where);
  }
  check_total(block, where);
  block.arrays.push_back({key, allocate(bytes), bytes, where});
  return block.arrays.back().data;
}

void* shared_piece(std::size_t index, std::size_t bytes, Location where) {
  const Quiet quiet;
  Block& block = *this_thread("SharedCarver", where).block;
  if (index < block.pieces.size()) {
    const SharedArray& piece = block.pieces[index];
    if (piece.bytes != bytes || !same_place(piece.where, where)) {
      fail("threads take different pieces of shared memory: " + std::to_string(bytes) +
               " bytes, where another took " + std::to_string(piece.bytes) + " at " +
               place_text(piece.where),
           where);
    }
    return piece.data;
  }
  const std::size_t given = g_launch.shape->shared_bytes;
  const std::size_t end = block.dynamic_bytes + bytes;
  if (end > given) {
    fail("takes " + std::to_string(end) + " bytes of dynamic shared memory, the launch gave " +
             std::to_string(given),
         where);
  }
  check_total(block, where);
  block.dynamic_bytes = (end + kAlignment - 1) / kAlignment * kAlignment;
  block.pieces.push_back({nullptr, allocate(bytes), bytes, where});
  return block.pieces.back().data;
}

void check_shared(const void* address, std::size_t bytes, std::size_t alignment, const char* name,
                  Location where) {
  const Block& block = *this_thread(name, where).block;
  if (reinterpret_cast<std::uintptr_t>(address) % alignment != 0) {
    fail(std::string(name) + ": the shared address is not aligned to " + std::to_string(alignment) +
             " bytes",
         where);
  }
  if (!contains(block.arrays, address, bytes) && !contains(block.pieces, address, bytes)) {
    fail(std::string(name) + ": the address is outside of the block's shared memory", where);
  }
}

void free_shared(Block& block) {
  for (const auto* arrays : {&block.arrays, &block.pieces}) {
    for (const SharedArray& array : *arrays) {
      // For the race detector another block's array at the same address would be the same memory.
      if (kRaceDetector) {
        g_launch.shared_to_free.push_back(array.data);
      } else {
        std::free(array.data);
      }
    }
  }
}

}  // namespace simt
