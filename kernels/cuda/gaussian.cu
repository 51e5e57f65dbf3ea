// SPDX-License-Identifier: MIT
//
// The posterior: reparameterisation, KL, their gradient, prior draws, statistics. [AEVB eq. 10]
// A thread takes a quad, for which one Philox counter draws; up to 32 neighbouring lanes share a
// row.
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

// Of the statistics: a warp reads 32 neighbouring dimensions of a row, 32 warps as many rows.
constexpr int kTile = 32;
constexpr int kStatisticsLevels = 27;  // of their balanced trees: 2^32 rows

__device__ inline Quad normals_of(const PhiloxRow& row, std::size_t quad) {
  const PhiloxWords words = philox_quad(row, static_cast<uint32_t>(quad));
  Quad normals;
  normals_from_words(words.word[0], words.word[1], normals.value[0], normals.value[1]);
  normals_from_words(words.word[2], words.word[3], normals.value[2], normals.value[3]);
  return normals;
}

__global__ void __launch_bounds__(kThreads)
    gaussian_forward_kernel(float* __restrict__ z,            // [B*K, Z] out
                            float* __restrict__ kl,           // [B] out, or null
                            float* __restrict__ log_ratio,    // [B*K] out, or null
                            const float* __restrict__ heads,  // [B, 2Z]
                            std::size_t rows, std::size_t samples, std::size_t latent,
                            LogvarRange range, Noise noise, int lanes, bool aligned) {
  const std::size_t quads = quads_of(latent), lane = threadIdx.x % lanes;
  const std::size_t block_rows = kThreads / lanes, stride = block_rows * gridDim.x;
  // All threads take the same turns, because the sums need all lanes.
  for (std::size_t base = block_rows * blockIdx.x; base < rows; base += stride) {
    const std::size_t row = base + threadIdx.x / lanes;
    const std::size_t image = samples == 1 ? row : row / samples, sample = row - image * samples;
    const bool with_kl = kl != nullptr && sample == 0;
    const float* const mu_row = heads + image * 2 * latent;
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
      if (with_kl) kl[image] = kl_sum;
      if (log_ratio != nullptr) log_ratio[row] = ratio_sum;
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    gaussian_backward_kernel(float* __restrict__ dheads,       // [B, 2Z] out
                             const float* __restrict__ dz,     // [B, Z]
                             const float* __restrict__ heads,  // [B, 2Z]
                             std::size_t rows, std::size_t latent, LogvarRange range, float scale,
                             float free_bits, Noise noise, int lanes, bool aligned) {
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
      const Quad eps = normals_of(draws, q);
      Quad dmu, dlogvar;
      VAE_UNROLL
      for (int i = 0; i < 4; ++i) {
        const HeadGradient gradient = rules::Posterior::gradient(
            slope.value[i], eps.value[i], mu.value[i], logvar.value[i], range, kl_scale, free_bits);
        dmu.value[i] = gradient.mu;
        dlogvar.value[i] = gradient.logvar;
      }
      store_quad(dheads + mu_row + at, dmu, rest, aligned);
      store_quad(dheads + mu_row + latent + at, dlogvar, rest, aligned);
    }
  }
}

/// A thread takes a quad of an image, and adds up its samples in their order.
template <typename Rule>
__global__ void __launch_bounds__(kThreads, 1)
    weighted_gaussian_backward_kernel(float* __restrict__ dheads,         // [B, 2Z] out
                                      const float* __restrict__ dz,       // [B*K, Z]
                                      const float* __restrict__ heads,    // [B, 2Z]
                                      const float* __restrict__ weights,  // [B*K]
                                      std::size_t images, std::size_t samples, std::size_t latent,
                                      LogvarRange range, float scale, Noise noise, int lanes,
                                      bool aligned) {
  const float beta = noise.state->beta, kl_scale = scale * beta;
  const std::size_t quads = quads_of(latent), block_rows = kThreads / lanes;
  for (std::size_t image = block_rows * blockIdx.x + threadIdx.x / lanes; image < images;
       image += block_rows * gridDim.x) {
    const std::size_t mu_row = image * 2 * latent;
    for (std::size_t q = threadIdx.x % lanes; q < quads; q += lanes) {
      const std::size_t at = 4 * q, rest = latent - at;
      const Quad mu = load_quad(heads + mu_row + at, rest, aligned);
      const Quad logvar = load_quad(heads + mu_row + latent + at, rest, aligned);
      Quad dmu = {}, dlogvar = {};
      for (std::size_t sample = 0; sample < samples; ++sample) {
        const std::size_t row = image * samples + sample;
        const Quad slope = load_quad(dz + row * latent + at, rest, aligned);
        const Quad eps = normals_of(noise_row(noise, image, sample), q);
        const float weight = weights[row];
        VAE_UNROLL
        for (int i = 0; i < 4; ++i) {
          const HeadGradient gradient = rules::Posterior::weighted_gradient(
              Rule(), weight, slope.value[i], eps.value[i], mu.value[i], logvar.value[i], range,
              beta, kl_scale);
          dmu.value[i] += gradient.mu;
          dlogvar.value[i] += gradient.logvar;
        }
      }
      store_quad(dheads + mu_row + at, dmu, rest, aligned);
      store_quad(dheads + mu_row + latent + at, dlogvar, rest, aligned);
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    prior_sample_kernel(float* __restrict__ z,  // [B, Z] out
                        std::size_t rows, std::size_t latent, Noise noise, int lanes,
                        bool aligned) {
  const std::size_t quads = quads_of(latent), block_rows = kThreads / lanes;
  for (std::size_t row = block_rows * blockIdx.x + threadIdx.x / lanes; row < rows;
       row += block_rows * gridDim.x) {
    const PhiloxRow draws = noise_row(noise, row, 0);
    for (std::size_t q = threadIdx.x % lanes; q < quads; q += lanes) {
      store_quad(z + row * latent + 4 * q, normals_of(draws, q), latent - 4 * q, aligned);
    }
  }
}

/// A block sums 32 dimensions; a warp is a lane of the long sums over rows. As blocks of a long sum
/// have a power of two lanes, one balanced tree over all lanes of all blocks is both trees.
__global__ void __launch_bounds__(kTile* kTile)
    posterior_statistics_kernel(double* sums,                     // [3, Z] in/out
                                const float* __restrict__ heads,  // [B, 2Z]
                                std::size_t rows, std::size_t latent, LogvarRange range) {
  static_assert(kTile == kSumLanes);
  VAE_SHARED(double, partial, [3][kTile][kTile]);  // [statistic, warp, dimension]
  VAE_SHARED(double, levels, [3][kTile][kStatisticsLevels]);
  const std::size_t lane = threadIdx.x % kTile, warp = threadIdx.x / kTile;
  const std::size_t z = std::size_t{blockIdx.x} * kTile + lane;
  BalancedSum<double> sum{levels[warp % 3][lane], 0, 0};
  for (std::size_t first = 0; first < rows; first += kSumBlock) {
    const std::size_t left = rows - first, end = left < kSumBlock ? rows : first + kSumBlock;
    double kl = 0.0, mean = 0.0, square = 0.0;
    for (std::size_t row = z < latent ? first + warp : end; row < end; row += kTile) {
      const float* const mu_row = heads + row * 2 * latent;
      const LatentStatistics statistics =
          rules::Posterior::statistics(mu_row[z], mu_row[latent + z], range);
      kl += statistics.kl;
      mean += statistics.mean;
      square += statistics.square;
    }
    partial[0][warp][lane] = kl;
    partial[1][warp][lane] = mean;
    partial[2][warp][lane] = square;
    __syncthreads();
    for (int other = 0; warp < 3 && other < kTile; ++other) add(sum, partial[warp][other][lane]);
    __syncthreads();
  }
  if (warp < 3 && z < latent) sums[warp * latent + z] += total(sum);
}

// ---- launchers

}  // namespace

void CudaBackend::run(const GaussianForwardArgs& args) {
  const int64_t rows = args.z.rows(), latent = args.z.cols();
  const int lanes = lanes_of(quads_of(latent));
  const bool aligned = latent % 4 == 0 && aligned_to_quads(args.z.data, args.heads.data);
  stream_.launch(
      "gaussian_forward", {grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads},
      gaussian_forward_kernel, args.z.data, args.kl.data, args.log_ratio.data, args.heads.data,
      rows, args.samples, latent, LogvarRange{args.logvar_min, args.logvar_max},
      noise_of(args.noise), lanes, aligned);
}

void CudaBackend::run(const GaussianBackwardArgs& args) {
  const int64_t rows = args.heads.rows(), latent = args.dz.cols();
  const int lanes = lanes_of(quads_of(latent));
  const bool aligned =
      latent % 4 == 0 && aligned_to_quads(args.dheads.data, args.dz.data, args.heads.data);
  const LogvarRange range{args.logvar_min, args.logvar_max};
  const LaunchShape shape{grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads};
  visit(args.objective, [&](auto rule) {
    if constexpr (rule.kWeighted) {
      stream_.launch("weighted_gaussian_backward", shape,
                     weighted_gaussian_backward_kernel<decltype(rule)>, args.dheads.data,
                     args.dz.data, args.heads.data, args.weights.data, rows, args.samples, latent,
                     range, args.scale, noise_of(args.noise), lanes, aligned);
    } else {
      stream_.launch("gaussian_backward", shape, gaussian_backward_kernel, args.dheads.data,
                     args.dz.data, args.heads.data, rows, latent, range, args.scale, args.free_bits,
                     noise_of(args.noise), lanes, aligned);
    }
  });
}

void CudaBackend::run(const PriorSampleArgs& args) {
  const int64_t rows = args.z.rows(), latent = args.z.cols();
  const int lanes = lanes_of(quads_of(latent));
  const bool aligned = latent % 4 == 0 && aligned_to_quads(args.z.data);
  stream_.launch("prior_sample", {grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads},
                 prior_sample_kernel, args.z.data, rows, latent, noise_of(args.noise), lanes,
                 aligned);
}

void CudaBackend::run(const PosteriorStatisticsArgs& args) {
  const int64_t latent = args.sums.cols();
  const auto blocks = static_cast<unsigned>((latent + kTile - 1) / kTile);
  stream_.launch("posterior_statistics", {blocks, kTile * kTile}, posterior_statistics_kernel,
                 args.sums.data, args.heads.data, args.heads.rows(), latent,
                 LogvarRange{args.logvar_min, args.logvar_max});
}

}  // namespace vae::cuda
