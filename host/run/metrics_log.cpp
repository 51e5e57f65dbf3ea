// SPDX-License-Identifier: MIT
#include "host/run/metrics_log.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <type_traits>

#include "host/io/atomic_file.h"
#include "host/io/input_file.h"
#include "host/io/json.h"
#include "host/io/json_writer.h"
#include "kernels/check.h"

namespace vae {

namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 20;

void read_member(const nlohmann::json& object, const char* key, std::vector<double>& values) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return;
  for (const nlohmann::json& value : *found) {
    if (value.is_number()) values.push_back(value.get<double>());
  }
}

template <typename T>
void read_member(const nlohmann::json& object, const char* key, T& value) {
  const auto found = object.find(key);
  if (found == object.end()) return;
  if constexpr (std::is_same_v<T, std::string>) {
    if (found->is_string()) value = found->get<std::string>();
  } else if constexpr (std::is_integral_v<T>) {
    // A floating-point number beyond the range of T must not be converted.
    if (found->is_number_integer()) value = found->get<T>();
  } else {
    // JSON has no NaN; it is written as null and must not come back as 0.
    if (found->is_null()) value = std::numeric_limits<T>::quiet_NaN();
    if (found->is_number()) value = found->get<T>();
    if constexpr (std::is_same_v<T, double>) {
      if (found->is_null()) value = std::numeric_limits<double>::quiet_NaN();  // of no images
    }
  }
}

Metrics parse_line(std::string_view line, const std::string& origin) {
  const JsonDocument document = parse_json(line, origin);
  const nlohmann::json& object = *document;
  if (!object.is_object() || !object.contains("epoch") || !object.contains("split")) {
    fail(ErrorCode::corrupt, origin, ": the line is no metrics object with epoch and split");
  }
  Metrics metrics;
  read_member(object, "epoch", metrics.epoch);
  read_member(object, "split", metrics.split);
  read_member(object, "elbo", metrics.elbo);
  metrics.bound = metrics.elbo;
  read_member(object, "bound", metrics.bound);
  read_member(object, "importance_samples", metrics.importance_samples);
  read_member(object, "reconstruction", metrics.reconstruction);
  read_member(object, "kl", metrics.kl);
  read_member(object, "kl_per_layer", metrics.kl_per_layer);
  read_member(object, "beta", metrics.beta);
  read_member(object, "learning_rate", metrics.learning_rate);
  read_member(object, "step", metrics.step);
  read_member(object, "skipped_steps", metrics.skipped_steps);
  read_member(object, "images", metrics.images);
  if (object.contains("accuracy")) read_member(object, "accuracy", metrics.accuracy.emplace());
  if (object.contains("psnr")) read_member(object, "psnr", metrics.psnr.emplace());
  if (object.contains("mean_iou")) read_member(object, "mean_iou", metrics.mean_iou.emplace());
  if (object.contains("average_precision")) {
    read_member(object, "average_precision", metrics.average_precision.emplace());
  }
  read_member(object, "seconds", metrics.seconds);
  read_member(object, "samples_per_second", metrics.samples_per_second);
  return metrics;
}

/// Calls body(line, its number) for each whole line of the file, of which a piece at a time is in
/// memory.
template <typename Body>
void for_lines(const std::string& path, Body body) {
  InputFile file(path);
  std::vector<std::byte> buffer(kLongestLine);
  int64_t number = 1;
  for (std::size_t filled = 0;;) {
    const std::size_t got = file.read(std::span(buffer).subspan(filled));
    std::string_view text = as_text(std::span(buffer).first(filled + got));
    if (got == 0) return;
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      body(text.substr(0, end), number++);
      text.remove_prefix(end + 1);
    }
    if (text.size() == buffer.size()) {
      fail(ErrorCode::corrupt, path, " line ", number, ": longer than any line of metrics");
    }
    filled = text.size();
    std::copy_n(as_bytes(text).begin(), filled, buffer.begin());
  }
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

std::string metrics_to_json(const Metrics& metrics, Binarization binarization) {
  JsonWriter json;
  json.member("epoch", metrics.epoch)
      .member("split", metrics.split)
      .member("elbo", metrics.elbo)
      .member("reconstruction", metrics.reconstruction)
      .member("kl", metrics.kl)
      .member("beta", metrics.beta)
      .member("seconds", metrics.seconds)
      .member("samples_per_second", metrics.samples_per_second)
      .member("learning_rate", metrics.learning_rate)
      .member("step", metrics.step)
      .member("images", metrics.images)
      .member("skipped_steps", metrics.skipped_steps)
      .member("binarization", to_string(binarization));
  if (metrics.importance_samples > 1) {
    json.member("bound", metrics.bound).member("importance_samples", metrics.importance_samples);
  }
  if (metrics.accuracy) json.member("accuracy", *metrics.accuracy);
  if (metrics.psnr) json.member("psnr", *metrics.psnr);
  if (metrics.mean_iou) json.member("mean_iou", *metrics.mean_iou);
  if (metrics.average_precision) json.member("average_precision", *metrics.average_precision);
  if (!metrics.kl_per_layer.empty()) json.member("kl_per_layer", metrics.kl_per_layer);
  return json.text();
}

void MetricsLog::append(const Metrics& metrics, Binarization binarization, bool sync) const {
  append_line(path_, metrics_to_json(metrics, binarization), sync);
}

void MetricsLog::rewind(int64_t step, const std::function<void(const std::string&)>& warn) const {
  if (!exists(path_)) return;
  truncate_after_last_newline(path_);
  std::string kept;
  bool dropped = false;
  for_lines(path_, [&](std::string_view line, int64_t number) {
    try {
      if (parse_line(line, concat(path_, " line ", number)).step <= step) {
        kept.append(line).push_back('\n');
        return;
      }
    } catch (const Error& error) {
      // A power cut may leave zeros where a line was. The log must not keep a run from going on.
      if (warn) warn(concat("a damaged line was dropped: ", error.what()));
    }
    dropped = true;
  });
  if (dropped) write_file_atomically(path_, std::string_view(kept));
}

void visit_metrics(const std::string& path, const std::function<void(Metrics)>& visit) {
  if (!exists(path)) return;
  for_lines(path, [&](std::string_view line, int64_t number) {
    visit(parse_line(line, concat(path, " line ", number)));
  });
}

std::vector<Metrics> read_metrics(const std::string& path) {
  std::vector<Metrics> all;
  visit_metrics(path, [&](Metrics metrics) { all.push_back(std::move(metrics)); });
  return all;
}

}  // namespace vae
