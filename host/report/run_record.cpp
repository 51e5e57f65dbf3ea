// SPDX-License-Identifier: MIT
#include "host/report/run_record.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "host/io/atomic_file.h"
#include "host/run/metrics_log.h"
#include "host/run/run_status.h"

namespace vae {
namespace {

constexpr uint64_t kLargestJsonBytes = uint64_t{16} << 20;

void read_run_json(const std::string& path, RunRecord& record) {
  RunStatus run = read_run_status(path);
  record.data = run.data;
  record.data_fingerprint = run.data_fingerprint;
  record.device = run.device_description;
  record.version = run.version;
  record.label_names = std::move(run.label_names);
  record.parameters = run.parameters;
  record.status = run.status;
  record.reason = run.reason;
  record.step = run.step;
  record.steps = run.steps;
  struct stat file = {};
  if (::stat(path.c_str(), &file) == 0) record.alive_at = file.st_mtime;
  record.best_epoch = std::move(run.best);
  record.last_epoch = std::move(run.last);
}

std::vector<Metrics>& lines_of(RunRecord& record, const std::string& split) {
  if (split == "test") return record.test;
  return split == "validation" ? record.validation : record.train;
}

}  // namespace

const Metrics* RunRecord::best() const {
  if (!best_epoch) return nullptr;
  const auto found = std::find_if(test.begin(), test.end(), [&](const Metrics& line) {
    return line.epoch == best_epoch->epoch;
  });
  return found == test.end() ? nullptr : &*found;
}

RunRecord read_run_record(const std::string& run_folder) {
  RunRecord record;
  record.folder = run_folder;
  const std::string config_path = run_folder + "/config.json";
  const std::vector<std::byte> config = read_file(config_path, kLargestJsonBytes);
  record.config = config_from_json(as_text(config), Config(), config_path);
  read_run_json(run_folder + "/run.json", record);
  visit_metrics(run_folder + "/metrics.jsonl", [&record](Metrics metrics) {
    std::vector<Metrics>& lines = lines_of(record, metrics.split);
    lines.push_back(std::move(metrics));
  });
  return record;
}

}  // namespace vae
