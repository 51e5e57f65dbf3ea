// SPDX-License-Identifier: MIT
//
// Training images set aside, for validation or as a test set. Which ones depends on their index
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

/// What images are set aside for. The number keys the draws, and never does the run's seed; another
/// one would change every such set.
enum class Purpose : uint64_t { validation = 0, test = 1 };

/// Place of an image in the order in which images are set aside.
uint64_t rank_of(Purpose purpose, int64_t index) {
  const PhiloxRow row = philox_row(static_cast<uint64_t>(purpose), Stream::validation, 0,
                                   static_cast<uint32_t>(index));
  const PhiloxWords words = philox_quad(row, 0);
  return uint64_t{words.word[0]} << 32 | words.word[1];
}

/// How many of `images` training images are meant: a share below 1, or a number. `what` says where
/// that is set.
int64_t count_of(const char* what, double share_or_count, int64_t images) {
  const bool share = share_or_count < 1.0;
  VAE_CHECK(share_or_count > 0.0 && (share || share_or_count == std::floor(share_or_count)), what,
            " is ", share_or_count, "; below 1 it is a share, from 1 on a whole number of images");
  const double wanted =
      share ? std::max(1.0, std::round(share_or_count * static_cast<double>(images)))
            : share_or_count;
  VAE_CHECK(wanted < static_cast<double>(images), what, " asks for ", wanted, " of the ", images,
            " training images; at least one must be left to train on");
  return static_cast<int64_t>(wanted);
}

/// Whether each image is set aside.
std::vector<bool> choose(Purpose purpose, int64_t images, int64_t count) {
  std::vector<std::pair<uint64_t, int64_t>> ranks;
  for (int64_t i = 0; i < images; ++i) ranks.emplace_back(rank_of(purpose, i), i);
  std::nth_element(ranks.begin(), ranks.begin() + count, ranks.end());
  std::vector<bool> chosen(images);
  for (int64_t i = 0; i < count; ++i) chosen[ranks[i].second] = true;
  return chosen;
}

/// The images whose entry in `chosen` is `wanted`, in their order.
ImageSet gather(const ImageSet& images, const std::vector<bool>& chosen, bool wanted) {
  const auto count = std::count(chosen.begin(), chosen.end(), wanted);
  std::vector<uint8_t> pixels, labels;
  pixels.reserve(count * images.image_size());
  for (int64_t i = 0; i < images.count(); ++i) {
    if (chosen[i] != wanted) continue;
    const auto image = images.pixels().subspan(i * images.image_size(), images.image_size());
    pixels.insert(pixels.end(), image.begin(), image.end());
    if (!images.labels().empty()) labels.push_back(images.labels()[i]);
  }
  return {images.height(), images.width(), images.channels(), std::move(pixels), std::move(labels)};
}

}  // namespace

Dataset Dataset::with_validation(double share_or_count) const {
  VAE_CHECK(validation.count() == 0, "data set ", name, " has ", validation.count(),
            " images for validation already; leave training.validation (--validation) at 0");
  const int64_t count =
      count_of("training.validation (--validation)", share_or_count, train.count());
  const std::vector<bool> chosen = choose(Purpose::validation, train.count(), count);
  Dataset parts = *this;
  parts.train = gather(train, chosen, false);
  parts.validation = gather(train, chosen, true).as(Split::validation);
  return parts;
}

Dataset Dataset::with_test(double share_or_count) const {
  VAE_CHECK(test.count() == 0, "data set ", name, " has ", test.count(), " test images already");
  const int64_t count = count_of("the test set", share_or_count, train.count());
  const std::vector<bool> chosen = choose(Purpose::test, train.count(), count);
  Dataset parts = *this;
  parts.train = gather(train, chosen, false);
  parts.test = gather(train, chosen, true).as(Split::test);
  return parts;
}

}  // namespace vae
