// SPDX-License-Identifier: MIT
#include "host/data/picture_folder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "host/data/box_file.h"
#include "host/data/file_names.h"
#include "host/data/in_order.h"
#include "host/data/masks.h"
#include "host/data/prepare.h"
#include "host/io/ascii.h"
#include "host/io/atomic_file.h"
#include "host/io/folder.h"
#include "host/io/xxh64.h"
#include "kernels/check.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 8;  // folders below the one that is named
constexpr std::size_t kMostLabels = 256;

struct PictureFile {
  std::string path;
  std::string name;   // relative to the folder, with slashes
  std::string label;  // the subfolder's name; empty in the folder itself
};

/// Names in a folder, without litter.
struct Listing {
  std::vector<std::string> files, folders;
};

Listing list_names(const std::string& folder) {
  Listing found;
  for (const std::string& name : names_in_folder(folder)) {
    if (is_litter(name)) continue;
    std::error_code ignored;
    const fs::path path = fs::path(folder) / name;
    if (fs::is_regular_file(path, ignored))
      found.files.push_back(name);
    else if (fs::is_directory(path, ignored))
      found.folders.push_back(name);
  }
  std::sort(found.files.begin(), found.files.end(), natural_less);
  std::sort(found.folders.begin(), found.folders.end(), natural_less);
  return found;
}

/// The pictures of a folder, label by label and each label's in natural order.
struct PictureList {
  std::vector<PictureFile> pictures;
  std::vector<std::string> foreign;  // pictures that are not read
};

/// Walks through a folder and those below it.
class PictureWalk {
 public:
  PictureList walk(const std::string& folder, const std::string& prefix = {}) {
    visit(folder, prefix, "");
    return std::move(list_);
  }

 private:
  void visit(const std::string& folder, const std::string& prefix, const std::string& label) {
    std::error_code ignored;
    const std::string place = fs::canonical(folder, ignored).string();
    // Links may lead in circles.
    if (std::find(above_.begin(), above_.end(), place) != above_.end()) return;
    above_.push_back(place);
    const Listing found = list_names(folder);
    for (const std::string& name : found.files) {
      if (has_picture_name(name)) {
        list_.pictures.push_back({(fs::path(folder) / name).string(), prefix + name, label});
      } else if (has_foreign_picture_name(name)) {
        list_.foreign.push_back(prefix + name);
      }
    }
    const bool is_root = above_.size() == 1;
    for (const std::string& name : found.folders) {
      if (above_.size() > kDeepest) break;
      visit((fs::path(folder) / name).string(), prefix + name + "/", is_root ? name : label);
    }
    above_.pop_back();
  }

  std::vector<std::string> above_;  // the folders that lead here
  PictureList list_;
};

/// The subfolder for training or for testing, by the names people give them; "" for none.
std::string split_folder(const Listing& root, const std::array<const char*, 2>& names) {
  for (const std::string& folder : root.folders) {
    if (std::find(names.begin(), names.end(), lower_case(folder)) != names.end()) return folder;
  }
  return {};
}

/// Lists of a folder; that of the test set is empty where there is no such subfolder.
struct SplitLists {
  PictureList train, test;
};

SplitLists list_splits(const std::string& folder, const LogCallback& log) {
  const Listing root = list_names(folder);
  const bool pictures = std::any_of(root.files.begin(), root.files.end(), has_picture_name);
  const std::string train = split_folder(root, {"train", "training"});
  const std::string test = split_folder(root, {"test", "testing"});
  if (pictures || train.empty() || test.empty()) return {PictureWalk().walk(folder), {}};
  const auto inside = [&](const std::string& name) {
    return PictureWalk().walk((fs::path(folder) / name).string(), name + "/");
  };
  for (const std::string& name : root.folders) {
    if (name != train && name != test && log) {
      log(LogLevel::warning,
          concat(folder, ": beside ", train, " and ", test, " the folder ", name, " is not read"));
    }
  }
  return {inside(train), inside(test)};
}

PictureSize prepared_size(PictureSize size, const DataConfig& config) {
  if (config.transpose) std::swap(size.height, size.width);
  if (config.grey) size.channels = 1;
  if (config.rgb) size.channels = 3;
  if (config.size != ImageSize()) {
    size.height = config.size.height;
    size.width = config.size.width;
  }
  return size;
}

/// One file read: a picture, another size than wanted, or what is wrong with it.
struct ReadPicture {
  Image image;
  std::vector<uint8_t> mask;  // where masks are read
  std::vector<Box> boxes;     // where boxes are
  uint64_t digest = 0;        // of the file
  std::optional<PictureSize> other_size;
  std::optional<Error> error;
};

/// Pictures of one size read in their order.
class PictureReader {
 public:
  /// `boxes` may be null.
  PictureReader(std::string source, const LoadOptions& options, const BoxesOfPictures* boxes,
                std::optional<PictureSize> wanted)
      : source_(std::move(source)),
        options_(options),
        known_boxes_(boxes),
        wanted_(wanted),
        given_(wanted) {}

  ImageSet read(const std::vector<PictureFile>& files, const std::vector<std::string>& labels) {
    pixels_.clear();
    masks_.clear();
    boxes_.clear();
    names_.clear();
    classes_.clear();
    std::size_t alone = 0;  // the first good one tells what the others must be
    for (; alone < files.size() && !wanted_; ++alone) {
      take(files, alone, labels, read_file_at(files, alone));
    }
    make_in_order<ReadPicture>(
        files.size() - alone, [&](std::size_t i) { return read_file_at(files, alone + i); },
        [&](std::size_t i, ReadPicture picture) {
          take(files, alone + i, labels, std::move(picture));
        });
    if (names_.empty()) {
      fail(ErrorCode::corrupt, source_, ": none of ", files.size(), " pictures can be read; ",
           first_error_);
    }
    warn_of_large_pictures();
    ImageSet set =
        ImageSet(wanted_->height, wanted_->width, wanted_->channels, std::move(pixels_),
                 std::move(classes_))
            .with_names(std::move(names_), known_boxes_ ? known_boxes_->class_names() : labels);
    if (known_boxes_) set = set.with_boxes(boxes_);
    return masks_.empty() ? set : set.with_masks(std::move(masks_));
  }

  int64_t skipped() const { return skipped_; }
  std::string hash() const { return to_hex(hash_.digest()); }

 private:
  ReadPicture read_file_at(const std::vector<PictureFile>& files, std::size_t i) const {
    ReadPicture picture;
    try {
      const std::string& path = files[i].path;
      const auto file = vae::read_file(path, kLargestPictureFile);
      const PictureSize original = picture_size(file, path);
      const PictureSize size = prepared_size(original, options_.data);
      if (wanted_ && size != *wanted_) {  // compared before so much is decoded
        picture.other_size = size;
        return picture;
      }
      if (!options_.masks.empty()) {
        picture.mask = read_picture_mask(options_.masks, files[i].name, original, options_.data);
      }
      if (known_boxes_) picture.boxes = known_boxes_->of(files[i].name, original, options_.data);
      picture.image = prepare(decode_picture(file, path), options_.data);
      Xxh64 digest;
      digest.update(file);
      picture.digest = digest.digest();
    } catch (const Error& error) {
      picture.error = error;
    } catch (const std::bad_alloc&) {
      picture.error =
          Error(ErrorCode::out_of_memory, concat("not enough memory to decode ", files[i].path));
    }
    return picture;
  }

  void take(const std::vector<PictureFile>& files, std::size_t i,
            const std::vector<std::string>& labels, ReadPicture picture) {
    if (picture.error) return judge(*picture.error);
    if (picture.other_size) fail_sizes(files);
    const Image& image = picture.image;
    if (!wanted_) wanted_ = PictureSize{image.height, image.width, image.channels};
    if (pixels_.empty()) reserve(image, files.size());
    pixels_.insert(pixels_.end(), image.pixels.begin(), image.pixels.end());
    masks_.insert(masks_.end(), picture.mask.begin(), picture.mask.end());
    if (known_boxes_) boxes_.push_back(std::move(picture.boxes));
    names_.push_back(files[i].name);
    hash_.update(as_bytes(concat(files[i].name, '\n', to_hex(picture.digest), '\n')));
    if (labels.empty()) return;
    const auto place = std::find(labels.begin(), labels.end(), files[i].label);
    classes_.push_back(static_cast<uint8_t>(place - labels.begin()));
  }

  void warn_of_large_pictures() const {
    constexpr int64_t kManyPixels = 256 * 256;
    const bool asked_for = given_ || options_.data.size != ImageSize();
    if (asked_for || wanted_->height * wanted_->width <= kManyPixels || !options_.log) return;
    options_.log(LogLevel::warning,
                 concat(source_, ": pictures of ", wanted_->width, " x ", wanted_->height,
                        " pixels make a very large model; --size 64 makes them smaller"));
  }

  void reserve(const Image& image, std::size_t count) {
    const std::string size = concat(image.width, " x ", image.height, " pixels");
    try {
      pixels_.reserve(image.pixels.size() * count);
    } catch (const std::exception&) {  // bad_alloc, or length_error
      fail(ErrorCode::out_of_memory, source_, ": not enough memory for ", count, " pictures of ",
           size, "; use a smaller --size, or fewer pictures");
    }
  }

  /// A bad picture ends the reading, or is left out and counted.
  void judge(const Error& error) {
    constexpr int64_t kMostWarnings = 5;
    if (error.code() == ErrorCode::out_of_memory) throw error;
    if (!options_.skip_bad) {
      throw Error(error.code(), std::string(error.what()) +
                                    advise(options_, "leave bad pictures out", "--skip-bad"));
    }
    if (first_error_.empty()) first_error_ = error.what();
    if (++skipped_ <= kMostWarnings && options_.log) {
      options_.log(LogLevel::warning, concat("left out: ", error.what()));
    }
  }

  /// Says what sizes and colours there are and which options make them one.
  [[noreturn]] void fail_sizes(const std::vector<PictureFile>& files) const {
    std::map<std::pair<int64_t, int64_t>, std::string> sizes;  // of pixels; an example of each
    std::array<int64_t, 2> colours = {};                       // grey, coloured
    for (const PictureFile& file : files) {
      try {
        const auto content = vae::read_file(file.path, kLargestPictureFile);
        const PictureSize size = prepared_size(picture_size(content, file.path), options_.data);
        sizes.try_emplace({size.width, size.height}, file.name);
        ++colours[size.channels == 1 ? 0 : 1];
      } catch (const Error&) {  // a bad one is another matter
      }
    }
    const auto text = [](const auto& size) {
      return concat(size.first.first, " x ", size.first.second, " (", size.second, ")");
    };
    std::string found = sizes.size() == 1
                            ? text(*sizes.begin())
                            : concat(sizes.size(), " sizes, from ", text(*sizes.begin()), " to ",
                                     text(*sizes.rbegin()));
    fail(ErrorCode::unsupported, source_, ": ",
         given_ ? concat("the model takes ", to_text(*given_), "; ") : "",
         files.size() == 1 ? "the picture has " : "the pictures have ", found, ", ",
         colours[1] == 0   ? "in grey"
         : colours[0] == 0 ? "in colour"
                           : concat(colours[0], " in grey and ", colours[1], " in colour"),
         given_ ? "" : "; a model takes one size and one kind of colour",
         advise(options_, "convert them", advice(sizes, colours)));
  }

  template <typename Sizes>
  std::string advice(const Sizes& sizes, const std::array<int64_t, 2>& colours) const {
    constexpr int64_t kSide = 64;
    std::string words;
    const auto add = [&](const std::string& word) { words += (words.empty() ? "" : " ") + word; };
    if (given_ &&
        (sizes.size() > 1 || sizes.begin()->first != std::pair(given_->width, given_->height))) {
      add(concat("--size ", given_->width, "x", given_->height));
    } else if (sizes.size() > 1) {
      int64_t side = kSide;
      for (const auto& [size, name] : sizes) side = std::min({side, size.first, size.second});
      add(concat("--size ", side));
    }
    const bool grey = given_ ? given_->channels == 1 : colours[0] > colours[1];
    if (grey ? colours[1] > 0 : colours[0] > 0) add(grey ? "--grey" : "--rgb");
    return words;
  }

  std::string source_;
  const LoadOptions& options_;
  const BoxesOfPictures* known_boxes_;
  std::optional<PictureSize> wanted_;
  const std::optional<PictureSize> given_;  // by a model
  std::vector<uint8_t> pixels_, classes_, masks_;
  std::vector<std::vector<Box>> boxes_;
  std::vector<std::string> names_;
  Xxh64 hash_;
  int64_t skipped_ = 0;
  std::string first_error_;
};

/// Names of the label folders in natural order; empty where the pictures have none.
std::vector<std::string> label_names(const std::string& folder, const SplitLists& lists,
                                     const LogCallback& log) {
  std::set<std::string> found;
  int64_t outside = 0;
  for (const PictureList* list : {&lists.train, &lists.test}) {
    for (const PictureFile& file : list->pictures) {
      file.label.empty() ? void(++outside) : void(found.insert(file.label));
    }
  }
  std::vector<std::string> names(found.begin(), found.end());
  std::sort(names.begin(), names.end(), natural_less);
  if (names.empty() || (outside == 0 && names.size() <= kMostLabels)) return names;
  if (log) {
    log(LogLevel::warning,
        outside > 0 ? concat(folder, ": labels are left out: ", outside,
                             " pictures lie beside the label folders")
                    : concat(folder, ": labels are left out: there are ", names.size(),
                             " subfolders with pictures, and at most ", kMostLabels, " labels"));
  }
  return {};
}

Dataset load_lists(const std::string& source, const SplitLists& lists, const LoadOptions& options,
                   const std::optional<PictureSize>& wanted) {
  std::optional<BoxesOfPictures> boxes;
  if (!options.boxes.empty()) boxes.emplace(options.boxes);
  const std::vector<std::string> labels =
      boxes ? std::vector<std::string>() : label_names(source, lists, options.log);
  PictureReader reader(source, options, boxes ? &*boxes : nullptr, wanted);
  Dataset data;
  data.train = reader.read(lists.train.pictures, labels);
  if (!lists.test.pictures.empty()) {
    data.test = reader.read(lists.test.pictures, labels).as(Split::test);
  }
  data.skipped = reader.skipped();
  data.source_hash = reader.hash();
  if (data.skipped > 0 && options.log) {
    options.log(LogLevel::warning, concat(source, ": ", data.skipped, " bad pictures left out"));
  }
  return data;
}

}  // namespace

bool holds_pictures(const std::string& folder) {
  return !PictureWalk().walk(folder).pictures.empty();
}

Dataset load_picture_folder(const std::string& folder, const LoadOptions& options,
                            const std::optional<PictureSize>& wanted) {
  const SplitLists lists = list_splits(folder, options.log);
  if (lists.train.pictures.empty()) {
    fail(ErrorCode::io, folder, ": no PNG or JPEG files to train on in this folder");
  }
  const auto& foreign = lists.train.foreign;
  if (!foreign.empty() && options.log) {
    options.log(
        LogLevel::warning,
        concat(folder, ": ", foreign.size(),
               " pictures that are neither PNG nor JPEG are left out, such as ", foreign.front()));
  }
  return load_lists(folder, lists, options, wanted);
}

Dataset load_picture_file(const std::string& path, const LoadOptions& options,
                          const std::optional<PictureSize>& wanted) {
  SplitLists lists;
  lists.train.pictures.push_back({path, fs::path(path).filename().string(), ""});
  return load_lists(path, lists, options, wanted);
}

}  // namespace vae
