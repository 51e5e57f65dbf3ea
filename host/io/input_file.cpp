// SPDX-License-Identifier: MIT
#include "host/io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "kernels/check.h"

namespace vae {

InputFile::InputFile(const std::string& path) : path_(path) {
  // O_NONBLOCK: opening a FIFO without a writer must not hang; regular files ignore it.
  fd_ = open_file(path, O_RDONLY | O_NONBLOCK);
  if (!fd_.is_open()) fail_io("open", path, errno);
  struct stat status = {};
  if (::fstat(fd_.get(), &status) != 0) fail_io("examine", path, errno);
  if (S_ISDIR(status.st_mode)) fail_io("read", path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    fail(ErrorCode::io, "cannot read ", path,
         ": it is a device, pipe or socket; name a regular file");
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

size_t InputFile::read(std::span<std::byte> buffer) {
  constexpr size_t kLargestRead = size_t{1} << 30;  // Linux reads at most about 2 GiB in one call
  size_t filled = 0;
  while (filled < buffer.size()) {
    const size_t wanted = std::min(buffer.size() - filled, kLargestRead);
    const ssize_t got = ::read(fd_.get(), buffer.data() + filled, wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_io("read", path_, errno);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

void InputFile::seek(uint64_t offset) {
  if (::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET) < 0)
    fail_io("seek in", path_, errno);
}

}  // namespace vae
