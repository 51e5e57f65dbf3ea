// SPDX-License-Identifier: MIT
//
// What changes from one training step to the next. It lives in the device's memory, so that a
// recorded step can be replayed without the host touching anything.
#pragma once

#include <cstdint>

#include "vae/types.h"

namespace vae {

/// Random number streams: numbers of different purposes never share a counter.
enum class Stream : uint32_t {
  posterior = 1,  ///< eps of the reparameterisation
  binarize = 2,
  shuffle = 3,
  initialize = 4,
  prior = 5,
  validation = 6,    ///< which training images are set aside
  observation = 7,   ///< draws of x from p(x|z)
  corruption = 8,    ///< of inputs
  known_labels = 9,  ///< which images' labels are known
  scene = 10,        ///< what is where in scenes that are made of images
};

/// Where the stochastic nodes of a graph draw: the first as it always did, those after it from
/// stream 17 on, one each.
constexpr Stream posterior_stream(int ordinal) {
  constexpr uint32_t kFurther = 16;
  return ordinal == 0 ? Stream::posterior
                      : static_cast<Stream>(kFurther + static_cast<uint32_t>(ordinal));
}

/// Where samples of the priors of those nodes are drawn: the first as it always was, those after it
/// from stream 33 on.
constexpr Stream prior_stream(int ordinal) {
  constexpr uint32_t kFurther = 32;
  return ordinal == 0 ? Stream::prior
                      : static_cast<Stream>(kFurther + static_cast<uint32_t>(ordinal));
}

struct StepState {
  uint32_t step = 0;     // steps begun, 1 during the first; keys the random numbers. 0: evaluation
  uint32_t updates = 0;  // Adam updates applied: t of the bias correction
  uint32_t epoch = 0;    // 0 during the first epoch; keys the permutation
  uint32_t first_row = 0;  // position in the epoch (or evaluation) of the batch's first row
  float learning_rate = 0.0f;
  float beta = 1.0f;           // KL weight of this step
  float loss = 0.0f;           // objective of the last batch, nats per image
  float gradient_norm = 0.0f;  // before clipping
  double mean_norm = 0.0;      // of applied steps, the newest counting most; 0: unknown
  float clip_scale = 1.0f;
  uint32_t apply = 0;             // 1: the update of this step is applied
  uint32_t skipped_in_a_row = 0;  // since the last applied one
  uint32_t skipped = 0;           // in the run
  uint32_t skipped_for_norm = 0;  // of these: finite, but with too large a gradient
  uint32_t diverged_at = 0;       // step at which skipped_in_a_row reached the limit; 0: never
};

/// Sums over the images seen so far in an epoch or an evaluation, nats.
struct Totals {
  double reconstruction = 0.0;  // sum of log p(x|z)
  double kl = 0.0;
  double squared_elbo = 0.0;  // sum of (log p - kl)^2, for the standard error
  double bound = 0.0;         // sum of L_K; 0 where samples are not weighted
  int64_t images = 0;
};

/// Constants of a run from which begin_step() derives learning rate, beta and batch position.
struct Schedule {
  static constexpr int kMaxStages = 32;

  uint32_t images = 1;      // N of the training set
  uint32_t batch_size = 1;  // of all but the last batch of an epoch
  uint32_t total_steps = 1;
  double learning_rate = 1e-3;
  double rate_warmup_steps = 0.0;
  LearningRateSchedule kind = LearningRateSchedule::constant;
  uint32_t stage_steps[kMaxStages] = {};  // `step`: steps after which a stage begins, ascending
  uint32_t stage_count = 0;
  double stage_factor = 0.1;
  double final_factor = 0.0;  // `cosine`
  double beta = 1.0;
  double beta_warmup_steps = 0.0;
  uint32_t max_skipped_in_a_row = 0;  // the limit of StepState::diverged_at; 0: none

  constexpr uint32_t steps_per_epoch() const { return (images + batch_size - 1) / batch_size; }
};

}  // namespace vae
