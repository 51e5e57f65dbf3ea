// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "host/cli/config_difference.h"
#include "host/cli/drawn_images.h"
#include "host/cli/exit_status.h"
#include "host/cli/json_text.h"
#include "host/cli/progress_bar.h"
#include "host/cli/run_name.h"
#include "host/cli/shared_options.h"
#include "host/cli/signals.h"
#include "host/cli/verbs.h"
#include "host/text/shell_quote.h"
#include "vae/doubts.h"
#include "vae/error.h"
#include "vae/trainer.h"

namespace vae::cli {
namespace {

Json metrics_json(const Metrics& metrics) {
  Json json = {{"epoch", metrics.epoch},
               {"elbo", metrics.elbo},
               {"reconstruction", metrics.reconstruction},
               {"kl", metrics.kl},
               {"beta", metrics.beta},
               {"images", metrics.images},
               {"skipped_steps", metrics.skipped_steps},
               {"seconds", metrics.seconds},
               {"samples_per_second", metrics.samples_per_second}};
  if (!metrics.kl_per_layer.empty()) json["kl_per_layer"] = metrics.kl_per_layer;
  if (metrics.importance_samples > 1) {
    json["bound"] = metrics.bound;
    json["importance_samples"] = metrics.importance_samples;
  }
  if (metrics.accuracy) json["accuracy"] = *metrics.accuracy;
  if (metrics.psnr) json["psnr"] = *metrics.psnr;
  if (metrics.mean_iou) json["mean_iou"] = *metrics.mean_iou;
  if (metrics.average_precision) json["average_precision"] = *metrics.average_precision;
  return json;
}

Json best_json(const BestEpoch& best, const std::string& run) {
  return {{"epoch", best.epoch},
          {"step", best.step},
          {"objective", best.objective},
          {"chosen_on", best.chosen_on},
          {"checkpoint", run + "/checkpoints/best.safetensors"}};
}

std::string metrics_line(const Metrics& metrics) {
  const std::string bound =
      metrics.importance_samples > 1
          ? fmt::format("  {} {:.3f}", bound_name(metrics.importance_samples), metrics.bound)
          : std::string();
  const std::string right =
      metrics.mean_iou            ? fmt::format("  mean IoU {:.3f}", *metrics.mean_iou)
      : metrics.accuracy          ? fmt::format("  right {:.2f} %", 100.0 * *metrics.accuracy)
      : metrics.average_precision ? fmt::format("  mAP50 {:.4f}", *metrics.average_precision)
                                  : "";
  const std::string decibels = metrics.psnr ? fmt::format("  PSNR {:.2f} dB", *metrics.psnr) : "";
  return fmt::format("{:<10}{}  elbo {:.3f}  reconstruction {:.3f}  kl {:.3f}{}{}\n", metrics.split,
                     bound, metrics.elbo, metrics.reconstruction, metrics.kl, right, decibels);
}

/// Which checkpoint stands for the run, in lines that fit a narrow terminal.
std::string choice_lines(const TrainResult& result, const TrainConfig& training) {
  if (result.best) {
    return fmt::format(
        "best checkpoint: epoch {}, chosen on the {}\n{:17}{} = {:.3f}\n", result.best->epoch,
        result.best->chosen_on == "test" ? "test set" : "validation images", "",
        training.importance_samples > 1 ? bound_name(training.importance_samples)
                                        : fmt::format("reconstruction - {} kl", training.beta),
        result.best->objective);
  }
  if (result.test.epoch == 0) return {};
  return fmt::format(
      "no best checkpoint: no epoch has ended after the KL warm-up of {} epochs;\n{:20}the newest "
      "stands for the run\n",
      training.kl_warmup_epochs, "");
}

class Train : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  Config resolve(const Dataset& data) const;
  Config resolve_resumed() const;
  void take_image_size(Config& config, const ImageSet& images) const;
  std::string resume_command() const;
  void suggest(const Config& config);
  void try_out(const std::vector<std::string>& commands);
  int describe(const Config& config, const Dataset& data, const DeviceChoice& choice);
  TrainOptions options(const DeviceChoice& choice);
  vae::Command on_step(const Progress& progress);
  void on_metrics(const Metrics& metrics);
  void report(const TrainResult& result, Trainer& trainer, double seconds);

  Terminal terminal_;
  DeviceOptions device_;
  SourceOptions source_;
  DigitsOption digits_;
  ConfigOptions config_;
  std::string data_ = "mnist";
  std::string out_;
  bool resume_ = false, overwrite_ = false, dry_run_ = false, no_pictures_ = false, json_ = false;
  Metrics train_, validation_;  // of the epoch whose test is running
  int64_t epochs_ = 0;
};

void Train::declare(Command& command) {
  command.group("Run");
  command.text("--data", "mnist|PATH", data_, kDataHelp);
  source_.declare(command);
  digits_.declare(command);
  command.text("--out", "RUN", out_, "run folder to write [a new one, runs/NAME-DATE]");
  command.flag("--resume", resume_, "go on from the newest good checkpoint of RUN");
  command.flag("--overwrite", overwrite_, "delete an earlier run in RUN first");
  command.flag("--dry-run", dry_run_, "check everything, print the configuration, train nothing");
  command.flag("--no-pictures", no_pictures_, "write no images/ and no report.html");
  command.flag("--json", json_, "print the summary as JSON");
  terminal_.declare(command, true);
  device_.declare(command, /*with_precision=*/false);
  config_.declare(command);
  command.examples(
      "  vae train --data mnist --epochs 10 --batch-size 128 --seed 1 --out runs/first\n"
      "  vae train --data photos/ --size 64 --out runs/photos\n"
      "  vae train --preset tutorial --latent 2 --out runs/plane\n"
      "  vae train --out runs/first --resume --epochs 20\n"
      "  vae train --config runs/first/config.json --beta 4 --out runs/beta4\n"
      "\n"
      "Ctrl-C finishes the step, saves and stops with status 130; --resume goes on\n"
      "from there. SIGUSR1 saves a checkpoint at once.");
}

int Train::run() {
  watch_signals();
  if (out_.empty() && (resume_ || overwrite_)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("vae train: {} needs --out: name the run folder",
                            resume_ ? "--resume" : "--overwrite"));
  }
  if (resume_ && overwrite_) {
    throw Error(ErrorCode::invalid_argument,
                "vae train: --resume and --overwrite exclude each "
                "other: one keeps the run, the other deletes it");
  }
  const Config asked = resume_ ? resolve_resumed() : config_.resolve({});
  validate_before_data(asked);
  digits_.check(asked.data);
  const DeviceChoice choice = device_.choose(terminal_, asked.training.precision);
  const Dataset data = digits_.load(data_, source_.load_options(asked.data, terminal_),
                                    asked.training.seed, choice.device, terminal_);
  const Config config = resolve(data);
  if (dry_run_) return describe(config, data, choice);

  if (out_.empty()) {
    out_ = make_run_folder(data_, config_.preset_name());
    terminal_.info("run: " + out_);
  }
  stop_when_asked();
  const auto start = std::chrono::steady_clock::now();
  Trainer trainer(config, data, options(choice));
  const TrainResult result = trainer.run();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  terminal_.clear();
  report(result, trainer, seconds.count());
  if (stop_signal() == 0) {
    suggest(config);
    return kSuccess;
  }
  terminal_.info(fmt::format(
      "stopped by signal {} after step {}; the state is saved, this goes on:", stop_signal(),
      result.steps));
  terminal_.info("  " + resume_command());
  return 128 + stop_signal();
}

/// Goes on from here where it is typed as it is. The run keeps its configuration itself.
std::string Train::resume_command() const {
  const auto value = [](const std::string& text) {
    return (text.rfind('-', 0) == 0 ? "=" : " ") + shell_quoted(text);
  };
  std::string text = program_name() + " train";
  if (data_ != "mnist") text += " --data" + value(data_);
  text +=
      " --out" + value(out_) + " --resume" + source_.words() + digits_.words() + device_.words();
  if (no_pictures_) text += " --no-pictures";
  if (json_) text += " --json";
  if (terminal_.quiet()) text += " --quiet";
  return text;
}

/// What to do next; works where it is typed as it is.
void Train::suggest(const Config& config) {
  if (json_) return;
  const std::string run = shell_quoted_path(out_);
  const std::string data =
      (data_ == "mnist" ? "" : " --data " + shell_quoted_path(data_)) + source_.words();
  const ModelConfig& model = config.model;
  std::vector<std::string> commands = {"eval " + run + data};
  if (model.has_class_target()) {
    commands.push_back(
        model.target == Target::mask ? "segment " + run + data + " --samples 4 --out segments.png"
        : model.target == Target::boxes ? "detect " + run + data + " --out boxes.png"
                                        : "reconstruct " + run + data + " --out p.npy");
    commands.push_back("map " + run + data + " --out map.png");
    return try_out(commands);
  }
  if (config.data.corrupt.kind == CorruptionKind::frames) {
    commands.push_back("predict " + run + data + " --out predicted.gif");
    return try_out(commands);
  }
  if (config.data.corrupt.kind != CorruptionKind::none) {
    commands.push_back("restore " + run + data + " --samples 2 --out restored.png");
    return try_out(commands);
  }
  if (model.condition == Condition::label && !model.decodes_with_image()) {
    commands.push_back("sample " + run + " --label all --out samples.png");
  } else if (model.condition == Condition::none && !model.decodes_with_image()) {
    commands.push_back("sample " + run + " --count 64 --out samples.png");
  }
  commands.push_back(model.condition != Condition::none || model.decodes_with_image()
                         ? "reconstruct " + run + data + " --out reconstructions.png"
                     : config.model.latent == 2
                         ? "manifold " + run + " --out manifold.png"
                         : "traverse " + run + data + " --out traversal.gif");
  try_out(commands);
}

void Train::try_out(const std::vector<std::string>& commands) {
  terminal_.info("try:");
  for (const std::string& words : commands) {
    terminal_.info(fmt::format("  {} {}", program_name(), words));
  }
}

/// The configuration of the run with the flags over it; only epochs and precision may differ.
Config Train::resolve_resumed() const {
  const Config stored = load_run_config(out_);
  Config wanted = config_.resolve(stored);
  if (config_.has_base()) {  // a preset or file says nothing of the data
    if (!config_.has_key("height")) wanted.model.height = stored.model.height;
    if (!config_.has_key("width")) wanted.model.width = stored.model.width;
    if (!config_.has_key("channels")) wanted.model.channels = stored.model.channels;
  }
  if (wanted.model.condition == stored.model.condition) {
    if (wanted.model.classes == 0) wanted.model.classes = stored.model.classes;
    if (wanted.model.side_size == 0) wanted.model.side_size = stored.model.side_size;
  }
  if (wanted.model.target == stored.model.target && wanted.model.target_classes == 0) {
    wanted.model.target_classes = stored.model.target_classes;
  }
  require_resumable(stored, wanted, out_);
  return wanted;
}

Config Train::resolve(const Dataset& data) const {
  if (resume_) {
    const Config config = resolve_resumed();
    require_image_size(config.model, data.train, fmt::format("--data {}", data_));
    return config;
  }
  Config config = config_.resolve({});
  take_image_size(config, data.train);
  config.model = data.train.fit_fields(config.model);
  require_condition(config.model, data.train, fmt::format("--data {}", data_));
  require_target(config.model, data.train, fmt::format("--data {}", data_));
  const Corruption corrupt = config.data.corrupt;
  config.data = data.prepared;
  config.data.corrupt = corrupt;
  validate(config);
  return config;
}

/// The images decide; a flag that says otherwise is a mistake.
void Train::take_image_size(Config& config, const ImageSet& images) const {
  if (config_.has_key("height") || config_.has_key("width") || config_.has_key("channels")) {
    ModelConfig asked = config.model;
    if (!config_.has_key("height")) asked.height = images.height();
    if (!config_.has_key("width")) asked.width = images.width();
    if (!config_.has_key("channels")) asked.channels = images.channels();
    if (asked.height != images.height() || asked.width != images.width() ||
        asked.channels != images.channels()) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--height, --width and --channels ask for {}x{}x{}, but the images "
                              "of --data {} are {}x{}x{}; leave the options out, the data decide",
                              asked.height, asked.width, asked.channels, data_, images.height(),
                              images.width(), images.channels()));
    }
  }
  config.model.height = images.height();
  config.model.width = images.width();
  config.model.channels = images.channels();
}

int Train::describe(const Config& config, const Dataset& loaded, const DeviceChoice& choice) {
  const double share = config.training.validation;
  const Dataset data = share > 0.0 ? loaded.with_validation(share) : loaded;
  const std::string validation =
      share > 0.0 ? fmt::format(", {} validation", data.validation.count()) : "";
  const Model model(config.model, choice.device, config.training.seed);
  for (const auto& doubts : {find_doubts(data), find_doubts(data, config)}) {
    for (const std::string& doubt : doubts) terminal_.warning(doubt);
  }
  const int64_t batch = config.training.batch_size;
  terminal_.info(
      fmt::format("data: {}, {} training{} and {} test images of {}x{}x{}; {} parameters; {} steps "
                  "an epoch on {}",
                  data.name, data.train.count(), validation, data.test.count(), data.train.height(),
                  data.train.width(), data.train.channels(), model.parameter_count(),
                  (data.train.count() + batch - 1) / batch, choice.name));
  write_stdout(config_to_json(config));
  return kSuccess;
}

TrainOptions Train::options(const DeviceChoice& choice) {
  TrainOptions options;
  options.run_folder = out_;
  options.resume = resume_;
  options.overwrite = overwrite_;
  options.pictures = !no_pictures_;
  options.device = choice.device;
  options.on_step = [this](const Progress& progress) { return on_step(progress); };
  options.on_metrics = [this](const Metrics& metrics) { on_metrics(metrics); };
  options.log = terminal_.log();
  return options;
}

vae::Command Train::on_step(const Progress& progress) {
  epochs_ = progress.epochs;
  if (terminal_.due()) {
    terminal_.update(progress_line(progress, Terminal::columns(), Terminal::colours()));
  }
  if (stop_signal() != 0) return vae::Command::stop;
  return take_checkpoint_request() ? vae::Command::checkpoint : vae::Command::proceed;
}

/// One line per epoch, when all of its lines of metrics are there.
void Train::on_metrics(const Metrics& metrics) {
  if (metrics.split != "test") {
    (metrics.split == "train" ? train_ : validation_) = metrics;
    return;
  }
  const bool validated = validation_.epoch == metrics.epoch;
  terminal_.info(epoch_line(epochs_, train_, validated ? &validation_ : nullptr, metrics));
}

void Train::report(const TrainResult& result, Trainer& trainer, double seconds) {
  if (json_) {
    Json json = {{"run", out_},
                 {"finished", result.finished},
                 {"steps", result.steps},
                 {"epochs", trainer.config().training.epochs},
                 {"parameters", trainer.model().parameter_count()},
                 {"binarization", to_string(trainer.config().training.binarization)},
                 {"device", trainer.model().device_name()},
                 {"seconds", seconds},
                 {"train", nullptr},
                 {"validation", nullptr},
                 {"test", nullptr},
                 {"best", nullptr}};
    if (result.train.epoch > 0) json["train"] = metrics_json(result.train);
    if (result.validation.epoch > 0) json["validation"] = metrics_json(result.validation);
    if (result.test.epoch > 0) json["test"] = metrics_json(result.test);
    if (result.best) json["best"] = best_json(*result.best, out_);
    write_stdout(json_text(json));
    return;
  }
  if (terminal_.quiet()) return;
  std::string text =
      fmt::format("{}: {} steps in {}\n", out_, result.steps, duration_text(seconds));
  if (result.train.epoch > 0) text += metrics_line(result.train);
  if (result.validation.epoch > 0) text += metrics_line(result.validation);
  if (result.test.epoch > 0) text += metrics_line(result.test);
  text += choice_lines(result, trainer.config().training);
  std::error_code ignored;  // a full disk may have kept it from being written
  const std::string page = out_ + "/report.html";
  if (!no_pictures_ && std::filesystem::exists(page, ignored)) text += "look at " + page + "\n";
  write_stdout(text);
}

}  // namespace

std::unique_ptr<Verb> make_train() { return std::make_unique<Train>(); }

}  // namespace vae::cli
