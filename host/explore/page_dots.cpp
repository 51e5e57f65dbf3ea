// SPDX-License-Identifier: MIT
#include "host/explore/page_dots.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "host/io/png.h"
#include "host/text/html.h"
#include "kernels/check.h"
#include "vae/image.h"

namespace vae {
namespace {

constexpr int64_t kMostPageValues = int64_t{1} << 20;              // of codes, and of conditions
constexpr std::size_t kMostThumbnailBytes = std::size_t{1} << 20;  // of a PNG file
constexpr int64_t kSmallestThumbnail = 8;                          // pixels a side

/// Rows of an array, in this order.
Array rows_at(const Array& all, const std::vector<int32_t>& rows) {
  Array some{{static_cast<int64_t>(rows.size()), all.row_size()}, {}};
  some.values.reserve(rows.size() * static_cast<std::size_t>(all.row_size()));
  for (const int32_t row : rows) {
    some.values.insert(some.values.end(), all.row(row), all.row(row) + all.row_size());
  }
  return some;
}

/// `some` of `all` numbers 0, 1, ..., evenly spaced.
std::vector<int32_t> spaced_numbers(int64_t some, int64_t all) {
  std::vector<int32_t> numbers;
  for (int64_t i = 0; i < some; ++i) numbers.push_back(static_cast<int32_t>(i * all / some));
  return numbers;
}

/// Those that a map has kept.
std::vector<int32_t> kept_of(const std::vector<int32_t>& numbers, const LatentMap& map) {
  std::vector<int32_t> kept;
  for (const int64_t row : map.rows) kept.push_back(numbers[static_cast<std::size_t>(row)]);
  return kept;
}

Image thumbnail_sheet(const ImageSet& images, const PageDots& dots, int64_t factor,
                      Thumbnails& sheet) {
  const auto cell_of = [&](int64_t dot) {
    const Image image = images.image(dots.images[static_cast<std::size_t>(dot)]);
    return factor > 1 ? shrink(image, factor) : image;
  };
  const Image first = cell_of(0);
  sheet.columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(dots.count()))));
  sheet.height = first.height;
  sheet.width = first.width;
  const int64_t rows = (dots.count() + sheet.columns - 1) / sheet.columns;
  Image whole{rows * first.height, sheet.columns * first.width, first.channels, {}};
  whole.pixels.resize(static_cast<std::size_t>(whole.height * whole.width * whole.channels));
  const int64_t row_bytes = first.width * first.channels;
  for (int64_t dot = 0; dot < dots.count(); ++dot) {
    const Image cell = cell_of(dot);
    const int64_t top = dot / sheet.columns * first.height, left = dot % sheet.columns * row_bytes;
    for (int64_t y = 0; y < cell.height; ++y) {
      std::copy_n(cell.pixels.begin() + y * row_bytes, row_bytes,
                  whole.pixels.begin() + (top + y) * sheet.columns * row_bytes + left);
    }
  }
  return whole;
}

}  // namespace

PageDots find_dots(Model& model, const ImageSet& images, const ExplorerOptions& options) {
  constexpr int64_t kMostDots = 100000;
  VAE_CHECK(options.dots >= 1 && options.dots <= kMostDots, "explore: ", options.dots,
            " dots; choose 1 to ", kMostDots);
  VAE_CHECK(images.count() > 0, "explore: there are no images to show the codes of");
  const ModelConfig& config = model.config();
  const int64_t widest = std::max({config.latent, config.condition_size(), int64_t{1}});
  const int64_t fitting = std::max<int64_t>(2, kMostPageValues / widest);
  const int64_t count = std::min({options.dots, images.count(), fitting});
  const std::vector<int32_t> numbers = spaced_numbers(count, images.count());
  std::vector<uint8_t> labels;
  for (const int32_t number : numbers) {
    if (!images.labels().empty()) labels.push_back(images.labels()[static_cast<size_t>(number)]);
  }
  const Array codes =
      rows_at(model.encode(images, options.binarization, options.seed).mean, numbers);
  PageDots dots;
  dots.map = make_latent_map(codes, labels, images.label_names());
  dots.images = kept_of(numbers, dots.map);
  std::vector<int32_t> rows(dots.map.rows.begin(), dots.map.rows.end());
  dots.codes = rows_at(codes, rows);
  if (config.condition != Condition::none) {
    dots.conditions = rows_at(model.conditions(images), dots.images);
  }
  return dots;
}

Thumbnails make_thumbnails(const ImageSet& images, const PageDots& dots) {
  Thumbnails sheet;
  for (int64_t factor = 1;; factor *= 2) {
    const std::vector<std::byte> png = encode_png(thumbnail_sheet(images, dots, factor, sheet));
    const int64_t next = std::min(sheet.height, sheet.width) / 2;
    if (png.size() > kMostThumbnailBytes && next >= kSmallestThumbnail) continue;
    sheet.source = "data:image/png;base64," + encode_base64(png);
    return sheet;
  }
}

}  // namespace vae
