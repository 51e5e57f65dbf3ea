// SPDX-License-Identifier: MIT
//
// The posterior: reparameterisation, KL, their gradient, prior draws, statistics. [AEVB eq. 10]
// Rows are independent; the noise of a row is drawn again where it is needed again.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/cpu_backend.h"

namespace vae::cpu {

namespace {

constexpr int64_t kValues = 4096;  // latent values a task handles: some 10 us of work

int64_t rows_per_task(int64_t latent) { return std::max<int64_t>(1, kValues / latent); }

PhiloxRow noise_of(const NoiseKey& noise, int64_t row, int64_t sample = 0) {
  return philox_row(noise.seed, noise.stream, noise.state->step,
                    noise.state->first_row + static_cast<uint32_t>(row),
                    static_cast<uint32_t>(noise.first_sample + sample));
}

}  // namespace

void CpuBackend::do_gaussian_forward(const GaussianForwardArgs& args) {
  const int64_t latent = args.z.cols(), samples = args.samples;
  const LogvarRange range{args.logvar_min, args.logvar_max};
  for_ranges(args.z.rows(), rows_per_task(latent), [&](int64_t first, int64_t last) {
    for (int64_t at = first; at < last; ++at) {
      const int64_t row = at / samples, sample = at % samples;
      const float* const mu = args.heads.data + row * 2 * latent;
      const float* const logvar = mu + latent;
      const float log_ratio = ops_.reparameterize(args.z.data + at * latent, mu, logvar, latent,
                                                  range, noise_of(args.noise, row, sample));
      if (args.log_ratio) args.log_ratio.data[at] = log_ratio;
      if (args.kl && sample == 0) args.kl.data[row] = ops_.kl(mu, logvar, latent, range);
    }
  });
}

void CpuBackend::do_gaussian_backward(const GaussianBackwardArgs& args) {
  const int64_t latent = args.dz.cols();
  const LogvarRange range{args.logvar_min, args.logvar_max};
  const float kl_scale = args.scale * args.noise.state->beta;
  for_ranges(args.dz.rows(), rows_per_task(latent), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const int64_t at = row * 2 * latent;
      ops_.gaussian_backward(args.dheads.data + at, args.dheads.data + at + latent,
                             args.dz.data + row * latent, args.heads.data + at,
                             args.heads.data + at + latent, latent, range, kl_scale,
                             noise_of(args.noise, row));
    }
  });
}

void CpuBackend::do_prior_sample(const PriorSampleArgs& args) {
  const int64_t latent = args.z.cols();
  for_ranges(args.z.rows(), rows_per_task(latent), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      ops_.normals(args.z.data + row * latent, latent, noise_of(args.noise, row));
    }
  });
}

void CpuBackend::do_posterior_statistics(const PosteriorStatisticsArgs& args) {
  const int64_t latent = args.sums.cols();
  double* const kl = args.sums.data;
  double* const mean = kl + latent;
  double* const square = mean + latent;
  for (int64_t row = 0; row < args.heads.rows(); ++row) {
    const float* const heads = args.heads.data + row * 2 * latent;
    for (int64_t z = 0; z < latent; ++z) {
      const double mu = heads[z];
      const double logvar = clamped(heads[latent + z], args.logvar_min, args.logvar_max);
      kl[z] += 0.5 * (mu * mu + std::exp(logvar) - 1.0 - logvar);
      mean[z] += mu;
      square[z] += mu * mu;
    }
  }
}

}  // namespace vae::cpu
