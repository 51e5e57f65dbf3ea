// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/io/file_descriptor.h"

namespace vae {

/// The folder of one training, locked for this process while the object lives.
///   config.json  run.json  metrics.jsonl  report.html  images/  checkpoints/  .lock
/// and explore.html, where `vae explore` has put it.
class RunFolder {
 public:
  enum class Mode {
    fresh,      ///< The folder must be missing or empty, but for what a run leaves that was
                ///< killed before its config.json.
    resume,     ///< It must hold a run, or be such an unused folder.
    overwrite,  ///< An earlier run's files are deleted first; other files are left alone.
  };

  /// Creates, locks, sweeps away what a killed process left and checks that writing works. Throws
  /// Error(invalid_argument), Error(busy), Error(io).
  RunFolder(const std::string& path, Mode mode);

  const std::string& path() const { return path_; }  ///< absolute
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  /// Throws Error(io) when the folder was deleted or moved since it was locked. One that lies there
  /// instead may be another training's, so this is asked before every write.
  void require_in_place() const;

  /// checkpoints/step-00001234.safetensors
  std::string checkpoint_path(int64_t step) const;
  /// Deletes all but the newest `keep` checkpoints up to `step`; the best one and later ones, which
  /// this run did not write, are never touched. Throws Error(io).
  void prune_checkpoints(std::size_t keep, int64_t step) const;

 private:
  void require_fit(Mode mode) const;
  void lock();
  void delete_run_files() const;

  std::string path_;
  FileDescriptor folder_;  // to know the folder again
  FileDescriptor lock_;
};

/// checkpoints/best.safetensors of a run folder.
std::string best_checkpoint_path(const std::string& run_folder);

/// Paths of checkpoints/step-*.safetensors of a run folder, newest first. Throws Error(io).
std::vector<std::string> list_checkpoints(const std::string& run_folder);

/// Whether an earlier resume set a damaged checkpoint aside (*.corrupt).
bool has_damaged_checkpoints(const std::string& run_folder);

}  // namespace vae
