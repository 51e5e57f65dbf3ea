// SPDX-License-Identifier: MIT
#include "vae/dataset.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "host/cli/shell_quote.h"
#include "host/data_folder.h"
#include "host/io/ascii.h"
#include "host/io/idx.h"
#include "host/io/sha256.h"
#include "host/io/xxh64.h"
#include "kernels/check.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

/// What the labels' file holds, or nothing: a file of labels that is whole but not read costs only
/// them.
IdxArray load_labels(const std::string& path, int64_t images, const std::string& images_path,
                     const LogCallback& warn) {
  IdxArray labels;
  if (path.empty()) return labels;
  try {
    labels = read_idx(path, IdxContent::labels);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    if (warn) warn(LogLevel::warning, concat("labels are left out: ", error.what()));
    return labels;
  }
  if (labels.dims[0] != images) {
    fail(ErrorCode::corrupt, path, ": expected ", images, " labels, as many as images in ",
         images_path, ", found ", labels.dims[0],
         "; the two files do not belong together: move the labels away, or take both files from "
         "one place");
  }
  return labels;
}

ImageSet load_images_and_labels(const std::string& images_path, const std::string& labels_path,
                                const LogCallback& warn) {
  IdxArray images = read_idx(images_path, IdxContent::images);
  IdxArray labels = load_labels(labels_path, images.dims[0], images_path, warn);
  const int64_t channels = images.dims.size() == 4 ? images.dims[3] : 1;
  return {images.dims[1], images.dims[2], channels, std::move(images.values),
          std::move(labels.values)};
}

Dataset load_files(const DataFiles& files, const LogCallback& warn) {
  Dataset data;
  data.train = load_images_and_labels(files[kTrainImages], files[kTrainLabels], warn);
  data.test = load_images_and_labels(files[kTestImages], files[kTestLabels], warn).as(Split::test);
  const auto size_of = [](const ImageSet& set) {
    return concat(set.height(), " x ", set.width(), " x ", set.channels());
  };
  if (size_of(data.train) != size_of(data.test)) {
    fail(ErrorCode::corrupt, files[kTestImages], ": expected images of ", size_of(data.train),
         " (height x width x channels) as in ", files[kTrainImages], ", found ", size_of(data.test),
         "; the two files do not belong together");
  }
  return data;
}

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

/// EMNIST's own files, by their name: [emnist-letters-]train-images...
bool is_emnist(const std::string& path) {
  return lower_case(fs::path(path).filename().string()).starts_with("emnist");
}

Dataset load_mnist(const LogCallback& warn) {
  std::string looked;
  for (const std::string& place : bundled_places()) {
    std::error_code error;
    if (fs::is_directory(place, error)) {
      const DataFiles files = find_data_files(place, "", warn);
      Dataset data = load_files(files, warn);
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

}  // namespace

Dataset Dataset::load(const std::string& where, const LogCallback& log) {
  if (where == "mnist") return load_mnist(log);
  std::error_code error;
  fs::path folder = fs::path(where).lexically_normal();
  std::string prefix;
  if (!fs::is_directory(folder, error)) {
    prefix = folder.filename().string();
    folder = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
  }
  if (where.empty() || !fs::is_directory(folder, error)) {
    fail(ErrorCode::io, "there is no data set '", where,
         "'; name 'mnist' or a folder with IDX files");
  }
  if (!prefix.empty() && fs::is_regular_file(where, error)) {
    fail(ErrorCode::io, where,
         " is a file; a data set is a folder with files for training and for ", "testing: name ",
         shell_quoted_path(folder.string()));
  }
  const DataFiles files = find_data_files(folder.string(), prefix, log);
  Dataset data = load_files(files, log);
  fs::path absolute = fs::absolute(folder).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // a slash at the end
  data.name = prefix.empty() || prefix == "train" ? absolute.filename().string() : prefix;
  if (data.name.ends_with('-')) data.name.pop_back();
  if (log && is_emnist(files[kTrainImages])) {
    log(LogLevel::warning,
        "EMNIST's files hold each image transposed, so pictures lie on their side; training does "
        "not mind (docs/data.md turns them)");
  }
  return data;
}

std::string Dataset::fingerprint() const {
  Xxh64 hash;
  for (const ImageSet* set : {&train, &test, &validation}) {
    if (set == &validation && set->count() == 0) continue;  // as they come from files
    // Little-endian whatever the machine, so that a checkpoint can move.
    for (const int64_t number : {set->count(), set->height(), set->width(), set->channels()}) {
      std::array<uint8_t, 8> bytes;
      for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(number) >> (8 * i));
      }
      hash.update(std::as_bytes(std::span(bytes)));
    }
    hash.update(std::as_bytes(set->pixels()));
  }
  return to_hex(hash.digest());
}

}  // namespace vae
