// SPDX-License-Identifier: MIT
//
// A data set, a configuration and a folder small enough to train in milliseconds.
#pragma once

#include <stdlib.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "vae/config.h"
#include "vae/dataset.h"

namespace vae::test {

/// A folder of its own for one test, deleted at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    const auto temporary = std::filesystem::canonical(std::filesystem::temp_directory_path());
    std::string name = (temporary / "vae-test-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Smooth blobs at different places, so that there is something to learn.
inline ImageSet blobs(int64_t count, int64_t side, int64_t first = 0) {
  std::vector<uint8_t> pixels;
  for (int64_t n = first; n < first + count; ++n) {
    const double cx =
        0.5 + static_cast<double>((n * 7) % 40) / 40.0 * static_cast<double>(side - 2);
    const double cy =
        0.5 + static_cast<double>((n * 13) % 37) / 37.0 * static_cast<double>(side - 2);
    for (int64_t y = 0; y < side; ++y) {
      for (int64_t x = 0; x < side; ++x) {
        const double dx = static_cast<double>(x) - cx, dy = static_cast<double>(y) - cy;
        pixels.push_back(static_cast<uint8_t>(255.0 * std::exp(-(dx * dx + dy * dy) / 2.0)));
      }
    }
  }
  return ImageSet(side, side, 1, std::move(pixels));
}

/// 45 training images: three steps an epoch at batch size 20, the last one short.
inline Dataset tiny_data() { return {"blobs", blobs(45, 6), blobs(17, 6, 1000)}; }

inline Config tiny_config(int64_t epochs = 4) {
  Config config;
  config.model.height = config.model.width = 6;
  config.model.encoder = {9};
  config.model.decoder = {7};
  config.model.latent = 2;
  config.training.epochs = epochs;
  config.training.batch_size = 20;
  config.training.learning_rate = 1e-2;
  return config;
}

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary)
      .write(text.data(), static_cast<std::streamsize>(text.size()));
}

/// Relative name -> content of every file below a folder.
inline std::map<std::string, std::string> read_tree(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files[std::filesystem::relative(entry.path(), folder).string()] =
        read_text(entry.path().string());
  }
  return files;
}

/// A line of metrics.jsonl without the values of "seconds" and "samples_per_second".
inline std::string without_times(std::string text) {
  for (const std::string key : {"\"seconds\":", "\"samples_per_second\":"}) {
    for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
      const std::size_t value = at + key.size();
      text.erase(value, text.find_first_of(",}", value) - value);
    }
  }
  return text;
}

/// What two runs with the same numbers have in common, byte for byte: everything but the report,
/// which shows times, and the lock.
inline std::map<std::string, std::string> comparable_files(const std::string& run_folder) {
  std::map<std::string, std::string> files = read_tree(run_folder);
  files.erase("report.html");
  files.erase(".lock");
  if (files.contains("metrics.jsonl")) {
    files["metrics.jsonl"] = without_times(files["metrics.jsonl"]);
  }
  return files;
}

}  // namespace vae::test
