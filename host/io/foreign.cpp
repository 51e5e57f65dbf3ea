// SPDX-License-Identifier: MIT
#include "host/io/foreign.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "host/io/ascii.h"

namespace vae {
namespace {

struct Signature {
  std::string_view start;
  std::string_view name;
};

using namespace std::string_view_literals;
constexpr std::array kSignatures = {
    Signature{"\x1F\x8B"sv, "a gzip file"},
    Signature{"\x89PNG\r\n\x1A\n"sv, "a PNG picture"},
    Signature{"\xFF\xD8\xFF"sv, "a JPEG picture"},
    Signature{"GIF8"sv, "a GIF picture"},
    Signature{"II*\0"sv, "a TIFF picture"},
    Signature{"MM\0*"sv, "a TIFF picture"},
    Signature{"\x93NUMPY"sv, "a NumPy array (.npy)"},
    Signature{"\x89HDF\r\n\x1A\n"sv, "an HDF5 file"},
    Signature{"GGUF"sv, "a GGUF model"},
    Signature{"\x7F"
              "ELF"sv,
              "an ELF program"},
    Signature{"%PDF"sv, "a PDF document"},
    Signature{"BZh"sv, "a bzip2 file"},
    Signature{"\xFD"
              "7zXZ\0"sv,
              "an xz file"},
    Signature{"\x28\xB5\x2F\xFD"sv, "a Zstandard file"},
    Signature{"version https://git-lfs"sv, "a Git LFS pointer instead of the file itself"},
};

/// The name of the first entry tells PyTorch's archives from NumPy's. [APPNOTE 4.3.7]
std::string describe_zip(std::string_view text) {
  constexpr size_t kNameLengthAt = 26, kNameAt = 30;
  if (text.size() > kNameAt) {
    const auto low = static_cast<uint8_t>(text[kNameLengthAt]);
    const std::string_view name = text.substr(kNameAt, low);
    if (name.ends_with(".npy")) return "a zip archive: NumPy arrays (.npz)";
    if (name.ends_with("data.pkl") || name.find("/data/") != std::string_view::npos) {
      return "a zip archive: a PyTorch checkpoint (.pt)";
    }
  }
  return "a zip archive (PyTorch's .pt and NumPy's .npz are such)";
}

std::string hexadecimal(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string result = "the bytes";
  for (const char c : text.substr(0, 8)) {
    result += {' ', kHex[static_cast<uint8_t>(c) >> 4], kHex[static_cast<uint8_t>(c) & 15]};
  }
  return result;
}

bool is_pickle(std::string_view text) {
  // PROTO opcode, version 2 to 5, then an opcode that opens a frame, a global or a container.
  return text.size() >= 3 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5 &&
         std::string_view("\x95\x8A\x8C}]c("sv).find(text[2]) != std::string_view::npos;
}

}  // namespace

std::string describe_start(std::span<const std::byte> content) {
  const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  if (text.empty()) return "an empty file";
  if (text.starts_with("PK\x03\x04")) return describe_zip(text);
  for (const Signature& signature : kSignatures) {
    if (text.starts_with(signature.start)) return std::string(signature.name);
  }
  if (text.starts_with("RIFF") && text.substr(0, 12).ends_with("WEBP")) return "a WebP picture";
  const std::string start = lower_case(text.substr(0, 64));
  const size_t first = std::min(start.find_first_not_of(" \t\r\n"), start.size());
  const std::string_view visible = std::string_view(start).substr(first);
  if (visible.starts_with("<!doctype html") || visible.starts_with("<html")) {
    return "an HTML page (a failed download?)";
  }
  if (is_pickle(text)) return "a Python pickle, which could run code and is never loaded";
  return hexadecimal(text);
}

}  // namespace vae
