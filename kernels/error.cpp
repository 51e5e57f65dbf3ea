// SPDX-License-Identifier: MIT
#include "vae/error.h"

#include "kernels/check.h"
#include "vae/printable.h"

namespace vae {
namespace {

// A file can hold a name of any length, and a list of differences any number of them.
constexpr size_t kLongestMessage = 8192;

}  // namespace

Error::Error(ErrorCode code, std::string_view message)
    : std::runtime_error(shortened(printable(message), kLongestMessage)), code_(code) {}

}  // namespace vae
