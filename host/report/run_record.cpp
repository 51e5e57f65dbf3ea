// SPDX-License-Identifier: MIT
#include "host/report/run_record.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "host/io/atomic_file.h"
#include "host/io/json.h"
#include "host/metrics_log.h"

namespace vae {
namespace {

constexpr uint64_t kLargestJsonBytes = uint64_t{16} << 20;

std::string text_member(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void read_run_json(const std::string& path, RunRecord& record) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return;
  const std::vector<std::byte> bytes = read_file(path, kLargestJsonBytes);
  const nlohmann::json run = parse_json(as_text(bytes), path);
  if (!run.is_object()) return;
  record.data = text_member(run, "data");
  record.data_fingerprint = text_member(run, "data_fingerprint");
  record.device = text_member(run, "device_description");
  record.version = text_member(run, "version");
  if (const auto found = run.find("parameters"); found != run.end() && found->is_number_integer()) {
    record.parameters = found->get<int64_t>();
  }
  if (const auto found = run.find("kl_per_dimension"); found != run.end() && found->is_array()) {
    for (const nlohmann::json& value : *found) {
      if (value.is_number()) record.kl_per_dimension.push_back(value.get<double>());
    }
  }
}

}  // namespace

const Metrics* RunRecord::best() const {
  const auto found = std::max_element(
      test.begin(), test.end(), [](const Metrics& a, const Metrics& b) { return a.elbo < b.elbo; });
  return found == test.end() ? nullptr : &*found;
}

RunRecord read_run_record(const std::string& run_folder) {
  RunRecord record;
  record.folder = run_folder;
  const std::string config_path = run_folder + "/config.json";
  const std::vector<std::byte> config = read_file(config_path, kLargestJsonBytes);
  record.config = config_from_json(as_text(config), Config(), config_path);
  read_run_json(run_folder + "/run.json", record);
  for (Metrics& metrics : read_metrics(run_folder + "/metrics.jsonl")) {
    (metrics.split == "test" ? record.test : record.train).push_back(std::move(metrics));
  }
  return record;
}

std::string network_text(const ModelConfig& model) {
  std::string text = std::to_string(model.pixels());
  for (const int64_t width : model.encoder) text.append("-").append(std::to_string(width));
  text.append("-").append(std::to_string(model.latent));
  for (const int64_t width : model.decoder) text.append("-").append(std::to_string(width));
  return text.append("-").append(std::to_string(model.pixels()));
}

}  // namespace vae
