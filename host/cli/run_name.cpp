// SPDX-License-Identifier: MIT
#include "host/cli/run_name.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <filesystem>

#include "vae/error.h"

namespace vae::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 64;

/// "My photos/" as "My_photos": a name that no shell and no file system minds.
std::string plain_name(const std::string& path) {
  fs::path last = fs::path(path).lexically_normal();
  if (!last.has_filename()) last = last.parent_path();
  std::string name = last.stem().string().substr(0, kLongestName);
  for (char& c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    if (!plain) c = '_';
  }
  const bool says_something = name.find_first_not_of("_-") != std::string::npos;
  return says_something ? name : "run";
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  return fmt::format("{:%Y%m%d-%H%M%S}", local);
}

}  // namespace

std::string make_run_folder(const std::string& data, const std::string& preset) {
  const std::string start = fmt::format("runs/{}{}{}-{}", plain_name(data),
                                        preset.empty() ? "" : "-", preset, now_text());
  std::error_code error;
  fs::create_directories("runs", error);
  std::string path = start;
  for (int next = 2; !error; ++next) {
    if (fs::create_directory(path, error)) return path;  // the first one to ask gets it
    path = fmt::format("{}-{}", start, next);
  }
  throw Error(ErrorCode::io, fmt::format("{}: cannot make the run folder: {}; --out names another",
                                         path, error.message()));
}

}  // namespace vae::cli
