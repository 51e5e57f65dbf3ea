// SPDX-License-Identifier: MIT
#include <algorithm>

#include "host/model/box_grid.h"
#include "kernels/check.h"
#include "vae/model.h"

namespace vae {

namespace {

constexpr int64_t kImagesAtOnce = 1024;  // whose cells are in memory beside their boxes

}  // namespace

std::vector<std::vector<Detection>> Model::detect(const ImageSet& images,
                                                  const DetectOptions& options) {
  VAE_CHECK(config().target == Target::boxes, "detect: the model decodes no boxes (model.target ",
            to_string(config().target), ")");
  VAE_CHECK(options.min_score >= 0.0 && options.max_overlap >= 0.0 && options.most >= 0,
            "detect: min_score ", options.min_score, ", max_overlap ", options.max_overlap,
            " and most ", options.most, " are 0 or more");
  const BoxGrid grid(config());
  const int64_t cells = config().decoded_size();
  std::vector<std::vector<Detection>> found;
  for (int64_t first = 0; first < images.count(); first += kImagesAtOnce) {
    const int64_t count = std::min(kImagesAtOnce, images.count() - first);
    const Array known = reconstruct(images.slice(first, count), options.binarization, options.seed);
    for (int64_t row = 0; row < count; ++row) {
      found.push_back(grid.decode({known.row(row), static_cast<std::size_t>(cells)}, options));
    }
  }
  return found;
}

}  // namespace vae
