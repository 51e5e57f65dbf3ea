// SPDX-License-Identifier: MIT
#include "tests/host/io/sample_files.h"

#include <stdlib.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "host/io/atomic_file.h"
#include "tests/support/effort.h"
#include "vae/printable.h"

namespace vae::test {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "vae-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create " + name);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> TemporaryFolder::names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Bytes to_bytes(std::string_view text) {
  const auto bytes = vae::as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::string to_text(std::span<const std::byte> bytes) { return std::string(as_text(bytes)); }

void write_plainly(const std::string& path, std::span<const std::byte> content) {
  std::ofstream out(path, std::ios::binary);
  out << as_text(content);
  out.flush();
  if (!out) throw std::runtime_error("cannot write " + path);
}

std::string read_plainly(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Bytes make_idx(const std::vector<uint32_t>& dims, std::span<const uint8_t> values, int type) {
  Bytes file = {std::byte{0}, std::byte{0}, std::byte(type), std::byte(dims.size())};
  for (const uint32_t dim : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(std::byte(dim >> shift & 255));
  }
  for (const uint8_t value : values) file.push_back(std::byte{value});
  return file;
}

Bytes make_gzip(std::span<const std::byte> content) {
  z_stream stream = {};
  if (::deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2 failed");
  }
  Bytes file(::deflateBound(&stream, content.size()));
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(file.data());
  stream.avail_out = static_cast<uInt>(file.size());
  const int status = ::deflate(&stream, Z_FINISH);
  file.erase(file.end() - stream.avail_out, file.end());
  ::deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("deflate failed");
  return file;
}

Bytes make_safetensors(std::string_view header, std::span<const std::byte> data) {
  const uint64_t length = header.size();
  Bytes file(sizeof length + header.size() + data.size());
  const auto text = std::ranges::copy(std::as_bytes(std::span(&length, 1)), file.begin()).out;
  std::ranges::copy(data, std::ranges::copy(vae::as_bytes(header), text).out);
  return file;
}

Bytes flip_bit(Bytes content, size_t bit) {
  content[bit / 8] ^= std::byte(1u << bit % 8);
  return content;
}

void expect_error(ErrorCode code, const std::function<void()>& read,
                  const std::vector<std::string>& words) {
  try {
    read();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(error.code(), code) << message;
    for (const std::string& word : words) {
      EXPECT_NE(message.find(word), std::string::npos) << '"' << word << "\" not in: " << message;
    }
    EXPECT_EQ(message, printable(message));
  }
}

void expect_corrupt_when_truncated(const Bytes& content,
                                   const std::function<void(const Bytes&)>& read) {
  for (size_t length = 0; length < content.size(); ++length) {
    SCOPED_TRACE("truncated to " + std::to_string(length));
    const Bytes shorter(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(length));
    expect_error(ErrorCode::corrupt, [&] { read(shorter); });
  }
}

void expect_corrupt_when_flipped(const Bytes& content,
                                 const std::function<void(const Bytes&)>& read) {
  // Under sanitizers one bit of every byte, each byte another.
  const auto stride = static_cast<size_t>(repetitions(1, 1, 9));
  for (size_t bit = 0; bit < content.size() * 8; bit += stride) {
    SCOPED_TRACE("bit " + std::to_string(bit) + " flipped");
    expect_error(ErrorCode::corrupt, [&] { read(flip_bit(content, bit)); });
  }
}

}  // namespace vae::test
