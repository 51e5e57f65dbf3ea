// SPDX-License-Identifier: MIT
#include "host/data/array_images.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/check.h"

namespace vae {
namespace {

/// The most nearly square picture of `count` pixels.
ArrayLayout squarest(int64_t count) {
  auto height = static_cast<int64_t>(std::sqrt(static_cast<double>(count)));
  while (count % height != 0) --height;
  return {height, count / height};
}

/// Whether the last of the three dimensions of an image is that of its channels, not the first.
bool channels_are_last(int64_t first, int64_t second, int64_t third) {
  const auto likely = [](int64_t count) { return count == 1 || count == 3 || count == 4; };
  if (likely(third) || likely(first)) return likely(third);
  if (second == third) return false;  // squares, or a cube, one behind the other
  return first == second || third <= first;
}

ArrayLayout with_channels(int64_t first, int64_t second, int64_t third) {
  return channels_are_last(first, second, third) ? ArrayLayout{first, second, third}
                                                 : ArrayLayout{second, third, first, true};
}

}  // namespace

ArrayLayout layout_of(const std::vector<int64_t>& dims, std::string_view origin) {
  constexpr int64_t kLargestImage = int64_t{1} << 31;  // far beyond what a network takes
  if (dims.size() < 2) {
    fail(ErrorCode::unsupported, origin, ": expected images, found an array of rank ", dims.size(),
         "; images have rank 2 [N, pixels], 3 [N, height, width] or 4 with channels");
  }
  int64_t size = 1;
  for (auto dim = dims.begin() + 1; dim != dims.end(); ++dim) {
    if (*dim <= 0 || *dim > kLargestImage / size) {
      fail(ErrorCode::unsupported, origin, ": images of ", *dim, " values in dimension ",
           dim - dims.begin(), " are not read");
    }
    size *= *dim;
  }
  switch (dims.size()) {
    case 2:
      return squarest(dims[1]);
    case 3:
      return {dims[1], dims[2]};
    case 4:
      return with_channels(dims[1], dims[2], dims[3]);
    default:
      return {dims[1], size / dims[1]};
  }
}

bool reads_channels_last(int64_t height, int64_t width, int64_t channels) {
  return channels_are_last(height, width, channels) || channels_are_last(channels, height, width);
}

ImageSet images_of(ByteArray images, std::vector<uint8_t> labels, std::string_view origin) {
  const ArrayLayout layout = layout_of(images.dims, origin);
  return {layout.height,     layout.width,
          layout.channels,   std::move(images.values),
          std::move(labels), layout.channels_first ? ChannelOrder::first : ChannelOrder::last};
}

void require_one_size(const ImageSet& train, const ImageSet& test, std::string_view train_origin,
                      std::string_view test_origin) {
  const auto size_of = [](const ImageSet& set) {
    return concat(set.height(), " x ", set.width(), " x ", set.channels());
  };
  if (size_of(train) == size_of(test)) return;
  fail(ErrorCode::corrupt, test_origin, ": expected images of ", size_of(train),
       " (height x width x channels) as in ", train_origin, ", found ", size_of(test),
       "; the two do not belong together");
}

}  // namespace vae
