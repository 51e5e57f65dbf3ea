// SPDX-License-Identifier: MIT
#include "host/train_step.h"

#include <algorithm>
#include <limits>

#include "kernels/check.h"

namespace vae {

namespace {

Schedule make_schedule(const TrainConfig& config, int64_t images) {
  Schedule schedule;
  schedule.images = static_cast<uint32_t>(images);
  schedule.batch_size = static_cast<uint32_t>(std::min(config.batch_size, images));
  const int64_t per_epoch = schedule.steps_per_epoch();
  const int64_t total = per_epoch * config.epochs;
  VAE_CHECK(total <= std::numeric_limits<uint32_t>::max(), "training.epochs: ", config.epochs,
            " epochs of ", per_epoch, " steps exceed 2^32 steps; use a larger batch_size");
  VAE_CHECK(config.step_epochs.size() <= Schedule::kMaxStages, "training.step_epochs: at most ",
            Schedule::kMaxStages, " stages are supported, got ", config.step_epochs.size());
  schedule.total_steps = static_cast<uint32_t>(total);
  schedule.learning_rate = config.learning_rate;
  schedule.kind = config.schedule;
  for (const int64_t epoch : config.step_epochs) {
    const int64_t step = std::min<int64_t>(epoch * per_epoch, schedule.total_steps);
    schedule.stage_steps[schedule.stage_count++] = static_cast<uint32_t>(step);
  }
  schedule.stage_factor = config.step_factor;
  schedule.final_factor = config.final_factor;
  schedule.beta = config.beta;
  schedule.beta_warmup_steps = config.kl_warmup_epochs * static_cast<double>(per_epoch);
  return schedule;
}

}  // namespace

TrainStep::TrainStep(Network& network, const ImageSet& train, const TrainConfig& config)
    : network_(network),
      config_(config),
      schedule_(make_schedule(config, train.count())),
      arena_(network.backend()) {
  VAE_CHECK(train.image_size() == network.config().pixels(), "the training images have ",
            train.image_size(), " values each but the model takes ", network.config().pixels());
  arena_.request(pixels_, {train.count(), train.image_size()});
  arena_.request(state_);
  arena_.request(totals_);
  arena_.allocate();
  Backend& backend = network_.backend();
  backend.copy_to_device(pixels_.data, train.pixels().data(), train.pixels().size());
  set_state({});
  set_totals({});
  const int64_t full = schedule_.batch_size;
  const int64_t last = schedule_.images - (steps_per_epoch() - 1) * full;
  full_batch_ = backend.record([this, full] { issue(full); });
  if (last != full) last_batch_ = backend.record([this, last] { issue(last); });
}

int64_t TrainStep::next_rows() const {
  const int64_t first = steps_done_ % steps_per_epoch() * schedule_.batch_size;
  return std::min<int64_t>(schedule_.batch_size, schedule_.images - first);
}

void TrainStep::run() {
  if (steps_done_ % steps_per_epoch() == 0) {
    network_.backend().fill_zero(totals_, sizeof *totals_);
  }
  const bool full = next_rows() == schedule_.batch_size;
  (full ? full_batch_ : last_batch_)->replay();
  ++steps_done_;
}

void TrainStep::issue(int64_t rows) {
  Backend& backend = network_.backend();
  backend.begin_step(state_, schedule_);

  LoadBatchArgs load;
  load.x = network_.input(rows);
  load.pixels = pixels_;
  load.state = state_;
  load.binarization = config_.binarization;
  load.shuffle = true;
  load.seed = config_.seed;
  backend.load_batch(load);

  const NoiseKey noise{config_.seed, Stream::posterior, state_, 0};
  network_.encode(rows);
  network_.sample_posterior(rows, 1, noise, /*with_kl=*/true, /*with_log_ratio=*/false);
  network_.decode(rows);
  const ConstView log_px = network_.likelihood(rows, 1, /*with_gradient=*/true);
  backend.accumulate({totals_, state_, log_px, network_.kl(rows)});
  network_.backward(rows, noise);

  const Parameters& parameters = network_.parameters();
  backend.judge_gradient({state_, parameters.gradients(), static_cast<float>(config_.clip_norm)});
  AdamArgs adam;
  adam.parameters = parameters.values();
  adam.first_moment = parameters.first_moments();
  adam.second_moment = parameters.second_moments();
  adam.gradients = parameters.gradients();
  adam.state = state_;
  adam.beta1 = static_cast<float>(config_.adam_beta1);
  adam.beta2 = static_cast<float>(config_.adam_beta2);
  adam.epsilon = static_cast<float>(config_.adam_epsilon);
  backend.adam(adam);
}

StepState TrainStep::state() const {
  StepState state;
  network_.backend().copy_to_host(&state, state_, sizeof state);
  return state;
}

void TrainStep::set_state(const StepState& state) {
  network_.backend().copy_to_device(state_, &state, sizeof state);
  steps_done_ = state.step;
}

Totals TrainStep::totals() const {
  Totals totals;
  network_.backend().copy_to_host(&totals, totals_, sizeof totals);
  return totals;
}

void TrainStep::set_totals(const Totals& totals) {
  network_.backend().copy_to_device(totals_, &totals, sizeof totals);
}

}  // namespace vae
