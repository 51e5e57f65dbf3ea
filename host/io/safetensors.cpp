// SPDX-License-Identifier: MIT
// Format: u64 header length, JSON header, data; rules as huggingface/safetensors' tensor.rs, plus
// a checksum in __metadata__ (docs/checkpoint.md).
#include "host/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <set>

#include "host/io/atomic_file.h"
#include "host/io/foreign.h"
#include "host/io/input_file.h"
#include "host/io/json.h"
#include "host/io/xxh64.h"
#include "kernels/check.h"
#include "kernels/utf8.h"

namespace vae {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are stored little-endian");

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kLargestHeader = 100'000'000;               // the format's own limit
constexpr uint64_t kLargestFile = uint64_t{64} << 30;          // no model of this engine comes near
constexpr size_t kLongestName = 256, kLargestTensorRank = 16;  // bounds for hostile headers
constexpr size_t kDataAlignment = 64;  // of the data's start, for GPUs and mmap
constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::string_view kChecksumKey = "checksum";

struct TypeRow {
  TensorType type;
  std::string_view name;
  size_t size;
};
constexpr std::array kTypes = {
    TypeRow{TensorType::f32, "F32", 4},      TypeRow{TensorType::f64, "F64", 8},
    TypeRow{TensorType::u8, "U8", 1},        TypeRow{TensorType::i64, "I64", 8},
    TypeRow{TensorType::u64, "U64", 8},      TypeRow{TensorType::i32, "I32", 4},
    TypeRow{TensorType::u32, "U32", 4},      TypeRow{TensorType::f16, "F16", 2},
    TypeRow{TensorType::bf16, "BF16", 2},    TypeRow{TensorType::i16, "I16", 2},
    TypeRow{TensorType::u16, "U16", 2},      TypeRow{TensorType::i8, "I8", 1},
    TypeRow{TensorType::boolean, "BOOL", 1},
};

const TypeRow& row_of(TensorType type) {
  return *std::find_if(kTypes.begin(), kTypes.end(),
                       [&](const TypeRow& row) { return row.type == type; });
}

[[noreturn]] void fail_corrupt(std::string_view origin, std::string_view expected,
                               std::string_view found) {
  fail(ErrorCode::corrupt, origin, ": not a valid safetensors file: expected ", expected,
       ", found ", found, "; the file is damaged, incomplete or of another kind");
}

/// Bytes of a tensor; false when the product overflows. A zero anywhere makes it zero, whatever
/// the other sizes are.
bool byte_count(const std::vector<int64_t>& shape, TensorType type, uint64_t* bytes) {
  *bytes = size_of(type);
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    *bytes = 0;
    return true;
  }
  for (const int64_t dim : shape) {
    if (__builtin_mul_overflow(*bytes, static_cast<uint64_t>(dim), bytes)) return false;
  }
  return *bytes <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

struct TensorEntry {
  SafetensorsTensor tensor;
  uint64_t begin = 0, end = 0;  // relative to the data
};

/// Turns the JSON header into entries; each function checks one rule of the format.
class HeaderReader {
 public:
  HeaderReader(std::string_view header, uint64_t data_bytes, std::string_view origin)
      : header_(header), data_bytes_(data_bytes), origin_(origin) {}

  void read() {
    while (header_.ends_with(' ')) header_.remove_suffix(1);  // the padding
    if (!header_.starts_with('{') || !header_.ends_with('}')) {
      fail_corrupt(origin_, "a JSON object as header", describe_start(vae::as_bytes(header_)));
    }
    const JsonDocument json =
        parse_json(header_, origin_, {.max_bytes = kLargestHeader, .max_depth = 4});
    for (const auto& [name, value] : (*json).items()) {
      if (name == kMetadataKey) {
        read_metadata(value);
      } else {
        read_entry(name, value);
      }
    }
    check_coverage();
  }

  std::map<std::string, std::string> metadata;
  std::vector<TensorEntry> entries;

 private:
  std::string quoted(std::string_view name) const {
    return concat("tensor \"", shortened(name), "\"");
  }

  void read_metadata(const nlohmann::json& value) {
    if (!value.is_object())
      fail_corrupt(origin_, "__metadata__ to be an object", value.type_name());
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) {
        fail_corrupt(origin_, concat("text in __metadata__ \"", shortened(key), "\""),
                     text.type_name());
      }
      metadata[key] = text.get<std::string>();
    }
  }

  void read_entry(const std::string& name, const nlohmann::json& value) {
    if (name.size() > kLongestName) {
      fail_corrupt(origin_, concat("names of at most ", kLongestName, " bytes"),
                   concat(quoted(name), " of ", name.size()));
    }
    const bool complete = value.is_object() && value.size() == 3 && value.contains("dtype") &&
                          value.contains("shape") && value.contains("data_offsets");
    if (!complete) {
      fail_corrupt(origin_, concat(quoted(name), " with dtype, shape and data_offsets"),
                   value.is_object() ? "other members" : value.type_name());
    }
    TensorEntry entry;
    entry.tensor.name = name;
    entry.tensor.type = read_type(name, value["dtype"]);
    entry.tensor.shape = read_shape(name, value["shape"]);
    const auto& offsets = value["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2) {
      fail_corrupt(origin_, concat(quoted(name), " with two data_offsets"), offsets.type_name());
    }
    entry.begin = read_number(name, offsets[0]);
    entry.end = read_number(name, offsets[1]);
    check_size(entry);
    entries.push_back(std::move(entry));
  }

  TensorType read_type(const std::string& name, const nlohmann::json& value) const {
    const std::string word = value.is_string() ? value.get<std::string>() : value.type_name();
    const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const TypeRow& r) { return r.name == word; });
    if (!value.is_string() || row == kTypes.end()) {
      fail_corrupt(origin_, concat(quoted(name), " of a known dtype such as F32"), shortened(word));
    }
    return row->type;
  }

  std::vector<int64_t> read_shape(const std::string& name, const nlohmann::json& value) const {
    if (!value.is_array() || value.size() > kLargestTensorRank) {
      fail_corrupt(origin_,
                   concat(quoted(name), " with a shape of at most ", kLargestTensorRank, " sizes"),
                   value.is_array() ? concat(value.size()) : value.type_name());
    }
    std::vector<int64_t> shape;
    for (const auto& dim : value) shape.push_back(static_cast<int64_t>(read_number(name, dim)));
    return shape;
  }

  /// nlohmann converts -1 to 2^64 - 1 and 2^64 to a float without a word: only what it read as an
  /// unsigned integer counts.
  uint64_t read_number(const std::string& name, const nlohmann::json& value) const {
    const bool valid =
        value.is_number_unsigned() &&
        value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (!valid) {
      fail_corrupt(origin_, concat(quoted(name), " with sizes and offsets from 0 to 2^63 - 1"),
                   value.is_number() ? value.dump() : value.type_name());
    }
    return value.get<uint64_t>();
  }

  void check_size(const TensorEntry& entry) const {
    const std::string name = quoted(entry.tensor.name);
    uint64_t bytes = 0;
    if (!byte_count(entry.tensor.shape, entry.tensor.type, &bytes)) {
      fail_corrupt(origin_, concat(name, " of less than 2^63 bytes"), "a shape beyond that");
    }
    if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
      fail_corrupt(origin_, concat(bytes, " bytes of data for ", name, " as its shape says"),
                   concat("data_offsets ", entry.begin, " to ", entry.end));
    }
  }

  /// The data of all tensors follow each other without overlap or hole and fill the file exactly.
  void check_coverage() {
    std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t position = 0;
    for (const TensorEntry& entry : entries) {
      if (entry.begin != position) {
        fail_corrupt(
            origin_,
            concat(quoted(entry.tensor.name), " to start where the one before ends, at ", position),
            concat("offset ", entry.begin));
      }
      position = entry.end;
    }
    if (position != data_bytes_) {
      fail_corrupt(origin_, concat(position, " bytes of data as the header says"),
                   concat(data_bytes_));
    }
  }

  std::string_view header_;
  uint64_t data_bytes_;
  std::string_view origin_;
};

/// The header's length, checked against the file's size.
uint64_t read_header_length(std::span<const std::byte> start, uint64_t file_bytes,
                            std::string_view origin) {
  if (start.size() < kLengthBytes) {
    fail_corrupt(origin, "at least 8 bytes", describe_start(start));
  }
  uint64_t length = 0;
  std::memcpy(&length, start.data(), kLengthBytes);
  if (length > kLargestHeader || length > file_bytes - kLengthBytes) {
    fail_corrupt(
        origin,
        concat("a header of at most ", std::min(kLargestHeader, file_bytes - kLengthBytes),
               " bytes"),
        concat("a length of ", length, " (the file starts like ", describe_start(start), ")"));
  }
  const bool object =
      length > 0 && start.size() > kLengthBytes && start[kLengthBytes] == std::byte{'{'};
  if (!object) fail_corrupt(origin, "a JSON object at offset 8", describe_start(start));
  return length;
}

void hash_text(Xxh64& hash, std::string_view text) {
  const uint64_t length = text.size();
  hash.update(std::as_bytes(std::span(&length, 1)));
  hash.update(as_bytes(text));
}

/// A hash over what a file says, whatever the layout in which it says it: another program may write
/// the same content in another order (docs/checkpoint.md). `metadata` may hold an old checksum.
std::string content_checksum(const std::vector<SafetensorsTensor>& tensors,
                             const std::map<std::string, std::string>& metadata) {
  Xxh64 hash;
  for (const auto& [key, text] : metadata) {
    if (key == kChecksumKey) continue;
    hash_text(hash, key);
    hash_text(hash, text);
  }
  std::vector<const SafetensorsTensor*> by_name;
  for (const SafetensorsTensor& tensor : tensors) by_name.push_back(&tensor);
  std::ranges::sort(by_name, {}, &SafetensorsTensor::name);
  for (const SafetensorsTensor* tensor : by_name) {
    hash_text(hash, tensor->name);
    hash_text(hash, to_string(tensor->type));
    const uint64_t rank = tensor->shape.size();
    hash.update(std::as_bytes(std::span(&rank, 1)));
    hash.update(std::as_bytes(std::span(tensor->shape)));
    hash.update(tensor->data);
  }
  return to_hex(hash.digest());
}

/// The checksum of files written before it was one of the content: over all bytes, with zeros for
/// its own digits, which follow `lead`.
bool is_checksum_of_bytes(std::span<const std::byte> file, std::string_view digits) {
  constexpr std::string_view lead = R"({"__metadata__":{"checksum":")";
  constexpr std::string_view blank = "0000000000000000";
  const size_t digits_at = kLengthBytes + lead.size();
  if (file.size() < digits_at + blank.size()) return false;
  if (as_text(file.subspan(kLengthBytes, lead.size())) != lead) return false;
  Xxh64 hash;
  hash.update(file.first(digits_at));
  hash.update(as_bytes(blank));
  hash.update(file.subspan(digits_at + blank.size()));
  return digits == to_hex(hash.digest());
}

bool verify_checksum(const SafetensorsFile& file) {
  const auto found = file.metadata.find(std::string(kChecksumKey));
  return found != file.metadata.end() &&
         (found->second == content_checksum(file.tensors, file.metadata) ||
          is_checksum_of_bytes(file.bytes, found->second));
}

void check_tensor(const SafetensorsTensor& tensor, std::set<std::string_view>& names) {
  const std::string name = shortened(tensor.name);
  VAE_CHECK(tensor.name.size() <= kLongestName, "tensor name ", name, " has ", tensor.name.size(),
            " bytes, the limit is ", kLongestName);
  VAE_CHECK(tensor.name != kMetadataKey, "a tensor cannot be named ", name);
  VAE_CHECK(is_utf8(tensor.name), "tensor name ", name, " is not UTF-8");
  VAE_CHECK(names.insert(tensor.name).second, "two tensors are named ", name);
  VAE_CHECK(tensor.shape.size() <= kLargestTensorRank, "tensor ", name, " has too many dimensions");
  for (const int64_t dim : tensor.shape) VAE_CHECK(dim >= 0, "tensor ", name, " has size ", dim);
  uint64_t bytes = 0;
  VAE_CHECK(byte_count(tensor.shape, tensor.type, &bytes) && bytes == tensor.data.size(), "tensor ",
            name, " has ", tensor.data.size(), " bytes, which its shape does not fill");
}

void check_metadata(const std::map<std::string, std::string>& metadata) {
  for (const auto& [key, text] : metadata) {
    VAE_CHECK(key != kChecksumKey, "the metadata key \"checksum\" is the format's own");
    VAE_CHECK(is_utf8(key) && is_utf8(text), "metadata \"", shortened(key), "\" is not UTF-8");
  }
}

std::string quote(const std::string& text) { return nlohmann::json(text).dump(); }

// No nlohmann array: its destructor ends the process where memory has run out.
std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t size : shape) text += (text.size() > 1 ? "," : "") + std::to_string(size);
  return text + ']';
}

/// The JSON header, padded so that the data start aligned.
std::string make_header(const std::vector<SafetensorsTensor>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  std::string header = concat('{', quote(std::string(kMetadataKey)), ":{");
  for (const auto& [key, text] : metadata) {
    header += concat(header.ends_with('{') ? "" : ",", quote(key), ':', quote(text));
  }
  header += '}';
  uint64_t offset = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    header += concat(',', quote(tensor.name), R"(:{"dtype":")", to_string(tensor.type),
                     R"(","shape":)", shape_text(tensor.shape), R"(,"data_offsets":[)", offset, ',',
                     offset + tensor.data.size(), "]}");
    offset += tensor.data.size();
  }
  header += '}';
  while ((kLengthBytes + header.size()) % kDataAlignment != 0) header += ' ';
  return header;
}

}  // namespace

std::string_view to_string(TensorType type) { return row_of(type).name; }
size_t size_of(TensorType type) { return row_of(type).size; }

const SafetensorsTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const SafetensorsTensor& t) { return t.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

std::span<const std::byte> SafetensorsFile::data_of(std::string_view name, TensorType type) const {
  const SafetensorsTensor* tensor = find(name);
  const std::string wanted = concat("tensor \"", shortened(name), "\" of type ", to_string(type));
  if (tensor == nullptr) fail_corrupt(origin, wanted, "none of that name");
  if (tensor->type != type) fail_corrupt(origin, wanted, to_string(tensor->type));
  return tensor->data;
}

SafetensorsFile parse_safetensors(std::vector<std::byte> bytes, std::string_view origin,
                                  const SafetensorsOptions& options) {
  const uint64_t length = read_header_length(bytes, bytes.size(), origin);
  SafetensorsFile file;
  file.origin = origin;
  file.bytes = std::move(bytes);
  const std::span<const std::byte> content(file.bytes);
  const std::string_view header = as_text(content.subspan(kLengthBytes, length));
  const std::span<const std::byte> data = content.subspan(kLengthBytes + length);
  HeaderReader reader(header, data.size(), origin);
  reader.read();
  file.metadata = std::move(reader.metadata);
  for (TensorEntry& entry : reader.entries) {
    entry.tensor.data = data.subspan(entry.begin, entry.end - entry.begin);
    file.tensors.push_back(std::move(entry.tensor));
  }
  file.checksum_verified = verify_checksum(file);
  if (options.require_checksum) require_checksum(file);
  return file;
}

void require_checksum(const SafetensorsFile& file, std::string_view advice) {
  if (file.checksum_verified) return;
  const bool stale = file.metadata.contains(std::string(kChecksumKey));
  fail(ErrorCode::corrupt, file.origin,
       stale ? ": the checksum does not agree with the content: the file is damaged, or another "
               "program changed it"
             : ": the file has no checksum: it is damaged, or another program wrote it",
       advice);
}

SafetensorsFile read_safetensors(const std::string& path, const SafetensorsOptions& options) {
  return parse_safetensors(read_file(path, kLargestFile), path, options);
}

SafetensorsFile read_safetensors_header(const std::string& path) {
  InputFile input(path);
  std::array<std::byte, 64> start;
  const size_t got = input.read(start);
  const uint64_t length = read_header_length(std::span(start).first(got), input.size(), path);
  std::string header(as_text(std::span(start).subspan(kLengthBytes)).substr(0, length));
  const size_t known = std::min<size_t>(header.size(), got - kLengthBytes);
  header.resize(length);
  const auto rest = std::as_writable_bytes(std::span(header)).subspan(known);
  if (input.read(rest) != rest.size()) {
    fail_corrupt(path, concat("a header of ", length, " bytes"), "a shorter file");
  }
  HeaderReader reader(header, input.size() - kLengthBytes - length, path);
  reader.read();
  SafetensorsFile file;
  file.origin = path;
  file.metadata = std::move(reader.metadata);
  for (TensorEntry& entry : reader.entries) file.tensors.push_back(std::move(entry.tensor));
  return file;
}

std::vector<std::byte> write_safetensors(std::vector<SafetensorsTensor> tensors,
                                         const std::map<std::string, std::string>& metadata) {
  std::set<std::string_view> names;
  for (const SafetensorsTensor& tensor : tensors) check_tensor(tensor, names);
  check_metadata(metadata);
  // Larger elements first, so that each tensor lies at its own natural alignment without holes.
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(size_of(b.type), std::string_view(a.name)) <
           std::pair(size_of(a.type), std::string_view(b.name));
  });
  std::map<std::string, std::string> complete = metadata;
  complete.emplace("format", "pt");  // without it Hugging Face's transformers refuses the file
  complete.emplace(kChecksumKey, content_checksum(tensors, complete));
  const std::string header = make_header(tensors, complete);
  const uint64_t length = header.size();
  uint64_t total = kLengthBytes + length;
  for (const SafetensorsTensor& tensor : tensors) total += tensor.data.size();
  std::vector<std::byte> bytes(total);
  auto end = bytes.begin();
  const auto append = [&](std::span<const std::byte> part) {
    end = std::ranges::copy(part, end).out;
  };
  append(std::as_bytes(std::span(&length, 1)));
  append(as_bytes(header));
  for (const SafetensorsTensor& tensor : tensors) append(tensor.data);
  return bytes;
}

}  // namespace vae
