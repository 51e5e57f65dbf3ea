// SPDX-License-Identifier: MIT
#include "host/data/mnist.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/data/idx_source.h"
#include "host/io/sha256.h"
#include "kernels/check.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

/// SHA-256 of the IDX file that holds these values, which is that of the plain file on disk.
std::string idx_sha256(const std::vector<int64_t>& dims, std::span<const uint8_t> values) {
  std::vector<uint8_t> header = {0, 0, 8, static_cast<uint8_t>(dims.size())};
  for (const int64_t dim : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      header.push_back(static_cast<uint8_t>(dim >> shift & 0xff));
    }
  }
  Sha256 hash;
  hash.update(std::as_bytes(std::span(header)));
  hash.update(std::as_bytes(values));
  return hash.finish();
}

/// What `gzip -dc FILE | sha256sum` prints for the files of MNIST.
constexpr std::array<std::string_view, kDataParts> kMnistSha256 = {
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"};

void check_mnist(const Dataset& data, const DataFiles& files) {
  for (int part = 0; part < kDataParts; ++part) {
    const ImageSet& set = part < kTestImages ? data.train : data.test;
    const bool labels = part == kTrainLabels || part == kTestLabels;
    if (labels && files[part].empty()) continue;
    const std::string found =
        labels ? idx_sha256({set.count()}, set.labels())
               : idx_sha256({set.count(), set.height(), set.width()}, set.pixels());
    if (found == kMnistSha256[part]) continue;
    fail(ErrorCode::corrupt, files[part], ": this is not MNIST: expected the SHA-256 ",
         kMnistSha256[part], ", found ", found,
         " (of the uncompressed file); for other data name the folder instead of 'mnist'");
  }
}

/// Where the folder "mnist" may lie, the most specific place first.
std::vector<std::string> bundled_places() {
  std::vector<std::string> places;
  if (const char* folder = std::getenv("VAE_DATA_DIR"); folder && *folder) {
    places.push_back((fs::path(folder) / "mnist").string());
  }
#ifdef VAE_DEFAULT_DATA_DIR
  places.push_back((fs::path(VAE_DEFAULT_DATA_DIR) / "mnist").string());
#endif
#ifdef VAE_INSTALL_DATA_DIR
  places.push_back((fs::path(VAE_INSTALL_DATA_DIR) / "mnist").string());
#endif
  // An installed program that was moved: PREFIX/bin/vae and PREFIX/share/vae.
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    places.push_back((program.parent_path().parent_path() / "share" / "vae" / "mnist").string());
  }
  return places;
}

}  // namespace

Dataset load_mnist(const LogCallback& warn) {
  std::string looked;
  for (const std::string& place : bundled_places()) {
    std::error_code error;
    if (fs::is_directory(place, error)) {
      const DataFiles files = find_data_files(place, "", warn);
      Dataset data = load_idx_files(files, warn);
      check_mnist(data, files);
      data.name = "mnist";
      return data;
    }
    looked += (looked.empty() ? "" : ", ") + place;
  }
  fail(ErrorCode::io,
       "the MNIST files were not found; set VAE_DATA_DIR to the folder that holds 'mnist', or name "
       "a folder with IDX files; looked at ",
       looked);
}

}  // namespace vae
