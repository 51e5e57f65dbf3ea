// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace vae {

/// What a picture claims to be, before it is decoded; upright, where the file says how to turn it.
struct PictureSize {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 1;  // of the decoded picture

  bool operator==(const PictureSize&) const = default;
};

}  // namespace vae
