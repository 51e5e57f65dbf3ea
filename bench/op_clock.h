// SPDX-License-Identifier: MIT
//
// How long an operation takes on a device: in a recorded sequence, so that the host's calls do not
// count, on tensors that are in the caches or on many in turn that are not.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "bench/operations.h"

namespace vae::ops {

enum class Caches { warm, cold };

/// One operation recorded often enough to be timed.
class Sequence {
 public:
  /// Cold: as many sets of tensors, used in turn, as are `flush_bytes` together.
  Sequence(Backend& backend, const std::function<Call(Backend&)>& make, double bytes_of_memory,
           Caches caches, double flush_bytes);

  /// Seconds of one operation, over about `budget` seconds of them.
  double seconds(double budget);

 private:
  double replay(int64_t times);

  Backend& backend_;
  std::vector<Call> calls_;  // one for each set of tensors
  int64_t operations_ = 0;   // in one replay
  std::unique_ptr<Recording> recording_;
};

/// What a card was measured to do, as gpu_microbench wrote it; 0 where it is not known.
struct Ceilings {
  static Ceilings read(const std::string& path, Precision precision);

  /// Seconds that the operation needs at least.
  double floor_seconds(const Operation& operation, Caches caches) const;
  /// Seconds of the same product by the best of cuBLASLt's algorithms; caches were warm.
  double product_seconds(const Operation& operation) const;

  double flops = 0.0, cache_bytes = 0.0, memory_bytes = 0.0;  // a second
  double l2_bytes = 0.0;
  std::vector<std::pair<std::string, double>> products;  // name, seconds
};

}  // namespace vae::ops
