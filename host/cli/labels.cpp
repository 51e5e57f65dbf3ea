// SPDX-License-Identifier: MIT
#include "host/cli/labels.h"

#include <fmt/format.h>

#include <set>

#include "vae/error.h"

namespace vae::cli {
namespace {

constexpr std::size_t kMostListed = 30;

std::string name_of(const ImageSet& images, uint8_t label) {
  return label < images.label_names().size() ? images.label_names()[label] : std::to_string(label);
}

std::string list_of(const ImageSet& images, const std::set<uint8_t>& labels) {
  std::string list;
  std::size_t listed = 0;
  for (const uint8_t label : labels) {
    if (listed++ == kMostListed) return list + ", ...";
    list += (list.empty() ? "" : ", ") + name_of(images, label);
  }
  return list;
}

}  // namespace

uint8_t find_label(const ImageSet& images, const std::string& option, const std::string& word) {
  if (images.labels().empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} {}: the data set has no labels; name an image by its number "
                            "instead",
                            option, word));
  }
  const std::set<uint8_t> labels(images.labels().begin(), images.labels().end());
  // Names first: a class may be called like the number of another one.
  for (const uint8_t label : labels) {
    if (word == name_of(images, label)) return label;
  }
  for (const uint8_t label : labels) {
    if (word == std::to_string(label)) return label;
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("{}: there is no image with the label '{}'; the labels are {}", option,
                          word.substr(0, 80), list_of(images, labels)));
}

void LabelOption::declare(Command& command, bool with_all) {
  command.text("--label", with_all ? "LABEL|all" : "LABEL", word_,
               std::string("the class that is decoded, its number or name, of a model of "
                           "--condition label") +
                   (with_all ? "; all: a row of each" : ""));
}

std::string class_text(const Model& model, uint8_t label) {
  const auto& names = model.label_names();
  return label < names.size() ? names[label] : std::to_string(label);
}

std::vector<uint8_t> LabelOption::classes(const Model& model) const {
  const ModelConfig& config = model.config();
  if (config.condition == Condition::side) {
    throw Error(ErrorCode::invalid_argument,
                "this model takes a side vector with every code; Model::decode() and "
                "Model::sample() of the C++ library take them");
  }
  if (config.condition == Condition::seen) {
    throw Error(
        ErrorCode::invalid_argument,
        "this model takes what is seen of an image with every code: `vae restore` finds the "
        "rest of images, and draws several with --samples");
  }
  if (config.condition == Condition::none) {
    if (word_.empty()) return {};
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--label {}: this model was trained without labels; `vae train "
                            "--condition label` makes one that is told them",
                            word_.substr(0, 80)));
  }
  const std::string known =
      fmt::format("{} to {}", class_text(model, 0),
                  class_text(model, static_cast<uint8_t>(config.classes - 1)));
  if (word_.empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("this model is told a label with every code: choose one with --label "
                            "({})",
                            known));
  }
  std::vector<uint8_t> all, named, numbered;
  for (int64_t i = 0; i < config.classes; ++i) {
    const auto label = static_cast<uint8_t>(i);
    all.push_back(label);
    if (word_ == class_text(model, label)) named.push_back(label);
    if (word_ == std::to_string(i)) numbered.push_back(label);
  }
  // Names first: a class may be called like the number of another one.
  if (!named.empty()) return {named.front()};
  if (!numbered.empty()) return numbered;
  if (is_all()) return all;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("--label {}: the model knows no such class; it has {} ({})",
                          word_.substr(0, 80), config.classes, known));
}

Array LabelOption::conditions(const Model& model, int64_t rows) const {
  const std::vector<uint8_t> found = classes(model);
  if (found.empty()) return {};
  return model.conditions(std::vector<uint8_t>(static_cast<std::size_t>(rows), found.front()));
}

}  // namespace vae::cli
