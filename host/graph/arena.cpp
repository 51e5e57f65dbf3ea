// SPDX-License-Identifier: MIT
#include "host/graph/arena.h"

#include "kernels/check.h"
#include "kernels/mebibytes.h"

namespace vae {

namespace {

std::size_t rounded_up(std::size_t bytes) {
  return (bytes + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment;
}

}  // namespace

Arena::~Arena() {
  if (memory_ != nullptr) backend_.deallocate(memory_);
}

std::size_t Arena::bytes() const {
  std::size_t total = 0;
  for (const Request& request : requests_) total += rounded_up(request.bytes);
  return total;
}

void Arena::allocate(const char* what) {
  try {
    memory_ = static_cast<std::byte*>(backend_.allocate(bytes()));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    fail(ErrorCode::out_of_memory, what, " need ", mebibytes(bytes()), ": ", error.what());
  }
  backend_.fill_zero(memory_, bytes());
  std::size_t offset = 0;
  for (const Request& request : requests_) {
    request.place(memory_ + offset);
    offset += rounded_up(request.bytes);
  }
}

}  // namespace vae
