// SPDX-License-Identifier: MIT
#include "host/model/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "host/io/atomic_file.h"
#include "host/io/json.h"
#include "host/io/json_writer.h"
#include "host/io/run_folder.h"
#include "host/model/network.h"
#include "host/model/records.h"
#include "host/text/shell_quote.h"
#include "kernels/check.h"
#include "vae/version.h"

namespace vae {

namespace {

using nlohmann::json;

constexpr int64_t kFormatVersion = 1;
constexpr const char* kFormatKey = "vae_format";
constexpr const char* kFirstMoment = "adam.first_moment.";
constexpr const char* kSecondMoment = "adam.second_moment.";
constexpr const char* kAverage = "ema.";

std::vector<int64_t> sizes_of(const Shape& shape) {
  std::vector<int64_t> sizes;
  for (int axis = 0; axis < shape.rank(); ++axis) sizes.push_back(shape[axis]);
  return sizes;
}

std::string to_text(const std::vector<int64_t>& sizes) {
  std::string text = "[";
  for (const int64_t size : sizes) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::string to_json_text(const TrainingState& state, const TrainConfig& training) {
  JsonWriter json(JsonWriter::Order::by_key);
  json.member("step", state.step.step)
      .member("updates", state.step.updates)
      .member("skipped", state.step.skipped)
      .member("skipped_in_a_row", state.step.skipped_in_a_row)
      .member("epoch_reconstruction", state.totals.reconstruction)
      .member("epoch_kl", state.totals.kl)
      .member("epoch_squared_elbo", state.totals.squared_elbo)
      .member("epoch_images", state.totals.images)
      .member("steps_per_epoch", state.steps_per_epoch)
      .member("data_name", state.data_name)
      .member("data_fingerprint", state.data_fingerprint);
  if (training.importance_samples > 1) json.member("epoch_bound", state.totals.bound);
  if (state.data_mean) json.member("data_mean", *state.data_mean);
  if (training.skip_norm > 0.0) {
    json.member("mean_norm", state.step.mean_norm)
        .member("skipped_for_norm", state.step.skipped_for_norm);
  }
  if (state.best) write_member(json, "best", *state.best, training.beta);
  return json.text();
}

/// A member of the training document, or Error(corrupt) naming it.
template <typename T>
T member(const json& document, const char* key, const std::string& origin) {
  const auto found = document.find(key);
  const bool fits =
      found != document.end() && (std::is_same_v<T, std::string> ? found->is_string()
                                  : std::is_same_v<T, double>    ? found->is_number()
                                                                 : found->is_number_unsigned());
  if (!fits || (std::is_same_v<T, uint32_t> && found->get<uint64_t>() > 0xffffffffu)) {
    fail(ErrorCode::corrupt, origin, ": the training state lacks a valid \"", key,
         "\"; the checkpoint cannot be resumed");
  }
  return found->get<T>();
}

TrainingState training_from_json(const json& document, const TrainConfig& training,
                                 const std::string& origin) {
  TrainingState state;
  state.step.step = member<uint32_t>(document, "step", origin);
  state.step.updates = member<uint32_t>(document, "updates", origin);
  state.step.skipped = member<uint32_t>(document, "skipped", origin);
  state.step.skipped_in_a_row = member<uint32_t>(document, "skipped_in_a_row", origin);
  state.totals.reconstruction = member<double>(document, "epoch_reconstruction", origin);
  state.totals.kl = member<double>(document, "epoch_kl", origin);
  state.totals.squared_elbo = member<double>(document, "epoch_squared_elbo", origin);
  state.totals.images = static_cast<int64_t>(member<uint64_t>(document, "epoch_images", origin));
  if (document.contains("epoch_bound")) {
    state.totals.bound = member<double>(document, "epoch_bound", origin);
  }
  if (training.skip_norm > 0.0) {
    state.step.mean_norm = member<double>(document, "mean_norm", origin);
    state.step.skipped_for_norm = member<uint32_t>(document, "skipped_for_norm", origin);
  }
  state.data_name = member<std::string>(document, "data_name", origin);
  state.data_fingerprint = member<std::string>(document, "data_fingerprint", origin);
  if (document.contains("data_mean")) {
    state.data_mean = member<double>(document, "data_mean", origin);
  }
  if (document.contains("steps_per_epoch")) {
    state.steps_per_epoch = member<uint32_t>(document, "steps_per_epoch", origin);
  }
  if (document.contains("best"))
    state.best = epoch_record_from_json(document.at("best"), origin + ", \"best\"");
  state.best_is_of_the_old_rule = !state.best && document.contains("best_elbo");
  return state;
}

std::string metadata_entry(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) {
    fail(ErrorCode::corrupt, file.origin,
         ": not a checkpoint of this program: its metadata has no \"", key,
         "\"; give a file written by vae train, or import weights with vae import and --config");
  }
  return found->second;
}

constexpr const char* kLabelNamesKey = "label_names";

/// {"0": "cat", "1": "dog"}
std::string label_names_text(const std::vector<std::string>& names, int64_t classes) {
  JsonWriter json;
  const int64_t count = std::min(std::ssize(names), classes);
  for (int64_t i = 0; i < count; ++i) {
    json.member(std::to_string(i), class_name(names[static_cast<std::size_t>(i)]));
  }
  return json.text();
}

/// They are others' words: made printable, and no longer than a line.
std::vector<std::string> label_names_of(const SafetensorsFile& file, const ModelConfig& model) {
  if (!model.has_named_classes() || !file.metadata.contains(kLabelNamesKey)) return {};
  const JsonDocument parsed = parse_json(metadata_entry(file, kLabelNamesKey), file.origin);
  const json& document = *parsed;
  const bool fits = document.is_object() && std::ssize(document) <= model.label_classes();
  std::vector<std::string> names;
  for (std::size_t i = 0; fits && i < document.size(); ++i) {
    const auto found = document.find(std::to_string(i));
    if (found == document.end() || !found->is_string()) break;
    names.push_back(class_name(found->get_ref<const std::string&>()));
  }
  if (!fits || names.size() != document.size()) {
    fail(ErrorCode::corrupt, file.origin, ": \"", kLabelNamesKey, "\" should name up to ",
         model.label_classes(), " classes by their numbers from 0 on");
  }
  return names;
}

/// The format's number comes first: a newer file may differ in everything else.
void check_version(const SafetensorsFile& file) {
  const std::string text = metadata_entry(file, kFormatKey);
  int64_t found = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), found);
  const bool number = error == std::errc() && end == text.data() + text.size() && found >= 1;
  if (!number) {
    fail(ErrorCode::corrupt, file.origin, ": \"", kFormatKey, "\" should be a number, found \"",
         shortened(text), "\"");
  }
  if (found == kFormatVersion) return;
  fail(ErrorCode::unsupported,
       concat(file.origin, ": checkpoint format ", found, " is ",
              found > kFormatVersion ? "newer" : "older", " than this build reads (",
              kFormatVersion, "); use the version of vae that wrote it",
              file.metadata.contains("vae_version")
                  ? ", " + shortened(file.metadata.at("vae_version"), 32)
                  : std::string()));
}

void check_finite(const SafetensorsFile& file) {
  for (const SafetensorsTensor& tensor : file.tensors) {
    if (tensor.type != TensorType::f32) continue;
    const std::vector<float> numbers = file.values<float>(tensor.name);
    const auto bad = std::find_if(numbers.begin(), numbers.end(),
                                  [](float number) { return !std::isfinite(number); });
    if (bad != numbers.end()) {
      fail(ErrorCode::corrupt, file.origin, ": tensor ", shortened(tensor.name),
           " holds a number that is not finite at index ", bad - numbers.begin(),
           "; use an earlier checkpoint");
    }
  }
}

bool is_moment(const std::string& name) {
  return name.starts_with(kFirstMoment) || name.starts_with(kSecondMoment);
}

/// Tensors of a model by name.
using Views = std::map<std::string, View>;

/// Where the tensors of a training's file go.
Views destinations(const Parameters& parameters) {
  Views views;
  for (const Parameter& parameter : parameters.all()) {
    views[parameter.spec.name] = parameter.value;
    views[kFirstMoment + parameter.spec.name] = parameter.first_moment;
    views[kSecondMoment + parameter.spec.name] = parameter.second_moment;
    if (parameter.average) views[kAverage + parameter.spec.name] = parameter.average;
  }
  return views;
}

using Shapes = std::map<std::string, std::vector<int64_t>>;

/// The tensors of a file that has these kinds of them.
Shapes expected_shapes(const std::vector<ParameterSpec>& specs, bool moments, bool averages) {
  Shapes shapes;
  for (const ParameterSpec& spec : specs) {
    const std::vector<int64_t> shape = sizes_of(spec.shape);
    shapes[spec.name] = shape;
    if (moments) shapes[kFirstMoment + spec.name] = shapes[kSecondMoment + spec.name] = shape;
    if (averages) shapes[kAverage + spec.name] = shape;
  }
  return shapes;
}

/// One line for each tensor that is missing, different or too much, up to a number that can be
/// read; empty when there is none.
std::string differences(const SafetensorsFile& file, const Shapes& expected, bool moments) {
  constexpr std::size_t kMostLines = 40;
  std::vector<std::string> lines;
  for (const auto& [name, shape] : expected) {
    const SafetensorsTensor* tensor = file.find(name);
    const std::string wanted = name + ": expected F32 " + to_text(shape);
    if (tensor == nullptr) {
      lines.push_back(wanted + ", missing in the file");
    } else if (tensor->type != TensorType::f32 || tensor->shape != shape) {
      lines.push_back(
          concat(wanted, ", found ", to_string(tensor->type), " ", to_text(tensor->shape)));
    }
  }
  for (const SafetensorsTensor& tensor : file.tensors) {
    if (expected.contains(tensor.name) || (!moments && is_moment(tensor.name))) continue;
    lines.push_back(shortened(tensor.name) + ": not part of this model");
  }
  std::string list;
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) list += "\n  " + lines[i];
  if (lines.size() > kMostLines) list += concat("\n  and ", lines.size() - kMostLines, " more");
  return list;
}

void check_shapes(const SafetensorsFile& file, const Shapes& expected, bool moments) {
  const std::string list = differences(file, expected, moments);
  if (list.empty()) return;
  fail(ErrorCode::corrupt, file.origin,
       ": the tensors are not those of the model (docs/checkpoint.md):", list);
}

/// A file can claim a model of any size: what it holds is compared with what it claims before a
/// network of that size is built.
void check_claim(const SafetensorsFile& file, const ModelConfig& model, bool moments,
                 bool averages) {
  check_shapes(file, expected_shapes(parameter_specs(model), moments, averages), moments);
}

/// Whether a file of any program has a tensor that goes by the name of a mean.
bool names_averages(const SafetensorsFile& file) {
  return std::any_of(file.tensors.begin(), file.tensors.end(), [](const SafetensorsTensor& tensor) {
    return tensor.name.starts_with(kAverage);
  });
}

/// The configuration a file of this program holds.
Config stored_config(const SafetensorsFile& file) {
  try {
    Config config = config_from_json(metadata_entry(file, "config"), Config{}, file.origin);
    validate(config);
    return config;
  } catch (const Error& error) {
    fail(ErrorCode::corrupt, file.origin,
         ": the stored configuration is not valid: ", error.what());
  }
}

/// The command that takes a file without a right checksum over.
std::string import_advice(const SafetensorsFile& file) {
  constexpr std::string_view kExtension = ".safetensors";
  const std::string& name = file.origin;
  const std::string stem =
      name.ends_with(kExtension) ? name.substr(0, name.size() - kExtension.size()) : name;
  const bool complete = file.metadata.contains("config");
  return concat("; if that was meant, take it over with: vae import ", shell_quoted_path(name),
                complete ? "" : " --config config.json", " --out ",
                shell_quoted_path(concat(stem, "-imported", kExtension)),
                complete ? "" : " (config.json: the model's configuration, as in a run folder)");
}

/// Host copies of tensors, kept alive until the file is written.
class TensorList {
 public:
  explicit TensorList(const Parameters& parameters) : parameters_(parameters) {}

  void add(const std::string& name, ConstView view) {
    numbers_.push_back(parameters_.download(view));
    names_.push_back(name);
    shapes_.push_back(sizes_of(view.shape));
  }
  /// Name of the first tensor with a non-finite number; empty when there is none.
  std::string first_nonfinite() const {
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      if (!std::all_of(numbers_[i].begin(), numbers_[i].end(),
                       [](float number) { return std::isfinite(number); })) {
        return names_[i];
      }
    }
    return {};
  }
  std::vector<SafetensorsTensor> tensors() const {
    std::vector<SafetensorsTensor> list;
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      list.push_back(make_tensor<float>(names_[i], shapes_[i], numbers_[i]));
    }
    return list;
  }

 private:
  const Parameters& parameters_;
  std::vector<std::vector<float>> numbers_;
  std::vector<std::string> names_;
  std::vector<std::vector<int64_t>> shapes_;
};

}  // namespace

Checkpoint Checkpoint::read(const std::string& path, const CheckpointOptions& options) {
  Checkpoint checkpoint;
  checkpoint.file_ = read_safetensors(path, {.require_checksum = false});
  const SafetensorsFile& file = checkpoint.file_;
  require_checksum(file, options.advise_import ? import_advice(file) : std::string());
  check_version(file);
  checkpoint.config_ = stored_config(file);
  if (file.metadata.contains("training")) {
    const JsonDocument parsed = parse_json(metadata_entry(file, "training"), path);
    const json& document = *parsed;
    if (!document.is_object()) fail(ErrorCode::corrupt, path, ": the training state is no object");
    checkpoint.training_ = training_from_json(document, checkpoint.config_.training, path);
  }
  checkpoint.label_names_ = label_names_of(file, checkpoint.config_.model);
  const bool training = checkpoint.training_.has_value();
  checkpoint.has_averages_ = training && checkpoint.config_.training.ema > 0.0;
  check_claim(file, checkpoint.config_.model, /*moments=*/training, checkpoint.has_averages_);
  check_finite(file);
  return checkpoint;
}

Checkpoint Checkpoint::read_foreign(const std::string& path, const std::optional<Config>& config) {
  Checkpoint checkpoint;
  checkpoint.file_ = read_safetensors(path, {.require_checksum = false});
  const SafetensorsFile& file = checkpoint.file_;
  if (!config || file.metadata.contains(kFormatKey)) check_version(file);
  checkpoint.config_ = config ? *config : stored_config(file);
  validate(checkpoint.config_);
  checkpoint.label_names_ = label_names_of(file, checkpoint.config_.model);
  checkpoint.has_averages_ = names_averages(file);
  check_claim(file, checkpoint.config_.model, /*moments=*/false, checkpoint.has_averages_);
  check_finite(file);
  return checkpoint;
}

void Checkpoint::restore(Parameters& parameters) const {
  const Views views = destinations(parameters);
  Shapes expected;
  for (const auto& [name, view] : views) expected[name] = sizes_of(view.shape);
  check_shapes(file_, expected, /*moments=*/true);
  for (const auto& [name, view] : views) parameters.upload(view, file_.values<float>(name));
}

void Checkpoint::restore_model(Parameters& parameters) const {
  std::vector<ParameterSpec> specs;
  for (const Parameter& parameter : parameters.all()) specs.push_back(parameter.spec);
  check_shapes(file_, expected_shapes(specs, /*moments=*/false, has_averages_),
               /*moments=*/false);
  const std::string prefix = has_averages_ ? kAverage : "";
  for (const Parameter& parameter : parameters.all()) {
    parameters.upload(parameter.value, file_.values<float>(prefix + parameter.spec.name));
  }
}

void write_checkpoint(const std::string& path, const Parameters& parameters, const Config& config,
                      const TrainingState* training, const std::vector<std::string>& label_names) {
  TensorList list(parameters);
  for (const Parameter& parameter : parameters.all()) {
    list.add(parameter.spec.name, parameter.value);
    if (training == nullptr) continue;
    list.add(kFirstMoment + parameter.spec.name, parameter.first_moment);
    list.add(kSecondMoment + parameter.spec.name, parameter.second_moment);
    if (parameter.average) list.add(kAverage + parameter.spec.name, parameter.average);
  }
  if (const std::string name = list.first_nonfinite(); !name.empty()) {
    fail(ErrorCode::diverged, path, " was not written: ", name,
         " holds numbers that are not finite; lower learning_rate or set clip_norm");
  }
  std::map<std::string, std::string> metadata = {
      {kFormatKey, std::to_string(kFormatVersion)},
      {"vae_version", version()},
      {"config", config_to_json(config)},
  };
  if (training != nullptr) metadata["training"] = to_json_text(*training, config.training);
  if (config.model.has_named_classes() && !label_names.empty()) {
    metadata[kLabelNamesKey] = label_names_text(label_names, config.model.label_classes());
  }
  write_file_atomically(path, write_safetensors(list.tensors(), metadata));
}

}  // namespace vae
