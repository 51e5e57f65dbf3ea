// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/model/epoch_record.h"
#include "vae/config.h"
#include "vae/trainer.h"

namespace vae {

/// What a run folder tells about its training.
struct RunRecord {
  std::string folder;
  Config config;
  std::vector<Metrics> train;       ///< One entry an epoch, in order.
  std::vector<Metrics> validation;  ///< Likewise; empty where no images were set aside.
  std::vector<Metrics> test;
  // From run.json; empty or zero where it is missing.
  std::string data;
  std::string data_fingerprint;
  std::string device;
  std::string version;
  std::vector<std::string> label_names;  ///< Of a model that is told labels, as far as known.
  int64_t parameters = 0;
  std::string status;  ///< As in RunStatus.
  std::string reason;
  int64_t step = 0, steps = 0;
  int64_t alive_at = 0;                   ///< When run.json was written, in seconds since 1970.
  std::optional<EpochRecord> best_epoch;  ///< What the best checkpoint was chosen by.
  std::optional<EpochRecord> last_epoch;  ///< Only while there is no best one.

  /// Entry of `test` that belongs to the best checkpoint; null where there is none.
  const Metrics* best() const;
};

/// Reads config.json, metrics.jsonl (a torn last line is skipped) and run.json. Throws Error(io),
/// Error(corrupt).
RunRecord read_run_record(const std::string& run_folder);

}  // namespace vae
