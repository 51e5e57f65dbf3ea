// SPDX-License-Identifier: MIT
#include "vae/dataset.h"

#include <array>
#include <bit>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "host/data/array_images.h"
#include "host/data/prepare.h"
#include "host/data/scene.h"
#include "host/data/source.h"
#include "host/io/npz.h"
#include "host/io/xxh64.h"
#include "kernels/check.h"
#include "vae/array.h"

namespace vae {
namespace {

std::string sizes_text(int64_t height, int64_t width, int64_t channels) {
  return concat(height, " x ", width, " x ", channels);
}

/// The images with the vectors of a file.
Dataset with_side_vectors(const Dataset& data, const std::string& path) {
  const Array vectors = load_npy(path);
  const int64_t train = data.train.count(), test = data.test.count();
  const int64_t size = vectors.shape.size() == 2 ? vectors.shape[1] : 0;
  if (size == 0 || vectors.rows() != train + test) {
    fail(ErrorCode::corrupt, path, ": expected an array [", train + test,
         ", S], a side vector of each of the ", train, " images",
         test > 0 ? concat(" for training and then of the ", test, " for testing") : std::string(),
         ", found ", vectors.shape.size(), " dimensions and ", vectors.rows(), " rows");
  }
  if (const auto at = vectors.first_not_finite()) {
    fail(ErrorCode::corrupt, path, ": row ", *at / size, ", column ", *at % size,
         " (counted from 0) is ", vectors.values[static_cast<std::size_t>(*at)],
         "; side vectors are finite numbers");
  }
  const float* const border = vectors.values.data() + train * size;
  Dataset known = data;
  known.train = data.train.with_side(size, {vectors.values.data(), border});
  if (test > 0) known.test = data.test.with_side(size, {border, border + test * size});
  return known;
}

/// The pixels of a set, one plane of each channel behind the other.
std::vector<uint8_t> planes_of(const ImageSet& set) {
  std::vector<uint8_t> planes;
  planes.reserve(set.pixels().size());
  for (int64_t i = 0; i < set.count(); ++i) {
    const auto image = set.pixels().subspan(i * set.image_size(), set.image_size());
    for (int64_t channel = 0; channel < set.channels(); ++channel) {
      for (std::size_t at = channel; at < image.size(); at += set.channels()) {
        planes.push_back(image[at]);
      }
    }
  }
  return planes;
}

/// The arrays of a set, their keys beginning with the name of its split. `planes` keeps pixels that
/// are written in another order than the set's.
void add_members(const std::string& split, const ImageSet& set, std::vector<uint8_t>& planes,
                 std::vector<NpzMember>& members) {
  if (set.count() == 0) return;
  const std::vector<int64_t> mask = {set.count(), set.height(), set.width()};
  std::vector<int64_t> image = mask;
  std::span<const uint8_t> pixels = set.pixels();
  if (set.channels() > 1) {
    const bool last = reads_channels_last(set.height(), set.width(), set.channels());
    image.insert(last ? image.end() : image.begin() + 1, set.channels());
    if (!last) pixels = planes = planes_of(set);
  }
  members.push_back({split + "_images", image, pixels});
  if (!set.labels().empty()) members.push_back({split + "_labels", {set.count()}, set.labels()});
  if (!set.masks().empty()) members.push_back({split + "_masks", mask, set.masks()});
}

}  // namespace

Dataset Dataset::load(const std::string& where, const LogCallback& log) {
  LoadOptions options;
  options.log = log;
  return load(where, options);
}

Dataset Dataset::load(const std::string& where, const LoadOptions& options) {
  Dataset data = read_source(where, options);
  if (!options.side_vectors.empty()) data = with_side_vectors(data, options.side_vectors);
  if (data.test.count() > 0) {
    data.prepared.test_share = 0.0;
  } else {
    constexpr double kTestShare = 0.1;
    if (data.prepared.test_share == 0.0) data.prepared.test_share = kTestShare;
    const int64_t images = data.train.count();
    data = data.with_test(data.prepared.test_share);
    if (options.log) {
      options.log(LogLevel::info, concat(data.name, ": ", data.test.count(), " of ", images,
                                         " images are held out for testing"));
    }
  }
  return data.with_scenes(options.data.scene);
}

void Dataset::save(const std::string& path) const {
  std::vector<NpzMember> members;
  std::vector<uint8_t> train_planes, test_planes;
  add_members("train", train, train_planes, members);
  add_members("test", test, test_planes, members);
  write_npz(path, members);
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
  hash.update(std::as_bytes(std::span(source_hash)));
  return to_hex(hash.digest());
}

namespace {

/// As text, so that neither padding nor byte order counts.
void update_with_boxes(Xxh64& hash, const ImageSet& images) {
  for (int64_t i = 0; i < images.count(); ++i) {
    std::string text = concat(i, ':');
    for (const Box& box : images.boxes(i)) {
      for (const float number : {box.x, box.y, box.width, box.height}) {
        text += concat(std::bit_cast<uint32_t>(number), ' ');
      }
      text += concat(static_cast<int>(box.class_), ';');
    }
    hash.update(std::as_bytes(std::span(text)));
  }
}

}  // namespace

std::string Dataset::fingerprint(const ModelConfig& model) const {
  if (model.condition == Condition::none && !model.has_class_target()) return fingerprint();
  Xxh64 hash;
  const std::string images = fingerprint();
  hash.update(std::as_bytes(std::span(images)));
  for (const ImageSet* set : {&train, &test, &validation}) {
    if (model.reads_labels()) hash.update(std::as_bytes(set->labels()));
    if (model.target == Target::mask) hash.update(std::as_bytes(set->masks()));
    if (model.target == Target::boxes) update_with_boxes(hash, *set);
    if (model.condition == Condition::side) hash.update(std::as_bytes(set->side()));
  }
  return to_hex(hash.digest());
}

namespace {

/// A source for a model that is there, and what its images may be.
Dataset read_for_model(const std::string& path, const ModelConfig& model,
                       const LoadOptions& options) {
  const PictureSize wanted{model.height, model.width, model.channels};
  const bool scenes = options.data.scene != SceneConfig();
  Dataset data = read_source(path, options, scenes ? std::optional<PictureSize>() : wanted);
  return options.side_vectors.empty() ? data : with_side_vectors(data, options.side_vectors);
}

/// The images, where they have the model's size.
ImageSet fitting(const ImageSet& images, const std::string& path, const ModelConfig& model,
                 const LoadOptions& options) {
  const PictureSize wanted{model.height, model.width, model.channels};
  const PictureSize found{images.height(), images.width(), images.channels()};
  if (found == wanted) return images;
  std::string words;
  if (found.width != wanted.width || found.height != wanted.height) {
    words = concat("--size ", wanted.width, "x", wanted.height);
  }
  const auto has_colour = [](const PictureSize& size) {
    return size.channels == 1 || size.channels == 3;
  };
  if (found.channels != wanted.channels && has_colour(found) && has_colour(wanted)) {
    words += concat(words.empty() ? "" : " ", wanted.channels == 1 ? "--grey" : "--rgb");
  }
  fail(ErrorCode::unsupported, path, ": the model takes images of ",
       sizes_text(wanted.height, wanted.width, wanted.channels),
       " (height x width x channels), found ",
       sizes_text(found.height, found.width, found.channels),
       words.empty() ? "" : advise(options, "convert them", words));
}

}  // namespace

ImageSet load_images(const std::string& path, const ModelConfig& model,
                     const LoadOptions& options) {
  const Dataset data = read_for_model(path, model, options);
  if (data.test.count() > 0) {
    fail(ErrorCode::invalid_argument, path,
         ": this holds training and test images; name it with --data, and choose with --split");
  }
  const ImageSet images = make_scenes(data.train.as(Split::test), options.data.scene);
  return fitting(images, path, model, options);
}

ImageSet load_test_images(const std::string& path, const ModelConfig& model,
                          const LoadOptions& options) {
  const Dataset data = read_for_model(path, model, options);
  const ImageSet& own = data.test.count() > 0 ? data.test : data.train;
  return fitting(make_scenes(own.as(Split::test), options.data.scene), path, model, options);
}

}  // namespace vae
