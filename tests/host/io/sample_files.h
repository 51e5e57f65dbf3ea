// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vae/error.h"

namespace vae::test {

using Bytes = std::vector<std::byte>;

/// A folder that lives as long as the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path() const { return path_.string(); }
  std::string file(std::string_view name) const { return (path_ / name).string(); }
  /// Names of all entries, sorted.
  std::vector<std::string> names() const;

 private:
  std::filesystem::path path_;
};

Bytes to_bytes(std::string_view text);
std::string to_text(std::span<const std::byte> bytes);
void write_plainly(const std::string& path, std::span<const std::byte> content);
std::string read_plainly(const std::string& path);

/// An IDX file; `type` and `dims` may lie.
Bytes make_idx(const std::vector<uint32_t>& dims, std::span<const uint8_t> values, int type = 8);

/// One gzip member.
Bytes make_gzip(std::span<const std::byte> content);

/// A safetensors file with any header text.
Bytes make_safetensors(std::string_view header, std::span<const std::byte> data = {});

/// `content` with one bit changed.
Bytes flip_bit(Bytes content, size_t bit);

/// Expects that `read` throws Error(code) and that its message holds every one of `words`.
void expect_error(ErrorCode code, const std::function<void()>& read,
                  const std::vector<std::string>& words = {});

/// Expects Error(corrupt) for every proper prefix of `content`.
void expect_corrupt_when_truncated(const Bytes& content,
                                   const std::function<void(const Bytes&)>& read);

/// Expects Error(corrupt) for every single flipped bit of `content`.
void expect_corrupt_when_flipped(const Bytes& content,
                                 const std::function<void(const Bytes&)>& read);

}  // namespace vae::test
