// SPDX-License-Identifier: MIT
#include "host/data/box_file.h"

#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(boxes) {
  using namespace vae;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::run_parser([&] {
    const BoxFile file = parse_box_file(text, "input");
    fuzz::require(file.categories.size() <= 255, "classes are few");
    DataConfig config;
    config.size = {1 + static_cast<int64_t>(size % 9), 1 + static_cast<int64_t>(size % 7)};
    config.transpose = size % 2 == 1;
    for (const BoxFile::Picture& picture : file.images) {
      const PictureSize wanted{picture.height > 0 ? picture.height : 64,
                               picture.width > 0 ? picture.width : 64, 1};
      for (const Box& box : picture.boxes) {
        fuzz::require(box.class_ < file.categories.size(), "a class is one of the categories");
        const Box prepared = prepare_box(box, wanted, config);
        fuzz::require(
            prepared.width >= 0.0f && prepared.x >= 0.0f &&
                prepared.x + prepared.width <= static_cast<float>(config.size.width) + 0.01f,
            "a box stays within its picture");
      }
    }
  });
}
