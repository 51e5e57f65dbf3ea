// SPDX-License-Identifier: MIT
#include "host/cli/output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <set>
#include <system_error>

#include "host/cli/files.h"
#include "vae/error.h"

namespace vae::cli {
namespace {

namespace fs = std::filesystem;

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

[[noreturn]] void fail_folder(const std::string& path, const std::error_code& error) {
  throw Error(ErrorCode::io, fmt::format("{}: cannot make the folder: {}", path, error.message()));
}

void create_folders(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail_folder(path, error);
}

/// Opens a folder and calls sync(descriptor), which is 0 or sets errno.
template <typename Sync>
std::error_code with_folder(const std::string& path, Sync sync) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return {errno, std::generic_category()};
  const int error = sync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  return {error, std::generic_category()};
}

/// Whether that says that the folder is of a kind, or of somebody, that cannot sync it.
bool cannot_sync(const std::error_code& error) {
  for (const std::errc reason : {std::errc::invalid_argument, std::errc::not_supported,
                                 std::errc::read_only_file_system, std::errc::permission_denied}) {
    if (error == reason) return true;
  }
  return false;
}

}  // namespace

UnfinishedFolder::UnfinishedFolder(const std::string& path)
    : path_(without_slash(path)), draft_(fmt::format("{}.tmp-{}", path_, ::getpid())) {
  create_folders(draft_);
}

UnfinishedFolder::~UnfinishedFolder() {
  std::error_code ignored;
  fs::remove_all(draft_, ignored);
}

std::string UnfinishedFolder::file(const std::string& name) const {
  const fs::path path = fs::path(draft_) / name;
  create_folders(path.parent_path().string());
  return path.string();
}

void UnfinishedFolder::save(const std::string& name, const Image& picture) const {
  write_unsynced(file(name), encode_png(picture));
}

/// The file system is synced as a whole: a wait for each of thousands of small files would take
/// minutes.
void UnfinishedFolder::commit() const {
  std::error_code error = with_folder(draft_, ::syncfs);
  if (error) fail_folder(path_, error);
  fs::rename(draft_, path_, error);
  if (error) fail_folder(path_, error);
  const std::string parent = fs::path(path_).parent_path().string();
  error = with_folder(parent.empty() ? "." : parent, ::fsync);
  if (error && !cannot_sync(error)) fail_folder(path_, error);
}

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
  for (std::size_t i = 0; i < names.size(); ++i) draft.save(names[i], picture(i));
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
