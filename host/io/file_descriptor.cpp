// SPDX-License-Identifier: MIT
#include "host/io/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "kernels/check.h"

namespace vae {
namespace {

const char* advice_for(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return "check the path";
    case EACCES:
    case EPERM:
    case EROFS:
      return "check the permissions or choose another folder";
    case ENOSPC:
    case EDQUOT:
      return "free some disk space or choose another folder";
    case EFBIG:
      return "raise the file size limit (ulimit -f) or choose another file system";
    case EIO:
      return "the disk or the network file system reports a fault; check it before writing again";
    case EMFILE:
    case ENFILE:
      return "too many files are open; raise the limit (ulimit -n)";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case EISDIR:
      return "name a file, not a folder";
    default:
      return "see the reason above and try again";
  }
}

}  // namespace

FileDescriptor::~FileDescriptor() { close_now(); }

int FileDescriptor::close_now() {
  if (fd_ < 0) return 0;
  // Linux frees the descriptor even when close() fails with EINTR, so it is never repeated.
  const int result = ::close(std::exchange(fd_, -1));
  return result == 0 || errno == EINTR ? 0 : errno;
}

FileDescriptor open_file(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  return FileDescriptor(fd);
}

void fail_io(std::string_view action, std::string_view path, int error_number) {
  fail(ErrorCode::io, "cannot ", action, " ", path, ": ",
       std::generic_category().message(error_number), "; ", advice_for(error_number));
}

}  // namespace vae
