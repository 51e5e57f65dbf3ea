// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "host/io/input_file.h"

namespace vae {

/// One file of an archive, as the archive's directory describes it.
struct ZipMember {
  std::string name;
  uint64_t stored_bytes = 0;  ///< in the archive
  uint64_t bytes = 0;         ///< of the content; at most what stored_bytes can inflate to
  uint64_t header_at = 0;     ///< of the member's own header
  uint32_t checksum = 0;
  int method = 0;  ///< 0 stored, 8 deflated
};

/// A zip archive, also with 64-bit sizes, read member by member. Memory stays within the directory
/// plus a constant. [APPNOTE.TXT 6.3.10]
class ZipFile {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;

  /// Reads the directory. Throws Error(io), Error(corrupt) for what is no whole archive, and
  /// Error(unsupported) for encryption, other methods of compression and archives of many disks.
  explicit ZipFile(const std::string& path);

  const std::vector<ZipMember>& members() const { return members_; }

  /// Gives the content to `sink` piece by piece; what it got is verified only when this returns.
  /// Throws Error(corrupt) for another size or checksum than the directory's.
  void read(const ZipMember& member, const Sink& sink);

 private:
  InputFile file_;
  std::vector<ZipMember> members_;
};

}  // namespace vae
