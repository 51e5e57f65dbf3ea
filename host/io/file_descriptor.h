// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace vae {

/// An open file, closed by the destructor. Move-only.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

  /// Closes now and returns 0 or the errno of close(): NFS and quotas report failed writes here.
  int close_now();

 private:
  int fd_ = -1;
};

/// open() that survives signals; the result is not open on failure and errno tells why.
FileDescriptor open_file(const std::string& path, int flags);

/// Throws Error(io): "cannot <action> <path>: <errno text>; <advice>".
[[noreturn]] void fail_io(std::string_view action, std::string_view path, int error_number);

}  // namespace vae
