// SPDX-License-Identifier: MIT
#include "host/training/train_step.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "host/model/image_reader.h"
#include "kernels/check.h"
#include "kernels/rules/adam.h"
#include "kernels/rules/objectives.h"

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
  schedule.rate_warmup_steps = config.learning_rate_warmup_epochs * static_cast<double>(per_epoch);
  schedule.kind = config.schedule;
  for (const int64_t epoch : config.step_epochs) {
    const int64_t step = std::min<int64_t>(epoch * per_epoch, schedule.total_steps);
    schedule.stage_steps[schedule.stage_count++] = static_cast<uint32_t>(step);
  }
  schedule.stage_factor = config.step_factor;
  schedule.final_factor = config.final_factor;
  schedule.beta = config.beta;
  schedule.beta_warmup_steps = config.kl_warmup_epochs * static_cast<double>(per_epoch);
  schedule.max_skipped_in_a_row = static_cast<uint32_t>(config.max_nonfinite_steps);
  return schedule;
}

int64_t decay_lines(int64_t parameters) { return (parameters + kDecayLine - 1) / kDecayLine; }

static_assert(Arena::kAlignment == kDecayLine * sizeof(float));

/// Which lines of the parameters are weights; biases and variances do not decay.
std::vector<uint8_t> lines_of_weights(const Parameters& parameters) {
  std::vector<uint8_t> lines(static_cast<std::size_t>(decay_lines(parameters.values().count())));
  for (const Parameter& parameter : parameters.all()) {
    if (parameter.spec.role != ParameterSpec::Role::weight) continue;
    const int64_t first = parameter.value.data - parameters.values().data;
    const int64_t last = first + parameter.value.count();
    std::fill(lines.begin() + first / kDecayLine, lines.begin() + decay_lines(last), 1);
  }
  return lines;
}

}  // namespace

TrainStep::TrainStep(Network& network, const ImageSet& train, const TrainConfig& config,
                     int64_t steps_at_once)
    : network_(network),
      config_(config),
      schedule_(make_schedule(config, train.count())),
      arena_(network.backend()),
      records_(arena_, network.config(), train, "the training images", Reading::targets),
      first_draw_(first_draw(train, config.binarization)) {
  VAE_CHECK(train.image_size() == network.config().pixels(), "the training images have ",
            train.image_size(), " values each but the model takes ", network.config().pixels());
  arena_.request(state_);
  arena_.request(totals_);
  const int64_t size = schedule_.batch_size, samples = config.importance_samples;
  if (is_weighted(config.trained_objective())) {
    arena_.request(weights_, {size * samples});
    arena_.request(bounds_, {size});
  }
  const int64_t lines = decay_lines(network.parameters().values().count());
  if (config.weight_decay > 0.0) arena_.request(decays_, {lines});
  arena_.allocate("the training images");
  Backend& backend = network_.backend();
  records_.upload(backend, train);
  if (decays_) {
    const std::vector<uint8_t> weights = lines_of_weights(network.parameters());
    backend.copy_to_device(decays_.data, weights.data(), weights.size());
  }
  if (config.optimizer == Optimizer::muon) muon_.emplace(network.parameters(), backend);
  if (config.ema > 0.0) network.parameters().keep_averages();
  set_state({});
  set_totals({});
  network_.reserve_batch(size, size * samples, samples);
  pin_.emplace(network_);
  const int64_t last = schedule_.images - (steps_per_epoch() - 1) * size;
  const int64_t full = steps_per_epoch() - (last != size ? 1 : 0);
  const int64_t last_rows = last != size ? last : 0;
  if (steps_at_once == 0) steps_at_once = backend.steps_per_recording();
  steps_at_once_ = std::clamp<int64_t>(steps_at_once, 1, full);
  full_batch_ = record(1, 0);
  if (last_rows > 0) last_batch_ = record(0, last_rows);
  if (steps_at_once_ == 1) return;
  many_ = record(steps_at_once_, 0);
  const int64_t left = full % steps_at_once_;
  if (left + (last_rows > 0) > 1) rest_ = record(left, last_rows);
}

TrainStep::Part TrainStep::record(int64_t full_batches, int64_t last_rows) {
  const int64_t size = schedule_.batch_size;
  auto body = [=, this] {
    for (int64_t i = 0; i < full_batches; ++i) issue(size);
    if (last_rows > 0) issue(last_rows);
  };
  return {full_batches + (last_rows > 0), network_.backend().record(std::move(body))};
}

/// The longest part that fits: not more than `most` steps, and not past the epoch's end.
TrainStep::Part& TrainStep::next_part(int64_t most) {
  const int64_t left = steps_per_epoch() - steps_done_ % steps_per_epoch();
  const int64_t full_left = left - last_batch_.steps;
  if (rest_.recording && left == rest_.steps && most >= left) return rest_;
  if (many_.recording && std::min(full_left, most) >= many_.steps) return many_;
  return full_left > 0 ? full_batch_ : last_batch_;
}

int64_t TrainStep::run(int64_t most) {
  const int64_t before = steps_done_;
  if (steps_done_ % steps_per_epoch() == 0) {
    network_.backend().fill_zero(totals_, sizeof *totals_);
  }
  do {
    Part& part = next_part(most);
    part.recording->replay();
    steps_done_ += part.steps;
    most -= part.steps;
  } while (most > 0 && steps_done_ % steps_per_epoch() != 0);
  return steps_done_ - before;
}

void TrainStep::replace(const ImageSet& train) { records_.upload(network_.backend(), train); }

void TrainStep::run_unrecorded() {
  issue(schedule_.batch_size);
  ++steps_done_;
}

void TrainStep::issue(int64_t rows) {
  Backend& backend = network_.backend();
  backend.issue(BeginStepArgs{state_, schedule_});

  LoadBatchArgs order;
  order.state = state_;
  order.binarization = config_.binarization;
  order.shuffle = true;
  order.seed = config_.seed;
  order.first_draw = first_draw_;
  const BatchLoad load = records_.batch(network_, rows, order);
  const NoiseKey noise{config_.seed, Stream::posterior, state_, 0};
  if (is_weighted(config_.trained_objective())) {
    issue_weighted_gradient(load, noise);
  } else {
    issue_gradient(load, noise);
  }
  issue_update();
}

void TrainStep::issue_update() {
  Backend& backend = network_.backend();
  const Parameters& parameters = network_.parameters();
  backend.issue(JudgeGradientArgs{state_, parameters.gradients(),
                                  static_cast<float>(config_.clip_norm),
                                  static_cast<float>(config_.skip_norm)});
  if (muon_) {
    muon_->issue(state_, static_cast<float>(config_.adam_beta1),
                 static_cast<float>(config_.weight_decay));
    for (const Muon::Range& range : muon_->others()) issue_adam(range.first, range.count);
  } else {
    issue_adam(0, parameters.values().count());
  }
  if (config_.ema == 0.0) return;
  backend.issue(AverageArgs{parameters.averages(), parameters.values(), state_, config_.ema});
}

/// Of parameters first to first + count - 1, which begin a line.
void TrainStep::issue_adam(int64_t first, int64_t count) {
  const Parameters& parameters = network_.parameters();
  const auto part = [=](const View& all) { return View(all.data + first, {count}); };
  AdamArgs adam;
  adam.parameters = part(parameters.values());
  adam.first_moment = part(parameters.first_moments());
  adam.second_moment = part(parameters.second_moments());
  adam.gradients = part(parameters.gradients());
  adam.state = state_;
  adam.beta1 = static_cast<float>(config_.adam_beta1);
  adam.beta2 = static_cast<float>(config_.adam_beta2);
  adam.epsilon = static_cast<float>(config_.adam_epsilon);
  adam.weight_decay = static_cast<float>(config_.weight_decay);
  if (decays_) adam.decays = {decays_.data + first / kDecayLine, {decay_lines(count)}};
  network_.backend().issue(adam);
}

void TrainStep::issue_gradient(const BatchLoad& load, const NoiseKey& noise) {
  const int64_t rows = load.rows();
  network_.infer(load, noise);
  const ConstView log_px = network_.score(rows, 1, /*with_gradient=*/true);
  network_.backend().issue(AccumulateArgs{totals_, state_, log_px, network_.kl(rows)});
  network_.backward(rows, noise, static_cast<float>(config_.free_bits));
}

/// The weights of an image's samples need the log p of all of them, and all gradients the weights.
void TrainStep::issue_weighted_gradient(const BatchLoad& load, const NoiseKey& noise) {
  Backend& backend = network_.backend();
  const int64_t rows = load.rows(), samples = config_.importance_samples;
  const View weights = weights_.head(rows * samples), bounds = bounds_.head(rows);
  network_.encode(load);
  network_.sample_posterior(rows, samples, noise);
  const ConstView log_px = network_.score_keeping_outputs(rows, samples);
  const ConstView log_ratio = network_.log_ratio(rows * samples);
  backend.issue(ImportanceWeightsArgs{weights, bounds, log_px, log_ratio, state_, samples});
  backend.issue(AccumulateWeightedArgs{totals_, state_, bounds, log_px, log_ratio});
  network_.weigh(rows, samples, weights);
  network_.backward(rows, samples, noise, config_.trained_objective(), weights);
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
