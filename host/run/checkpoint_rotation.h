// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "host/io/run_folder.h"

namespace vae {

/// Which checkpoints of a run exist: the last two and the best one. A new file is whole on disk
/// before an old one goes. A full disk must not end hours of training at once: when a file cannot
/// be written the old ones stand and the next checkpoint tries again; three failures in a row, or
/// one that is not made good by the end of the training, are errors.
class CheckpointRotation {
 public:
  using Warn = std::function<void(const std::string&)>;
  /// Writes one checkpoint. Its Error(io) is a failed save; every other error is passed on.
  using Write = std::function<void(const std::string& path)>;

  /// The folder must outlive the rotation.
  CheckpointRotation(const RunFolder& folder, Warn warn)
      : folder_(folder), warn_(std::move(warn)) {}

  /// Nothing happens when the checkpoint of this step is already there.
  void save(int64_t step, const Write& write);
  /// Replaces the best checkpoint; false where it could not be saved and the old one stands.
  bool save_best(const Write& write);

  /// The step of the newest checkpoint that this or an earlier process is known to have saved.
  std::optional<int64_t> saved_step() const { return saved_step_; }

  /// Takes up the rotation of an earlier process that got as far as `step`.
  void resume(int64_t step);

  /// Whether the newest or the best checkpoint could not be written when it was last tried.
  bool is_failing() const { return newest_.failures > 0 || best_.failures > 0; }
  /// Whether the run has a checkpoint on disk, whoever wrote it.
  bool has_any() const;

  /// Throws Error(io) when the newest or the best checkpoint is missing on disk.
  void require_saved() const;

 private:
  struct File {
    int failures = 0;  // in a row
    std::string last_failure;
  };
  bool try_write(File& file, const std::string& path, const Write& write);
  void prune(int64_t step) const;

  const RunFolder& folder_;
  Warn warn_;
  File newest_, best_;
  std::optional<int64_t> saved_step_;
};

}  // namespace vae
