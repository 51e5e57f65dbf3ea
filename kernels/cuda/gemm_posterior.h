// SPDX-License-Identifier: MIT
//
// The posterior in the epilogue of the product that makes the heads. Their columns are interleaved
// (HeadsOperand), so a thread finds mu and logvar of four neighbouring latents side by side: a quad
// of eps from one Philox counter. A tile has all columns of its rows, so KL is a sum over lanes.
// The arithmetic and its order are those of kernels/cuda/gaussian.cu. [AEVB eq. 10]
#pragma once

#include <cstddef>

#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/philox.h"
#include "kernels/rules/posterior.h"
#include "kernels/step_state.h"

namespace vae::cuda {

/// mu and logvar of four latents, or what is added to them.
struct HeadQuads {
  Quad mu, logvar;
};

struct PosteriorEpilogue {
  float* heads;       // [B, 2Z] out, mu then logvar
  float* z;           // [B, Z] out
  float* kl;          // [B] out, or null
  float* log_ratio;   // [B] out, or null
  const float* bias;  // [2Z]
  LogvarRange range;
  uint64_t seed;
  vae::Stream stream;
  uint32_t sample;
  const StepState* state;
  bool aligned;  // to quads, rows too

  template <typename Tile>
  __device__ void run(const StagedTile& tile) const {
    constexpr int kLanes = Tile::kColumns / 8;  // that share a row
    constexpr int kRowStep = Tile::kThreads / kLanes;
    const auto latent = static_cast<std::size_t>(tile.columns) / 2;
    const std::size_t at = threadIdx.x % kLanes * 4;
    HeadQuads shift = {};
    if (at < latent) {
      shift.mu = load_quad(bias + at, latent - at, aligned);
      shift.logvar = load_quad(bias + latent + at, latent - at, aligned);
    }
    // All threads take the same turns, because the sums need all lanes.
    for (int base = 0; base < Tile::kRows; base += kRowStep) {
      const int staged_row = base + static_cast<int>(threadIdx.x) / kLanes;
      const int row = tile.first_row + staged_row;
      float kl_sum = 0.0f, ratio_sum = 0.0f;
      if (row < tile.rows && at < latent) {
        const float* const staged = tile.values + staged_row * Tile::kStagedPitch + 2 * at;
        sample_quad(shifted(staged, shift), static_cast<std::size_t>(row), at, latent, kl_sum,
                    ratio_sum);
      }
      kl_sum = with_groups(0.0f, kl_sum, kLanes);
      ratio_sum = with_groups(0.0f, ratio_sum, kLanes);
      if (row < tile.rows && at == 0) {
        if (kl != nullptr) kl[row] = kl_sum;
        if (log_ratio != nullptr) log_ratio[row] = ratio_sum;
      }
    }
  }

 private:
  __device__ static HeadQuads shifted(const float* staged, const HeadQuads& shift) {
    const Quad low = load_quad(staged, 4, true), high = load_quad(staged + 4, 4, true);
    HeadQuads quads = shift;
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      const Quad& from = i < 2 ? low : high;
      quads.mu.value[i] += from.value[i % 2 * 2];
      quads.logvar.value[i] += from.value[i % 2 * 2 + 1];
    }
    return quads;
  }

  /// Latents at .. at + 3 of a row: writes heads and z, and gives their sums.
  __device__ void sample_quad(const HeadQuads& quads, std::size_t row, std::size_t at,
                              std::size_t latent, float& kl_sum, float& ratio_sum) const {
    const std::size_t rest = latent - at;
    store_quad(heads + row * 2 * latent + at, quads.mu, rest, aligned);
    store_quad(heads + row * 2 * latent + latent + at, quads.logvar, rest, aligned);
    const PhiloxRow noise = philox_row(seed, stream, state->step,
                                       state->first_row + static_cast<uint32_t>(row), sample);
    const PhiloxWords words = philox_quad(noise, static_cast<uint32_t>(at / 4));
    Quad eps, out, kl_terms = {}, ratio_terms = {};
    normals_from_words(words.word[0], words.word[1], eps.value[0], eps.value[1]);
    normals_from_words(words.word[2], words.word[3], eps.value[2], eps.value[3]);
    VAE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
      const float mu = quads.mu.value[i];
      const float lv = rules::Posterior::logvar(quads.logvar.value[i], range);
      out.value[i] = rules::Posterior::sample(mu, lv, eps.value[i]);
      if (i >= rest) continue;
      kl_terms.value[i] = rules::Prior::kl(mu, lv);
      ratio_terms.value[i] = rules::Prior::log_ratio(eps.value[i], lv, out.value[i]);
    }
    kl_sum = quad_sum(kl_terms);
    ratio_sum = quad_sum(ratio_terms);
    store_quad(z + row * latent + at, out, rest, aligned);
  }
};

}  // namespace vae::cuda
