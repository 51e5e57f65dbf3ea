// SPDX-License-Identifier: MIT
#include "vae/trainer.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "host/checkpoint.h"
#include "host/checkpoint_rotation.h"
#include "host/evaluator.h"
#include "host/io/atomic_file.h"
#include "host/io/json.h"
#include "host/metrics_log.h"
#include "host/model_impl.h"
#include "host/pixel_statistics.h"
#include "host/resume.h"
#include "host/run_folder.h"
#include "host/train_step.h"
#include "kernels/check.h"
#include "vae/doubts.h"
#include "vae/printable.h"
#include "vae/report.h"
#include "vae/version.h"

namespace vae {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kProgressSeconds = 0.1;  // between read-backs of the loss, each of which waits

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

RunFolder::Mode mode_of(const TrainOptions& options) {
  if (options.resume) return RunFolder::Mode::resume;
  return options.overwrite ? RunFolder::Mode::overwrite : RunFolder::Mode::fresh;
}

}  // namespace

namespace {

/// Copies what an earlier process of this run wrote about the latent dimensions. A damaged or
/// missing run.json has nothing to keep: it only informs.
void keep_latent_statistics(const std::string& path, nlohmann::ordered_json& document) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return;
  try {
    const nlohmann::json earlier = parse_json(as_text(read_file(path, uint64_t{1} << 24)), path);
    if (!earlier.is_object()) return;
    for (const char* key : {"active_units", "kl_per_dimension"}) {
      if (earlier.contains(key)) document[key] = earlier.at(key);
    }
  } catch (const Error&) {
  }
}

}  // namespace

struct Trainer::Impl {
  Impl(const Config& wanted, const Dataset& dataset, const TrainOptions& opts);

  TrainResult run();
  void start();
  void resume();
  void restore(const Checkpoint& checkpoint);
  bool train_epochs();
  Command run_epoch();
  void finish_epoch();
  int64_t steps_to_issue() const;
  Command after_steps();
  Progress progress(const StepState& state) const;
  void watch_divergence(const StepState& state);
  Metrics train_metrics();
  Metrics test_metrics();
  void log_metrics(const Metrics& metrics, bool sync);
  void write_pictures();
  void save_best(double elbo);
  void save();
  void write(const std::string& path) const;
  void write_status(const std::string& status, const std::string& reason = {});
  TrainingState training_state() const;
  void say(LogLevel level, const std::string& text) const;
  /// Writes what may be missing without harm to the training; a failure becomes a warning.
  template <typename Action>
  void attempt_to_write(const char* what, Action action);

  int64_t epoch() const { return (step->steps_done() - 1) / step->steps_per_epoch() + 1; }

  Config config;
  Dataset data;
  TrainOptions options;
  std::string fingerprint;
  std::optional<RunFolder> folder;
  std::optional<MetricsLog> log;
  std::optional<CheckpointRotation> rotation;
  std::optional<Model> model;
  std::shared_ptr<Model::Impl> network_owner;  // the step needs it, also where the model is taken
  std::unique_ptr<TrainStep> step;
  double earlier_seconds = 0.0;  // spent on this epoch before a resume
  Clock::time_point epoch_start, last_report;
  int64_t resumed_batches = 0;  // of this epoch, done before a resume
  uint32_t reported_skips = 0;
  bool in_streak = false;  // the step read last was skipped
  Progress last_progress;
  TrainResult result;
  std::optional<Evaluation> last_evaluation;  // of the test set, by this process
};

Trainer::Impl::Impl(const Config& wanted, const Dataset& dataset, const TrainOptions& opts)
    : config(wanted),
      data(dataset.name, dataset.train, dataset.test),  // members of their splits
      options(opts),
      fingerprint(dataset.fingerprint()) {
  validate(config);
  VAE_CHECK(data.train.count() > 0 && data.test.count() > 0, "data set ", data.name,
            " needs images for training and for testing");
  VAE_CHECK(!options.resume || !options.run_folder.empty(), "resume needs a run_folder");
  if (!options.run_folder.empty()) {
    folder.emplace(options.run_folder, mode_of(options));
    log.emplace(folder->file("metrics.jsonl"));
    rotation.emplace(*folder, [this](const std::string& text) { say(LogLevel::warning, text); });
  }
  network_owner = std::make_shared<Model::Impl>(config, options.device, /*training=*/true);
  network_owner->trained_mean = PixelStatistics(data.train).mean();
  model.emplace(network_owner);
  step = std::make_unique<TrainStep>(*model->impl().network, data.train, config.training);
  for (const auto& doubts : {find_doubts(data), find_doubts(data, config)}) {
    for (const std::string& doubt : doubts) say(LogLevel::warning, doubt);
  }
  if (options.resume) {
    resume();
  } else {
    start();
  }
  if (!folder) return;
  write_file_atomically(folder->file("config.json"), std::string_view(config_to_json(config)));
  write_status("running");
}

void Trainer::Impl::start() {
  const std::vector<double> mean =
      config.model.output_bias_from_mean ? data.train.mean_pixels() : std::vector<double>();
  model->impl().network->initialize(config.training.seed, mean);
}

void Trainer::Impl::resume() {
  const auto warn = [this](const std::string& text) { say(LogLevel::warning, text); };
  const std::optional<Checkpoint> checkpoint = newest_valid_checkpoint(folder->path(), warn);
  if (checkpoint) {
    check_resumable(config, checkpoint->config(), *checkpoint->training(), fingerprint, data.name);
    restore(*checkpoint);
  } else {
    start();
  }
  log->rewind(step->steps_done(), warn);
  for (const Metrics& metrics : read_metrics(folder->file("metrics.jsonl"))) {
    (metrics.split == "train" ? result.train : result.test) = metrics;
  }
  const std::string& name = folder->path();
  if (!checkpoint) {
    say(LogLevel::info, name + " was stopped before its first checkpoint; starting at step 0");
  } else if (step->steps_done() >= step->total_steps()) {
    say(LogLevel::info, concat(name, " is finished: all ", step->total_steps(),
                               " steps are done; more epochs would go on from here"));
  } else {
    say(LogLevel::info,
        concat("resuming ", name, " after step ", step->steps_done(), " of ", step->total_steps()));
  }
}

void Trainer::Impl::restore(const Checkpoint& checkpoint) {
  const TrainingState& state = *checkpoint.training();
  const std::string device = model->impl().backend->description();
  if (state.device != device) {
    say(LogLevel::warning,
        concat("the run was made on '", shortened(state.device, 256), "' and goes on on '", device,
               "': numbers will differ in the last digits"));
  }
  checkpoint.restore(model->impl().network->parameters(), /*moments=*/true);
  step->set_state(state.step);
  step->set_totals(state.totals);
  earlier_seconds = state.epoch_seconds;
  reported_skips = state.step.skipped;
  in_streak = state.step.skipped_in_a_row > 0;
  rotation->resume(step->steps_done(), state.best_elbo);
  save();  // where the state came from the best checkpoint
}

TrainResult Trainer::Impl::run() {
  model->impl();  // throws where the model was moved out: it is not trained behind its new owner
  try {
    result.finished = train_epochs();
    result.steps = step->steps_done();
    if (rotation) rotation->require_saved();
  } catch (const Error& error) {
    write_status(error.code() == ErrorCode::diverged ? "diverged" : "failed", error.what());
    throw;
  } catch (const std::exception& error) {
    write_status("failed", error.what());
    throw;
  }
  write_status(result.finished ? "finished" : "stopped",
               result.finished ? "all epochs are done" : "stopped by the caller");
  return result;
}

/// Whether all epochs are done; false when the callback stopped the training.
bool Trainer::Impl::train_epochs() {
  while (step->steps_done() < step->total_steps()) {
    const Command command = run_epoch();
    const bool end = step->steps_done() % step->steps_per_epoch() == 0;
    if (end) finish_epoch();
    const int64_t every = config.training.checkpoint_every;
    const bool due =
        every == 0 || step->steps_done() % every == 0 || step->steps_done() == step->total_steps();
    if (due || command != Command::proceed) save();
    if (command == Command::stop) break;
  }
  return step->steps_done() >= step->total_steps();
}

/// To the end of the current epoch, or until the callback asks to stop. Saves on the way, but not
/// after the epoch's last step, whose metrics come first. Returns what was asked for last.
Command Trainer::Impl::run_epoch() {
  const int64_t per_epoch = step->steps_per_epoch();
  const int64_t every = config.training.checkpoint_every;
  resumed_batches = step->steps_done() % per_epoch;
  epoch_start = Clock::now();
  last_report = Clock::time_point();
  while (true) {
    step->run(steps_to_issue());
    const Command command = after_steps();
    if (command == Command::stop || step->steps_done() % per_epoch == 0) return command;
    if (command == Command::checkpoint || (every > 0 && step->steps_done() % every == 0)) save();
  }
}

/// 1 where a step is done when run() returns. Elsewhere the host runs ahead of the device, but not
/// past a checkpoint and, so that it can report and stop, not by more than kProgressSeconds.
int64_t Trainer::Impl::steps_to_issue() const {
  if (step->steps_at_once() == 1) return 1;
  const int64_t done = step->steps_done(), every = config.training.checkpoint_every;
  int64_t most = step->steps_at_once();
  const int64_t measured = done % step->steps_per_epoch() - resumed_batches;
  if (measured > 0) {
    const double seconds_per_step = seconds_since(epoch_start) / static_cast<double>(measured);
    most = std::max<int64_t>(1, static_cast<int64_t>(kProgressSeconds / seconds_per_step));
  }
  return every > 0 ? std::min(most, every - done % every) : most;
}

/// Reading the state back waits for the device, so where steps are issued one by one it is done
/// rarely. A streak of K skipped steps holds a multiple of K: from there on every step is read, and
/// the K-th one is not missed. Where many are issued at once, the device remembers the K-th one.
Command Trainer::Impl::after_steps() {
  const int64_t done = step->steps_done();
  const bool end = done % step->steps_per_epoch() == 0;
  const bool ahead = step->steps_at_once() > 1;
  const bool report = end || ahead || seconds_since(last_report) >= kProgressSeconds;
  if (report || in_streak || done % config.training.max_nonfinite_steps == 0) {
    const StepState state = step->state();
    watch_divergence(state);
    if (report) {
      last_report = Clock::now();
      last_progress = progress(state);
    }
  }
  last_progress.step = done;
  last_progress.batch = (done - 1) % step->steps_per_epoch() + 1;
  return options.on_step ? options.on_step(last_progress) : Command::proceed;
}

void Trainer::Impl::watch_divergence(const StepState& state) {
  in_streak = state.skipped_in_a_row > 0;
  if (state.skipped > reported_skips) {
    say(LogLevel::warning, concat("step ", state.step, ": loss or gradient is not finite; ",
                                  state.skipped - reported_skips, " update(s) skipped"));
    reported_skips = state.skipped;
  }
  const int64_t limit = config.training.max_nonfinite_steps;
  if (state.diverged_at == 0 && state.skipped_in_a_row < limit) return;
  const int64_t last = state.diverged_at != 0 ? state.diverged_at : state.step;
  fail(ErrorCode::diverged, "training diverged: from step ", last - limit + 1, " to step ", last,
       " no loss or gradient was finite, ", limit, " steps in a row; ",
       "lower learning_rate, set clip_norm, or warm the KL term up. ",
       folder ? "The checkpoints from before stand" : "The weights are those from before");
}

Progress Trainer::Impl::progress(const StepState& state) const {
  const Totals totals = step->totals();
  Progress now;
  now.epoch = epoch();
  now.epochs = config.training.epochs;
  now.batches = step->steps_per_epoch();
  now.loss = state.loss;
  const double images = static_cast<double>(std::max<int64_t>(1, totals.images));
  now.elbo = (totals.reconstruction - totals.kl) / images;
  const int64_t batch = (step->steps_done() - 1) % step->steps_per_epoch() + 1;
  const double seconds = std::max(1e-9, seconds_since(epoch_start));
  const double steps_per_second = static_cast<double>(batch - resumed_batches) / seconds;
  now.samples_per_second = steps_per_second * static_cast<double>(std::min(
                                                  config.training.batch_size, data.train.count()));
  now.eta_seconds =
      static_cast<double>(step->total_steps() - step->steps_done()) / steps_per_second;
  return now;
}

void Trainer::Impl::finish_epoch() {
  result.train = train_metrics();
  log_metrics(result.train, /*sync=*/false);
  result.test = test_metrics();
  log_metrics(result.test, /*sync=*/true);
  earlier_seconds = 0.0;
  if (!folder) return;
  write_status("running");  // the report shows the KL of each dimension from it
  write_pictures();         // before any checkpoint: what a checkpoint has behind it is complete
  save_best(result.test.elbo);
}

Metrics Trainer::Impl::train_metrics() {
  const StepState state = step->state();
  const Totals totals = step->totals();
  Metrics metrics;
  metrics.epoch = epoch();
  metrics.split = "train";
  metrics.images = totals.images;
  const auto images = static_cast<double>(totals.images);  // 0 only when all steps were skipped
  metrics.reconstruction = totals.reconstruction / images;
  metrics.kl = totals.kl / images;
  metrics.elbo = metrics.reconstruction - metrics.kl;
  metrics.beta = state.beta;
  metrics.learning_rate = state.learning_rate;
  metrics.step = step->steps_done();
  metrics.skipped_steps = state.skipped;
  metrics.seconds = earlier_seconds + seconds_since(epoch_start);
  metrics.samples_per_second =
      static_cast<double>(data.train.count()) / std::max(1e-9, metrics.seconds);
  return metrics;
}

Metrics Trainer::Impl::test_metrics() {
  const Clock::time_point start = Clock::now();
  const Evaluation found = evaluate(*model->impl().network, data.test, {}, config.training);
  Metrics metrics = result.train;
  metrics.split = "test";
  metrics.elbo = found.elbo;
  metrics.reconstruction = found.reconstruction;
  metrics.kl = found.kl;
  metrics.images = found.images;
  last_evaluation = found;
  metrics.seconds = seconds_since(start);
  metrics.samples_per_second = static_cast<double>(found.images) / std::max(1e-9, metrics.seconds);
  return metrics;
}

void Trainer::Impl::log_metrics(const Metrics& metrics, bool sync) {
  if (log) {
    attempt_to_write("metrics.jsonl",
                     [&] { log->append(metrics, config.training.binarization, sync); });
  }
  if (options.on_metrics) options.on_metrics(metrics);
}

void Trainer::Impl::write_pictures() {
  if (!options.pictures) return;
  attempt_to_write("the pictures", [&] {
    write_epoch_pictures(folder->path(), *model, data, epoch());
    write_report(folder->path());
  });
}

void Trainer::Impl::save_best(double elbo) {
  rotation->save_best(elbo, [this](const std::string& path) { write(path); });
}

void Trainer::Impl::save() {
  if (!folder) return;
  rotation->save(step->steps_done(), [this](const std::string& path) { write(path); });
}

void Trainer::Impl::write(const std::string& path) const {
  const TrainingState state = training_state();
  write_checkpoint(path, model->impl().network->parameters(), config, &state);
}

TrainingState Trainer::Impl::training_state() const {
  TrainingState state;
  state.step = step->state();
  state.totals = step->totals();
  const bool between_epochs = step->steps_done() % step->steps_per_epoch() == 0;
  state.epoch_seconds = between_epochs ? 0.0 : earlier_seconds + seconds_since(epoch_start);
  state.best_elbo = rotation->best_elbo();
  state.data_name = data.name;
  state.data_fingerprint = fingerprint;
  state.data_mean = network_owner->trained_mean;
  state.device = model->impl().backend->description();
  return state;
}

void Trainer::Impl::write_status(const std::string& status, const std::string& reason) {
  if (!folder) return;
  nlohmann::ordered_json document = {
      {"status", status},
      {"step", step->steps_done()},
      {"steps", step->total_steps()},
      {"device", model->impl().backend->name()},
      {"device_description", model->impl().backend->description()},
      {"data", data.name},
      {"data_fingerprint", fingerprint},
      {"parameters", model->parameter_count()},
      {"seed", config.training.seed},
      {"version", build_description()},
  };
  if (!reason.empty()) document["reason"] = reason;
  if (const auto best = rotation->best_elbo()) document["best_test_elbo"] = *best;
  if (last_evaluation) {
    document["active_units"] = last_evaluation->active_units;
    document["kl_per_dimension"] = last_evaluation->kl_per_dimension;
  } else {
    keep_latent_statistics(folder->file("run.json"), document);
  }
  const std::string text =
      document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  attempt_to_write(
      "run.json", [&] { write_file_atomically(folder->file("run.json"), std::string_view(text)); });
}

template <typename Action>
void Trainer::Impl::attempt_to_write(const char* what, Action action) {
  try {
    folder->require_in_place();
    action();
  } catch (const std::exception& error) {
    say(LogLevel::warning, concat("cannot write ", what, ": ", error.what(), "; training goes on"));
  }
}

void Trainer::Impl::say(LogLevel level, const std::string& text) const {
  if (!options.log) return;
  std::string line = text;
  std::replace(line.begin(), line.end(), '\n', ' ');  // an error's list
  options.log(level, printable(line));
}

Trainer::Trainer(const Config& config, const Dataset& data, const TrainOptions& options)
    : impl_(with_memory_for("set up the training",
                            [&] { return std::make_unique<Impl>(config, data, options); })) {}
Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;

Trainer::Impl& Trainer::impl() const {
  VAE_CHECK(impl_ != nullptr, "this vae::Trainer was moved from and holds nothing; use the object ",
            "it was moved to, or assign another trainer to this one");
  return *impl_;
}

TrainResult Trainer::run() {
  return with_memory_for("go on with the training", [this] { return impl().run(); });
}
Model& Trainer::model() { return *impl().model; }
const Config& Trainer::config() const { return impl().config; }

Model train(const Config& config, const Dataset& data, const TrainOptions& options) {
  Trainer trainer(config, data, options);
  trainer.run();
  return std::move(trainer.model());
}

}  // namespace vae
