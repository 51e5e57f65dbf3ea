// SPDX-License-Identifier: MIT
#include "host/io/npz.h"

#include <zlib.h>

#include <limits>
#include <string_view>
#include <utility>

#include "host/io/atomic_file.h"
#include "host/io/npy.h"
#include "kernels/check.h"

namespace vae {

namespace {

// [APPNOTE.TXT 6.3.10], sections 4.3.7, 4.3.12 and 4.3.16.
constexpr std::string_view kMember = "PK\3\4", kEntry = "PK\1\2", kEnd = "PK\5\6";
constexpr uint64_t kVersion = 20, kFirstDay = 0x21;  // 1980-01-01: files do not depend on the clock

std::string little_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 255);
  return text;
}

uint64_t checksum_of(std::string_view header, std::span<const uint8_t> values) {
  uLong sum = ::crc32_z(0, reinterpret_cast<const Bytef*>(header.data()), header.size());
  sum = ::crc32_z(sum, values.data(), values.size());
  return sum;
}

/// What stands before a member's values, and its entry in the directory.
struct Framed {
  std::string before, entry;
};

Framed framed(const NpzMember& member, uint64_t begins_at) {
  const std::string npy = npy_header(member.shape, "|u1"), name = member.name + ".npy";
  const uint64_t bytes = npy.size() + member.values.size();
  const std::string common = little_endian(kVersion, 2) + little_endian(0, 2) +  // flags
                             little_endian(0, 2) +                               // stored
                             little_endian(0, 2) + little_endian(kFirstDay, 2) +
                             little_endian(checksum_of(npy, member.values), 4) +
                             little_endian(bytes, 4) + little_endian(bytes, 4) +
                             little_endian(name.size(), 2) + little_endian(0, 2);  // nothing extra
  return {concat(kMember, common, name, npy),
          concat(kEntry, little_endian(kVersion, 2), common,
                 std::string(2 + 2 + 2 + 4, '\0'),  // comment, disk, attributes
                 little_endian(begins_at, 4), name)};
}

}  // namespace

void write_npz(const std::string& path, const std::vector<NpzMember>& members) {
  constexpr uint64_t kMostBytes = std::numeric_limits<uint32_t>::max();  // of fields of 32 bits
  std::vector<std::string> before;
  std::string directory;
  uint64_t bytes = 0;
  for (const NpzMember& member : members) {
    Framed parts = framed(member, bytes);
    bytes += parts.before.size() + member.values.size();
    before.push_back(std::move(parts.before));
    directory += parts.entry;
  }
  const uint64_t count = members.size();
  directory +=
      concat(kEnd, little_endian(0, 4), little_endian(count, 2), little_endian(count, 2),
             little_endian(directory.size(), 4), little_endian(bytes, 4), little_endian(0, 2));
  if (bytes + directory.size() > kMostBytes) {
    fail(ErrorCode::unsupported, path, ": ", bytes,
         " bytes are more than an archive is written with, 4 GiB; write less at once");
  }
  AtomicFile file(path, bytes + directory.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    file.append(as_bytes(before[i]));
    file.append(std::as_bytes(members[i].values));
  }
  file.append(as_bytes(directory));
  file.commit();
}

}  // namespace vae
