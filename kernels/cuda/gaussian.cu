// SPDX-License-Identifier: MIT
//
// The posterior: reparameterisation, KL, their gradient, statistics; and the same of a prior that
// is given. [AEVB eq. 10] A thread takes a quad, for which one Philox counter draws; up to 32
// neighbouring lanes share a row.
#include "kernels/cuda/noise.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/simt.h"
#include "kernels/philox.h"
#include "kernels/rules/objectives.h"
#include "kernels/rules/posterior.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = 256;

// Of long sums over rows: a warp reads 32 neighbouring dimensions of a row, 32 warps as many rows.
constexpr int kTile = 32;
constexpr int kRowLevels = 27;  // of their balanced trees: 2^32 rows

/// mu and logvar of four dimensions; the logvar as it is in memory.
struct GaussianQuad {
  Quad mu, logvar;
};

/// Gaussians of rows, mu and logvar side by side: those of `repeat` neighbouring rows are one. Rows
/// are counted in 32 bits, as those of random numbers are: a division of 64 takes registers.
struct GaussianRows {
  const float* heads;
  uint32_t repeat;
  std::size_t latent;

  __device__ const float* mu(std::size_t row) const {
    return heads + std::size_t{static_cast<uint32_t>(row) / repeat} * 2 * latent;
  }
  __device__ GaussianQuad quad(std::size_t row, std::size_t at, bool aligned) const {
    const float* const own = mu(row) + at;
    return {load_quad(own, latent - at, aligned), load_quad(own + latent, latent - at, aligned)};
  }
};

// ---- where a kernel finds the priors of a row: N(0, I), or what is given

struct NoPrior {
  struct OfQuad {
    __device__ rules::Prior of(int) const { return {}; }
  };
  __device__ OfQuad quad(std::size_t, std::size_t, bool) const { return {}; }
  __device__ rules::Prior of(std::size_t, std::size_t) const { return {}; }
};

struct GivenPriors {
  GaussianRows rows;
  LogvarRange range;

  struct OfQuad {
    GaussianQuad quad;
    LogvarRange range;
    __device__ rules::GivenNormal of(int i) const {
      return rules::GivenNormal::of(quad.mu.value[i], quad.logvar.value[i], range);
    }
  };
  __device__ OfQuad quad(std::size_t row, std::size_t at, bool aligned) const {
    return {rows.quad(row, at, aligned), range};
  }
  __device__ rules::GivenNormal of(std::size_t row, std::size_t z) const {
    const float* const mu = rows.mu(row) + z;
    return rules::GivenNormal::of(mu[0], mu[rows.latent], range);
  }
};

__device__ inline Quad normals_of(const PhiloxRow& row, std::size_t quad) {
  const PhiloxWords words = philox_quad(row, static_cast<uint32_t>(quad));
  Quad normals;
  normals_from_words(words.word[0], words.word[1], normals.value[0], normals.value[1]);
  normals_from_words(words.word[2], words.word[3], normals.value[2], normals.value[3]);
  return normals;
}

__global__ void __launch_bounds__(kThreads)
    gaussian_forward_kernel(float* __restrict__ z,          // [B*K, Z] out
                            float* __restrict__ kl,         // [R] out, or null
                            float* __restrict__ log_ratio,  // [B*K] out, or null
                            GaussianRows posterior,         // [R, 2Z]
                            std::size_t rows, std::size_t samples, LogvarRange range, Noise noise,
                            int lanes, bool aligned) {
  const std::size_t latent = posterior.latent;
  const std::size_t quads = quads_of(latent), lane = threadIdx.x % lanes;
  const std::size_t block_rows = kThreads / lanes, stride = block_rows * gridDim.x;
  // All threads take the same turns, because the sums need all lanes.
  for (std::size_t base = block_rows * blockIdx.x; base < rows; base += stride) {
    const std::size_t row = base + threadIdx.x / lanes;
    const std::size_t image = samples == 1 ? row : row / samples, sample = row - image * samples;
    const std::size_t head = posterior.repeat == 1 ? row : row / posterior.repeat;
    const bool with_kl = kl != nullptr && head * posterior.repeat == row;
    const float* const mu_row = posterior.heads + head * 2 * latent;
    const PhiloxRow draws = noise_row(noise, image, sample);
    float kl_sum = 0.0f, ratio_sum = 0.0f;
    for (std::size_t first = 0; first < quads; first += lanes) {
      const std::size_t q = first + lane;
      Quad kl_terms = {}, ratio_terms = {};
      if (row < rows && q < quads) {
        const std::size_t at = 4 * q, rest = latent - at;
        const Quad mu = load_quad(mu_row + at, rest, aligned);
        const Quad logvar = load_quad(mu_row + latent + at, rest, aligned);
        const Quad eps = normals_of(draws, q);
        Quad out;
        VAE_UNROLL
        for (std::size_t i = 0; i < 4; ++i) {
          const float lv = rules::Posterior::logvar(logvar.value[i], range);
          out.value[i] = rules::Posterior::sample(mu.value[i], lv, eps.value[i]);
          if (i >= rest) continue;
          if (with_kl) kl_terms.value[i] = rules::Prior::kl(mu.value[i], lv);
          ratio_terms.value[i] = rules::Prior::log_ratio(eps.value[i], lv, out.value[i]);
        }
        store_quad(z + row * latent + at, out, rest, aligned);
      }
      kl_sum = with_groups(kl_sum, quad_sum(kl_terms), lanes);
      ratio_sum = with_groups(ratio_sum, quad_sum(ratio_terms), lanes);
    }
    if (row < rows && lane == 0) {
      if (with_kl) kl[head] = kl_sum;
      if (log_ratio != nullptr) log_ratio[row] = ratio_sum;
    }
  }
}

/// What the kernel above leaves besides z, against a prior that is given.
__global__ void __launch_bounds__(kThreads)
    prior_forward_kernel(float* __restrict__ kl,         // [R] out, or null
                         float* __restrict__ log_ratio,  // [B*K] out, or null
                         const float* __restrict__ z,    // [B*K, Z]
                         GaussianRows posterior,         // [R, 2Z]
                         GivenPriors priors, std::size_t rows, std::size_t samples, bool sampled_kl,
                         LogvarRange range, Noise noise, int lanes, bool aligned) {
  const std::size_t latent = posterior.latent;
  const std::size_t quads = quads_of(latent), lane = threadIdx.x % lanes;
  const std::size_t block_rows = kThreads / lanes, stride = block_rows * gridDim.x;
  // All threads take the same turns, because the sums need all lanes.
  for (std::size_t base = block_rows * blockIdx.x; base < rows; base += stride) {
    const std::size_t row = base + threadIdx.x / lanes;
    const std::size_t image = row / samples, head = row / posterior.repeat;
    const bool with_kl = kl != nullptr && head * posterior.repeat == row;
    const PhiloxRow draws = noise_row(noise, image, row - image * samples);
    float kl_sum = 0.0f, ratio_sum = 0.0f;
    for (std::size_t first = 0; first < quads; first += lanes) {
      const std::size_t q = first + lane;
      Quad kl_terms = {}, ratio_terms = {};
      if (row < rows && q < quads) {
        const std::size_t at = 4 * q, rest = latent - at;
        const GaussianQuad own = posterior.quad(row, at, aligned);
        const auto prior = priors.quad(row, at, aligned);
        const Quad code = load_quad(z + row * latent + at, rest, aligned);
        const Quad eps = normals_of(draws, q);
        VAE_UNROLL
        for (std::size_t i = 0; i < 4; ++i) {
          if (i >= rest) continue;
          const float lv = rules::Posterior::logvar(own.logvar.value[i], range);
          const rules::GivenNormal given = prior.of(static_cast<int>(i));
          kl_terms.value[i] = given.kl(own.mu.value[i], lv);
          ratio_terms.value[i] = given.log_ratio(eps.value[i], lv, code.value[i]);
        }
      }
      kl_sum = with_groups(kl_sum, quad_sum(kl_terms), lanes);
      ratio_sum = with_groups(ratio_sum, quad_sum(ratio_terms), lanes);
    }
    if (row < rows && lane == 0) {
      if (with_kl) kl[head] = sampled_kl ? -ratio_sum : kl_sum;
      if (log_ratio != nullptr) log_ratio[row] = ratio_sum;
    }
  }
}

template <typename Priors>
__global__ void __launch_bounds__(kThreads)
    gaussian_backward_kernel(float* __restrict__ dheads,       // [B, 2Z] out
                             const float* __restrict__ dz,     // [B, Z]
                             const float* __restrict__ heads,  // [B, 2Z]
                             Priors priors, std::size_t rows, std::size_t latent, LogvarRange range,
                             float scale, float free_bits, Noise noise, int lanes, bool aligned) {
  const float kl_scale = scale * noise.state->beta;
  const std::size_t quads = quads_of(latent), block_rows = kThreads / lanes;
  for (std::size_t row = block_rows * blockIdx.x + threadIdx.x / lanes; row < rows;
       row += block_rows * gridDim.x) {
    const std::size_t mu_row = row * 2 * latent;
    const PhiloxRow draws = noise_row(noise, row, 0);
    for (std::size_t q = threadIdx.x % lanes; q < quads; q += lanes) {
      const std::size_t at = 4 * q, rest = latent - at;
      const Quad mu = load_quad(heads + mu_row + at, rest, aligned);
      const Quad logvar = load_quad(heads + mu_row + latent + at, rest, aligned);
      const Quad slope = load_quad(dz + row * latent + at, rest, aligned);
      const auto prior = priors.quad(row, at, aligned);
      const Quad eps = normals_of(draws, q);
      Quad dmu, dlogvar;
      VAE_UNROLL
      for (int i = 0; i < 4; ++i) {
        const HeadGradient gradient =
            rules::Posterior::gradient(prior.of(i), slope.value[i], eps.value[i], mu.value[i],
                                       logvar.value[i], range, kl_scale, free_bits);
        dmu.value[i] = gradient.mu;
        dlogvar.value[i] = gradient.logvar;
      }
      store_quad(dheads + mu_row + at, dmu, rest, aligned);
      store_quad(dheads + mu_row + latent + at, dlogvar, rest, aligned);
    }
  }
}

/// A thread takes a quad of a row of heads, and adds up its samples in their order.
template <typename Rule, typename Priors>
__global__ void __launch_bounds__(kThreads, 1)
    weighted_gaussian_backward_kernel(float* __restrict__ dheads,         // [R, 2Z] out
                                      const float* __restrict__ dz,       // [B*K, Z]
                                      GaussianRows posterior,             // [R, 2Z]
                                      const float* __restrict__ weights,  // [B*K]
                                      Priors priors, std::size_t heads, std::size_t samples,
                                      LogvarRange range, float scale, Noise noise, int lanes,
                                      bool aligned) {
  const float beta = noise.state->beta, kl_scale = scale * beta;
  const std::size_t latent = posterior.latent, repeat = posterior.repeat;
  const std::size_t quads = quads_of(latent), block_rows = kThreads / lanes;
  for (std::size_t head = block_rows * blockIdx.x + threadIdx.x / lanes; head < heads;
       head += block_rows * gridDim.x) {
    const std::size_t mu_row = head * 2 * latent;
    for (std::size_t q = threadIdx.x % lanes; q < quads; q += lanes) {
      const std::size_t at = 4 * q, rest = latent - at;
      const GaussianQuad own = posterior.quad(head * repeat, at, aligned);
      Quad dmu = {}, dlogvar = {};
      for (std::size_t row = head * repeat; row < (head + 1) * repeat; ++row) {
        const std::size_t image = row / samples;
        const Quad slope = load_quad(dz + row * latent + at, rest, aligned);
        const auto prior = priors.quad(row, at, aligned);
        const Quad eps = normals_of(noise_row(noise, image, row - image * samples), q);
        const float weight = weights[row];
        VAE_UNROLL
        for (int i = 0; i < 4; ++i) {
          const HeadGradient gradient = rules::Posterior::weighted_gradient(
              Rule(), prior.of(i), weight, slope.value[i], eps.value[i], own.mu.value[i],
              own.logvar.value[i], range, beta, kl_scale);
          dmu.value[i] += gradient.mu;
          dlogvar.value[i] += gradient.logvar;
        }
      }
      store_quad(dheads + mu_row + at, dmu, rest, aligned);
      store_quad(dheads + mu_row + latent + at, dlogvar, rest, aligned);
    }
  }
}

// ---- the gradient of a prior: from which evidence of a row

/// The closed form of the KL.
struct KlEvidence {
  GaussianRows posterior;
  float free_bits;

  template <typename Prior>
  __device__ HeadGradient gradient(const Prior& prior, std::size_t row, std::size_t z,
                                   const LogvarRange& range, float kl_scale) const {
    const float* const mu = posterior.mu(row) + z;
    return prior.kl_gradient(mu[0], rules::Posterior::logvar(mu[posterior.latent], range), kl_scale,
                             free_bits);
  }
};

/// A sample and its weight.
struct SampleEvidence {
  const float* z;        // [B*K, Z]
  const float* weights;  // [B*K]
  std::size_t latent;

  template <typename Prior>
  __device__ HeadGradient gradient(const Prior& prior, std::size_t row, std::size_t at,
                                   const LogvarRange&, float kl_scale) const {
    return prior.sample_gradient(z[row * latent + at], kl_scale * weights[row]);
  }
};

/// A thread takes a dimension of a row of the prior, and adds up the samples in their order.
template <typename Evidence>
__global__ void __launch_bounds__(kThreads)
    prior_backward_kernel(float* __restrict__ dprior,  // [R, 2Z] out
                          GivenPriors priors, Evidence evidence, std::size_t count, float scale,
                          const StepState* state) {
  const float kl_scale = scale * state->beta;
  const std::size_t latent = priors.rows.latent, samples = priors.rows.repeat;
  for (std::size_t i = std::size_t{blockIdx.x} * kThreads + threadIdx.x; i < count;
       i += std::size_t{gridDim.x} * kThreads) {
    const std::size_t own = i / latent, z = i - own * latent;
    const rules::GivenNormal prior = priors.of(own * samples, z);
    float dmu = 0.0f, dlogvar = 0.0f;
    for (std::size_t row = own * samples; row < (own + 1) * samples; ++row) {
      const HeadGradient gradient = evidence.gradient(prior, row, z, priors.range, kl_scale);
      dmu += gradient.mu;
      dlogvar += gradient.logvar;
    }
    dprior[own * 2 * latent + z] = dmu;
    dprior[own * 2 * latent + latent + z] = dlogvar;
  }
}

template <typename Priors>
__global__ void __launch_bounds__(kThreads)
    prior_sample_kernel(float* __restrict__ z,  // [B, Z] out
                        Priors priors, std::size_t rows, std::size_t latent, Noise noise, int lanes,
                        bool aligned) {
  const std::size_t quads = quads_of(latent), block_rows = kThreads / lanes;
  for (std::size_t row = block_rows * blockIdx.x + threadIdx.x / lanes; row < rows;
       row += block_rows * gridDim.x) {
    const PhiloxRow draws = noise_row(noise, row, 0);
    for (std::size_t q = threadIdx.x % lanes; q < quads; q += lanes) {
      const std::size_t at = 4 * q;
      const auto prior = priors.quad(row, at, aligned);
      Quad out = normals_of(draws, q);
      VAE_UNROLL
      for (int i = 0; i < 4; ++i) out.value[i] = prior.of(i).sample(out.value[i]);
      store_quad(z + row * latent + at, out, latent - at, aligned);
    }
  }
}

// ---- long sums over rows

/// A block sums 32 dimensions; a warp is a lane of the long sums. As blocks of a long sum have a
/// power of two lanes, one balanced tree over all lanes of all blocks is both trees. add_row(sums,
/// row, z) adds what a row has to the kCount sums of dimension z; finish(s, z, sum) takes them.
template <int kCount, typename AddRow, typename Finish>
__device__ inline void sum_over_rows(std::size_t rows, std::size_t latent, AddRow add_row,
                                     Finish finish) {
  static_assert(kTile == kSumLanes);
  VAE_SHARED(double, partial, [kCount][kTile][kTile]);  // [sum, warp, dimension]
  VAE_SHARED(double, levels, [kCount][kTile][kRowLevels]);
  const std::size_t lane = threadIdx.x % kTile, warp = threadIdx.x / kTile;
  const std::size_t z = std::size_t{blockIdx.x} * kTile + lane;
  BalancedSum<double> sum{levels[warp % kCount][lane], 0, 0};
  for (std::size_t first = 0; first < rows; first += kSumBlock) {
    const std::size_t left = rows - first, end = left < kSumBlock ? rows : first + kSumBlock;
    double own[kCount] = {};
    // In 32 bits, for want of registers.
    const auto last = static_cast<uint32_t>(z < latent ? end : first);
    for (auto row = static_cast<uint32_t>(first + warp); row < last; row += kTile) {
      add_row(own, row, z);
    }
    VAE_UNROLL
    for (int s = 0; s < kCount; ++s) partial[s][warp][lane] = own[s];
    __syncthreads();
    for (int other = 0; warp < kCount && other < kTile; ++other) {
      add(sum, partial[warp][other][lane]);
    }
    __syncthreads();
  }
  if (warp < kCount && z < latent) finish(warp, z, total(sum));
}

template <typename Priors>
__global__ void __launch_bounds__(kTile* kTile)
    posterior_statistics_kernel(double* sums,                     // [3, Z] in/out
                                const float* __restrict__ heads,  // [B, 2Z]
                                Priors priors, std::size_t rows, std::size_t latent,
                                LogvarRange range) {
  sum_over_rows<3>(
      rows, latent,
      [&](double* own, std::size_t row, std::size_t z) {
        const float* const mu = heads + row * 2 * latent + z;
        const LatentStatistics statistics =
            rules::Posterior::statistics(priors.of(row, z), mu[0], mu[latent], range);
        own[0] += statistics.kl;
        own[1] += statistics.mean;
        own[2] += statistics.square;
      },
      [&](std::size_t s, std::size_t z, double sum) { sums[s * latent + z] += sum; });
}

template <typename Evidence>
__global__ void __launch_bounds__(kTile* kTile)
    shared_prior_backward_kernel(float* __restrict__ dprior,  // [1, 2Z] out
                                 GivenPriors priors, Evidence evidence, std::size_t rows,
                                 float scale, const StepState* state) {
  const float kl_scale = scale * state->beta;
  const std::size_t latent = priors.rows.latent;
  sum_over_rows<2>(
      rows, latent,
      [&](double* own, std::size_t row, std::size_t z) {
        const HeadGradient gradient =
            evidence.gradient(priors.of(row, z), row, z, priors.range, kl_scale);
        own[0] += gradient.mu;
        own[1] += gradient.logvar;
      },
      [&](std::size_t s, std::size_t z, double sum) {
        dprior[s * latent + z] = static_cast<float>(sum);
      });
}

// ---- launchers

/// Heads that `rows` neighbouring rows have in equal shares.
GaussianRows gaussian_rows(ConstView heads, int64_t rows) {
  return {heads.data, static_cast<uint32_t>(rows / heads.rows()),
          static_cast<std::size_t>(heads.cols() / 2)};
}

/// Calls body with where the priors of `rows` rows are found.
template <typename Body>
void with_priors(ConstView prior, int64_t rows, const LogvarRange& range, Body body) {
  if (prior) {
    body(GivenPriors{gaussian_rows(prior, rows), range});
  } else {
    body(NoPrior());
  }
}

}  // namespace

void CudaBackend::run(const GaussianForwardArgs& args) {
  const int64_t rows = args.z.rows(), latent = args.z.cols();
  const int lanes = lanes_of(quads_of(latent));
  const bool aligned = latent % 4 == 0 && aligned_to_quads(args.z.data, args.heads.data);
  stream_.launch(
      "gaussian_forward", {grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads},
      gaussian_forward_kernel, args.z.data, args.kl.data, args.log_ratio.data,
      gaussian_rows(args.heads, rows), rows, args.samples,
      LogvarRange{args.logvar_min, args.logvar_max}, noise_of(args.noise), lanes, aligned);
}

void CudaBackend::run(const GaussianBackwardArgs& args) {
  const int64_t rows = args.dz.rows(), heads = args.heads.rows(), latent = args.dz.cols();
  const int lanes = lanes_of(quads_of(latent));
  const bool aligned = latent % 4 == 0 && aligned_to_quads(args.dheads.data, args.dz.data,
                                                           args.heads.data, args.prior.data);
  const LogvarRange range{args.logvar_min, args.logvar_max};
  const LaunchShape shape{grid_of(heads, kThreads / lanes, card_.multiprocessors), kThreads};
  with_priors(args.prior, rows, range, [&](auto priors) {
    using Priors = decltype(priors);
    visit(args.objective, [&](auto rule) {
      if constexpr (rule.kWeighted) {
        stream_.launch("weighted_gaussian_backward", shape,
                       weighted_gaussian_backward_kernel<decltype(rule), Priors>, args.dheads.data,
                       args.dz.data, gaussian_rows(args.heads, rows), args.weights.data, priors,
                       heads, args.samples, range, args.scale, noise_of(args.noise), lanes,
                       aligned);
      } else {
        stream_.launch("gaussian_backward", shape, gaussian_backward_kernel<Priors>,
                       args.dheads.data, args.dz.data, args.heads.data, priors, rows, latent, range,
                       args.scale, args.free_bits, noise_of(args.noise), lanes, aligned);
      }
    });
  });
}

void CudaBackend::run(const PosteriorStatisticsArgs& args) {
  const int64_t rows = args.heads.rows(), latent = args.sums.cols();
  const auto blocks = static_cast<unsigned>((latent + kTile - 1) / kTile);
  const LogvarRange range{args.logvar_min, args.logvar_max};
  with_priors(args.prior, rows, range, [&](auto priors) {
    stream_.launch("posterior_statistics", {blocks, kTile * kTile},
                   posterior_statistics_kernel<decltype(priors)>, args.sums.data, args.heads.data,
                   priors, rows, latent, range);
  });
}

void CudaBackend::run(const PriorForwardArgs& args) {
  const int64_t rows = args.z.rows(), latent = args.z.cols();
  const int lanes = lanes_of(quads_of(latent));
  const bool aligned =
      latent % 4 == 0 && aligned_to_quads(args.z.data, args.heads.data, args.prior.data);
  const LogvarRange range{args.logvar_min, args.logvar_max};
  stream_.launch(
      "prior_forward", {grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads},
      prior_forward_kernel, args.kl.data, args.log_ratio.data, args.z.data,
      gaussian_rows(args.heads, rows), GivenPriors{gaussian_rows(args.prior, rows), range}, rows,
      args.samples, args.sampled_kl, range, noise_of(args.noise), lanes, aligned);
}

void CudaBackend::run(const PriorBackwardArgs& args) {
  const bool weighted = is_weighted(args.objective);
  const int64_t rows = weighted ? args.z.rows() : args.heads.rows();
  const int64_t latent = args.prior.cols() / 2, count = args.prior.rows() * latent;
  const GivenPriors priors{gaussian_rows(args.prior, rows), {args.logvar_min, args.logvar_max}};
  const auto launch_with = [&](auto evidence) {
    using Evidence = decltype(evidence);
    if (args.prior.rows() == 1) {
      const auto blocks = static_cast<unsigned>((latent + kTile - 1) / kTile);
      stream_.launch("shared_prior_backward", {blocks, kTile * kTile},
                     shared_prior_backward_kernel<Evidence>, args.dprior.data, priors, evidence,
                     rows, args.scale, args.state);
    } else {
      stream_.launch("prior_backward", {grid_of(count, kThreads, card_.multiprocessors), kThreads},
                     prior_backward_kernel<Evidence>, args.dprior.data, priors, evidence, count,
                     args.scale, args.state);
    }
  };
  if (weighted) {
    launch_with(SampleEvidence{args.z.data, args.weights.data, static_cast<std::size_t>(latent)});
  } else {
    launch_with(KlEvidence{gaussian_rows(args.heads, rows), args.free_bits});
  }
}

void CudaBackend::run(const PriorSampleArgs& args) {
  const int64_t rows = args.z.rows(), latent = args.z.cols();
  const int lanes = lanes_of(quads_of(latent));
  const bool aligned = latent % 4 == 0 && aligned_to_quads(args.z.data, args.prior.data);
  const LogvarRange range{args.logvar_min, args.logvar_max};
  with_priors(args.prior, rows, range, [&](auto priors) {
    stream_.launch("prior_sample",
                   {grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads},
                   prior_sample_kernel<decltype(priors)>, args.z.data, priors, rows, latent,
                   noise_of(args.noise), lanes, aligned);
  });
}

}  // namespace vae::cuda
