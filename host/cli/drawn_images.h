// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/cli/shared_options.h"
#include "host/cli/terminal.h"
#include "host/cli/views.h"

namespace vae::cli {

/// `count` images of the model's size in 8 bits, with `labels`, one of each or none, from rows of
/// pixel values, of which only a piece is in memory at once.
ImageSet drawn_images(const ModelConfig& model, int64_t count, std::vector<uint8_t> labels,
                      const RowSource& source);

/// --digits-from RUN: the things that scenes for training are made of are drawn from a model that
/// is told the class, so that nothing is learned from a real image.
class DigitsOption {
 public:
  void declare(Command& command);
  /// As a command line has them: " --digits-from RUN", or "".
  std::string words() const;
  /// Throws Error(invalid_argument) where there is nothing to make of what is drawn.
  void check(const DataConfig& data) const;
  /// The data that --data `where` names; with the option each image for training, before scenes
  /// are made of them, is one that was drawn for its label, image i by draw i of `seed`. Those for
  /// testing stay real.
  Dataset load(const std::string& where, const LoadOptions& options, uint64_t seed,
               const Device& device, Terminal& terminal) const;

 private:
  std::string run_;
};

}  // namespace vae::cli
