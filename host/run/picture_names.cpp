// SPDX-License-Identifier: MIT
#include "host/run/picture_names.h"

#include <bit>
#include <charconv>
#include <filesystem>

#include "host/io/file_descriptor.h"
#include "host/io/folder.h"

namespace vae {
namespace {

std::string suffix(PictureKind kind) {
  switch (kind) {
    case PictureKind::reconstructions:
      return "-reconstructions.png";
    case PictureKind::samples:
      return "-samples.png";
    case PictureKind::manifold:
      return "-manifold.png";
    case PictureKind::map:
      return "-map.svg";
  }
  return {};
}

constexpr std::string_view kPrefix = "epoch-";
constexpr size_t kDigits = 3;  // more where the epoch needs them

}  // namespace

std::string picture_name(int64_t epoch, PictureKind kind) {
  std::string number = std::to_string(epoch);
  if (number.size() < kDigits) number.insert(0, kDigits - number.size(), '0');
  return std::string(kPrefix) + number + suffix(kind);
}

bool keeps_pictures(int64_t epoch) {
  constexpr uint64_t kPerDoubling = 8;
  const uint64_t distance = std::bit_floor(static_cast<uint64_t>(epoch) / kPerDoubling);
  return distance <= 1 || static_cast<uint64_t>(epoch) % distance == 0;
}

void thin_pictures(const std::string& run_folder, int64_t newest) {
  for (const PictureKind kind : kPictureKinds) {
    for (const auto& [epoch, path] : find_pictures(run_folder, kind)) {
      if (epoch >= newest || keeps_pictures(epoch)) continue;
      std::error_code error;
      std::filesystem::remove(path, error);
      if (error) fail_io("delete", path, error.value());
    }
  }
}

std::map<int64_t, std::string> find_pictures(const std::string& run_folder, PictureKind kind) {
  std::map<int64_t, std::string> found;
  const std::string folder = run_folder + "/images";
  for (const std::string& name : names_in_folder(folder)) {
    if (!name.starts_with(kPrefix)) continue;
    int64_t epoch = 0;
    const char* start = name.data() + kPrefix.size();
    if (std::from_chars(start, name.data() + name.size(), epoch).ec != std::errc()) continue;
    if (name == picture_name(epoch, kind)) found[epoch] = folder + "/" + name;
  }
  return found;
}

}  // namespace vae
