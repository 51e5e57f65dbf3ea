// SPDX-License-Identifier: MIT
//
// The posterior: reparameterisation, KL, their gradient, statistics; and the same of a prior that
// is given. [AEVB eq. 10] Rows are independent; the noise of a row is drawn again where it is
// needed again.
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

/// Heads that `rows` neighbouring rows have in equal shares.
GaussianRows gaussian_rows(ConstView heads, int64_t rows) {
  return {heads.data, heads ? std::max<int64_t>(1, rows / heads.rows()) : 1};
}

}  // namespace

void CpuBackend::run(const GaussianForwardArgs& args) {
  const int64_t rows = args.z.rows(), latent = args.z.cols();
  const LogvarRange range{args.logvar_min, args.logvar_max};
  const NoiseRows noise = noise_rows(args.noise, args.samples);
  const GaussianRows posterior = gaussian_rows(args.heads, rows);
  for_ranges(rows, rows_per_task(latent), [&](int64_t first, int64_t last) {
    ops_.reparameterize(args.z.data, args.log_ratio.data, posterior, first, last, latent, range,
                        noise);
    if (!args.kl) return;
    const int64_t repeat = posterior.repeat;
    for (int64_t row = (first + repeat - 1) / repeat; row * repeat < last; ++row) {
      args.kl.data[row] = ops_.kl(args.heads.data + row * 2 * latent, nullptr, latent, range);
    }
  });
}

void CpuBackend::run(const GaussianBackwardArgs& args) {
  const int64_t rows = args.dz.rows(), latent = args.dz.cols();
  const LogvarRange range{args.logvar_min, args.logvar_max};
  const float kl_scale = args.scale * args.noise.state->beta;
  const NoiseRows noise = noise_rows(args.noise, args.samples);
  const GaussianRows prior = gaussian_rows(args.prior, rows);
  if (is_weighted(args.objective)) {
    const WeightedGradient gradient{args.objective, args.weights.data, args.noise.state->beta,
                                    kl_scale};
    const GaussianRows posterior = gaussian_rows(args.heads, rows);
    const int64_t repeat = posterior.repeat;
    for_ranges(args.heads.rows(), rows_per_task(repeat * latent), [&](int64_t first, int64_t last) {
      ops_.weighted_gaussian_backward(args.dheads.data, args.dz.data, posterior, prior,
                                      first * repeat, last * repeat, latent, range, gradient,
                                      noise);
    });
    return;
  }
  for_ranges(rows, rows_per_task(latent), [&](int64_t first, int64_t last) {
    ops_.gaussian_backward(args.dheads.data, args.dz.data, args.heads.data, prior, first, last,
                           latent, range, kl_scale, args.free_bits, noise);
  });
}

void CpuBackend::run(const PosteriorStatisticsArgs& args) {
  const int64_t rows = args.heads.rows();
  ops_.posterior_statistics(args.sums.data, args.heads.data, gaussian_rows(args.prior, rows), rows,
                            args.sums.cols(), {args.logvar_min, args.logvar_max});
}

void CpuBackend::run(const PriorForwardArgs& args) {
  const int64_t rows = args.z.rows(), latent = args.z.cols();
  const LogvarRange range{args.logvar_min, args.logvar_max};
  const GaussianRows posterior = gaussian_rows(args.heads, rows);
  const GaussianRows prior = gaussian_rows(args.prior, rows);
  if (args.kl && !args.sampled_kl) {
    for_ranges(args.heads.rows(), rows_per_task(latent), [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        args.kl.data[row] = ops_.kl(args.heads.data + row * 2 * latent,
                                    prior.mu(row * posterior.repeat, latent, 0), latent, range);
      }
    });
  }
  const View ratios = args.log_ratio ? args.log_ratio : args.sampled_kl ? args.kl : View();
  if (!ratios) return;
  const NoiseRows noise = noise_rows(args.noise, args.samples);
  for_ranges(rows, rows_per_task(latent), [&](int64_t first, int64_t last) {
    ops_.prior_log_ratio(ratios.data, args.z.data, posterior, prior, first, last, latent, range,
                         noise);
    if (!args.sampled_kl || !args.kl) return;
    for (int64_t row = first; row < last; ++row) args.kl.data[row] = -ratios.data[row];
  });
}

void CpuBackend::run(const PriorBackwardArgs& args) {
  const bool weighted = is_weighted(args.objective);
  const int64_t rows = weighted ? args.z.rows() : args.heads.rows();
  const int64_t latent = args.heads.cols() / 2, priors = args.prior.rows();
  const PriorGradient gradient{gaussian_rows(args.heads, rows),
                               {args.logvar_min, args.logvar_max},
                               args.scale * args.state->beta,
                               args.free_bits,
                               args.z.data,
                               args.weights.data};
  if (priors == 1) {
    for_ranges(latent, 8, [&](int64_t first, int64_t last) {
      ops_.shared_prior_backward(args.dprior.data, args.prior.data, first, last, rows, latent,
                                 gradient);
    });
    return;
  }
  const int64_t samples = rows / priors;
  for_ranges(priors, rows_per_task(samples * latent), [&](int64_t first, int64_t last) {
    ops_.prior_backward(args.dprior.data, args.prior.data, first, last, samples, latent, gradient);
  });
}

void CpuBackend::run(const PriorSampleArgs& args) {
  const int64_t rows = args.z.rows(), latent = args.z.cols();
  const NoiseRows noise = noise_rows(args.noise);
  const GaussianRows prior = gaussian_rows(args.prior, rows);
  for_ranges(rows, rows_per_task(latent), [&](int64_t first, int64_t last) {
    if (prior.heads == nullptr) {
      ops_.normals(args.z.data, first, last, latent, noise);
    } else {
      ops_.reparameterize(args.z.data, nullptr, prior, first, last, latent,
                          {args.logvar_min, args.logvar_max}, noise);
    }
  });
}

}  // namespace vae::cpu
