// SPDX-License-Identifier: MIT
#include "host/io/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <new>
#include <system_error>

#include "host/io/file_descriptor.h"
#include "host/io/input_file.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr std::string_view kTemporaryPrefix = ".tmp-";

struct SplitPath {
  std::string folder;
  std::string name;
};

SplitPath split(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

/// Writes everything or returns the errno of the write that failed.
int write_all(int fd, std::span<const std::byte> content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return EIO;  // a file system that makes no progress
    content = content.subspan(static_cast<size_t>(written));
  }
  return 0;
}

/// Reserves the space, so that a full disk shows before the first byte is written. A file system
/// that cannot reserve is no error.
int reserve_space(int fd, uint64_t bytes) {
  if (bytes == 0) return 0;
  int error_number = 0;
  do {
    error_number = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  } while (error_number == EINTR);
  return error_number == EOPNOTSUPP || error_number == EINVAL ? 0 : error_number;
}

}  // namespace

/// The temporary file beside the target; unlinked by the destructor unless it was renamed.
class TemporaryFile {
 public:
  TemporaryFile(int folder_fd, const std::string& name, const std::string& path)
      : folder_fd_(folder_fd), path_(path) {
    constexpr int kAttempts = 16;  // 64 random bits do not collide by chance
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      name_ = make_name(name);
      const int fd = ::openat(folder_fd, name_.c_str(),
                              O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666);
      if (fd >= 0) {
        fd_ = FileDescriptor(fd);
        return;
      }
      if (errno != EEXIST && errno != EINTR) break;
    }
    fail_io("create a temporary file beside", path_, errno);
  }
  ~TemporaryFile() {
    if (!name_.empty()) ::unlinkat(folder_fd_, name_.c_str(), 0);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void reserve(uint64_t bytes) {
    if (const int error = reserve_space(fd_.get(), bytes)) fail_io("write", path_, error);
  }
  void write(std::span<const std::byte> piece) {
    if (const int error = write_all(fd_.get(), piece)) fail_io("write", path_, error);
  }
  /// A failed fsync is never repeated: the kernel may have dropped the pages and would report
  /// success the second time. The file counts as bad.
  void sync_and_close() {
    if (::fsync(fd_.get()) != 0) fail_io("write to disk", path_, errno);
    if (const int error = fd_.close_now()) fail_io("finish writing", path_, error);
  }

  void rename_to(const std::string& name) {
    if (::renameat(folder_fd_, name_.c_str(), folder_fd_, name.c_str()) != 0) {
      fail_io("replace", path_, errno);
    }
    name_.clear();
  }

 private:
  static std::string make_name(const std::string& target) {
    uint64_t random = 0;
    while (::getrandom(&random, sizeof random, 0) != sizeof random) {
    }
    std::array<char, 48> suffix = {};
    std::snprintf(suffix.data(), suffix.size(), "-%ld-%016llx", static_cast<long>(::getpid()),
                  static_cast<unsigned long long>(random));
    constexpr size_t kLongestStem = 180;  // keeps the name below the usual limit of 255 bytes
    return std::string(kTemporaryPrefix) + target.substr(0, kLongestStem) + suffix.data();
  }

  int folder_fd_;
  std::string path_;
  std::string name_;
  FileDescriptor fd_;
};

namespace {

/// rename() would replace a device such as /dev/null by a plain file when run as root.
void require_replaceable(int folder_fd, const std::string& name, const std::string& path) {
  struct stat status = {};
  if (::fstatat(folder_fd, name.c_str(), &status, 0) != 0) return;  // absent: created
  if (S_ISDIR(status.st_mode)) fail_io("write", path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    fail(ErrorCode::io, "cannot write ", path,
         ": it is a device, pipe or socket; name a regular file");
  }
}

void sync_folder(int folder_fd, const std::string& folder) {
  if (::fsync(folder_fd) == 0) return;
  if (errno == EINVAL || errno == ENOTSUP || errno == EROFS) return;  // cannot sync folders
  fail_io("write to disk the folder", folder, errno);
}

}  // namespace

struct AtomicFile::State {
  State(SplitPath where, const std::string& path)
      : folder(std::move(where.folder)),
        name(std::move(where.name)),
        folder_fd(open_folder(folder, name, path)),
        temporary(folder_fd.get(), name, path) {}

  static FileDescriptor open_folder(const std::string& folder, const std::string& name,
                                    const std::string& path) {
    if (name.empty() || name == "." || name == "..") fail_io("write", path, EISDIR);
    FileDescriptor fd = open_file(folder, O_RDONLY | O_DIRECTORY);
    if (!fd.is_open()) fail_io("open the folder of", path, errno);
    require_replaceable(fd.get(), name, path);
    return fd;
  }

  std::string folder, name;
  FileDescriptor folder_fd;
  TemporaryFile temporary;
};

AtomicFile::AtomicFile(const std::string& path, uint64_t bytes)
    : state_(std::make_unique<State>(split(path), path)) {
  state_->temporary.reserve(bytes);
}

AtomicFile::~AtomicFile() = default;

void AtomicFile::append(std::span<const std::byte> piece) { state_->temporary.write(piece); }

void AtomicFile::commit() {
  state_->temporary.sync_and_close();
  state_->temporary.rename_to(state_->name);
  sync_folder(state_->folder_fd.get(), state_->folder);
}

void write_file_atomically(const std::string& path, std::span<const std::byte> content) {
  AtomicFile file(path, content.size());
  file.append(content);
  file.commit();
}

void write_file_atomically(const std::string& path, std::string_view content) {
  write_file_atomically(path, as_bytes(content));
}

std::vector<std::byte> read_file(const std::string& path, uint64_t max_bytes) {
  InputFile file(path);
  if (file.size() > max_bytes) {
    fail(ErrorCode::corrupt, path, ": expected at most ", max_bytes, " bytes, found ", file.size(),
         "; is it the right file?");
  }
  std::vector<std::byte> content;
  try {
    content.resize(file.size());
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, "not enough memory to read ", path, " of ", file.size(),
         " bytes; close other programs or use a smaller file");
  }
  std::byte extra;
  if (file.read(content) != content.size() || file.read({&extra, 1}) != 0) {
    fail(ErrorCode::corrupt, path, ": its size of ", content.size(),
         " bytes changed while it was read; wait until its writer has finished");
  }
  return content;
}

int remove_stale_temporaries(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
  if (entries == nullptr) fail_io("list the folder", folder, errno);
  int removed = 0;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr && errno != 0) fail_io("list the folder", folder, errno);
    if (entry == nullptr) return removed;
    if (!std::string_view(entry->d_name).starts_with(kTemporaryPrefix)) continue;
    if (::unlinkat(::dirfd(entries.get()), entry->d_name, 0) == 0) {
      ++removed;
    } else if (errno != ENOENT && errno != EISDIR) {
      fail_io("delete", folder + "/" + entry->d_name, errno);
    }
  }
}

void append_line(const std::string& path, std::string_view line, bool sync) {
  std::string content(line);
  content += '\n';
  FileDescriptor fd = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
  if (!fd.is_open()) fail_io("open", path, errno);
  struct stat before = {};
  if (::fstat(fd.get(), &before) != 0) fail_io("examine", path, errno);
  ssize_t written = 0;
  do {
    written = ::write(fd.get(), content.data(), content.size());
  } while (written < 0 && errno == EINTR);
  if (written != static_cast<ssize_t>(content.size())) {
    // A regular file takes less than it was given only when the disk is full.
    const int error = written < 0 ? errno : ENOSPC;
    // Should taking the half line back fail too, truncate_after_last_newline() cuts it later.
    [[maybe_unused]] const int cut = ::ftruncate(fd.get(), before.st_size);
    fail_io("append to", path, error);
  }
  if (sync && ::fsync(fd.get()) != 0) fail_io("write to disk", path, errno);
  if (const int error = fd.close_now()) fail_io("finish writing", path, error);
}

void create_folder(const std::string& path) {
  std::error_code error;
  const std::filesystem::path wanted(path);
  if (std::filesystem::is_directory(wanted, error)) return;
  const std::filesystem::path parent =
      wanted.has_filename() ? wanted.parent_path() : wanted.parent_path().parent_path();
  if (!parent.empty() && parent != wanted) create_folder(parent.string());
  if (!std::filesystem::create_directory(wanted, error) && error) {
    fail_io("create the folder", path, error.value());
  }
  const std::string folder = parent.empty() ? "." : parent.string();
  const FileDescriptor folder_fd = open_file(folder, O_RDONLY | O_DIRECTORY);
  if (folder_fd.is_open()) sync_folder(folder_fd.get(), folder);  // who may not read it cannot sync
}

uint64_t truncate_after_last_newline(const std::string& path) {
  FileDescriptor fd = open_file(path, O_RDWR);
  if (!fd.is_open() && errno == ENOENT) return 0;
  if (!fd.is_open()) fail_io("open", path, errno);
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) fail_io("examine", path, errno);
  std::array<char, 4096> block;
  off_t keep = status.st_size;
  for (size_t newline = std::string::npos; keep > 0 && newline == std::string::npos;) {
    const off_t start = std::max<off_t>(0, keep - static_cast<off_t>(block.size()));
    const ssize_t got = ::pread(fd.get(), block.data(), static_cast<size_t>(keep - start), start);
    if (got < 0 && errno == EINTR) continue;
    if (got != keep - start) fail_io("read", path, got < 0 ? errno : EIO);
    newline = std::string_view(block.data(), static_cast<size_t>(got)).rfind('\n');
    keep = newline == std::string::npos ? start : start + static_cast<off_t>(newline) + 1;
  }
  if (keep == status.st_size) return 0;
  if (::ftruncate(fd.get(), keep) != 0) fail_io("repair", path, errno);
  if (::fsync(fd.get()) != 0) fail_io("write to disk", path, errno);
  if (const int error = fd.close_now()) fail_io("finish writing", path, error);
  return static_cast<uint64_t>(status.st_size - keep);
}

}  // namespace vae
