// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "host/io/file_descriptor.h"

namespace vae {

/// A regular file opened for reading from its start. Plain read(), never mmap: a mapped file that
/// shrinks under us would end the process with SIGBUS.
class InputFile {
 public:
  /// Throws Error(io) when the file cannot be opened or is not a regular file.
  explicit InputFile(const std::string& path);

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  ///< when it was opened

  /// Fills `buffer` as far as the file reaches and returns the number of bytes read; 0 at the end.
  size_t read(std::span<std::byte> buffer);
  /// The next read() begins there; beyond the end it reads nothing. Throws Error(io).
  void seek(uint64_t offset);

 private:
  std::string path_;
  FileDescriptor fd_;
  uint64_t size_ = 0;
};

}  // namespace vae
