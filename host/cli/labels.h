// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/cli/command.h"
#include "vae/array.h"
#include "vae/dataset.h"
#include "vae/model.h"

namespace vae::cli {

/// The label that a word of the command line means: a number, or the name of a class where the data
/// set has names. Throws Error(invalid_argument) naming the option and the labels there are.
uint8_t find_label(const ImageSet& images, const std::string& option, const std::string& word);

/// --label of verbs that decode: what a model that was trained with --condition label is told.
class LabelOption {
 public:
  /// `with_all`: the word `all` stands for every class.
  void declare(Command& command, bool with_all = false);
  bool is_given() const { return !word_.empty(); }
  bool is_all() const { return word_ == "all"; }
  /// The classes asked for; none of a model without a condition. Throws Error(invalid_argument)
  /// where the model needs a label and has none here, or takes none, and for one that it does not
  /// know.
  std::vector<uint8_t> classes(const Model& model) const;
  /// What Model::decode() takes for that many rows of the one class.
  Array conditions(const Model& model, int64_t rows) const;

 private:
  std::string word_;
};

/// The class's name, or its number.
std::string class_text(const Model& model, uint8_t label);

}  // namespace vae::cli
