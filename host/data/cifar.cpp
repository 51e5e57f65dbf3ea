// SPDX-License-Identifier: MIT
#include "host/data/cifar.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "host/data/array_images.h"
#include "host/data/file_names.h"
#include "host/io/ascii.h"
#include "host/io/atomic_file.h"
#include "host/io/folder.h"
#include "kernels/check.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kCifarSide = 32, kCifarChannels = 3;
constexpr std::size_t kCifarPixels = 3 * 32 * 32;
constexpr uint64_t kLargestCifarFile = uint64_t{1} << 32;

/// The two data sets: their labels, and what each may be below.
struct Cifar {
  std::vector<int> classes;
  const char* label_file;

  std::size_t row_bytes() const { return classes.size() + kCifarPixels; }
};
const Cifar& cifar10() {
  static const Cifar set{{10}, "batches.meta.txt"};
  return set;
}
const Cifar& cifar100() {
  static const Cifar set{{20, 100}, "fine_label_names.txt"};
  return set;
}

bool fits(const Cifar& set, std::span<const std::byte> file) {
  if (file.empty() || file.size() % set.row_bytes() != 0) return false;
  for (std::size_t row = 0; row < file.size(); row += set.row_bytes()) {
    for (std::size_t i = 0; i < set.classes.size(); ++i) {
      if (std::to_integer<int>(file[row + i]) >= set.classes[i]) return false;
    }
  }
  return true;
}

/// Rows of label and planes, appended to what is there.
void append_rows(const Cifar& set, std::span<const std::byte> file, ByteArray& images,
                 std::vector<uint8_t>& labels) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.data());
  const std::size_t rows = file.size() / set.row_bytes();
  for (std::size_t row = 0; row < rows; ++row) {
    const uint8_t* pixels = bytes + row * set.row_bytes() + set.classes.size();
    labels.push_back(pixels[-1]);
    images.values.insert(images.values.end(), pixels, pixels + kCifarPixels);
  }
  images.dims = {std::ssize(labels), kCifarChannels, kCifarSide, kCifarSide};
}

const Cifar& recognise(std::span<const std::byte> file, std::string_view origin) {
  for (const Cifar* set : {&cifar10(), &cifar100()}) {
    if (fits(*set, file)) return *set;
  }
  fail(ErrorCode::corrupt, origin, ": not a file of CIFAR's binary version: expected rows of ",
       cifar10().row_bytes(), " bytes with labels below 10, or of ", cifar100().row_bytes(),
       " with labels below 20 and 100, found ", file.size(),
       " bytes; the file is damaged, incomplete or of another kind");
}

struct CifarFiles {
  std::vector<std::string> train;
  std::string test;
};

CifarFiles list_cifar(const std::string& folder) {
  CifarFiles files;
  for (const std::string& file : names_in_folder(folder)) {
    const std::string path = (fs::path(folder) / file).string();
    const std::string name = lower_case(file);
    if ((name.starts_with("data_batch_") && name.ends_with(".bin")) || name == "train.bin") {
      files.train.push_back(path);
    }
    if (name == "test_batch.bin" || name == "test.bin") files.test = path;
  }
  std::sort(files.train.begin(), files.train.end(), natural_less);
  return files;
}

ImageSet load_rows(const std::vector<std::string>& paths) {
  ByteArray images;
  std::vector<uint8_t> labels;
  const Cifar* set = nullptr;
  for (const std::string& path : paths) {
    const auto file = read_file(path, kLargestCifarFile);
    const Cifar& found = recognise(file, path);
    if (set != nullptr && set != &found) {
      fail(ErrorCode::corrupt, path, ": expected rows of ", set->row_bytes(), " bytes as in ",
           paths.front(), ", found ", found.row_bytes(), "; the files do not belong together");
    }
    set = &found;
    append_rows(found, file, images, labels);
  }
  return images_of(std::move(images), std::move(labels), paths.front());
}

/// A line each; nothing where the file is missing or says something else.
std::vector<std::string> label_names(const std::string& folder, const Cifar& set) {
  constexpr uint64_t kLargestNames = 1 << 16;
  std::vector<std::string> names;
  try {
    const auto content = read_file((fs::path(folder) / set.label_file).string(), kLargestNames);
    std::string_view text = as_text(content);
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
      if (!line.empty()) names.emplace_back(line);
    }
  } catch (const Error&) {
    return {};
  }
  if (std::ssize(names) != set.classes.back()) names.clear();
  return names;
}

}  // namespace

bool is_cifar_folder(const std::string& folder) {
  const CifarFiles files = list_cifar(folder);
  return !files.train.empty() && !files.test.empty();
}

Dataset load_cifar_folder(const std::string& folder) {
  const CifarFiles files = list_cifar(folder);
  Dataset data;
  data.train = load_rows(files.train);
  data.test = load_rows({files.test}).as(Split::test);
  const bool ten = fs::path(files.test).filename().string().find('_') != std::string::npos;
  const auto names = label_names(folder, ten ? cifar10() : cifar100());
  const auto most = [](const ImageSet& set) {
    return *std::max_element(set.labels().begin(), set.labels().end());
  };
  if (std::max<std::size_t>(most(data.train), most(data.test)) < names.size()) {
    data.train = data.train.with_names({}, names);
    data.test = data.test.with_names({}, names);
  }
  return data;
}

Dataset load_cifar_file(const std::string& path) {
  Dataset data;
  data.train = load_rows({path});
  return data;
}

ImageSet parse_cifar(std::span<const std::byte> file, std::string_view origin) {
  ByteArray images;
  std::vector<uint8_t> labels;
  append_rows(recognise(file, origin), file, images, labels);
  return images_of(std::move(images), std::move(labels), origin);
}

}  // namespace vae
