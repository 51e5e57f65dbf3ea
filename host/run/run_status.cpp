// SPDX-License-Identifier: MIT
#include "host/run/run_status.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "host/io/atomic_file.h"
#include "host/io/json.h"
#include "host/io/json_writer.h"
#include "vae/error.h"

namespace vae {

namespace {

using nlohmann::json;

constexpr uint64_t kLargestStatus = uint64_t{16} << 20;

void take_member(const json& object, const char* key, std::string& value) {
  const auto found = object.find(key);
  if (found != object.end() && found->is_string()) value = found->get<std::string>();
}

void take_member(const json& object, const char* key, double& value) {
  const auto found = object.find(key);
  if (found != object.end() && found->is_number()) value = found->get<double>();
}

template <typename Integer>
bool take_member(const json& object, const char* key, Integer& value) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return false;
  value = found->get<Integer>();
  return true;
}

/// {"0": "cat", "1": "dog"}, as far as the numbers go on.
std::vector<std::string> label_names_member(const json& object) {
  constexpr std::size_t kMostClasses = 256;
  std::vector<std::string> names;
  const auto found = object.find("label_names");
  if (found == object.end() || !found->is_object()) return names;
  while (names.size() < kMostClasses) {
    const auto name = found->find(std::to_string(names.size()));
    if (name == found->end() || !name->is_string()) break;
    names.push_back(name->get<std::string>());
  }
  return names;
}

/// Nothing where the member is missing or damaged.
std::optional<EpochRecord> record_member(const json& object, const char* key,
                                         const std::string& origin) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  try {
    return epoch_record_from_json(*found, origin);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::string to_json_text(const RunStatus& status, double beta) {
  JsonWriter json(JsonWriter::Order::as_written, 2);
  json.member("status", status.status)
      .member("step", status.step)
      .member("steps", status.steps)
      .member("device", status.device)
      .member("device_description", status.device_description)
      .member("precision", status.precision)
      .member("data", status.data)
      .member("data_fingerprint", status.data_fingerprint)
      .member("parameters", status.parameters)
      .member("seed", status.seed)
      .member("version", status.version);
  if (status.epoch_seconds > 0.0) json.member("epoch_seconds", status.epoch_seconds);
  if (status.skipped_pictures > 0) json.member("skipped_pictures", status.skipped_pictures);
  if (status.saved_step) json.member("saved_step", *status.saved_step);
  if (!status.reason.empty()) json.member("reason", status.reason);
  if (!status.label_names.empty()) {
    json.begin("label_names");
    for (std::size_t i = 0; i < status.label_names.size(); ++i) {
      json.member(std::to_string(i), status.label_names[i]);
    }
    json.end();
  }
  if (status.best) write_member(json, "best", *status.best, beta);
  if (status.last) write_member(json, "last", *status.last, beta);
  return json.text() + "\n";
}

RunStatus read_run_status(const std::string& path) {
  RunStatus status;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return status;
  const JsonDocument document = parse_json(as_text(read_file(path, kLargestStatus)), path);
  const json& run = *document;
  if (!run.is_object()) return status;
  take_member(run, "status", status.status);
  take_member(run, "reason", status.reason);
  take_member(run, "step", status.step);
  take_member(run, "steps", status.steps);
  if (int64_t step = 0; take_member(run, "saved_step", step)) status.saved_step = step;
  take_member(run, "device", status.device);
  take_member(run, "device_description", status.device_description);
  take_member(run, "precision", status.precision);
  take_member(run, "epoch_seconds", status.epoch_seconds);
  take_member(run, "data", status.data);
  take_member(run, "data_fingerprint", status.data_fingerprint);
  take_member(run, "skipped_pictures", status.skipped_pictures);
  take_member(run, "parameters", status.parameters);
  take_member(run, "seed", status.seed);
  take_member(run, "version", status.version);
  status.label_names = label_names_member(run);
  status.best = record_member(run, "best", path);
  status.last = record_member(run, "last", path);
  return status;
}

}  // namespace vae
