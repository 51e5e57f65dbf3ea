// SPDX-License-Identifier: MIT
#include "vae/config.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <nlohmann/json.hpp>

#include "host/config/layer_shapes.h"
#include "host/config/scene_text.h"
#include "host/config/table.h"
#include "host/config/value.h"
#include "host/io/json.h"
#include "host/text/suggest.h"
#include "kernels/check.h"
#include "kernels/rules/binarization.h"
#include "kernels/rules/likelihoods.h"

namespace vae {
namespace {

using config_detail::Entry;
using nlohmann::json;

const Entry* find_entry(std::string_view section, std::string_view name) {
  for (const Entry& entry : config_detail::table()) {
    if (entry.key.name == name && (section.empty() || entry.key.section == section)) return &entry;
  }
  return nullptr;
}

std::vector<std::string> known_names(std::string_view section) {
  std::vector<std::string> names;
  for (const Entry& entry : config_detail::table()) {
    if (section.empty() || entry.key.section == section) names.emplace_back(entry.key.name);
  }
  return names;
}

/// "unknown key 'x'", with the section it belongs to or the closest name.
std::string unknown_key(std::string_view section, std::string_view name) {
  std::string text =
      concat("unknown key '", section, section.empty() ? "" : ".", name.substr(0, 80), "'");
  if (const Entry* elsewhere = find_entry("", name)) {
    return concat(text, "; it belongs into \"", elsewhere->key.section, "\"");
  }
  return text + did_you_mean(name, known_names(section));
}

[[noreturn]] void fail_with_list(std::string_view what, const std::vector<std::string>& problems) {
  std::string text(what);
  if (problems.size() == 1) fail(ErrorCode::invalid_argument, text, ": ", problems.front());
  text += concat(": ", problems.size(), " problems");
  for (const std::string& problem : problems) text += "\n  - " + problem;
  fail(ErrorCode::invalid_argument, text);
}

JsonDocument parse_document(std::string_view text, std::string_view origin) {
  JsonRules rules;
  rules.comments = true;
  rules.error = ErrorCode::invalid_argument;
  return parse_json(text, origin, rules);
}

void read_section(Config& config, const std::string& section, const json& object,
                  std::vector<std::string>& problems) {
  if (!object.is_object()) {
    problems.push_back("'" + section + "' must be an object { ... }");
    return;
  }
  for (const auto& [name, value] : object.items()) {
    const Entry* entry = find_entry(section, name);
    if (entry == nullptr) {
      problems.push_back(unknown_key(section, name));
      continue;
    }
    const std::string problem =
        config_detail::set_from_json(entry->field(config), entry->range, value);
    if (!problem.empty()) problems.push_back(section + "." + name + " " + problem);
  }
}

Config starting_point(const json& document, const Config& base,
                      std::vector<std::string>& problems) {
  const auto found = document.find("preset");
  if (found == document.end()) return base;
  if (!found->is_string()) {
    problems.push_back("'preset' must be a name in quotes");
    return base;
  }
  try {
    return preset(found->get<std::string>());
  } catch (const Error& error) {
    problems.push_back(error.what());
    return base;
  }
}

/// Rate of schedule step after the last of its epochs; the highest or lowest of the run.
double last_stage_rate(const TrainConfig& training) {
  return training.learning_rate *
         std::pow(training.step_factor, static_cast<double>(training.step_epochs.size()));
}

/// Pixel values of one image: a colour picture of the largest sides.
constexpr double kMostPixels = 4096.0 * 4096.0 * 3.0;

/// ModelConfig::pixels() of sizes that may be out of their ranges and overflow an integer.
double pixel_values(const ModelConfig& model) {
  return static_cast<double>(model.height) * static_cast<double>(model.width) *
         static_cast<double>(model.channels);
}

bool is_positive_float(double value) {
  const auto used = static_cast<float>(value);
  return std::isfinite(used) && used > 0.0f;
}

/// A number of something that the model is not conditioned on is a slip.
void check_condition(const ModelConfig& model, std::vector<std::string>& problems) {
  if (model.classes > 0 && model.condition != Condition::label) {
    problems.push_back("model.classes (--classes) needs model.condition label (--condition label)");
  }
  if (model.side_size > 0 && model.condition != Condition::side) {
    problems.push_back(
        "model.side_size (--side-size) needs model.condition side (--condition side)");
  }
}

/// What is seen of an image is what its corruption leaves. What tells the model the image itself
/// beside it would have nothing to restore.
void check_seen(const Config& config, std::vector<std::string>& problems) {
  if (config.model.condition != Condition::seen) return;
  const std::string seen = "model.condition seen (--condition)";
  if (config.data.corrupt.kind == CorruptionKind::none) {
    problems.push_back(seen +
                       " is what data.corrupt (--corrupt) leaves of an image: give it, as in "
                       "--corrupt quadrants=1");
  }
  if (config.model.has_class_target()) {
    problems.push_back(seen + " is of images that are restored: model.target (--target) is image");
  }
  if (config.model.has_skips()) {
    problems.push_back(seen +
                       " excludes a skip in model.decoder (--decoder): the encoder reads the image "
                       "that is to be found");
  }
}

/// Classes are no values of an image.
void check_target(const ModelConfig& model, std::vector<std::string>& problems) {
  constexpr int64_t kMostOfMasks = 255;  // beside the class 255, which is not observed
  if (model.target != Target::boxes && model.grid != ImageSize()) {
    problems.push_back("model.grid (--grid) needs model.target boxes (--target boxes)");
  }
  if (!model.has_class_target()) {
    if (model.target_classes > 0) {
      problems.push_back(
          "model.target_classes (--target-classes) needs model.target label, mask or boxes "
          "(--target)");
    }
    return;
  }
  if (model.target == Target::boxes && model.grid == ImageSize()) {
    problems.push_back(
        "model.target boxes needs a grid: --grid 10x10 for ten cells across and ten down (model."
        "grid), each for the box whose middle lies in it");
  }
  if (model.target == Target::boxes && model.target_classes > kMostOfMasks) {
    problems.push_back(concat("model.target_classes (--target-classes) of boxes is at most ",
                              kMostOfMasks, ": 255 stands for no object"));
  }
  const std::string target = concat("model.target ", to_string(model.target));
  if (model.likelihood != Likelihood::bernoulli || model.variance != Variance::fixed) {
    problems.push_back(concat("model.likelihood and model.variance are of images, and ", target,
                              " has classes: leave them at bernoulli and fixed"));
  }
  if (model.output_bias_from_mean) {
    problems.push_back(
        concat("model.output_bias_from_mean (--output-bias-from-mean) is of images, "
               "and ",
               target, " has classes: it is false"));
  }
  if (model.target == Target::label && model.condition == Condition::label) {
    problems.push_back(
        "model.condition label tells the model what model.target label asks for: take one of them");
  }
  if (model.target == Target::label && model.output.kind != LayerKind::dense) {
    problems.push_back(concat(target, " is one class an image: model.output (--output) is dense"));
  }
  if (model.target == Target::mask && model.target_classes > kMostOfMasks) {
    problems.push_back(concat("model.target_classes (--target-classes) of a mask is at most ",
                              kMostOfMasks, ": 255 stands for what was not observed"));
  }
}

/// Layers between two vectors.
bool are_dense(const std::vector<Layer>& layers) {
  return std::all_of(layers.begin(), layers.end(), [](const Layer& layer) {
    return layer.kind == LayerKind::dense || layer.kind == LayerKind::gated_dense;
  });
}

/// A prior of what the model is told needs to be told something.
void check_prior(const ModelConfig& model, std::vector<std::string>& problems) {
  const bool conditional = model.prior == Prior::conditional;
  if (conditional && model.condition == Condition::none) {
    problems.push_back(
        "model.prior conditional (--prior) is computed from a condition: give --condition label, "
        "side or seen with it");
  }
  if (!conditional && !model.prior_layers.empty()) {
    problems.push_back(
        "model.prior_layers (--prior-layers) needs model.prior conditional (--prior conditional)");
  }
  if (!are_dense(model.prior_layers)) {
    problems.push_back(
        "model.prior_layers (--prior-layers) takes dense layers: they lie between two vectors");
  }
}

/// Latents above z.
void check_top(const Config& config, std::vector<std::string>& problems) {
  const std::vector<Layer>& top = config.model.top;
  if (!are_dense(top)) {
    problems.push_back("model.top (--top) takes dense layers: they lie between two vectors");
  }
  if (config.model.top_latent == 0) {
    if (!top.empty()) {
      problems.push_back(
          "model.top (--top) needs model.top_latent (--top-latent): the dimensions "
          "that the layers lead to");
    }
  } else if (config.training.objective == Objective::dreg) {
    problems.push_back(
        "training.objective dreg is of one layer of latents, and model.top_latent "
        "adds another: take iwae");
  }
  if (config.model.top_latent > 0 && config.training.free_bits > 0.0) {
    problems.push_back(
        "training.free_bits is of KLs, and with model.top_latent z has none in closed "
        "form");
  }
}

/// What one key's range cannot say.
void check_relations(const Config& config, std::vector<std::string>& problems) {
  const ModelConfig& model = config.model;
  const TrainConfig& training = config.training;
  if (pixel_values(model) > kMostPixels) {
    problems.push_back(concat("model.height, model.width and model.channels make more than ",
                              static_cast<int64_t>(kMostPixels), " pixel values"));
  }
  if (!(static_cast<float>(model.logvar_min) < static_cast<float>(model.logvar_max))) {
    problems.push_back("model.logvar_min must be below model.logvar_max as a 32-bit float");
  }
  check_condition(model, problems);
  check_seen(config, problems);
  check_target(model, problems);
  check_prior(model, problems);
  check_top(config, problems);
  const std::vector<int64_t>& epochs = training.step_epochs;
  if (std::adjacent_find(epochs.begin(), epochs.end(), std::greater_equal<>()) != epochs.end()) {
    problems.push_back("training.step_epochs must rise from entry to entry");
  }
  if (training.schedule == LearningRateSchedule::step && epochs.empty()) {
    problems.push_back("training.schedule is step but training.step_epochs is empty");
  }
  if (training.schedule == LearningRateSchedule::step &&
      is_positive_float(training.learning_rate) && !is_positive_float(last_stage_rate(training))) {
    problems.push_back(concat("training.learning_rate ", training.learning_rate,
                              " multiplied by training.step_factor ", training.step_factor,
                              " at each of the ", epochs.size(), " training.step_epochs becomes ",
                              last_stage_rate(training), ", which no 32-bit float holds"));
  }
  if (is_of_256_levels(model.likelihood) && !makes_grey_levels(training.binarization)) {
    problems.push_back(concat("model.likelihood ", to_string(model.likelihood),
                              " is of the 256 levels of 8-bit pixels, which training.binarization ",
                              to_string(training.binarization),
                              " makes black or white: give --binarization none with it"));
  }
  if (model.likelihood != Likelihood::gaussian &&
      (model.variance == Variance::per_channel || model.variance == Variance::per_pixel)) {
    problems.push_back(concat("model.variance ", to_string(model.variance),
                              " is of --likelihood gaussian, not of ",
                              to_string(model.likelihood)));
  }
  if (training.learning_rate * training.weight_decay >= 1.0) {
    problems.push_back(concat("training.weight_decay (--weight-decay) ", training.weight_decay,
                              " times training.learning_rate ", training.learning_rate,
                              " is the share of a weight that a step takes away: it must be below "
                              "1"));
  }
  if (training.free_bits > 0.0 && training.trained_objective() != Objective::elbo) {
    problems.push_back(
        "training.free_bits (--free-bits) belongs to the ELBO: with importance_samples above 1 the "
        "objective has no KL term");
  }
  if (training.skip_norm > 0.0 && training.skip_norm <= 1.0) {
    problems.push_back(concat("training.skip_norm (--skip-norm) ", training.skip_norm,
                              " would skip usual steps: it is 0 or more than 1"));
  }
  if (config.data.grey && config.data.rgb) {
    problems.push_back("data.grey (--grey) and data.rgb (--rgb) exclude each other");
  }
  if (training.validation >= 1.0 && training.validation != std::floor(training.validation)) {
    problems.push_back(
        "training.validation (--validation) is a share below 1, or a whole number of images");
  }
}

/// Whether a key has the value it has where nobody says anything.
bool has_default(const Entry& entry, const Config& config) {
  return config_value(config, entry.key) == config_value(Config(), entry.key);
}

/// Every key by itself, then what holds between keys, but for the shapes of layers.
std::vector<std::string> find_problems(const Config& config) {
  Config copy = config;
  std::vector<std::string> problems;
  for (const Entry& entry : config_detail::table()) {
    const std::string problem = config_detail::check_range(entry.field(copy), entry.range);
    if (problem.empty()) continue;
    problems.push_back(
        concat(entry.key.section, ".", entry.key.name, " (", entry.key.flag, ") ", problem));
  }
  check_relations(config, problems);
  return problems;
}

template <typename Enum>
std::string_view word_of(Enum value) {
  for (const auto& [candidate, word] : config_detail::words(value)) {
    if (candidate == value) return word;
  }
  return "?";
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = [] {
    std::vector<ConfigKey> list;
    for (const Entry& entry : config_detail::table()) list.push_back(entry.key);
    return list;
  }();
  return keys;
}

void set_config_value(Config& config, std::string_view key, std::string_view value) {
  const std::size_t dot = key.find('.');
  const bool dotted = dot != std::string_view::npos;
  const std::string_view section = dotted ? key.substr(0, dot) : std::string_view();
  const std::string_view name = dotted ? key.substr(dot + 1) : key;
  const Entry* entry = find_entry(section, name);
  if (entry == nullptr) fail(ErrorCode::invalid_argument, unknown_key(section, name));
  const std::string problem =
      config_detail::set_from_text(entry->field(config), entry->range, value);
  if (!problem.empty()) {
    fail(ErrorCode::invalid_argument, entry->key.section, ".", name, " (", entry->key.flag, ") ",
         problem);
  }
}

Config config_from_json(std::string_view text, const Config& base, std::string_view origin) {
  const JsonDocument parsed = parse_document(text, origin);
  const json& document = *parsed;
  if (!document.is_object()) {
    fail(ErrorCode::invalid_argument, origin, ": a configuration is an object { ... }");
  }
  std::vector<std::string> problems;
  Config config = starting_point(document, base, problems);
  const std::vector<std::string> sections = {"preset", "model", "training", "data"};
  for (const auto& [name, value] : document.items()) {
    if (name == "preset") continue;
    if (name == "model" || name == "training" || name == "data") {
      read_section(config, name, value, problems);
    } else if (find_entry("", name) != nullptr) {
      problems.push_back(unknown_key("", name));
    } else {
      problems.push_back("unknown key '" + name.substr(0, 80) + "'" + did_you_mean(name, sections));
    }
  }
  if (!problems.empty()) fail_with_list(origin, problems);
  return config;
}

std::string config_to_json(const Config& config) {
  Config copy = config;  // the table hands out pointers that can also be written through
  std::string text = "{";
  std::string_view section;
  for (const Entry& entry : config_detail::table()) {
    // What is not done is not said: runs on images as they come have the configurations they had.
    if (entry.key.section == "data" && config.data == DataConfig()) continue;
    if (!entry.said_always && has_default(entry, config)) continue;
    const bool first = entry.key.section != section;
    if (first) {
      text += concat(section.empty() ? "\n" : "\n  },\n", "  \"", entry.key.section, "\": {");
      section = entry.key.section;
    }
    text += concat(first ? "\n" : ",\n", "    \"", entry.key.name,
                   "\": ", config_detail::to_json_text(entry.field(copy)));
  }
  return text + "\n  }\n}\n";
}

std::string config_value(const Config& config, const ConfigKey& key) {
  const Entry* entry = find_entry(key.section, key.name);
  VAE_CHECK(entry != nullptr, "there is no key ", key.section, ".", key.name);
  Config copy = config;
  return config_detail::to_json_text(entry->field(copy));
}

void validate_before_data(const Config& config) {
  const std::vector<std::string> problems = find_problems(config);
  if (!problems.empty()) fail_with_list("configuration", problems);
}

void validate(const Config& config) {
  validate_before_data(config);  // shapes are those of layers within their ranges
  if (config.model.condition != Condition::none && config.model.condition_size() == 0) {
    const bool label = config.model.condition == Condition::label;
    fail_with_list("configuration",
                   {concat("model.", label ? "classes (--classes)" : "side_size (--side-size)",
                           " is 0: train takes it from the data, ImageSet::fit() in C++")});
  }
  if (config.model.has_class_target() && config.model.target_classes == 0) {
    fail_with_list("configuration",
                   {"model.target_classes (--target-classes) is 0: train takes it from the data, "
                    "ImageSet::fit() in C++"});
  }
  const ImageSize& grid = config.model.grid;
  if (grid.width > config.model.width || grid.height > config.model.height) {
    fail_with_list("configuration", {concat("model.grid (--grid) ", grid.width, "x", grid.height,
                                            " has more cells than images of ", config.model.width,
                                            " x ", config.model.height, " have pixels")});
  }
  const Corruption& corrupt = config.data.corrupt;
  if (corrupt.kind == CorruptionKind::frames &&
      corrupt.amount >= static_cast<double>(config.model.channels)) {
    fail_with_list("configuration",
                   {concat("data.corrupt (--corrupt) ", to_string(corrupt), " shows all ",
                           config.model.channels, " channels of an image, and none is left to be ",
                           "predicted: its frames are those of clips, as --scene makes them")});
  }
  const Layer& output = config.model.output;
  if (output.kind == LayerKind::transport &&
      corrupt != Corruption{CorruptionKind::frames, static_cast<double>(output.of)}) {
    fail_with_list("configuration",
                   {concat("model.output (--output) \"", to_string(output), "\" moves the last of ",
                           output.of, " seen frames, and data.corrupt (--corrupt) is ",
                           to_string(corrupt), ": expected frames=", output.of)});
  }
  const std::string problem = config_detail::shape_problem(config.model);
  if (!problem.empty()) fail_with_list("configuration", {problem});
}

std::string_view to_string(Activation value) { return word_of(value); }
std::string_view to_string(Initialization value) { return word_of(value); }
std::string_view to_string(Likelihood value) { return word_of(value); }
std::string_view to_string(Variance value) { return word_of(value); }
std::string_view to_string(Prior value) { return word_of(value); }
std::string_view to_string(Binarization value) { return word_of(value); }
std::string_view to_string(CorruptionKind value) { return word_of(value); }
std::string to_string(const Corruption& corruption) {
  return config_detail::corruption_text(corruption);
}
std::string to_string(const SceneConfig& scene) { return config_detail::scene_text(scene); }
std::string_view to_string(Objective value) { return word_of(value); }
std::string_view to_string(Condition value) { return word_of(value); }
std::string_view to_string(Target value) { return word_of(value); }
std::string_view to_string(Optimizer value) { return word_of(value); }
std::string_view to_string(LearningRateSchedule value) { return word_of(value); }
std::string_view to_string(Precision value) { return word_of(value); }

Binarization binarization_from_string(std::string_view word) {
  Config config;
  set_config_value(config, "training.binarization", word);
  return config.training.binarization;
}

Precision precision_from_string(std::string_view word) {
  Config config;
  set_config_value(config, "training.precision", word);
  return config.training.precision;
}

}  // namespace vae
