// SPDX-License-Identifier: MIT
#include "tests/support/sample_zip.h"

#include <zlib.h>

namespace vae::test {
namespace {

std::string little(uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(number >> 8 * i);
  return text;
}

std::string deflate_raw(const std::string& content) {
  z_stream stream = {};
  ::deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string packed(::deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

}  // namespace

std::string make_zip(const std::vector<ZipEntry>& entries, bool wide) {
  std::string file, directory;
  for (const ZipEntry& entry : entries) {
    const std::string stored = entry.deflated ? deflate_raw(entry.content) : entry.content;
    const uint64_t bytes = entry.claimed_bytes.value_or(entry.content.size());
    const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(entry.content.data()),
                             static_cast<uInt>(entry.content.size()));
    const std::string extra = wide ? little(1, 2) + little(24, 2) + little(bytes, 8) +
                                         little(stored.size(), 8) + little(file.size(), 8)
                                   : "";
    const auto field = [&](uint64_t value) { return little(wide ? 0xFFFFFFFF : value, 4); };
    const std::string common = little(20, 2) + little(entry.flags, 2) +
                               little(entry.method.value_or(entry.deflated ? 8 : 0), 2) +
                               little(0, 4) + little(sum, 4) + field(stored.size()) + field(bytes) +
                               little(entry.name.size(), 2) + little(extra.size(), 2);
    directory += "PK\1\2" + little(20, 2) + common + little(0, 2) + little(0, 8) +
                 field(file.size()) + entry.name + extra;
    file += "PK\3\4" + common + entry.name + extra + stored;
  }
  const uint64_t offset = file.size(), bytes = directory.size(), count = entries.size();
  file += directory;
  if (wide) {
    const uint64_t record = file.size();
    file += "PK\6\6" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) +
            little(count, 8) + little(count, 8) + little(bytes, 8) + little(offset, 8);
    file += "PK\6\7" + little(0, 4) + little(record, 8) + little(1, 4);
  }
  return file + "PK\5\6" + little(0, 4) + little(wide ? 0xFFFF : count, 2) +
         little(wide ? 0xFFFF : count, 2) + little(wide ? 0xFFFFFFFF : bytes, 4) +
         little(wide ? 0xFFFFFFFF : offset, 4) + little(0, 2);
}

}  // namespace vae::test
