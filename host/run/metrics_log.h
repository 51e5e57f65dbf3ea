// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vae/trainer.h"

namespace vae {

/// metrics.jsonl of a run: one JSON object a line, appended in one write each.
class MetricsLog {
 public:
  explicit MetricsLog(std::string path) : path_(std::move(path)) {}

  /// Removes what a killed process left half-written and the lines beyond `step`, which the
  /// resumed run will write again. A damaged line goes, too, with a warning. Throws Error(io).
  void rewind(int64_t step, const std::function<void(const std::string&)>& warn = {}) const;
  /// `sync` waits until the line is on disk.
  void append(const Metrics& metrics, Binarization binarization, bool sync) const;

 private:
  std::string path_;
};

/// One line of metrics.jsonl.
std::string metrics_to_json(const Metrics& metrics, Binarization binarization);

/// Calls `visit` for each whole line of a metrics.jsonl; a torn last line is skipped. A missing
/// file has none. Throws Error(corrupt) naming the line.
void visit_metrics(const std::string& path, const std::function<void(Metrics)>& visit);

/// All of them.
std::vector<Metrics> read_metrics(const std::string& path);

}  // namespace vae
