// SPDX-License-Identifier: MIT
//
// The random numbers of scenes, which depend on no run's seed: every run and every verb has the
// same scenes.
#pragma once

#include <cstdint>

#include "kernels/philox.h"
#include "vae/dataset.h"

namespace vae {

/// The numbers of one scene, one after the other.
class SceneDraws {
 public:
  SceneDraws(Split split, int64_t scene)
      : row_(philox_row(kKey, Stream::scene, static_cast<uint32_t>(split),
                        static_cast<uint32_t>(scene))) {}

  /// 0 to count - 1, of at most 2^32.
  int64_t below(int64_t count) {
    return static_cast<int64_t>(uint64_t{word_of(row_, next_++)} * static_cast<uint64_t>(count) >>
                                32);
  }

 private:
  static constexpr uint64_t kKey = 0;

  PhiloxRow row_;
  uint32_t next_ = 0;
};

}  // namespace vae
