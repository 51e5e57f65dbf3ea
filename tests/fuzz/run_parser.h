// SPDX-License-Identifier: MIT
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "tests/fuzz/target.h"
#include "vae/error.h"
#include "vae/printable.h"

namespace vae::fuzz {

/// Ends the process, so that libFuzzer keeps the input.
[[noreturn]] inline void violated(const char* promise) {
  std::fprintf(stderr, "promise violated: %s\n", promise);
  std::abort();
}

inline void require(bool promise, const char* text) {
  if (!promise) violated(text);
}

/// Runs a parser over hostile input. It may succeed, or throw vae::Error that blames the content
/// in a message without control characters; anything else is a finding.
template <typename Parser>
void run_parser(const Parser& parser) {
  try {
    parser();
  } catch (const Error& error) {
    require(error.code() == ErrorCode::corrupt || error.code() == ErrorCode::unsupported ||
                error.code() == ErrorCode::invalid_argument,
            "hostile content is reported as corrupt, unsupported or invalid_argument");
    const std::string_view message = error.what();
    require(message.size() < 10'000, "messages are short");
    require(message == printable(message), "messages are printable");
  }
}

inline std::span<const std::byte> as_input(const uint8_t* data, size_t size) {
  return std::as_bytes(std::span(data, size));
}

/// A file in memory, for parsers that take a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> content)
      : fd_(::memfd_create("fuzz", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(fd_)) {
    const auto written = ::write(fd_, content.data(), content.size());
    require(written == static_cast<ssize_t>(content.size()), "the input fits a memory file");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

}  // namespace vae::fuzz
