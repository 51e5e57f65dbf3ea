// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/permutation.h"
#include "kernels/step_state.h"

namespace vae::cpu {

/// The image at each row of a step's batch, the same for every field that is loaded of it.
class BatchOrder {
 public:
  template <typename Args>
  BatchOrder(const Args& args, int64_t images)
      : permutation_(make_permutation(args.seed, args.state->epoch, static_cast<uint32_t>(images))),
        first_row_(args.state->first_row),
        shuffle_(args.shuffle) {}

  uint32_t operator()(int64_t row) const {
    const uint32_t position = first_row_ + static_cast<uint32_t>(row);
    return shuffle_ ? permute(permutation_, position) : position;
  }

 private:
  Permutation permutation_;
  uint32_t first_row_;
  bool shuffle_;
};

}  // namespace vae::cpu
