// SPDX-License-Identifier: MIT
#include "host/data/numpy_source.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "host/data/array_images.h"
#include "host/data/masks.h"
#include "host/io/ascii.h"
#include "host/io/npy.h"
#include "host/io/zip.h"
#include "kernels/check.h"

namespace vae {
namespace {

using Keys = std::vector<std::string_view>;

/// Keys without "_" and "-", the most telling first.
const Keys kTrainImageKeys = {"trainimages", "xtrain",      "trainx",
                              "traindata",   "imagestrain", "train"};
const Keys kTrainLabelKeys = {"trainlabels", "ytrain", "trainy", "labelstrain", "traintargets"};
const Keys kTestImageKeys = {"testimages", "xtest", "testx", "testdata", "imagestest", "test"};
const Keys kTestLabelKeys = {"testlabels", "ytest", "testy", "labelstest", "testtargets"};
const Keys kTrainMaskKeys = {"trainmasks", "maskstrain"};
const Keys kTestMaskKeys = {"testmasks", "maskstest"};
const Keys kMaskKeys = {"masks", "mask"};
const Keys kImageKeys = {"images", "x", "data", "imgs"};
const Keys kLabelKeys = {"labels", "y", "targets", "label", "classes"};

/// "X_train.npy" as "xtrain".
std::string plain_key(std::string_view name) {
  std::string key = lower_case(name);
  if (key.ends_with(".npy")) key.resize(key.size() - 4);
  std::erase_if(key, [](char c) { return c == '_' || c == '-'; });
  return key;
}

/// The arrays of an archive by what they are.
class NpzArrays {
 public:
  explicit NpzArrays(const std::string& path) : path_(path), zip_(path) {
    for (const ZipMember& member : zip_.members()) {
      if (member.name.ends_with(".npy")) arrays_.push_back(&member);
    }
    taken_.resize(arrays_.size());
  }

  std::size_t count() const { return arrays_.size(); }

  /// The place of the array that has one of these keys.
  std::optional<std::size_t> find(const Keys& keys) const {
    for (const std::string_view key : keys) {
      for (std::size_t i = 0; i < arrays_.size(); ++i) {
        if (plain_key(arrays_[i]->name) == key) return i;
      }
    }
    return std::nullopt;
  }

  ByteArray read(std::size_t place, ArrayContent content) {
    taken_[place] = true;
    NpyByteReader reader(content, arrays_[place]->bytes, origin(place));
    zip_.read(*arrays_[place], [&](std::span<const std::byte> piece) { reader.feed(piece); });
    return reader.finish();
  }

  /// Names in messages.
  std::string origin(std::size_t place) const {
    return concat(path_, ": ", shortened(arrays_[place]->name));
  }
  std::string keys(bool taken) const {
    std::string text;
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
      if (taken_[i] != taken) continue;
      const std::string_view name = arrays_[i]->name;
      text += (text.empty() ? "" : ", ") + shortened(name.substr(0, name.size() - 4));
      if (text.size() > 500) return text + ", ...";
    }
    return text;
  }

 private:
  std::string path_;
  ZipFile zip_;
  std::vector<const ZipMember*> arrays_;
  std::vector<bool> taken_;
};

/// One label an image. [N, 1] is as good as [N]; anything else costs only the labels.
std::vector<uint8_t> read_labels(NpzArrays& arrays, std::optional<std::size_t> place,
                                 int64_t images, const LogCallback& log) {
  if (!place) return {};
  try {
    ByteArray labels = arrays.read(*place, ArrayContent::labels);
    if (std::ssize(labels.values) == images) return std::move(labels.values);
    fail(ErrorCode::unsupported, arrays.origin(*place), ": expected ", images,
         " labels, one for each image, found ", labels.values.size(), " numbers");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    if (log) log(LogLevel::warning, concat("labels are left out: ", error.what()));
    return {};
  }
}

ImageSet read_set(NpzArrays& arrays, std::size_t images, std::optional<std::size_t> labels,
                  std::optional<std::size_t> masks, const LogCallback& log) {
  ByteArray pixels = arrays.read(images, ArrayContent::images);
  layout_of(pixels.dims, arrays.origin(images));  // before labels are read
  std::vector<uint8_t> classes = read_labels(arrays, labels, pixels.dims[0], log);
  const ImageSet set = images_of(std::move(pixels), std::move(classes), arrays.origin(images));
  if (!masks) return set;
  return with_masks_of(set, arrays.read(*masks, ArrayContent::labels), arrays.origin(*masks));
}

}  // namespace

Dataset load_npy_images(const std::string& path) {
  Dataset data;
  data.train = images_of(read_npy_bytes(path, ArrayContent::images), {}, path);
  return data;
}

Dataset load_npz(const std::string& path, const LogCallback& log) {
  NpzArrays arrays(path);
  Dataset data;
  const auto test = arrays.find(kTestImageKeys);
  auto train = arrays.find(kTrainImageKeys);
  auto labels = arrays.find(kTrainLabelKeys);
  if (!labels) labels = arrays.find(kLabelKeys);
  if (!train) train = arrays.find(kImageKeys);
  if (!train && arrays.count() == 1) train = 0;
  if (!train) {
    fail(ErrorCode::unsupported, path, ": no array of images; the archive holds ",
         arrays.count() == 0 ? "no arrays" : arrays.keys(false),
         ", and images are looked for under the keys train_images or x_train, images, x or data "
         "(docs/data.md): numpy.savez(file, images=x, labels=y)");
  }
  auto masks = arrays.find(kTrainMaskKeys);
  if (!masks) masks = arrays.find(kMaskKeys);
  data.train = read_set(arrays, *train, labels, masks, log);
  if (test) {
    data.test =
        read_set(arrays, *test, arrays.find(kTestLabelKeys), arrays.find(kTestMaskKeys), log)
            .as(Split::test);
    require_one_size(data.train, data.test, arrays.origin(*train), arrays.origin(*test));
  }
  if (const std::string unread = arrays.keys(false); !unread.empty() && log) {
    log(LogLevel::info, concat(path, ": read ", arrays.keys(true), "; not read: ", unread));
  }
  return data;
}

}  // namespace vae
