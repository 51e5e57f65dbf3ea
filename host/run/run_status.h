// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/model/epoch_record.h"

namespace vae {

/// run.json of a run folder: what the run is doing, on what, and what its best epoch was. For
/// people and the report; a run goes on without it.
struct RunStatus {
  std::string status;  // "running", "finished", "stopped", "diverged", "failed"
  std::string reason;
  int64_t step = 0;
  int64_t steps = 0;
  std::optional<int64_t> saved_step;  // of a checkpoint that was whole on disk at the time
  std::string device;
  std::string device_description;
  std::string precision;       // "fp32", "tf32" or "bf16": what the products were computed in
  double epoch_seconds = 0.0;  // spent on the unfinished epoch, up to `step`
  std::string data;
  std::string data_fingerprint;
  int64_t skipped_pictures = 0;  // that --skip-bad left out
  int64_t parameters = 0;
  uint64_t seed = 0;
  std::string version;
  std::vector<std::string> label_names;  // of a model that is told labels, as far as known
  std::optional<EpochRecord> best;       // of checkpoints/best.safetensors
  std::optional<EpochRecord> last;       // the newest epoch, only while there is no best one
};

/// `beta` is the KL weight after the warm-up.
std::string to_json_text(const RunStatus& status, double beta);

/// A missing file is an empty status, a member of another type one that is missing. Throws
/// Error(corrupt) for what is no JSON, Error(io).
RunStatus read_run_status(const std::string& path);

}  // namespace vae
