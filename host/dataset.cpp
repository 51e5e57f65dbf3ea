// SPDX-License-Identifier: MIT
//
// A data set is up to four IDX files, named like MNIST's:
//   [prefix-](train|t10k|test)-(images|labels)[-.]idxR-ubyte[.gz]      R: rank, ignored
#include "vae/dataset.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "host/cli/suggest.h"
#include "host/io/idx.h"
#include "host/io/sanitize.h"
#include "host/io/sha256.h"
#include "host/io/xxh64.h"
#include "kernels/check.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

/// The four files, in the order of Files below.
enum Part { kTrainImages, kTrainLabels, kTestImages, kTestLabels, kParts };
using Files = std::array<std::string, kParts>;  // empty: there is none

bool consume_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

/// "-idx3-ubyte" or ".idx3-ubyte".
bool consume_type(std::string_view& text) {
  if (!consume_suffix(text, "-ubyte") || text.size() < 5) return false;
  const std::string_view type = text.substr(text.size() - 5);
  if ((type[0] != '-' && type[0] != '.') || type.substr(1, 3) != "idx") return false;
  text.remove_suffix(5);
  return type[4] >= '1' && type[4] <= '9';
}

struct FileName {
  std::string prefix;  ///< With its dash: "emnist-letters-".
  Part part;
};

std::optional<FileName> parse_file_name(std::string_view name) {
  consume_suffix(name, ".gz");
  if (!consume_type(name)) return std::nullopt;
  const bool labels = consume_suffix(name, "-labels");
  if (!labels && !consume_suffix(name, "-images")) return std::nullopt;
  const bool train = consume_suffix(name, "train");
  if (!train && !consume_suffix(name, "t10k") && !consume_suffix(name, "test")) {
    return std::nullopt;
  }
  return FileName{std::string(name), static_cast<Part>((train ? 0 : 2) + (labels ? 1 : 0))};
}

/// All data sets of a folder by prefix. Of a file and its .gz the plain one is taken.
std::map<std::string, Files> find_data_sets(const std::string& folder) {
  std::vector<std::string> names;
  try {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
    }
  } catch (const fs::filesystem_error& error) {
    fail(ErrorCode::io, "cannot list ", sanitize_for_terminal(folder), ": ",
         error.code().message());
  }
  std::sort(names.begin(), names.end());  // "x" before "x.gz"
  std::map<std::string, Files> sets;
  for (const std::string& name : names) {
    const std::optional<FileName> parsed = parse_file_name(name);
    if (!parsed) continue;
    std::string& path = sets[parsed->prefix][parsed->part];
    if (path.empty()) path = (fs::path(folder) / name).string();
  }
  return sets;
}

[[noreturn]] void fail_choice(const std::string& folder, const std::map<std::string, Files>& sets) {
  std::string list;
  for (const auto& [prefix, files] : sets) {
    std::string_view plain = prefix;
    consume_suffix(plain, "-");
    list += list.empty() ? "" : ", ";
    list += sanitize_for_terminal((fs::path(folder) / (plain.empty() ? "train" : plain)).string());
  }
  fail(ErrorCode::invalid_argument, sanitize_for_terminal(folder), ": this folder holds ",
       sets.size(), " data sets; name one of them: ", list);
}

/// The one data set of a folder, or the one whose prefix is given.
Files select_data_set(const std::string& folder, const std::string& prefix) {
  const std::map<std::string, Files> sets = find_data_sets(folder);
  if (!prefix.empty()) {
    auto found = sets.find(prefix + "-");
    if (found == sets.end()) found = sets.find(prefix);
    // "train" and its like choose the files without a prefix.
    if (found == sets.end() && prefix == "train") found = sets.find("");
    if (found != sets.end()) return found->second;
    if (sets.size() > 1) fail_choice(folder, sets);
  } else if (sets.size() > 1) {
    fail_choice(folder, sets);
  } else if (sets.size() == 1) {
    return sets.begin()->second;
  }
  const std::string what =
      prefix.empty() ? concat(sanitize_for_terminal(folder), ": no data set")
                     : concat("there is no folder ",
                              sanitize_for_terminal((fs::path(folder) / prefix).string()),
                              " and no data set with the prefix '", sanitize_for_terminal(prefix),
                              "' in ", sanitize_for_terminal(folder),
                              did_you_mean(prefix, std::vector<std::string>{"mnist"}));
  fail(ErrorCode::io, what,
       "; expected IDX files named like train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz "
       "(or test-images-...)");
}

ImageSet load_images_and_labels(const std::string& images_path, const std::string& labels_path) {
  IdxArray images = read_idx(images_path, IdxContent::images);
  IdxArray labels;
  if (!labels_path.empty()) {
    labels = read_idx(labels_path, IdxContent::labels);
    if (labels.dims[0] != images.dims[0]) {
      fail(ErrorCode::corrupt, sanitize_for_terminal(labels_path), ": expected ", images.dims[0],
           " labels, as many as images in ", sanitize_for_terminal(images_path), ", found ",
           labels.dims[0], "; the two files do not belong together");
    }
  }
  const int64_t channels = images.dims.size() == 4 ? images.dims[3] : 1;
  return {images.dims[1], images.dims[2], channels, std::move(images.values),
          std::move(labels.values)};
}

Dataset load_files(const std::string& folder, const Files& files) {
  for (const Part part : {kTrainImages, kTestImages}) {
    if (files[part].empty()) {
      fail(ErrorCode::io, sanitize_for_terminal(folder), ": the ",
           part == kTrainImages ? "training" : "test",
           " images are missing; expected a file named ",
           part == kTrainImages ? "train-images-idx3-ubyte.gz"
                                : "t10k-images-idx3-ubyte.gz or test-images-idx3-ubyte.gz",
           " (with the prefix of the others, gzipped or not)");
    }
  }
  Dataset data;
  data.train = load_images_and_labels(files[kTrainImages], files[kTrainLabels]);
  data.test = load_images_and_labels(files[kTestImages], files[kTestLabels]).as(Split::test);
  const auto size_of = [](const ImageSet& set) {
    return concat(set.height(), " x ", set.width(), " x ", set.channels());
  };
  if (size_of(data.train) != size_of(data.test)) {
    fail(ErrorCode::corrupt, sanitize_for_terminal(files[kTestImages]), ": expected images of ",
         size_of(data.train), " (height x width x channels) as in ",
         sanitize_for_terminal(files[kTrainImages]), ", found ", size_of(data.test));
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
constexpr std::array<std::string_view, kParts> kMnistSha256 = {
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"};

void check_mnist(const Dataset& data, const Files& files) {
  for (int part = 0; part < kParts; ++part) {
    const ImageSet& set = part < kTestImages ? data.train : data.test;
    const bool labels = part == kTrainLabels || part == kTestLabels;
    if (labels && files[part].empty()) continue;
    const std::string found =
        labels ? idx_sha256({set.count()}, set.labels())
               : idx_sha256({set.count(), set.height(), set.width()}, set.pixels());
    if (found == kMnistSha256[part]) continue;
    fail(ErrorCode::corrupt, sanitize_for_terminal(files[part]),
         ": this is not MNIST: expected the SHA-256 ", kMnistSha256[part], ", found ", found,
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

Dataset load_mnist() {
  std::string looked;
  for (const std::string& place : bundled_places()) {
    std::error_code error;
    if (fs::is_directory(place, error)) {
      const Files files = select_data_set(place, "");
      Dataset data = load_files(place, files);
      check_mnist(data, files);
      data.name = "mnist";
      return data;
    }
    looked += (looked.empty() ? "" : ", ") + sanitize_for_terminal(place);
  }
  fail(ErrorCode::io,
       "the MNIST files were not found; set VAE_DATA_DIR to the folder that holds 'mnist', or name "
       "a folder with IDX files; looked at ",
       looked);
}

}  // namespace

Dataset Dataset::load(const std::string& where) {
  if (where == "mnist") return load_mnist();
  std::error_code error;
  fs::path folder = fs::path(where).lexically_normal();
  std::string prefix;
  if (!fs::is_directory(folder, error)) {
    prefix = folder.filename().string();
    folder = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
  }
  if (where.empty() || !fs::is_directory(folder, error)) {
    fail(ErrorCode::io, "there is no data set '", sanitize_for_terminal(where),
         "'; name 'mnist' or a folder with IDX files");
  }
  Dataset data = load_files(folder.string(), select_data_set(folder.string(), prefix));
  fs::path absolute = fs::absolute(folder).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // a slash at the end
  data.name = prefix.empty() || prefix == "train" ? absolute.filename().string() : prefix;
  if (data.name.ends_with('-')) data.name.pop_back();
  return data;
}

std::string Dataset::fingerprint() const {
  Xxh64 hash;
  for (const ImageSet* set : {&train, &test}) {
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
