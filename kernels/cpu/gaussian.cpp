// SPDX-License-Identifier: MIT
//
// The posterior: reparameterisation, KL, their gradient, prior draws, statistics. [AEVB eq. 10]
// Rows are independent; the noise of a row is drawn again where it is needed again.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/rules/objectives.h"

namespace vae::cpu {

namespace {

constexpr int64_t kValues = 1024;  // latent values a task handles: some 5 us of work

int64_t rows_per_task(int64_t latent) { return std::max<int64_t>(1, kValues / latent); }

NoiseRows noise_rows(const NoiseKey& noise, int64_t samples = 1) {
  const uint32_t tag = static_cast<uint32_t>(noise.stream) << 24;
  return {noise.seed, noise.state->step, noise.state->first_row,
          tag | static_cast<uint32_t>(noise.first_sample), samples};
}

}  // namespace

void CpuBackend::run(const GaussianForwardArgs& args) {
  const int64_t latent = args.z.cols(), samples = args.samples;
  const LogvarRange range{args.logvar_min, args.logvar_max};
  const NoiseRows noise = noise_rows(args.noise, samples);
  for_ranges(args.z.rows(), rows_per_task(latent), [&](int64_t first, int64_t last) {
    ops_.reparameterize(args.z.data, args.log_ratio.data, args.heads.data, first, last, latent,
                        range, noise);
    if (!args.kl) return;
    for (int64_t row = (first + samples - 1) / samples; row * samples < last; ++row) {
      const float* const mu = args.heads.data + row * 2 * latent;
      args.kl.data[row] = ops_.kl(mu, mu + latent, latent, range);
    }
  });
}

void CpuBackend::run(const GaussianBackwardArgs& args) {
  const int64_t latent = args.dz.cols();
  const LogvarRange range{args.logvar_min, args.logvar_max};
  const float kl_scale = args.scale * args.noise.state->beta;
  const int64_t samples = args.samples;
  const NoiseRows noise = noise_rows(args.noise, samples);
  if (is_weighted(args.objective)) {
    const WeightedGradient gradient{args.objective, args.weights.data, args.noise.state->beta,
                                    kl_scale};
    const int64_t images = rows_per_task(samples * latent);
    for_ranges(args.heads.rows(), images, [&](int64_t first, int64_t last) {
      ops_.weighted_gaussian_backward(args.dheads.data, args.dz.data, args.heads.data,
                                      first * samples, last * samples, latent, range, gradient,
                                      noise);
    });
    return;
  }
  for_ranges(args.dz.rows(), rows_per_task(latent), [&](int64_t first, int64_t last) {
    ops_.gaussian_backward(args.dheads.data, args.dz.data, args.heads.data, first, last, latent,
                           range, kl_scale, args.free_bits, noise);
  });
}

void CpuBackend::run(const PriorSampleArgs& args) {
  const int64_t latent = args.z.cols();
  const NoiseRows noise = noise_rows(args.noise);
  for_ranges(args.z.rows(), rows_per_task(latent), [&](int64_t first, int64_t last) {
    ops_.normals(args.z.data, first, last, latent, noise);
  });
}

void CpuBackend::run(const PosteriorStatisticsArgs& args) {
  ops_.posterior_statistics(args.sums.data, args.heads.data, args.heads.rows(), args.sums.cols(),
                            {args.logvar_min, args.logvar_max});
}

}  // namespace vae::cpu
