// SPDX-License-Identifier: MIT
#include "host/io/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <utility>

#include "host/io/atomic_file.h"
#include "host/io/folder.h"
#include "kernels/check.h"

namespace vae {

namespace fs = std::filesystem;

namespace {

constexpr std::array<const char*, 2> kSubfolders = {"checkpoints", "images"};
constexpr const char* kLock = ".lock";
constexpr const char* kProbe = ".probe";
constexpr const char* kBest = "best.safetensors";
constexpr std::string_view kStepPrefix = "step-";
constexpr std::string_view kSuffix = ".safetensors";
constexpr std::string_view kDamaged = ".corrupt";

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// The step of "step-00001234.safetensors"; -1 for every other name.
int64_t step_of(std::string_view name) {
  if (!name.starts_with(kStepPrefix) || !name.ends_with(kSuffix)) return -1;
  name.remove_prefix(kStepPrefix.size());
  name.remove_suffix(kSuffix.size());
  int64_t step = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  return error == std::errc() && end == name.data() + name.size() ? step : -1;
}

/// Whether a file in images/ or checkpoints/ is one that a training writes.
bool is_own_product(std::string_view name) {
  const bool picture = name.ends_with(".png") || name.ends_with(".svg");
  if (name.starts_with("epoch-") && picture) return true;
  if (name.ends_with(kDamaged)) name.remove_suffix(kDamaged.size());
  return step_of(name) >= 0 || name == kBest;
}

bool is_leftover(std::string_view name) { return name.starts_with(".tmp-") || name == kProbe; }

/// Whether a folder holds nothing, or only what a run leaves that was killed before it began.
bool is_unused(const std::string& path) {
  for (const std::string& name : names_in_folder(path)) {
    if (name == kLock || is_leftover(name)) continue;
    const std::string inside = path + "/" + name;
    if (std::ranges::find(kSubfolders, name) == kSubfolders.end()) return false;
    if (!is_folder(inside) || !std::ranges::all_of(names_in_folder(inside), is_leftover))
      return false;
  }
  return true;
}

/// What may be deleted must be a run: somebody else's folder may hold a config.json, too.
bool is_run(const std::string& path) {
  return exists(path + "/" + kLock) || exists(path + "/run.json");
}

void delete_file(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) fail_io("delete", path, error.value());
}

/// The program around the library may change its working directory while a training runs.
std::string make_absolute(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) fail_io("find the working directory for the run folder", path, error.value());
  return absolute.string();
}

}  // namespace

RunFolder::RunFolder(const std::string& path, Mode mode) : path_(make_absolute(path)) {
  if (mode == Mode::resume && !is_folder(path_)) {
    fail(ErrorCode::invalid_argument, "--resume: there is no run folder ", path_,
         "; leave --resume out to start a run there");
  }
  if (exists(path_) && !is_folder(path_)) {
    fail(ErrorCode::invalid_argument, path_, " exists and is not a folder; choose another --out");
  }
  // A folder that is refused must not be left with a lock file in it; a run in use is busy first.
  if (!exists(file(kLock))) require_fit(mode);
  create_folder(path_);
  folder_ = open_file(path_, O_RDONLY | O_DIRECTORY);
  if (!folder_.is_open()) fail_io("open the folder", path_, errno);
  lock();
  require_fit(mode);
  if (mode == Mode::overwrite) delete_run_files();
  for (const char* sub : kSubfolders) {
    create_folder(file(sub));
    remove_stale_temporaries(file(sub));
  }
  remove_stale_temporaries(path_);
  const std::string probe = file("checkpoints/") + kProbe;
  write_file_atomically(probe, std::string_view("writable\n"));
  delete_file(probe);
}

void RunFolder::require_in_place() const {
  struct stat ours = {}, found = {};
  if (::fstat(folder_.get(), &ours) != 0) fail_io("examine the folder", path_, errno);
  const bool there = ::stat(path_.c_str(), &found) == 0;
  if (there && ours.st_dev == found.st_dev && ours.st_ino == found.st_ino) return;
  fail(ErrorCode::io, "the run folder ", path_, " was ",
       there ? "replaced by another one" : "deleted or moved",
       " while the training ran; put it back, or stop and start the training anew");
}

/// Whether the folder's content allows the mode.
void RunFolder::require_fit(Mode mode) const {
  if (is_unused(path_)) return;
  if (mode == Mode::fresh) {
    fail(ErrorCode::invalid_argument, "the run folder ", path_,
         " is not empty; use --resume to go on with it, --overwrite to start anew, or another ",
         "--out");
  }
  if (mode == Mode::overwrite && !is_run(path_)) {
    fail(ErrorCode::invalid_argument, "--overwrite: ", path_,
         " is not empty and holds no run of this program; nothing was deleted, choose another ",
         "--out");
  }
  if (mode == Mode::resume && !exists(file("config.json")) && list_checkpoints(path_).empty()) {
    fail(ErrorCode::invalid_argument, "--resume: ", path_,
         " holds no run: neither config.json nor checkpoints; choose another --out");
  }
}

void RunFolder::lock() {
  const std::string name = file(kLock);
  lock_ = FileDescriptor(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!lock_.is_open()) fail_io("open", name, errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail_io("lock", name, errno);
    std::array<char, 128> owner = {};
    const ssize_t length = ::read(lock_.get(), owner.data(), owner.size() - 1);
    std::string_view text(owner.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    while (text.ends_with('\n')) text.remove_suffix(1);
    fail(ErrorCode::busy, "the run folder ", path_, " is in use by another process (", text,
         "); wait for it or choose another --out");
  }
  std::array<char, 64> host = {};
  ::gethostname(host.data(), host.size() - 1);
  const std::string owner = concat("pid ", ::getpid(), " on ", host.data(), "\n");
  // Only information for whoever finds the folder locked: the lock itself is the kernel's.
  if (::ftruncate(lock_.get(), 0) != 0 ||
      ::pwrite(lock_.get(), owner.data(), owner.size(), 0) < 0) {
    fail_io("write", name, errno);
  }
}

/// Products first and the configuration last: a kill in between leaves a run that can be resumed.
void RunFolder::delete_run_files() const {
  for (const char* sub : kSubfolders) {
    for (const std::string& name : names_in_folder(file(sub))) {
      if (is_own_product(name)) delete_file(file(sub) + "/" + name);
    }
  }
  for (const char* name :
       {"explore.html", "report.html", "metrics.jsonl", "config.json", "run.json"}) {
    delete_file(file(name));
  }
}

std::string RunFolder::checkpoint_path(int64_t step) const {
  std::array<char, 48> name = {};
  std::snprintf(name.data(), name.size(), "checkpoints/step-%08lld.safetensors",
                static_cast<long long>(step));
  return file(name.data());
}

void RunFolder::prune_checkpoints(std::size_t keep, int64_t step) const {
  std::size_t kept = 0;
  for (const std::string& path : list_checkpoints(path_)) {
    if (step_of(fs::path(path).filename().string()) > step || ++kept <= keep) continue;
    delete_file(path);
  }
}

std::string best_checkpoint_path(const std::string& run_folder) {
  return run_folder + "/checkpoints/" + kBest;
}

std::vector<std::string> list_checkpoints(const std::string& run_folder) {
  const std::string folder = run_folder + "/checkpoints";
  std::vector<std::pair<int64_t, std::string>> found;
  for (const std::string& name : names_in_folder(folder)) {
    if (const int64_t step = step_of(name); step >= 0) found.emplace_back(step, name);
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<std::string> paths;
  for (const auto& [step, name] : found) paths.push_back(folder + "/" + name);
  return paths;
}

bool has_damaged_checkpoints(const std::string& run_folder) {
  return std::ranges::any_of(
      names_in_folder(run_folder + "/checkpoints"),
      [](const std::string& name) { return name.ends_with(kDamaged) && is_own_product(name); });
}

}  // namespace vae
