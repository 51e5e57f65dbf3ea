// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vae::test {

struct ZipEntry {
  std::string name;
  std::string content;
  bool deflated = false;
  std::optional<uint32_t> claimed_bytes = {};  ///< a lie about the content's size
  int flags = 0;
  std::optional<int> method = {};  ///< a lie about the compression
};

/// A zip archive; `wide` puts sizes and offsets into 64-bit fields.
std::string make_zip(const std::vector<ZipEntry>& entries, bool wide = false);

}  // namespace vae::test
