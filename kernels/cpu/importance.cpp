// SPDX-License-Identifier: MIT
//
// Importance weights of an image's samples. [IWAE eq. 8]
#include "kernels/rules/importance.h"

#include <limits>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/sums.h"

namespace vae::cpu {

namespace {

constexpr int64_t kWeightsPerTask = 128;  // some 5 us of work

}  // namespace

void CpuBackend::run(const ImportanceArgs& args) {
  for (int64_t row = 0; row < args.running_max.count(); ++row) {
    WeightSum weights{args.running_max.data[row], args.running_sum.data[row]};
    for (int64_t at = row * args.samples; at < (row + 1) * args.samples; ++at) {
      weights = with_weight(weights,
                            log_weight(args.log_px.data[at], args.log_ratio.data[at], args.beta));
    }
    args.running_max.data[row] = weights.max;
    args.running_sum.data[row] = weights.sum;
  }
}

void CpuBackend::run(const ImportanceWeightsArgs& args) {
  const int64_t samples = args.samples;
  const double beta = args.state->beta;
  for_ranges(args.bound.count(), kWeightsPerTask / samples + 1, [&](int64_t first, int64_t last) {
    for (int64_t image = first; image < last; ++image) {
      const int64_t at = image * samples;
      const auto log_w = [&](int64_t k) {
        return log_weight(args.log_px.data[at + k], args.log_ratio.data[at + k], beta);
      };
      double max = -std::numeric_limits<double>::infinity();
      for (int64_t k = 0; k < samples; ++k) max = log_w(k) > max ? log_w(k) : max;
      const auto weight = [&](int64_t k) { return relative_weight(log_w(k), max); };
      const double sum = long_sum(samples, weight);
      args.bound.data[image] = static_cast<float>(log_mean({max, sum}, samples));
      for (int64_t k = 0; k < samples; ++k) {
        args.weights.data[at + k] = static_cast<float>(weight(k) / sum);
      }
    }
  });
}

}  // namespace vae::cpu
