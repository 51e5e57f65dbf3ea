// SPDX-License-Identifier: MIT
#include "vae/trainer.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/data/pixel_statistics.h"
#include "host/graph/arena.h"
#include "host/io/atomic_file.h"
#include "host/io/run_folder.h"
#include "host/model/checkpoint.h"
#include "host/model/epoch_record.h"
#include "host/model/evaluator.h"
#include "host/model/model_impl.h"
#include "host/model/records.h"
#include "host/run/checkpoint_rotation.h"
#include "host/run/metrics_log.h"
#include "host/run/picture_names.h"
#include "host/run/resume.h"
#include "host/run/run_status.h"
#include "host/training/train_step.h"
#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "kernels/mebibytes.h"
#include "vae/doubts.h"
#include "vae/printable.h"
#include "vae/report.h"
#include "vae/version.h"

namespace vae {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kProgressSeconds = 0.1;  // between read-backs of the loss, each of which waits
/// Of the run's time, for pictures and reports that are soon replaced.
constexpr double kPictureShare = 0.05;
constexpr double kNewsSeconds = 20;  // between reports within an epoch
/// Left free for the pictures themselves; far more than they take.
constexpr std::size_t kPictureRoom = std::size_t{8} << 20;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

RunFolder::Mode mode_of(const TrainOptions& options) {
  if (options.resume) return RunFolder::Mode::resume;
  return options.overwrite ? RunFolder::Mode::overwrite : RunFolder::Mode::fresh;
}

/// The data set as the run uses it: images set aside, all of them members of their splits.
Dataset as_trained(const Dataset& data, const TrainConfig& training) {
  Dataset used = data;
  used.train = data.train.as(Split::train);
  used.test = data.test.as(Split::test);
  used.validation = data.validation.as(Split::validation);
  return training.validation > 0.0 ? used.with_validation(training.validation) : used;
}

/// Floats that a checkpoint has for each parameter: its value, two moments, perhaps a mean.
std::size_t tensors_of(const TrainConfig& training) { return training.ema > 0.0 ? 4 : 3; }

/// Memory that a training needs later, held while its activations are allocated: the test images of
/// an evaluation and the host's copies of a checkpoint. What is advised then really fits, and a
/// training that lacks memory fails at its start, not after the first epoch.
class Headroom {
 public:
  Headroom(Network& network, const Dataset& data, const TrainConfig& training)
      : device_(network.backend()) {
    constexpr std::size_t kCopies = 2;  // as tensors and as a file
    const int64_t numbers = network.parameters().count();
    host_.resize(static_cast<std::size_t>(numbers) * kCopies * tensors_of(training) *
                 sizeof(float));
    const int64_t count = std::max(data.test.count(), data.validation.count());
    const int64_t mask = data.test.masks().empty() ? 0 : data.test.height() * data.test.width();
    device_.request(images_, {count, data.test.image_size() + mask});
    device_.allocate("the images of an evaluation");
  }

 private:
  std::vector<std::byte> host_;
  Arena device_;
  BasicView<uint8_t> images_;
};

/// What an earlier process wrote into run.json; nothing where that is damaged: it only informs.
RunStatus earlier_status(const std::string& path) {
  try {
    return read_run_status(path);
  } catch (const Error&) {
    return {};
  }
}

Bound bound_of(const Evaluation& evaluation) {
  Bound bound{evaluation.reconstruction, evaluation.kl};
  if (evaluation.nll) bound.weighted = -*evaluation.nll;
  return bound;
}

/// The KL of each layer of latents where there are several.
std::vector<double> of_several_layers(const Evaluation& evaluation) {
  const std::vector<double>& layers = evaluation.kl_per_layer;
  return layers.size() > 1 ? layers : std::vector<double>();
}

EpochRecord make_record(int64_t epoch, int64_t step, const std::optional<Evaluation>& validation,
                        const Evaluation& test) {
  EpochRecord record;
  record.epoch = epoch;
  record.step = step;
  if (validation) record.validation = bound_of(*validation);
  record.test = bound_of(test);
  record.active_units = test.active_units;
  record.kl_per_dimension = test.kl_per_dimension;
  record.kl_per_layer = of_several_layers(test);
  return record;
}

}  // namespace

struct Trainer::Impl {
  Impl(const Config& wanted, const Dataset& dataset, const TrainOptions& opts);

  TrainResult run();
  Model averaged_model() const;
  void start();
  std::optional<Checkpoint> find_checkpoint_to_resume() const;
  void resume(const std::optional<Checkpoint>& checkpoint);
  void take_up_status(const RunStatus& earlier, int64_t after_step);
  void warn_of_other_device(const RunStatus& earlier) const;
  void restore(const Checkpoint& checkpoint);
  void take_up_best(const TrainingState& state);
  void choose_among_old();
  bool measure_old_best();
  void remove_old_best();
  bool train_epochs();
  Command run_epoch();
  void finish_epoch();
  int64_t steps_to_issue() const;
  void renew_images();
  Command after_steps();
  Progress progress(const StepState& state) const;
  void watch_divergence(const StepState& state);
  Metrics train_metrics();
  Evaluation evaluate_on(const ImageSet& images);
  Evaluation log_evaluation(const char* split, const ImageSet& images, Metrics& metrics, bool sync);
  EpochRecord measure(int64_t after_step);
  bool is_better(const EpochRecord& record) const;
  void log_metrics(const Metrics& metrics, bool sync);
  void show_epoch(bool last);
  void show_resumed_epoch();
  void end_run(const std::string& status, const std::string& reason);
  void give_news();
  void give_news_in_time();
  void write_news();
  void write_pictures();
  void require_room_for_pictures() const;
  void save_best(const std::optional<EpochRecord>& before);
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
  Clock::time_point epoch_start = Clock::now(), last_report;
  Clock::time_point run_start = Clock::now();
  double picture_seconds = 0.0;  // of run(), for pictures and reports
  Clock::time_point last_news;   // when the report was written last
  double news_seconds = 0.0;     // that took
  std::set<std::string>
      complaints;               // what attempt_to_write() warned of and did not succeed in since
  int64_t epoch_of_images = 0;  // whose images the device has
  int64_t resumed_batches = 0;  // of this epoch, done before a resume
  StepState reported;           // whose skipped steps were told of
  bool in_streak = false;       // the step read last was skipped
  Progress last_progress;
  TrainResult result;
  std::optional<EpochRecord> best;  // of the best checkpoint on disk, or what is becoming it
  std::optional<EpochRecord> last;  // of the newest epoch
};

Trainer::Impl::Impl(const Config& wanted, const Dataset& dataset, const TrainOptions& opts)
    : config(wanted),
      data(as_trained(dataset, wanted.training)),
      options(opts),
      fingerprint(dataset.fingerprint(wanted.model)) {
  config.data = data.prepared;
  config.data.corrupt = wanted.data.corrupt;
  config.model = dataset.train.fit_fields(config.model);
  require_fields(config.model, data.train, data.name + ": the training images", Reading::targets);
  require_fields(config.model, data.validation, data.name + ": the validation images",
                 Reading::targets);
  require_fields(config.model, data.test, data.name + ": the test images", Reading::targets);
  validate(config);
  VAE_CHECK(data.train.count() > 0 && data.test.count() > 0, "data set ", data.name,
            " needs images for training and for testing; Dataset(name, images) holds some out");
  VAE_CHECK(!options.resume || !options.run_folder.empty(), "resume needs a run_folder");
  if (!options.run_folder.empty()) {
    folder.emplace(options.run_folder, mode_of(options));
    log.emplace(folder->file("metrics.jsonl"));
    rotation.emplace(*folder, [this](const std::string& text) { say(LogLevel::warning, text); });
  }
  // Before anything of the configuration's size is allocated: another may have written it.
  const std::optional<Checkpoint> checkpoint = find_checkpoint_to_resume();
  network_owner = std::make_shared<Model::Impl>(config, options.device, /*training=*/true);
  network_owner->trained_mean = PixelStatistics(data.train).mean();
  if (config.model.has_named_classes()) {
    for (const std::string& name : data.train.label_names()) {
      network_owner->label_names.push_back(class_name(name));
    }
    data.test = network_owner->with_own_labels(data.test);
  }
  model.emplace(network_owner);
  {
    const Headroom headroom(*model->impl().network, data, config.training);
    step = std::make_unique<TrainStep>(*model->impl().network, data.train, config.training);
  }
  for (const auto& doubts : {find_doubts(data), find_doubts(data, config)}) {
    for (const std::string& doubt : doubts) say(LogLevel::warning, doubt);
  }
  if (options.resume) {
    resume(checkpoint);
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

std::optional<Checkpoint> Trainer::Impl::find_checkpoint_to_resume() const {
  if (!options.resume) return std::nullopt;
  const auto warn = [this](const std::string& text) { say(LogLevel::warning, text); };
  std::optional<Checkpoint> checkpoint = newest_valid_checkpoint(folder->path(), warn);
  if (checkpoint) {
    check_resumable(config, checkpoint->config(), *checkpoint->training(), fingerprint, data.name);
  }
  return checkpoint;
}

void Trainer::Impl::resume(const std::optional<Checkpoint>& checkpoint) {
  const auto warn = [this](const std::string& text) { say(LogLevel::warning, text); };
  if (checkpoint) {
    take_up_status(earlier_status(folder->file("run.json")), checkpoint->training()->step.step);
    restore(*checkpoint);
  } else {
    start();
  }
  log->rewind(step->steps_done(), warn);
  visit_metrics(folder->file("metrics.jsonl"), [this](const Metrics& metrics) {
    (metrics.split == "train"        ? result.train
     : metrics.split == "validation" ? result.validation
                                     : result.test) = metrics;
  });
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

/// What an earlier process left in run.json, for a run that goes on after this step.
void Trainer::Impl::take_up_status(const RunStatus& earlier, int64_t after_step) {
  if (earlier.last && earlier.last->step <= after_step) last = earlier.last;
  if (earlier.step == after_step) earlier_seconds = earlier.epoch_seconds;
  warn_of_other_device(earlier);
  if (!earlier.saved_step || *earlier.saved_step <= after_step) return;
  if (has_damaged_checkpoints(folder->path())) return;  // of which was said enough
  say(LogLevel::warning, concat("the checkpoint after step ", *earlier.saved_step,
                                " is gone; the newest one left is of step ", after_step));
}

/// In fp32 all devices compute the same bits.
void Trainer::Impl::warn_of_other_device(const RunStatus& earlier) const {
  const Backend& backend = *model->impl().backend;
  const std::string device = backend.description();
  const std::string_view precision = to_string(backend.precision()), fp32 = "fp32";
  if (earlier.precision.empty() || earlier.device_description == device) return;
  if (earlier.precision == fp32 && precision == fp32) return;
  say(LogLevel::warning,
      concat("the run was made in ", shortened(earlier.precision, 8), " on '",
             shortened(earlier.device_description, 256), "' and goes on in ", precision, " on '",
             device, "': numbers will differ in the last digits"));
}

void Trainer::Impl::restore(const Checkpoint& checkpoint) {
  const TrainingState& state = *checkpoint.training();
  const bool useless = state.best_is_of_the_old_rule && !measure_old_best();
  checkpoint.restore(model->impl().network->parameters());
  step->set_state(state.step);
  step->set_totals(state.totals);
  reported = state.step;
  in_streak = state.step.skipped_in_a_row > 0;
  rotation->resume(step->steps_done());
  state.best_is_of_the_old_rule ? choose_among_old() : take_up_best(state);
  save();  // where the state came from the best checkpoint
  if (useless && !best) remove_old_best();
}

void Trainer::Impl::take_up_best(const TrainingState& state) {
  std::error_code ignored;
  // Without its file the record would keep worse epochs from taking the place.
  if (std::filesystem::exists(best_checkpoint_path(folder->path()), ignored)) best = state.best;
}

/// Earlier versions chose by the test bound at beta 1, within the warm-up, too. What they chose
/// stays in the run, as far as it is a candidate, with what it is worth by today's rule. False for
/// a checkpoint of the warm-up.
bool Trainer::Impl::measure_old_best() {
  const std::string path = best_checkpoint_path(folder->path());
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return true;
  try {
    const Checkpoint old = Checkpoint::read(path);
    if (!old.training()) return true;
    if (!step->warm_up_is_over(old.training()->step.step)) return false;
    old.restore_model(model->impl().network->parameters());
    best = measure(old.training()->step.step);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) throw;
    say(LogLevel::warning, concat("the best checkpoint is not used: ", error.what()));
  }
  return true;
}

/// Between the best checkpoint of an earlier version and the weights at hand, which are restored.
void Trainer::Impl::choose_among_old() {
  const int64_t done = step->steps_done();
  if (done % step->steps_per_epoch() == 0 && step->warm_up_is_over(done)) {
    const EpochRecord record = measure(done);
    if (is_better(record)) save_best(std::exchange(best, record));
  }
}

/// Behind a saved checkpoint of a run that has no candidate yet.
void Trainer::Impl::remove_old_best() {
  const std::string path = best_checkpoint_path(folder->path());
  std::error_code ignored;
  if (std::filesystem::remove(path, ignored)) {
    say(LogLevel::warning, concat(path,
                                  " was chosen within the KL warm-up by an earlier version and is "
                                  "removed; the newest checkpoint stands for the run until an "
                                  "epoch has ended after the warm-up"));
  }
}

TrainResult Trainer::Impl::run() {
  model->impl();  // throws where the model was moved out: it is not trained behind its new owner
  try {
    result.finished = train_epochs();
    result.steps = step->steps_done();
    if (rotation) rotation->require_saved();
    if (best) {
      result.best = BestEpoch{best->epoch, best->step, best->objective(config.training.beta),
                              std::string(best->chosen_on())};
    }
  } catch (const Error& error) {
    end_run(error.code() == ErrorCode::diverged ? "diverged" : "failed", error.what());
    throw;
  } catch (const std::exception& error) {
    end_run("failed", error.what());
    throw;
  }
  end_run(result.finished ? "finished" : "stopped",
          result.finished ? "all epochs are done" : "stopped by the caller");
  return result;
}

Model Trainer::Impl::averaged_model() const {
  VAE_CHECK(config.training.ema > 0.0, "training.ema is 0: there are no averaged weights");
  Parameters& trained = model->impl().network->parameters();
  auto copy = std::make_shared<Model::Impl>(config, options.device, /*training=*/false);
  copy->trained_mean = model->impl().trained_mean;
  copy->label_names = model->impl().label_names;
  Parameters& parameters = copy->network->parameters();
  parameters.upload(parameters.values(), trained.download(trained.averages()));
  return Model(std::move(copy));
}

/// Writes the status and the report, which looks for news until it says how the run ended.
void Trainer::Impl::end_run(const std::string& status, const std::string& reason) {
  write_status(status, reason);
  if (!folder || !options.pictures) return;
  attempt_to_write("the report", [&] { write_report(folder->path()); });
}

/// A sign of life, for the report's readers.
void Trainer::Impl::give_news() {
  if (!folder || !options.pictures) return;
  write_status("running");
  attempt_to_write("the report", [&] {
    last_news = Clock::now();  // also where it fails
    require_room_for_pictures();
    write_news();
  });
}

/// Within a long epoch.
void Trainer::Impl::give_news_in_time() {
  const double distance = std::max(kNewsSeconds, news_seconds / kPictureShare);
  if (seconds_since(last_news) >= distance) give_news();
}

void Trainer::Impl::write_news() {
  last_news = Clock::now();
  write_report(folder->path());
  news_seconds = seconds_since(last_news);
}

/// Whether all epochs are done; false when the callback stopped the training.
bool Trainer::Impl::train_epochs() {
  run_start = Clock::now();
  give_news();
  show_resumed_epoch();
  while (step->steps_done() < step->total_steps()) {
    const Command command = run_epoch();
    const bool end = step->steps_done() % step->steps_per_epoch() == 0;
    if (end) finish_epoch();
    const int64_t every = config.training.checkpoint_every;
    const bool due =
        every == 0 || step->steps_done() % every == 0 || step->steps_done() == step->total_steps();
    if (due || command != Command::proceed) save();
    if (end) show_epoch(command == Command::stop || step->steps_done() == step->total_steps());
    if (command != Command::stop) continue;
    if (!end) {  // run() may be called again
      earlier_seconds += seconds_since(epoch_start);
      epoch_start = Clock::now();
    }
    break;
  }
  return step->steps_done() >= step->total_steps();
}

/// The images of the current epoch, where every epoch has its own.
void Trainer::Impl::renew_images() {
  const int64_t current = step->steps_done() / step->steps_per_epoch();
  if (data.scene_source == nullptr || current == epoch_of_images) return;
  step->replace(data.train_in_epoch(current));
  epoch_of_images = current;
}

/// To the end of the current epoch, or until the callback asks to stop. Saves on the way, but not
/// after the epoch's last step, whose metrics come first. Returns what was asked for last.
Command Trainer::Impl::run_epoch() {
  const int64_t per_epoch = step->steps_per_epoch();
  const int64_t every = config.training.checkpoint_every;
  renew_images();
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
      give_news_in_time();
    }
  }
  last_progress.step = done;
  last_progress.batch = (done - 1) % step->steps_per_epoch() + 1;
  return options.on_step ? options.on_step(last_progress) : Command::proceed;
}

void Trainer::Impl::watch_divergence(const StepState& state) {
  in_streak = state.skipped_in_a_row > 0;
  const uint32_t for_norm = state.skipped_for_norm - reported.skipped_for_norm;
  const uint32_t not_finite = state.skipped - reported.skipped - for_norm;
  if (not_finite > 0) {
    say(LogLevel::warning, concat("step ", state.step, ": loss or gradient is not finite; ",
                                  not_finite, " update(s) skipped"));
  }
  if (for_norm > 0) {
    say(LogLevel::warning,
        concat("step ", state.step, ": gradient norm beyond skip_norm, ", config.training.skip_norm,
               " times the usual ", state.mean_norm, "; ", for_norm, " update(s) skipped"));
  }
  reported = state;
  const int64_t limit = config.training.max_nonfinite_steps;
  if (state.diverged_at == 0 && state.skipped_in_a_row < limit) return;
  const int64_t last = state.diverged_at != 0 ? state.diverged_at : state.step;
  fail(ErrorCode::diverged, "training diverged: from step ", last - limit + 1, " to step ", last,
       " no loss or gradient was finite",
       config.training.skip_norm > 0.0 ? " and of a norm within skip_norm, " : ", ", limit,
       " steps in a row; ", "lower learning_rate, set clip_norm, or warm the KL term up. ",
       rotation && rotation->has_any() ? "The checkpoints from before stand"
                                       : "The weights are those from before");
}

Progress Trainer::Impl::progress(const StepState& state) const {
  const Totals totals = step->totals();
  Progress now;
  now.epoch = epoch();
  now.epochs = config.training.epochs;
  now.batches = step->steps_per_epoch();
  now.loss = state.loss;
  now.skipped_steps = state.skipped;
  const double images = static_cast<double>(std::max<int64_t>(1, totals.images));
  now.elbo = (totals.reconstruction - totals.kl) / images;
  now.importance_samples = config.training.importance_samples;
  now.bound = now.importance_samples > 1 ? totals.bound / images : now.elbo;
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
  std::optional<Evaluation> validation;
  if (data.validation.count() > 0) {
    validation = log_evaluation("validation", data.validation, result.validation, /*sync=*/false);
  }
  const Evaluation test = log_evaluation("test", data.test, result.test, /*sync=*/true);
  earlier_seconds = 0.0;
  last = make_record(epoch(), step->steps_done(), validation, test);
  const bool chosen = step->warm_up_is_over(step->steps_done()) && is_better(*last);
  const std::optional<EpochRecord> before = best;
  if (chosen) best = last;
  if (!folder) return;
  // Log and status come before any checkpoint: what a checkpoint has behind it is complete. The
  // report shows the best epoch from the status.
  write_status("running");
  if (chosen) save_best(before);
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
  metrics.importance_samples = config.training.importance_samples;
  metrics.bound = metrics.importance_samples > 1 ? totals.bound / images : metrics.elbo;
  metrics.beta = state.beta;
  metrics.learning_rate = state.learning_rate;
  metrics.step = step->steps_done();
  metrics.skipped_steps = state.skipped;
  metrics.seconds = earlier_seconds + seconds_since(epoch_start);
  metrics.samples_per_second =
      static_cast<double>(data.train.count()) / std::max(1e-9, metrics.seconds);
  return metrics;
}

/// The bounds of the weights at hand or, where it is kept, of their running mean, and the
/// training's own where that is another.
Evaluation Trainer::Impl::evaluate_on(const ImageSet& images) {
  const AveragedValues averaged(model->impl().network->parameters());
  EvaluateOptions wanted;
  const TrainConfig& training = config.training;
  if (training.importance_samples > 1) wanted.importance_samples = training.importance_samples;
  return evaluate(*model->impl().network, images, wanted, training, training.beta);
}

/// One line of metrics after an epoch.
Evaluation Trainer::Impl::log_evaluation(const char* split, const ImageSet& images,
                                         Metrics& metrics, bool sync) {
  const Clock::time_point start = Clock::now();
  const Evaluation found = evaluate_on(images);
  metrics = result.train;
  metrics.split = split;
  metrics.elbo = found.elbo;
  metrics.reconstruction = found.reconstruction;
  metrics.kl = found.kl;
  metrics.kl_per_layer = of_several_layers(found);
  metrics.bound = found.nll ? -*found.nll : found.elbo;
  metrics.accuracy = found.accuracy;
  metrics.psnr = found.psnr;
  metrics.mean_iou = found.mean_iou;
  metrics.average_precision = found.average_precision;
  metrics.images = found.images;
  metrics.seconds = seconds_since(start);
  metrics.samples_per_second = static_cast<double>(found.images) / std::max(1e-9, metrics.seconds);
  log_metrics(metrics, sync);
  return found;
}

/// The record of the weights at hand, which an epoch ended with after that many steps.
EpochRecord Trainer::Impl::measure(int64_t after_step) {
  std::optional<Evaluation> validation;
  if (data.validation.count() > 0) validation = evaluate_on(data.validation);
  return make_record(after_step / step->steps_per_epoch(), after_step, validation,
                     evaluate_on(data.test));
}

/// By the training objective at its final weight.
bool Trainer::Impl::is_better(const EpochRecord& record) const {
  const double beta = config.training.beta;
  return !best || record.objective(beta) > best->objective(beta);
}

void Trainer::Impl::log_metrics(const Metrics& metrics, bool sync) {
  if (log) {
    attempt_to_write("metrics.jsonl",
                     [&] { log->append(metrics, config.training.binarization, sync); });
  }
  if (options.on_metrics) options.on_metrics(metrics);
}

/// Pictures and report of the epoch just finished. They come after its checkpoints and leave room
/// for the next ones: where space is short, it is they that are missing. The pictures of most
/// epochs are soon replaced; those are only made while they take little of the time.
void Trainer::Impl::show_epoch(bool last) {
  if (!folder || !options.pictures) return;
  const bool in_time = picture_seconds <= kPictureShare * seconds_since(run_start);
  if (!last && !keeps_pictures(epoch()) && !in_time) return;
  const Clock::time_point start = Clock::now();
  write_pictures();
  picture_seconds += seconds_since(start);
}

/// What a process that was killed after the checkpoint of an epoch did not get to.
void Trainer::Impl::show_resumed_epoch() {
  const bool between_epochs = step->steps_done() % step->steps_per_epoch() == 0;
  if (!folder || !options.pictures || step->steps_done() == 0 || !between_epochs) return;
  const bool last = step->steps_done() == step->total_steps();
  if (!last && !keeps_pictures(epoch())) return;
  if (find_pictures(folder->path(), kLastPicture).contains(epoch())) return;
  write_pictures();
}

void Trainer::Impl::write_pictures() {
  attempt_to_write("the pictures", [&] {
    require_room_for_pictures();
    const AveragedValues averaged(model->impl().network->parameters());
    write_epoch_pictures(folder->path(), *model, data, epoch());
    thin_pictures(folder->path(), epoch());
    write_news();
  });
}

/// Throws Error(io) where pictures could take the space of the next checkpoints: of the newest and
/// of the best one, each of which is written before an older one goes.
void Trainer::Impl::require_room_for_pictures() const {
  constexpr std::size_t kCheckpoints = 2;
  if (rotation->is_failing()) fail(ErrorCode::io, "the space is left to checkpoints");
  const std::size_t checkpoint =
      model->parameter_count() * tensors_of(config.training) * sizeof(float);
  const std::size_t wanted = kCheckpoints * checkpoint + kPictureRoom;
  std::error_code unknown;
  const std::filesystem::space_info space = std::filesystem::space(folder->path(), unknown);
  if (unknown || space.available >= wanted) return;
  fail(ErrorCode::io, "only ", mebibytes(space.available), " are free in ", folder->path(), "; ",
       mebibytes(wanted), " are left to the next checkpoints");
}

/// Saves the weights at hand, which `best` describes. Where that fails, those of `before` stand.
void Trainer::Impl::save_best(const std::optional<EpochRecord>& before) {
  bool saved = false;
  try {
    saved = rotation->save_best([this](const std::string& path) { write(path); });
  } catch (...) {
    best = before;
    throw;
  }
  if (saved) return;
  best = before;
  write_status("running");
}

/// run.json tells of the first checkpoint, so that a resume can miss it, and within an epoch of the
/// time spent on it.
void Trainer::Impl::save() {
  if (!folder) return;
  const bool first = !rotation->saved_step();
  rotation->save(step->steps_done(), [this](const std::string& path) { write(path); });
  const bool within_epoch = step->steps_done() % step->steps_per_epoch() != 0;
  if ((first || within_epoch) && rotation->saved_step()) write_status("running");
}

void Trainer::Impl::write(const std::string& path) const {
  const TrainingState state = training_state();
  write_checkpoint(path, model->impl().network->parameters(), config, &state,
                   model->impl().label_names);
}

TrainingState Trainer::Impl::training_state() const {
  TrainingState state;
  state.step = step->state();
  state.totals = step->totals();
  state.steps_per_epoch = static_cast<uint32_t>(step->steps_per_epoch());
  state.best = best;
  state.data_name = data.name;
  state.data_fingerprint = fingerprint;
  state.data_mean = network_owner->trained_mean;
  return state;
}

void Trainer::Impl::write_status(const std::string& status, const std::string& reason) {
  if (!folder) return;
  RunStatus run;
  run.status = status;
  run.reason = reason;
  run.step = step->steps_done();
  run.steps = step->total_steps();
  run.saved_step = rotation->saved_step();
  run.device = model->impl().backend->name();
  run.device_description = model->impl().backend->description();
  run.precision = to_string(model->impl().backend->precision());
  const bool between_epochs = step->steps_done() % step->steps_per_epoch() == 0;
  if (!between_epochs) run.epoch_seconds = earlier_seconds + seconds_since(epoch_start);
  run.data = data.name;
  run.skipped_pictures = data.skipped;
  run.data_fingerprint = fingerprint;
  run.parameters = model->parameter_count();
  run.seed = config.training.seed;
  run.version = build_description();
  run.label_names = model->label_names();
  run.best = best;
  if (!best) run.last = last;
  const std::string text = to_json_text(run, config.training.beta);
  attempt_to_write(
      "run.json", [&] { write_file_atomically(folder->file("run.json"), std::string_view(text)); });
}

/// Warns at the first of several failures in a row.
template <typename Action>
void Trainer::Impl::attempt_to_write(const char* what, Action action) {
  try {
    folder->require_in_place();
    action();
    complaints.erase(what);
  } catch (const std::exception& error) {
    if (complaints.insert(what).second) {
      say(LogLevel::warning,
          concat("cannot write ", what, ": ", error.what(), "; training goes on"));
    }
  }
}

void Trainer::Impl::say(LogLevel level, const std::string& text) const {
  if (!options.log) return;
  std::string line = text;
  std::replace(line.begin(), line.end(), '\n', ' ');  // an error's list
  options.log(level, printable(line));
}

Trainer::Trainer(const Config& config, const Dataset& data, const TrainOptions& options)
    : impl_(with_memory_for("set up the training", [&] {
        const FloatingPointMode mode;  // also for the numbers made here
        return std::make_unique<Impl>(config, data, options);
      })) {}
Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;

Trainer::Impl& Trainer::impl() const {
  VAE_CHECK(impl_ != nullptr, "this vae::Trainer was moved from and holds nothing; use the object ",
            "it was moved to, or assign another trainer to this one");
  return *impl_;
}

TrainResult Trainer::run() {
  const FloatingPointMode mode;
  return with_memory_for("go on with the training", [this] { return impl().run(); });
}
Model& Trainer::model() { return *impl().model; }
Model Trainer::averaged_model() const {
  const FloatingPointMode mode;
  return with_memory_for("copy the model", [this] { return impl().averaged_model(); });
}
const Config& Trainer::config() const { return impl().config; }

Model train(const Config& config, const Dataset& data, const TrainOptions& options) {
  Trainer trainer(config, data, options);
  trainer.run();
  return config.training.ema > 0.0 ? trainer.averaged_model() : std::move(trainer.model());
}

}  // namespace vae
