// SPDX-License-Identifier: MIT
#include "host/cli/output_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <set>

#include "vae/error.h"

namespace vae::cli {
namespace {

namespace fs = std::filesystem;

/// A folder beside another one, which is gone unless it takes that one's place.
class UnfinishedFolder {
 public:
  explicit UnfinishedFolder(const std::string& path)
      : path_(path), draft_(fmt::format("{}.tmp-{}", without_slash(path), ::getpid())) {
    create(draft_);
  }
  ~UnfinishedFolder() {
    std::error_code ignored;
    fs::remove_all(draft_, ignored);
  }
  UnfinishedFolder(const UnfinishedFolder&) = delete;
  UnfinishedFolder& operator=(const UnfinishedFolder&) = delete;

  /// The place of a file in it, whose folder is there.
  std::string file(const std::string& name) const {
    const fs::path path = fs::path(draft_) / name;
    create(path.parent_path().string());
    return path.string();
  }

  void commit() const {
    std::error_code error;
    fs::rename(draft_, path_, error);
    if (error) fail_folder(path_, error);
  }

 private:
  static std::string without_slash(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }
  [[noreturn]] static void fail_folder(const std::string& path, const std::error_code& error) {
    throw Error(ErrorCode::io,
                fmt::format("{}: cannot make the folder: {}", path, error.message()));
  }
  static void create(const std::string& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) fail_folder(path, error);
  }

  std::string path_, draft_;
};

}  // namespace

void OutputFolder::check() const {
  std::error_code error;
  if (!fs::exists(path_, error)) return;
  if (fs::is_directory(path_, error) && fs::is_empty(path_, error)) return;
  throw Error(
      ErrorCode::io,
      fmt::format("--out {}: there is something already; name a folder that is new", path_));
}

void OutputFolder::write(const std::vector<std::string>& names,
                         const std::function<Image(std::size_t)>& picture) const {
  const UnfinishedFolder draft(path_);
  for (std::size_t i = 0; i < names.size(); ++i) save_png(draft.file(names[i]), picture(i));
  draft.commit();
}

std::vector<std::string> png_names(int64_t count) {
  std::vector<std::string> names;
  const std::size_t digits = std::max<std::size_t>(5, std::to_string(count).size());
  for (int64_t i = 0; i < count; ++i) names.push_back(fmt::format("{:0{}}.png", i, digits));
  return names;
}

std::vector<std::string> png_names(const ImageSet& images) {
  if (images.names().empty()) return png_names(images.count());
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (const std::string& name : images.names()) {
    names.push_back(fs::path(name).replace_extension(".png").string());
    if (taken.insert(names.back()).second) continue;
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("two pictures would both be written to {}; rename one of them", names.back()));
  }
  return names;
}

}  // namespace vae::cli
