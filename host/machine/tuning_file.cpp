// SPDX-License-Identifier: MIT
#include "host/machine/tuning_file.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "host/io/atomic_file.h"
#include "vae/error.h"

namespace vae {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 20;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// The folder of caches by the XDG Base Directory Specification, which wants absolute paths.
std::string cache_folder() {
  const std::string cache = environment("XDG_CACHE_HOME"), home = environment("HOME");
  if (cache.starts_with('/')) return cache + "/vae";
  return home.starts_with('/') ? home + "/.cache/vae" : "";
}

}  // namespace

TuningFile::TuningFile() : folder_(cache_folder()) {
  const std::string file = environment("VAE_GEMM_CACHE");
  std::error_code ignored;  // without a working directory the name stays as it is
  // Absolute: the working directory may be another one when the file is written.
  if (!file.empty()) file_ = std::filesystem::absolute(file, ignored).string();
}

std::string TuningFile::path_of(std::string_view name) const {
  if (!file_.empty() || folder_.empty()) return file_;
  return folder_ + '/' + std::string(name);
}

std::string TuningFile::load(std::string_view name) {
  const std::string path = path_of(name);
  if (path.empty()) return {};
  try {
    return std::string(as_text(read_file(path, kMaxBytes)));
  } catch (const Error&) {
    return {};
  }
}

void TuningFile::save(std::string_view name, std::string_view text) {
  const std::string path = path_of(name);
  if (path.empty()) return;
  try {
    std::error_code ignored;  // if the folder is missing, writing fails
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    write_file_atomically(path, text);
  } catch (const Error&) {
  }
}

}  // namespace vae
