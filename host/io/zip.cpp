// SPDX-License-Identifier: MIT
// All numbers are little-endian. [APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3]
#include "host/io/zip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>

#include "host/io/atomic_file.h"
#include "host/io/foreign.h"
#include "host/io/gzip.h"
#include "kernels/check.h"

namespace vae {
namespace {

using namespace std::string_view_literals;

constexpr uint64_t kLargestDirectory = 16 << 20;
constexpr size_t kEndBytes = 22, kEntryBytes = 46, kLocalBytes = 30, kLocatorBytes = 20;
constexpr size_t kEnd64Bytes = 56, kLargestComment = 65'535;
constexpr uint32_t kIn64Bits = 0xFFFFFFFF;  // the true number stands in the 64-bit record
constexpr int kStored = 0, kDeflated = 8;

[[noreturn]] void fail_corrupt_zip(std::string_view origin, std::string_view expected,
                                   std::string_view found) {
  fail(ErrorCode::corrupt, origin, ": not a readable zip archive: expected ", expected, ", found ",
       found, "; the file is damaged or incomplete, copy or download it again");
}

/// Fields one behind the other. Whoever reads beyond the end gets an Error(corrupt).
class FieldReader {
 public:
  FieldReader(std::string_view text, std::string_view origin) : text_(text), origin_(origin) {}

  size_t left() const { return text_.size(); }

  std::string_view text(size_t bytes) {
    if (bytes > text_.size()) fail_corrupt_zip(origin_, "a whole directory", "its end");
    const std::string_view taken = text_.substr(0, bytes);
    text_.remove_prefix(bytes);
    return taken;
  }
  uint64_t number(size_t bytes) {
    uint64_t value = 0;
    const std::string_view digits = text(bytes);
    for (size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<uint8_t>(digits[i]);
    return value;
  }

 private:
  std::string_view text_;
  std::string_view origin_;
};

std::vector<std::byte> read_at(InputFile& file, uint64_t offset, uint64_t bytes) {
  std::vector<std::byte> content(bytes);
  file.seek(offset);
  if (file.read(content) != bytes) {
    fail_corrupt_zip(file.path(), concat(bytes, " bytes at offset ", offset), "the file's end");
  }
  return content;
}

/// Where the directory lies.
struct Directory {
  uint64_t offset = 0, bytes = 0, entries = 0;
};

/// The 64-bit record, which the locator right before the record of 32 bits points to.
std::optional<Directory> find_directory64(InputFile& file, uint64_t end_at) {
  if (end_at < kLocatorBytes) return std::nullopt;
  const auto locator = read_at(file, end_at - kLocatorBytes, kLocatorBytes);
  if (!as_text(locator).starts_with("PK\6\7"sv)) return std::nullopt;
  FieldReader where(as_text(locator).substr(8), file.path());
  const uint64_t at = where.number(8);
  if (at > file.size() || file.size() - at < kEnd64Bytes) {
    fail_corrupt_zip(file.path(), "the 64-bit record within the file", concat("offset ", at));
  }
  const auto record = read_at(file, at, kEnd64Bytes);
  if (!as_text(record).starts_with("PK\6\6"sv)) {
    fail_corrupt_zip(file.path(), "the 64-bit record", "other bytes");
  }
  FieldReader fields(as_text(record).substr(32), file.path());
  Directory directory;
  directory.entries = fields.number(8);
  directory.bytes = fields.number(8);
  directory.offset = fields.number(8);
  return directory;
}

Directory find_directory(InputFile& file) {
  const uint64_t tail_bytes = std::min<uint64_t>(file.size(), kEndBytes + kLargestComment);
  const auto tail = read_at(file, file.size() - tail_bytes, tail_bytes);
  const size_t at = as_text(tail).rfind("PK\5\6"sv);
  if (at == std::string_view::npos || tail.size() - at < kEndBytes) {
    fail_corrupt_zip(file.path(), "the directory's record at its end", describe_start(tail));
  }
  FieldReader fields(as_text(tail).substr(at + 4), file.path());
  const uint64_t disk = fields.number(2);
  fields.text(4);  // the directory's disk, entries on it
  Directory directory;
  directory.entries = fields.number(2);
  directory.bytes = fields.number(4);
  directory.offset = fields.number(4);
  if (disk != 0 && disk != 0xFFFF) {
    fail(ErrorCode::unsupported, file.path(), ": one of several parts of a zip archive; join them");
  }
  const auto wide = find_directory64(file, file.size() - tail_bytes + at);
  return wide ? *wide : directory;
}

/// The sizes and the offset that do not fit 32 bits, in the order of the fields that say so.
void read_extra64(std::string_view extra, ZipMember& member, std::string_view origin) {
  FieldReader fields(extra, origin);
  while (fields.left() >= 4) {
    const uint64_t kind = fields.number(2);
    FieldReader wide(fields.text(fields.number(2)), origin);
    if (kind != 1) continue;
    for (uint64_t* value : {&member.bytes, &member.stored_bytes, &member.header_at}) {
      if (*value == kIn64Bits) *value = wide.number(8);
    }
    return;
  }
}

void check_member(const ZipMember& member, uint64_t flags, const InputFile& file) {
  const std::string what = concat(file.path(), ": ", shortened(member.name));
  if ((flags & 1) != 0) fail(ErrorCode::unsupported, what, " is encrypted; unpack it first");
  if (member.method != kStored && member.method != kDeflated) {
    fail(ErrorCode::unsupported, what, " is compressed by method ", member.method,
         "; stored and deflated members are read (numpy.savez, numpy.savez_compressed)");
  }
  if (member.header_at > file.size() || member.stored_bytes > file.size() - member.header_at) {
    fail_corrupt_zip(what, concat("at most ", file.size(), " bytes in the archive"),
                     concat(member.stored_bytes, " at offset ", member.header_at));
  }
  const uint64_t most =
      member.method == kStored ? member.stored_bytes : member.stored_bytes * kLargestDeflateRatio;
  if (member.bytes > most || (member.method == kStored && member.bytes != most)) {
    fail_corrupt_zip(what, concat(most, " bytes at most"), concat(member.bytes));
  }
}

ZipMember read_entry(FieldReader& fields, const InputFile& file) {
  if (fields.text(4) != "PK\1\2"sv) {
    fail_corrupt_zip(file.path(), "an entry of the directory", "other bytes");
  }
  ZipMember member;
  fields.text(4);  // versions
  const uint64_t flags = fields.number(2);
  member.method = static_cast<int>(fields.number(2));
  fields.text(4);  // time
  member.checksum = static_cast<uint32_t>(fields.number(4));
  member.stored_bytes = fields.number(4);
  member.bytes = fields.number(4);
  const uint64_t name_bytes = fields.number(2), extra_bytes = fields.number(2);
  const uint64_t comment_bytes = fields.number(2);
  fields.text(8);  // disk, attributes
  member.header_at = fields.number(4);
  member.name = fields.text(name_bytes);
  read_extra64(fields.text(extra_bytes), member, file.path());
  fields.text(comment_bytes);
  check_member(member, flags, file);
  return member;
}

/// Inflates a raw deflate stream piece by piece; frees itself.
class Inflater {
 public:
  explicit Inflater(std::string what) : what_(std::move(what)), plain_(64 * 1024) {
    if (::inflateInit2(&stream_, -MAX_WBITS) != Z_OK) {
      fail(ErrorCode::out_of_memory, "not enough memory to decompress ", what_);
    }
  }
  ~Inflater() { ::inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  void feed(std::span<const std::byte> piece, const ZipFile::Sink& sink) {
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    for (bool more = true; more && !ended_;) {
      stream_.next_out = reinterpret_cast<Bytef*>(plain_.data());
      stream_.avail_out = static_cast<uInt>(plain_.size());
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        fail_corrupt_zip(what_, "deflated bytes",
                         stream_.msg != nullptr ? stream_.msg : "damaged ones");
      }
      sink(std::span(plain_).first(plain_.size() - stream_.avail_out));
      ended_ = status == Z_STREAM_END;
      more = stream_.avail_in > 0 || stream_.avail_out == 0;
    }
    if (stream_.avail_in > 0) fail_corrupt_zip(what_, "one deflate stream", "bytes behind it");
  }

 private:
  std::string what_;
  z_stream stream_ = {};
  std::vector<std::byte> plain_;
  bool ended_ = false;
};

}  // namespace

ZipFile::ZipFile(const std::string& path) : file_(path) {
  const Directory directory = find_directory(file_);
  if (directory.offset > file_.size() || directory.bytes > file_.size() - directory.offset ||
      directory.bytes > kLargestDirectory || directory.entries > directory.bytes / kEntryBytes) {
    fail_corrupt_zip(path, "a directory within the file",
                     concat(directory.entries, " entries in ", directory.bytes, " bytes at offset ",
                            directory.offset));
  }
  const auto content = read_at(file_, directory.offset, directory.bytes);
  FieldReader fields(as_text(content), path);
  for (uint64_t i = 0; i < directory.entries; ++i) members_.push_back(read_entry(fields, file_));
}

void ZipFile::read(const ZipMember& member, const Sink& sink) {
  const std::string what = concat(file_.path(), ": ", shortened(member.name));
  const auto local = read_at(file_, member.header_at, kLocalBytes);
  if (!as_text(local).starts_with("PK\3\4"sv)) fail_corrupt_zip(what, "its header", "other bytes");
  FieldReader lengths(as_text(local).substr(26), what);
  const uint64_t names = lengths.number(2), extras = lengths.number(2);
  file_.seek(member.header_at + kLocalBytes + names + extras);
  uint64_t received = 0;
  uLong checksum = ::crc32(0, nullptr, 0);
  const Sink counted = [&](std::span<const std::byte> piece) {
    if (piece.size() > member.bytes - received) {
      fail_corrupt_zip(what, concat(member.bytes, " bytes"), "more");
    }
    received += piece.size();
    checksum = ::crc32_z(checksum, reinterpret_cast<const Bytef*>(piece.data()), piece.size());
    sink(piece);
  };
  std::optional<Inflater> inflater;
  if (member.method == kDeflated) inflater.emplace(what);
  std::vector<std::byte> buffer(64 * 1024);
  for (uint64_t left = member.stored_bytes; left > 0;) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(left, buffer.size()));
    const size_t got = file_.read(std::span(buffer).first(wanted));
    if (got == 0) fail_corrupt_zip(what, "its content", "the file's end");
    left -= got;
    const auto piece = std::span(buffer).first(got);
    inflater ? inflater->feed(piece, counted) : counted(piece);
  }
  if (received != member.bytes || checksum != member.checksum) {
    fail_corrupt_zip(what, concat(member.bytes, " bytes and their checksum"),
                     received != member.bytes ? concat(received, " bytes") : "another checksum");
  }
}

}  // namespace vae
