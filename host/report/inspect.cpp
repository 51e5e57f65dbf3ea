// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "host/data/array_images.h"
#include "host/data/picture.h"
#include "host/data/pixel_statistics.h"
#include "host/io/ascii.h"
#include "host/io/atomic_file.h"
#include "host/io/foreign.h"
#include "host/io/gzip.h"
#include "host/io/idx.h"
#include "host/io/input_file.h"
#include "host/io/json.h"
#include "host/io/json_writer.h"
#include "host/io/run_folder.h"
#include "host/model/checkpoint.h"
#include "host/report/network_text.h"
#include "host/report/run_record.h"
#include "host/run/metrics_log.h"
#include "kernels/check.h"
#include "vae/array.h"
#include "vae/dataset.h"
#include "vae/doubts.h"
#include "vae/image.h"
#include "vae/report.h"

namespace vae {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using Bytes = std::vector<std::byte>;

constexpr size_t kStartBytes = 4096;
constexpr size_t kIdxMagicBytes = 4;

ordered_json config_document(const Config& config) {
  return ordered_json::parse(config_to_json(config));
}

ordered_json tensor_list(const SafetensorsFile& file) {
  ordered_json list = ordered_json::array();
  for (const SafetensorsTensor& tensor : file.tensors) {
    list.push_back(
        {{"name", tensor.name}, {"type", to_string(tensor.type)}, {"shape", tensor.shape}});
  }
  return list;
}

ordered_json layer_list(const ModelConfig& model) {
  ordered_json list = ordered_json::array();
  for (const ModelLayer& line : model_layers(model)) {
    list.push_back({{"name", line.name},
                    {"layer", to_string(line.layer)},
                    {"shape", line.shape},
                    {"parameters", line.parameters}});
  }
  return list;
}

int64_t element_count(const SafetensorsTensor& tensor) {
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  return count;
}

ordered_json training_document(const TrainingState& training, double beta) {
  ordered_json document = {
      {"step", training.step.step},
      {"updates", training.step.updates},
      {"skipped_steps", training.step.skipped},
      {"data", training.data_name},
      {"data_fingerprint", training.data_fingerprint},
  };
  if (training.steps_per_epoch > 0) {
    document["epoch"] = training.step.step / training.steps_per_epoch;
  }
  if (training.best) {
    JsonWriter json;
    write_member(json, "best", *training.best, beta);
    document.update(ordered_json::parse(json.text()));
  }
  return document;
}

/// Everything is verified: a damaged checkpoint is an error, not a description.
void describe_checkpoint(const std::string& path, ordered_json& document) {
  const Checkpoint checkpoint = Checkpoint::read(path, {.advise_import = true});
  int64_t parameters = 0;
  for (const SafetensorsTensor& tensor : checkpoint.file().tensors) {
    const bool of_training = tensor.name.starts_with("adam.") || tensor.name.starts_with("ema.");
    if (!of_training) parameters += element_count(tensor);
  }
  document["kind"] = "checkpoint";
  document["checksum_verified"] = checkpoint.file().checksum_verified;
  document["parameters"] = parameters;
  document["network"] = network_text(checkpoint.config().model);
  document["layers"] = layer_list(checkpoint.config().model);
  document["binarization"] = to_string(checkpoint.config().training.binarization);
  document["config"] = config_document(checkpoint.config());
  document["training"] =
      checkpoint.training()
          ? training_document(*checkpoint.training(), checkpoint.config().training.beta)
          : ordered_json();
  document["tensors"] = tensor_list(checkpoint.file());
}

void describe_safetensors(const std::string& path, ordered_json& document) {
  const SafetensorsFile header = read_safetensors_header(path);
  if (header.metadata.contains("vae_format")) return describe_checkpoint(path, document);
  int64_t values = 0;
  for (const SafetensorsTensor& tensor : header.tensors) values += element_count(tensor);
  document["kind"] = "safetensors";
  document["description"] = "tensors of another program; this one cannot run them";
  document["checksum_verified"] = false;
  document["values"] = values;
  document["metadata"] = header.metadata;
  document["tensors"] = tensor_list(header);
}

void describe_idx(const std::string& path, bool labels, ordered_json& document) {
  ByteArray array = read_idx(path, labels ? ArrayContent::labels : ArrayContent::images);
  document["kind"] = labels ? "idx labels" : "idx images";
  document["count"] = array.dims[0];
  if (labels) {
    document["largest_label"] = *std::max_element(array.values.begin(), array.values.end());
    return;
  }
  const ImageSet images = images_of(std::move(array), {}, path);
  document["height"] = images.height();
  document["width"] = images.width();
  document["channels"] = images.channels();
  const PixelStatistics pixels(images);
  document["smallest_pixel"] = pixels.smallest();
  document["largest_pixel"] = pixels.largest();
  document["mean_pixel"] = pixels.mean();
}

bool looks_like_safetensors(const Bytes& start, uint64_t file_bytes) {
  if (start.size() < 9 || start[8] != std::byte{'{'}) return false;
  uint64_t length = 0;
  for (size_t i = 8; i-- > 0;) length = length << 8 | std::to_integer<uint64_t>(start[i]);
  return length <= file_bytes - 8;
}

bool starts_with(const Bytes& start, std::string_view magic) {
  return as_text(start).starts_with(magic);
}

/// The first bytes of what a gzip file holds.
Bytes inflated_start(const Bytes& start, const std::string& path) {
  Bytes plain;
  GzipDecoder decoder(path, [&](std::span<const std::byte> piece) {
    const size_t wanted = std::min(piece.size(), kIdxMagicBytes - plain.size());
    plain.insert(plain.end(), piece.begin(), piece.begin() + wanted);
  });
  decoder.feed(start);
  return plain;
}

/// How often each class is there: {"0": 12, "7": 3}.
ordered_json frequencies(std::span<const uint8_t> classes) {
  std::map<int, int64_t> counts;
  for (const uint8_t value : classes) ++counts[value];
  ordered_json list = ordered_json::object();
  for (const auto& [value, count] : counts) list[std::to_string(value)] = count;
  return list;
}

ordered_json set_document(const ImageSet& set) {
  const PixelStatistics pixels(set);
  ordered_json document = {{"images", set.count()},
                           {"smallest_pixel", pixels.smallest()},
                           {"largest_pixel", pixels.largest()},
                           {"mean_pixel", pixels.mean()}};
  if (!set.labels().empty()) document["images_of_label"] = frequencies(set.labels());
  if (!set.masks().empty()) document["pixels_of_class"] = frequencies(set.masks());
  if (set.has_boxes()) {
    std::vector<uint8_t> classes;
    for (const Box& box : set.boxes()) classes.push_back(box.class_);
    document["boxes_of_class"] = frequencies(classes);
  }
  return document;
}

void describe_data_set(const std::string& path, const LoadOptions& options,
                       ordered_json& document) {
  ordered_json warnings = ordered_json::array();
  LoadOptions quiet = options;
  quiet.log = [&](LogLevel, std::string_view line) { warnings.push_back(std::string(line)); };
  const Dataset data = Dataset::load(path, quiet);
  for (const std::string& doubt : find_doubts(data)) warnings.push_back(doubt);
  document["kind"] = "data set";
  document["name"] = data.name;
  document["height"] = data.train.height();
  document["width"] = data.train.width();
  document["channels"] = data.train.channels();
  document["train_images"] = data.train.count();
  document["test_images"] = data.test.count();
  document["labels"] = !data.train.labels().empty();
  if (const auto names = data.train.label_names(); !names.empty()) {
    document["label_names"] = std::vector<std::string>(names.begin(), names.end());
  }
  document["fingerprint"] = data.fingerprint();
  document["train"] = set_document(data.train);
  document["test"] = set_document(data.test);
  document["warnings"] = std::move(warnings);
}

/// The shape of a .npy file, which may hold codes as well as images.
void describe_npy(const std::string& path, const LoadOptions& options, ordered_json& document) {
  const std::vector<int64_t> shape = load_npy(path).shape;
  document["kind"] = "npy";
  document["shape"] = shape;
  if (shape.size() <= 2) return;
  try {
    describe_data_set(path, options, document);
    document["kind"] = "npy";
  } catch (const Error& error) {
    const bool no_images = error.code() == ErrorCode::unsupported ||
                           error.code() == ErrorCode::invalid_argument;  // too few of them
    if (!no_images) throw;
    document["description"] = error.what();
  }
}

void describe_picture(const std::string& path, ordered_json& document) {
  const auto file = read_file(path, kLargestPictureFile);
  const Image image = decode_picture(file, path);
  document["kind"] = starts_with(file, "\x89PNG") ? "png" : "jpeg";
  document["height"] = image.height;
  document["width"] = image.width;
  document["channels"] = image.channels;
}

void describe_file(const std::string& path, const LoadOptions& options, ordered_json& document) {
  InputFile file(path);
  Bytes start(kStartBytes);
  start.resize(file.read(start));
  document["bytes"] = file.size();
  // A file cut off within its header is known by its name alone; reading it tells what is wrong.
  if (looks_like_safetensors(start, file.size()) || path.ends_with(".safetensors")) {
    return describe_safetensors(path, document);
  }
  if (starts_with(start, "\x93NUMPY")) return describe_npy(path, options, document);
  if (is_picture(start)) return describe_picture(path, document);
  if (describe_start(start).ends_with("(.npz)") || lower_case(path).ends_with(".bin")) {
    return describe_data_set(path, options, document);
  }
  const bool compressed = looks_like_gzip(start);
  const Bytes magic = compressed ? inflated_start(start, path) : start;
  if (magic.size() >= kIdxMagicBytes && starts_with(magic, std::string_view("\0\0", 2))) {
    document["gzip"] = compressed;
    return describe_idx(path, /*labels=*/magic[3] == std::byte{1}, document);
  }
  document["kind"] = "other";
  document["description"] = describe_start(start);
}

ordered_json metrics_document(const Metrics& metrics) {
  return {{"epoch", metrics.epoch},
          {"elbo", metrics.elbo},
          {"reconstruction", metrics.reconstruction},
          {"kl", metrics.kl}};
}

void describe_run(const std::string& path, ordered_json& document) {
  const RunRecord run = read_run_record(path);
  document["kind"] = "run folder";
  document["epochs_done"] = run.train.empty() ? 0 : run.train.back().epoch;
  document["epochs"] = run.config.training.epochs;
  document["network"] = network_text(run.config.model);
  document["binarization"] = to_string(run.config.training.binarization);
  if (!run.test.empty()) {
    document["last_test"] = metrics_document(run.test.back());
    if (run.best()) document["best_test"] = metrics_document(*run.best());
  }
  std::error_code error;
  if (const std::string file = path + "/run.json"; fs::exists(file, error)) {
    document["run"] = *parse_json(as_text(read_file(file, uint64_t{16} << 20)), file);
  }
  ordered_json checkpoints = ordered_json::array();
  if (const std::string best = best_checkpoint_path(path); fs::exists(best, error)) {
    checkpoints.push_back(fs::path(best).filename().string());
  }
  for (const std::string& each : list_checkpoints(path)) {
    checkpoints.push_back(fs::path(each).filename().string());
  }
  document["checkpoints"] = std::move(checkpoints);
  document["config"] = config_document(run.config);
}

}  // namespace

std::string inspect(const std::string& path, const LoadOptions& options) {
  ordered_json document = {{"path", path}};
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    describe_file(path, options, document);
  } else if (fs::is_directory(status) && fs::exists(path + "/config.json", error)) {
    describe_run(path, document);
  } else {
    describe_data_set(path, options, document);  // a folder, a folder's prefix, or a name
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace vae
