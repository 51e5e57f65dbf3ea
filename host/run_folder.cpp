// SPDX-License-Identifier: MIT
#include "host/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include "host/io/atomic_file.h"
#include "kernels/check.h"

namespace vae {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 4> kFiles = {"config.json", "run.json", "metrics.jsonl",
                                                    "report.html"};
constexpr std::string_view kStepPrefix = "step-";
constexpr std::string_view kSuffix = ".safetensors";

bool is_step_checkpoint(const std::string& name) {
  return name.starts_with(kStepPrefix) && name.ends_with(kSuffix);
}

/// Whether a file in images/ or checkpoints/ is one that a training writes.
bool is_own_product(const fs::path& path) {
  const std::string name = path.filename().string();
  return is_step_checkpoint(name) || name == "best.safetensors" || name.ends_with(".corrupt") ||
         (name.starts_with("epoch-") && path.extension() == ".png");
}

/// Entries that make a folder "not empty": all but our lock.
bool holds_files(const std::string& path) {
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (entry.path().filename() != ".lock") return true;
  }
  return false;
}

void create_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail_io("create the folder", path, error.value());
}

}  // namespace

RunFolder::RunFolder(std::string path, Mode mode) : path_(std::move(path)) {
  std::error_code ignored;
  if (mode == Mode::resume && !fs::is_directory(path_, ignored)) {
    fail(ErrorCode::invalid_argument, "--resume: there is no run folder ", path_,
         "; leave --resume out to start a run there");
  }
  if (fs::exists(path_, ignored) && !fs::is_directory(path_, ignored)) {
    fail(ErrorCode::invalid_argument, path_, " exists and is not a folder; choose another --out");
  }
  create_folder(path_);
  lock();
  if (mode == Mode::fresh && holds_files(path_)) {
    fail(ErrorCode::invalid_argument, "the run folder ", path_,
         " is not empty; use --resume to go on with it, --overwrite to start anew, or another ",
         "--out");
  }
  if (mode == Mode::overwrite) delete_run_files();
  for (const char* sub : {"checkpoints", "images"}) {
    create_folder(file(sub));
    remove_stale_temporaries(file(sub));
  }
  remove_stale_temporaries(path_);
  write_file_atomically(file("checkpoints/.probe"), std::string_view("writable\n"));
  fs::remove(file("checkpoints/.probe"), ignored);
}

void RunFolder::lock() {
  const std::string name = file(".lock");
  lock_ = FileDescriptor(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!lock_.is_open()) fail_io("open", name, errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
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

void RunFolder::delete_run_files() const {
  std::error_code error;
  for (const std::string_view name : kFiles) fs::remove(file(std::string(name)), error);
  for (const char* sub : {"checkpoints", "images"}) {
    if (!fs::is_directory(file(sub), error)) continue;
    for (const fs::directory_entry& entry : fs::directory_iterator(file(sub))) {
      if (!is_own_product(entry.path())) continue;
      fs::remove(entry.path(), error);
      if (error) fail_io("delete", entry.path().string(), error.value());
    }
  }
}

std::string RunFolder::checkpoint_path(int64_t step) const {
  std::array<char, 48> name = {};
  std::snprintf(name.data(), name.size(), "checkpoints/step-%08lld.safetensors",
                static_cast<long long>(step));
  return file(name.data());
}

void RunFolder::prune_checkpoints(std::size_t keep) const {
  const std::vector<std::string> all = list_checkpoints(path_);
  std::error_code ignored;
  for (std::size_t i = keep; i < all.size(); ++i) fs::remove(all[i], ignored);
}

std::string best_checkpoint_path(const std::string& run_folder) {
  return run_folder + "/checkpoints/best.safetensors";
}

std::vector<std::string> list_checkpoints(const std::string& run_folder) {
  std::vector<std::string> paths;
  std::error_code ignored;
  const fs::path folder = fs::path(run_folder) / "checkpoints";
  if (!fs::is_directory(folder, ignored)) return paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (is_step_checkpoint(entry.path().filename().string())) {
      paths.push_back(entry.path().string());
    }
  }
  // Step numbers have at least eight digits: longer names are later, equal ones sort as text.
  std::sort(paths.begin(), paths.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a > b;
  });
  return paths;
}

}  // namespace vae
