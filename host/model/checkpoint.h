// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/graph/parameters.h"
#include "host/io/safetensors.h"
#include "host/model/epoch_record.h"
#include "kernels/step_state.h"
#include "vae/config.h"
#include "vae/error.h"

namespace vae {

/// Everything beside weights and moments that a training needs to go on exactly. Nothing of it
/// depends on the device or on the clock: that is in run.json.
struct TrainingState {
  StepState step;                   // only the counters are stored; begin_step() derives the rest
  Totals totals;                    // of the unfinished epoch
  uint32_t steps_per_epoch = 0;     // 0: unknown, in files of earlier versions
  std::optional<EpochRecord> best;  // of checkpoints/best.safetensors
  /// Of an earlier version: the best checkpoint is that of the highest test bound at beta 1, be it
  /// within the warm-up, and nothing else is known of it. Never written.
  bool best_is_of_the_old_rule = false;
  std::string data_name;
  std::string data_fingerprint;
  std::optional<double> data_mean;  // mean pixel of the training images; older files lack it
};

struct CheckpointOptions {
  /// Of a file that the user named, and that has no right checksum, the message says how `vae
  /// import` takes it over. A checkpoint that was found in a run folder is more likely damaged.
  bool advise_import = false;
};

/// A checkpoint file, read and verified: header, checksum, configuration, the weights' names, types
/// and shapes, finite numbers.
/// docs/checkpoint.md specifies the format.
class Checkpoint {
 public:
  /// Throws Error(io), Error(corrupt), Error(unsupported) for a format of another version.
  static Checkpoint read(const std::string& path, const CheckpointOptions& options = {});

  /// Weights that another program saved, with a stale checksum or none; everything else is checked
  /// as in read(). `config` takes the place of the one in the file, which may then be missing; a
  /// state of a training is left out, as it belongs to other weights. Errors as for read(), and
  /// Error(invalid_argument) for a configuration without one.
  static Checkpoint read_foreign(const std::string& path, const std::optional<Config>& config);

  const Config& config() const { return config_; }
  const std::optional<TrainingState>& training() const { return training_; }
  /// Of the classes that the model is told, in their order; printable, perhaps none.
  const std::vector<std::string>& label_names() const { return label_names_; }
  const SafetensorsFile& file() const { return file_; }

  /// Whether the file has running means of the weights, too.
  bool has_averages() const { return has_averages_; }

  /// Copies what a training goes on with to the device: weights, Adam's moments, and the running
  /// means where it keeps them. Names, types and shapes are compared first: Error(corrupt) lists
  /// every difference and nothing is changed.
  void restore(Parameters& parameters) const;
  /// Likewise the weights that a model computes with, which are the means where the file has them.
  void restore_model(Parameters& parameters) const;

 private:
  SafetensorsFile file_;
  bool has_averages_ = false;
  Config config_;
  std::optional<TrainingState> training_;
  std::vector<std::string> label_names_;
};

/// Writes weights and configuration, and with a training state Adam's moments and the running means
/// of the weights, where they are kept, atomically. Names of labels are for a model that is told
/// labels. Throws Error(diverged) when one of them is not finite (nothing is
/// written), Error(io).
void write_checkpoint(const std::string& path, const Parameters& parameters, const Config& config,
                      const TrainingState* training = nullptr,
                      const std::vector<std::string>& label_names = {});

}  // namespace vae
