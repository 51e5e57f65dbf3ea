// SPDX-License-Identifier: MIT
#include "host/cli/shared_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/cli/files.h"
#include "host/cli/json_text.h"
#include "host/text/shell_quote.h"
#include "vae/doubts.h"
#include "vae/error.h"

namespace vae::cli {
namespace {

/// A value of the configuration as its flag takes it.
std::string flag_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& number : value) text += (text.empty() ? "" : ",") + number.dump();
  return text.empty() ? "none" : text;
}

/// "checkpoint: runs/first/checkpoints/best.safetensors, epoch 10, chosen on the test set"
std::string checkpoint_text(const CheckpointInfo& checkpoint) {
  std::string text = "checkpoint: " + checkpoint.file;
  if (!checkpoint.step) return text + ", weights only";
  if (checkpoint.epoch) text += fmt::format(", epoch {}", *checkpoint.epoch);
  if (!checkpoint.epoch || checkpoint.chosen_on.empty()) {
    text += fmt::format(", step {}", *checkpoint.step);
  }
  if (!checkpoint.reason.empty()) text += ", " + checkpoint.reason;
  return checkpoint.averaged ? text + "; averaged weights" : text;
}

/// A machine without a driver is no fault, so its line is short; the advice is in `vae doctor`.
std::string short_reason(const DeviceChoice& choice) {
  return cuda_info().driver.empty() ? choice.reason.substr(0, choice.reason.find(';'))
                                    : choice.reason;
}

}  // namespace

void DeviceOptions::declare(Command& command, bool with_precision) {
  command.group("Device");
  command.text("--device", "auto|cpu|cuda[:N]", device_, "where to compute");
  command.integer("--threads", threads_, 0, 1024,
                  "CPU threads; 0: all this process may use (affinity, cgroup quota)");
  command.word("--cpu-isa", isa_, {"baseline", "avx2", "avx512"},
               "pin the instruction set; the numbers are the same with each");
  if (!with_precision) return;
  command.word("--precision", precision_, {"auto", "fp32", "tf32", "bf16"},
               "of matrix products on a GPU; auto: tf32 where the card has it");
}

DeviceChoice DeviceOptions::choose(Terminal& terminal, Precision configured) const {
  Device wanted = Device::parse(device_);
  wanted.threads = static_cast<int>(threads_);
  wanted.cpu_isa = isa_;
  wanted.precision = precision_from_string(precision_);
  if (wanted.precision == Precision::automatic) wanted.precision = configured;
  DeviceChoice choice = choose_device(wanted);
  if (wanted.kind == DeviceKind::automatic) {
    terminal.info(fmt::format("device: {} ({})", choice.name, short_reason(choice)));
  }
  return choice;
}

std::string DeviceOptions::words() const {
  std::string text;
  if (device_ != "auto") text += " --device " + shell_quoted(device_);
  if (threads_ != 0) text += fmt::format(" --threads {}", threads_);
  if (!isa_.empty()) text += " --cpu-isa " + isa_;
  if (precision_ != "auto") text += " --precision " + precision_;
  return text;
}

void ModelOptions::declare(Command& command) {
  command.required_text("RUN", "RUN", path_, "run folder (its best checkpoint) or checkpoint file");
  device_.declare(command);
}

Model ModelOptions::load(Terminal& terminal, Precision otherwise) {
  require_input(path_);
  chosen_ = device_.choose(terminal, otherwise).device;
  Model model = Model::load(path_, chosen_);
  terminal.info(checkpoint_text(*model.checkpoint()));
  return model;
}

void DataOptions::declare(Command& command, bool with_limit) {
  command.group("Data");
  command.argument({"--data", "mnist|PATH", std::string(kDataHelp) + " [mnist]",
                    [this](const std::string& text) {
                      where_ = text;
                      given_ = true;
                    },
                    false, false, "mnist|PATH"});
  command.word("--split", split_, {"train", "validation", "test"},
               "which images; train and validation as the run had them");
  if (with_limit) {
    command.integer("--limit", limit_, 0, INT64_MAX, "only the first N images; 0: all");
  }
  source_.declare(command);
  config_.declare_section(command, "data");
}

LoadOptions DataOptions::load_options(Model& model, Terminal& terminal) const {
  const Config config = config_.resolve(model.run_config());
  Config checked;  // whose model says nothing of images that are read as they are
  checked.data = config.data;
  validate_before_data(checked);
  model.set_corruption(config.data.corrupt);
  return source_.load_options(config.data, terminal);
}

Dataset DataOptions::load_all(Model& model, Terminal& terminal) const {
  Dataset data = Dataset::load(where_, load_options(model, terminal));
  const double validation = model.run_config().training.validation;
  return validation > 0.0 ? data.with_validation(validation) : data;
}

bool DataOptions::says_uncorrupted() const {
  return config_.has_key("corrupt") && config_.resolve({}).data.corrupt == Corruption();
}

ImageSet DataOptions::load(Model& model, Terminal& terminal) const {
  return choose(model, load_all(model, terminal), terminal);
}

const ImageSet& DataOptions::split_of(const Model& model, const Dataset& data) const {
  if (split_ == "validation" && model.run_config().training.validation == 0.0) {
    throw Error(ErrorCode::invalid_argument,
                "--split validation: the model was trained without --validation, so no images were "
                "set aside; choose train or test");
  }
  const ImageSet& images = split_ == "train"        ? data.train
                           : split_ == "validation" ? data.validation
                                                    : data.test;
  if (images.count() == 0) {
    throw Error(ErrorCode::corrupt, fmt::format("--data {}: the {} set is empty", where_, split_));
  }
  return images;
}

ImageSet DataOptions::choose(const Model& model, const Dataset& data, Terminal& terminal) const {
  const ImageSet& images = split_of(model, data);
  require_image_size(model.config(), images, fmt::format("--data {}", where_));
  require_condition(model.config(), images, fmt::format("--data {}: the {} set", where_, split_));
  warn_of_doubts(images, model, terminal);
  return limit_ > 0 ? images.slice(0, std::min(limit_, images.count())) : images;
}

ImageSet DataOptions::load_clips(Model& model, Terminal& terminal, int64_t frames,
                                 int64_t count) const {
  LoadOptions options = load_options(model, terminal);
  SceneConfig& scene = options.data.scene;
  if (scene.frames == 0) return load(model, terminal);
  scene.frames = frames;
  const bool of_test = split_ == "test";
  if (of_test) scene.count = scene.count > 0 ? std::min(scene.count, count) : count;
  Dataset data = Dataset::load(where_, options);
  // Which images were set aside depends on how many there were.
  const double validation = model.run_config().training.validation;
  if (!of_test && validation > 0.0) data = data.with_validation(validation);
  ImageSet clips = split_of(model, data);
  warn_of_doubts(clips, model, terminal);
  return clips.slice(0, std::min(count, clips.count()));
}

bool DataOptions::makes_scenes(const Model& model) const {
  return config_.resolve(model.run_config()).data.scene != SceneConfig();
}

ImageSet DataOptions::load_pictures(const std::string& path, Model& model,
                                    Terminal& terminal) const {
  LoadOptions options = load_options(model, terminal);
  if (!config_.has_key("scene")) options.data.scene = {};
  ImageSet images = load_images(path, model.config(), options);
  warn_of_doubts(images, model, terminal);
  return images;
}

ImageSet DataOptions::load_other(const std::string& path, Model& model, Terminal& terminal) const {
  LoadOptions options = load_options(model, terminal);
  if (!config_.has_key("scene")) options.data.scene = {};
  options.side_vectors = options.masks = options.boxes = "";  // those of --data
  const ImageSet images = load_test_images(path, model.config(), options);
  return limit_ > 0 ? images.slice(0, std::min(limit_, images.count())) : images;
}

void InputOptions::declare(Command& command, const std::string& otherwise) {
  command.word("--binarization", binarization_, {"none", "static", "dynamic", "threshold"},
               fmt::format("how pixels become the model's input; default: {}", otherwise));
  command.seed(seed_, "the run's", "key of the random numbers drawn");
}

std::optional<Binarization> InputOptions::binarization() const {
  if (binarization_.empty()) return {};
  return binarization_from_string(binarization_);
}

void SourceOptions::declare(Command& command) {
  command.flag("--skip-bad", skip_bad_, "leave out pictures that cannot be read, and count them");
  command.text("--side-vectors", "FILE.npy", side_vectors_,
               "for --condition side: a vector of each image [n, S], training images before test "
               "images");
  command.text(
      "--masks", "FILE.npy|FOLDER", masks_,
      "for --target mask: classes [n, height, width], or PNG files named like the pictures, "
      "a grey level each class");
  command.text("--boxes", "FILE.json", boxes_,
               "for --target boxes: what is in the pictures of a folder, in COCO's format for "
               "instances");
}

std::string SourceOptions::words() const {
  std::string text = skip_bad_ ? " --skip-bad" : "";
  if (!side_vectors_.empty()) text += " --side-vectors " + shell_quoted_path(side_vectors_);
  if (!masks_.empty()) text += " --masks " + shell_quoted_path(masks_);
  if (!boxes_.empty()) text += " --boxes " + shell_quoted_path(boxes_);
  return text;
}

LoadOptions SourceOptions::load_options(const DataConfig& data, Terminal& terminal) const {
  return {data, skip_bad_, command_line(), terminal.log(), side_vectors_, masks_, boxes_};
}

void ConfigOptions::declare(Command& command, const std::vector<std::string_view>& without) {
  command.group("Configuration");
  command.argument({"--preset", "NAME",
                    fmt::format("{}; [{}], whose values stand in brackets below",
                                fmt::join(preset_names(), ", "), preset_names().front()),
                    [this](const std::string& text) { preset_ = text; }, false, false,
                    fmt::format("{}", fmt::join(preset_names(), "|"))});
  command.text("--config", "FILE", file_,
               "JSON file with any of the keys below; flags win over it");
  for (const ConfigKey& key : config_keys()) {
    if (std::find(without.begin(), without.end(), key.name) == without.end()) {
      declare_key(command, key);
    }
  }
}

void ConfigOptions::declare_section(Command& command, std::string_view section) {
  for (const ConfigKey& key : config_keys()) {
    if (key.section == section) declare_key(command, key);
  }
}

void ConfigOptions::declare_key(Command& command, const ConfigKey& key) {
  command.group(key.section == "model" ? "Model" : key.section == "training" ? "Training" : "Data");
  const bool is_switch = key.choices == "true|false";
  const std::string help = fmt::format("{} ({}) [{}]", key.help, key.choices,
                                       flag_text(Json::parse(config_value({}, key))));
  const auto set = [this, &key](const std::string& text) {
    Config scratch;
    set_config_value(scratch, key.name, text);  // refuse it now
    values_.emplace_back(key.name, text);
  };
  command.argument({std::string(key.flag), std::string(key.placeholder), help, set, false,
                    is_switch, std::string(key.choices)});
}

bool ConfigOptions::has_key(std::string_view name) const {
  return std::any_of(values_.begin(), values_.end(),
                     [&](const auto& value) { return value.first == name; });
}

Config ConfigOptions::resolve(const Config& base) const {
  Config config = base;
  if (has_base()) config = preset_.empty() ? Config() : preset(preset_);
  if (!file_.empty()) {
    const std::string text = read_text_file(file_);
    config = config_from_json(text, config, file_);
    if (!preset_.empty() && names_preset(text)) {  // which would silently win over the flag
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--preset {} and {} both name a preset; give one", preset_, file_));
    }
  }
  for (const auto& [name, text] : values_) set_config_value(config, name, text);
  return config;
}

void warn_of_doubts(const ImageSet& images, const Model& model, Terminal& terminal) {
  for (const std::string& doubt : find_doubts(images, model)) terminal.warning(doubt);
}

void require_target(const ModelConfig& model, const ImageSet& images, const std::string& where) {
  if (model.target == Target::label && images.labels().empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} has no labels, which are the target (--target label); choose data "
                            "with labels",
                            where));
  }
  if (model.target == Target::boxes && !images.has_boxes()) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("{} has no boxes, which are the target (--target boxes); give them with "
                    "--boxes, or make scenes of images of one thing each with --scene",
                    where));
  }
  if (model.target == Target::mask && images.masks().empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} has no masks, which are the target (--target mask); give them with "
                            "--masks",
                            where));
  }
}

void require_condition(const ModelConfig& model, const ImageSet& images, const std::string& where) {
  if (model.condition == Condition::label && images.labels().empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} has no labels, which the model is told (--condition label); choose "
                            "data with labels",
                            where));
  }
  if (model.condition == Condition::side && images.side_size() == 0) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} has no side vectors, which the model is told (--condition side); "
                            "give them with --side-vectors",
                            where));
  }
}

void require_image_target(const Model& model, const char* verb) {
  if (!model.config().has_class_target()) return;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("vae {} draws what a model decodes, and this one decodes no images but "
                  "classes (--target {}): {} tells those of images, `vae eval` how many are "
                  "right",
                  verb, to_string(model.config().target),
                  model.config().target == Target::boxes ? "`vae detect`" : "`vae reconstruct`"));
}

void require_image_size(const ModelConfig& model, const ImageSet& images,
                        const std::string& where) {
  if (images.height() == model.height && images.width() == model.width &&
      images.channels() == model.channels) {
    return;
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("{}: the images are {}x{}x{} (height, width, channels) but the model "
                          "takes {}x{}x{}; choose the data set it was trained on with --data",
                          where, images.height(), images.width(), images.channels(), model.height,
                          model.width, model.channels));
}

}  // namespace vae::cli
