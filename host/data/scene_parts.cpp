// SPDX-License-Identifier: MIT
#include "host/data/scene_parts.h"

#include "kernels/check.h"

namespace vae {

std::vector<int64_t> SceneImages::draw(SceneDraws& draws, int64_t first) const {
  const int64_t wanted = config_.fewest + draws.below(config_.most - config_.fewest + 1);
  std::vector<int64_t> drawn;
  while (std::ssize(drawn) < std::min(wanted, images_.count())) {
    const int64_t image = drawn.empty() ? first : draws.below(images_.count());
    if (std::find(drawn.begin(), drawn.end(), image) == drawn.end()) drawn.push_back(image);
  }
  return drawn;
}

Area SceneImages::area_above(int level, int64_t image) const {
  Area area{images_.height(), images_.width(), 0, 0};
  const int64_t channels = images_.channels(), row_size = images_.width() * channels;
  const uint8_t* values = images_.pixels().data() + image * images_.image_size();
  for (int64_t row = 0; row < images_.height(); ++row, values += row_size) {
    const auto is_above = [&](uint8_t value) { return value > level; };
    const uint8_t* const first = std::find_if(values, values + row_size, is_above);
    if (first == values + row_size) continue;
    const uint8_t* last = values + row_size - 1;
    while (!is_above(*last)) --last;
    area.top = std::min(area.top, row);
    area.bottom = row + 1;
    area.left = std::min(area.left, (first - values) / channels);
    area.right = std::max(area.right, (last - values) / channels + 1);
  }
  return area.size() > 0 ? area : Area();
}

int64_t scenes_of(const ImageSet& images, const SceneConfig& config) {
  return config.count > 0 ? std::min(config.count, images.count()) : images.count();
}

void require_room_for_scenes(const ImageSet& images, const SceneConfig& config,
                             int64_t pixel_bytes) {
  VAE_CHECK(images.masks().empty() && images.side_size() == 0 && !images.has_boxes(),
            "scenes (data.scene, --scene) are made of single images, and the masks, boxes or side ",
            "vectors of these would be lost: leave one of them out");
  VAE_CHECK(images.height() <= config.size.height && images.width() <= config.size.width,
            "scenes of ", to_string(config), " (data.scene, --scene) have no room for images of ",
            images.width(), " x ", images.height(), " pixels: give a size of that or more");
  constexpr int64_t kMostBytes = int64_t{16} << 30;
  const int64_t bytes = config.size.height * config.size.width * pixel_bytes;
  const int64_t count = scenes_of(images, config);
  VAE_CHECK(count <= kMostBytes / bytes, "scenes of ", to_string(config),
            " (data.scene, --scene) of ", count, " images take more than ", kMostBytes >> 30,
            " GiB: give a smaller size or count");
}

}  // namespace vae
