// SPDX-License-Identifier: MIT
//
// Training images set aside, for validation and for testing. Which ones depends on their index
// alone: every seed, every model and every program that loads the data set finds the same images,
// and of two numbers of them the smaller set lies within the larger one.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/check.h"
#include "kernels/philox.h"
#include "vae/dataset.h"

namespace vae {

namespace {

constexpr uint64_t kKey = 0;  // never the run's seed; changing it changes every validation set

/// The two orders in which images are set aside; each is a step of the generator of its own.
enum class Purpose : uint32_t { validation = 0, test = 1 };

/// Place of an image in the order in which images are set aside.
uint64_t rank_of(int64_t index, Purpose purpose) {
  const PhiloxRow row = philox_row(kKey, Stream::validation, static_cast<uint32_t>(purpose),
                                   static_cast<uint32_t>(index));
  const PhiloxWords words = philox_quad(row, 0);
  return uint64_t{words.word[0]} << 32 | words.word[1];
}

/// A share of the images, at least one.
double count_of_share(double share, int64_t images) {
  return std::max(1.0, std::round(share * static_cast<double>(images)));
}

/// How many of `images` training images are meant: a share below 1, or a number.
int64_t count_of(double validation, int64_t images) {
  VAE_CHECK(validation > 0.0 && (validation < 1.0 || validation == std::floor(validation)),
            "training.validation (--validation) is ", validation,
            "; below 1 it is a share, from 1 on a whole number of images");
  const double wanted = validation < 1.0 ? count_of_share(validation, images) : validation;
  VAE_CHECK(wanted < static_cast<double>(images), "training.validation (--validation) asks for ",
            wanted, " of the ", images, " training images; at least one must be left to train on");
  return static_cast<int64_t>(wanted);
}

/// Whether each image is set aside.
std::vector<bool> choose(int64_t images, int64_t count, Purpose purpose) {
  std::vector<std::pair<uint64_t, int64_t>> ranks;
  for (int64_t i = 0; i < images; ++i) ranks.emplace_back(rank_of(i, purpose), i);
  std::nth_element(ranks.begin(), ranks.begin() + count, ranks.end());
  std::vector<bool> chosen(images);
  for (int64_t i = 0; i < count; ++i) chosen[ranks[i].second] = true;
  return chosen;
}

/// The images whose entry in `chosen` is `wanted`, in their order.
ImageSet gather(const ImageSet& images, const std::vector<bool>& chosen, bool wanted) {
  const auto count = std::count(chosen.begin(), chosen.end(), wanted);
  std::vector<uint8_t> pixels, labels, masks;
  std::vector<std::string> names;
  std::vector<float> side;
  std::vector<std::vector<Box>> boxes;
  pixels.reserve(count * images.image_size());
  for (int64_t i = 0; i < images.count(); ++i) {
    if (chosen[i] != wanted) continue;
    const auto image = images.pixels().subspan(i * images.image_size(), images.image_size());
    pixels.insert(pixels.end(), image.begin(), image.end());
    if (!images.labels().empty()) labels.push_back(images.labels()[i]);
    if (!images.masks().empty()) {
      const int64_t size = images.height() * images.width();
      const auto mask = images.masks().subspan(i * size, size);
      masks.insert(masks.end(), mask.begin(), mask.end());
    }
    const auto known = images.side().subspan(i * images.side_size(), images.side_size());
    side.insert(side.end(), known.begin(), known.end());
    if (images.has_boxes()) boxes.emplace_back(images.boxes(i).begin(), images.boxes(i).end());
    if (!images.names().empty()) names.push_back(images.names()[i]);
  }
  const auto label_names = images.label_names();
  ImageSet set = ImageSet(images.height(), images.width(), images.channels(), std::move(pixels),
                          std::move(labels))
                     .with_names(std::move(names), {label_names.begin(), label_names.end()});
  if (!masks.empty()) set = set.with_masks(std::move(masks));
  if (images.has_boxes()) set = set.with_boxes(boxes);
  return images.side_size() > 0 ? set.with_side(images.side_size(), std::move(side)) : set;
}

}  // namespace

Dataset Dataset::with_validation(double share_or_count) const {
  VAE_CHECK(validation.count() == 0, "data set ", name, " has ", validation.count(),
            " images for validation already; leave training.validation (--validation) at 0");
  const std::vector<bool> chosen =
      choose(train.count(), count_of(share_or_count, train.count()), Purpose::validation);
  Dataset parts = *this;
  parts.train = gather(train, chosen, false);
  parts.validation = gather(train, chosen, true).as(Split::validation);
  return parts;
}

Dataset Dataset::with_test(double share) const {
  VAE_CHECK(test.count() == 0, "data set ", name, " has ", test.count(), " test images already");
  const double count = count_of_share(share, train.count());
  VAE_CHECK(share > 0.0 && count < static_cast<double>(train.count()), "holding a share of ", share,
            " of the ", train.count(),
            " images out for testing (--test-share) leaves none to train on");
  const std::vector<bool> chosen =
      choose(train.count(), static_cast<int64_t>(count), Purpose::test);
  Dataset parts = *this;
  parts.train = gather(train, chosen, false);
  parts.test = gather(train, chosen, true).as(Split::test);
  return parts;
}

}  // namespace vae
