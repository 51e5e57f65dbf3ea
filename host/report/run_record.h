// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vae/config.h"
#include "vae/trainer.h"

namespace vae {

/// What a run folder tells about its training.
struct RunRecord {
  std::string folder;
  Config config;
  std::vector<Metrics> train;  ///< One entry an epoch, in order.
  std::vector<Metrics> test;
  // From run.json; empty or zero where it is missing.
  std::string data;
  std::string data_fingerprint;
  std::string device;
  std::string version;
  int64_t parameters = 0;
  std::vector<double> kl_per_dimension;

  /// Entry of `test` with the highest bound; null without a test line.
  const Metrics* best() const;
};

/// Reads config.json, metrics.jsonl (a torn last line is skipped) and run.json. Throws Error(io),
/// Error(corrupt).
RunRecord read_run_record(const std::string& run_folder);

/// "784-400-20-400-784"
std::string network_text(const ModelConfig& model);

}  // namespace vae
