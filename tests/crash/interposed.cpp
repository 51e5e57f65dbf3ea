// SPDX-License-Identifier: MIT
#include "tests/crash/interposed.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace vae::crash {
namespace {

using Kind = Operation::Kind;

/// A name in a folder that is recorded.
struct Place {
  int folder;
  std::string name;
};

/// Follows the program's calls. All calls of one process come one after the other (mutex below).
class Recorder {
 public:
  Recorder(std::string root, FileTree initial)
      : root_(std::move(root)), tree_(std::move(initial)) {}

  void opened(int fd, int folder_fd, const char* path, int flags) {
    open_.erase(fd);  // an earlier file of this number may have been closed by the C library
    const std::optional<Place> place = place_of(folder_fd, path);
    if (!place) return;
    int inode = place->name.empty() ? place->folder : tree_.find(place->folder, place->name);
    if (inode < 0) {
      inode = tree_.next_inode();
      record({Kind::create, inode, place->folder, place->name, {}, 0, {}});
    } else if ((flags & O_TRUNC) != 0) {
      record({Kind::resize, inode, 0, {}, {}, 0, {}});
    }
    open_[fd] = {inode, (flags & O_APPEND) != 0, 0};
  }
  void closed(int fd) { open_.erase(fd); }
  void wrote(int fd, const void* data, std::size_t bytes, std::optional<uint64_t> offset) {
    const auto found = open_.find(fd);
    if (found == open_.end()) return;
    Open& file = found->second;
    if (file.appends) file.position = tree_.size(file.inode);
    record({Kind::write,
            file.inode,
            0,
            {},
            {},
            offset.value_or(file.position),
            std::string(static_cast<const char*>(data), bytes)});
    if (!offset) file.position += bytes;
  }
  void resized(int fd, uint64_t bytes, bool grow_only) {
    const auto found = open_.find(fd);
    if (found == open_.end()) return;
    if (grow_only && tree_.size(found->second.inode) >= bytes) return;
    record({Kind::resize, found->second.inode, 0, {}, {}, bytes, {}});
  }
  void synced(int fd) {
    const auto found = open_.find(fd);
    if (found != open_.end()) record({Kind::sync, found->second.inode, 0, {}, {}, 0, {}});
  }
  void made_folder(const char* path) {
    if (const auto place = place_of(AT_FDCWD, path)) {
      record({Kind::make_folder, tree_.next_inode(), place->folder, place->name, {}, 0, {}});
    }
  }
  void removed(int folder_fd, const char* path) {
    if (const auto place = place_of(folder_fd, path)) {
      record({Kind::unlink, 0, place->folder, place->name, {}, 0, {}});
    }
  }
  /// Within one folder, as all renames of the library are.
  void renamed(int from_fd, const char* from, int to_fd, const char* to) {
    const auto source = place_of(from_fd, from), target = place_of(to_fd, to);
    if (!source || !target || source->folder != target->folder) return;
    record({Kind::rename, 0, source->folder, source->name, target->name, 0, {}});
  }

  std::vector<Operation> operations;
  const FileTree& tree() const { return tree_; }

 private:
  struct Open {
    int inode = 0;
    bool appends = false;
    uint64_t position = 0;
  };

  void record(Operation operation) {
    tree_.apply(operation);
    operations.push_back(std::move(operation));
  }

  /// Nothing for what lies elsewhere. The root itself is folder 0 without a name.
  std::optional<Place> place_of(int folder_fd, const std::string& path) const {
    const std::string absolute = path[0] == '/' ? path : path_of(folder_fd) + "/" + path;
    if (!absolute.starts_with(root_ + "/") && absolute != root_) return std::nullopt;
    int folder = 0;
    std::string rest = absolute.substr(root_.size());
    while (true) {
      rest.erase(0, std::min(rest.size(), rest.find_first_not_of('/')));
      const std::size_t slash = rest.find('/');
      if (slash == std::string::npos) return Place{folder, rest};
      folder = tree_.find(folder, rest.substr(0, slash));
      if (folder < 0) return std::nullopt;
      rest.erase(0, slash);
    }
  }

  /// The C library opens folders, too, unseen; the kernel knows them.
  static std::string path_of(int fd) {
    const std::string link =
        fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/" + std::to_string(fd);
    std::array<char, 4096> path = {};
    const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
    return {path.data(), static_cast<std::size_t>(std::max<ssize_t>(0, length))};
  }

  std::string root_;
  FileTree tree_;
  std::map<int, Open> open_;
};

std::recursive_mutex mutex;  // the recorder's own memory may come from a hooked function
std::unique_ptr<Recorder> recorder;
std::atomic<bool> clock_jumps{false};

/// Calls follow(recorder) when a call succeeded and one is recording; gives the call's result back.
template <typename Result, typename Follow>
Result followed(Result result, Follow follow) {
  const int error = errno;
  if (result >= 0) {
    const std::lock_guard<std::recursive_mutex> lock(mutex);
    if (recorder) follow(*recorder);
  }
  errno = error;
  return result;
}

bool is_recording() {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  return recorder != nullptr;
}

}  // namespace

Recording::Recording(std::string root, FileTree initial) {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  recorder = std::make_unique<Recorder>(std::move(root), std::move(initial));
}
Recording::~Recording() {
  const std::lock_guard<std::recursive_mutex> lock(mutex);
  recorder.reset();
}
const std::vector<Operation>& Recording::operations() const { return recorder->operations; }
const FileTree& Recording::tree() const { return recorder->tree(); }

JumpingWallClock::JumpingWallClock() { clock_jumps = true; }
JumpingWallClock::~JumpingWallClock() { clock_jumps = false; }

// The replacements. They have names of their own, since the system's declarations differ in
// exception specifications, and the C library's names for the linker.
#define VAE_REPLACES(name) __asm__(name) __attribute__((visibility("default"), used))

extern "C" {

int vae_open(const char* path, int flags, ...) VAE_REPLACES("open");
int vae_openat(int folder, const char* path, int flags, ...) VAE_REPLACES("openat");
int vae_close(int fd) VAE_REPLACES("close");
ssize_t vae_write(int fd, const void* data, size_t bytes) VAE_REPLACES("write");
ssize_t vae_pwrite(int fd, const void* data, size_t bytes, off_t offset) VAE_REPLACES("pwrite");
int vae_ftruncate(int fd, off_t bytes) VAE_REPLACES("ftruncate");
int vae_fallocate(int fd, off_t offset, off_t bytes) VAE_REPLACES("posix_fallocate");
int vae_fsync(int fd) VAE_REPLACES("fsync");
int vae_mkdir(const char* path, mode_t mode) VAE_REPLACES("mkdir");
int vae_unlink(const char* path) VAE_REPLACES("unlink");
int vae_unlinkat(int folder, const char* path, int flags) VAE_REPLACES("unlinkat");
int vae_remove(const char* path) VAE_REPLACES("remove");
int vae_rename(const char* from, const char* to) VAE_REPLACES("rename");
int vae_renameat(int from_fd, const char* from, int to_fd, const char* to) VAE_REPLACES("renameat");
int vae_clock_gettime(clockid_t clock, timespec* time) VAE_REPLACES("clock_gettime");
int vae_gettimeofday(timeval* time, void* zone) VAE_REPLACES("gettimeofday");
time_t vae_time(time_t* time) VAE_REPLACES("time");

int vae_openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  const int fd = static_cast<int>(::syscall(SYS_openat, folder, path, flags, mode));
  return followed(fd, [&](Recorder& r) { r.opened(fd, folder, path, flags); });
}

int vae_open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return vae_openat(AT_FDCWD, path, flags, mode);
}

int vae_close(int fd) {
  return followed(static_cast<int>(::syscall(SYS_close, fd)), [&](Recorder& r) { r.closed(fd); });
}

ssize_t vae_write(int fd, const void* data, size_t bytes) {
  const ssize_t written = ::syscall(SYS_write, fd, data, bytes);
  return followed(written, [&](Recorder& r) {
    r.wrote(fd, data, static_cast<std::size_t>(written), std::nullopt);
  });
}

ssize_t vae_pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  const ssize_t written = ::syscall(SYS_pwrite64, fd, data, bytes, offset);
  return followed(written, [&](Recorder& r) {
    r.wrote(fd, data, static_cast<std::size_t>(written), static_cast<uint64_t>(offset));
  });
}

int vae_ftruncate(int fd, off_t bytes) {
  return followed(static_cast<int>(::syscall(SYS_ftruncate, fd, bytes)),
                  [&](Recorder& r) { r.resized(fd, static_cast<uint64_t>(bytes), false); });
}

/// Gives the error number back, as posix_fallocate() does.
int vae_fallocate(int fd, off_t offset, off_t bytes) {
  const long result = ::syscall(SYS_fallocate, fd, 0, offset, bytes);
  if (result != 0) return errno;
  return followed(0,
                  [&](Recorder& r) { r.resized(fd, static_cast<uint64_t>(offset + bytes), true); });
}

int vae_fsync(int fd) {
  const bool real = !is_recording();
  return followed(real ? static_cast<int>(::syscall(SYS_fsync, fd)) : 0,
                  [&](Recorder& r) { r.synced(fd); });
}

int vae_mkdir(const char* path, mode_t mode) {
  return followed(static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode)),
                  [&](Recorder& r) { r.made_folder(path); });
}

int vae_unlinkat(int folder, const char* path, int flags) {
  return followed(static_cast<int>(::syscall(SYS_unlinkat, folder, path, flags)),
                  [&](Recorder& r) { r.removed(folder, path); });
}

int vae_unlink(const char* path) { return vae_unlinkat(AT_FDCWD, path, 0); }

int vae_remove(const char* path) {
  const int result = vae_unlinkat(AT_FDCWD, path, 0);
  return result == 0 || errno != EISDIR ? result : vae_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int vae_renameat(int from_fd, const char* from, int to_fd, const char* to) {
  return followed(static_cast<int>(::syscall(SYS_renameat2, from_fd, from, to_fd, to, 0)),
                  [&](Recorder& r) { r.renamed(from_fd, from, to_fd, to); });
}

int vae_rename(const char* from, const char* to) {
  return vae_renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int vae_clock_gettime(clockid_t clock, timespec* time) {
  static std::atomic<uint64_t> readings{0};
  const int result = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result != 0 || !wall || !clock_jumps) return result;
  constexpr time_t kDay = 86'400;
  const uint64_t reading = ++readings;
  time->tv_sec += (reading % 2 == 0 ? kDay : -kDay) * static_cast<time_t>(1 + reading % 5);
  return result;
}

int vae_gettimeofday(timeval* time, void* /*zone*/) {
  timespec now = {};
  const int result = vae_clock_gettime(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}

time_t vae_time(time_t* time) {
  timespec now = {};
  vae_clock_gettime(CLOCK_REALTIME, &now);
  if (time != nullptr) *time = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"

}  // namespace vae::crash
