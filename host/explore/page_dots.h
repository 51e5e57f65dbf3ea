// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vae/explorer.h"
#include "vae/latent_map.h"

namespace vae {

/// The images of a page.
struct PageDots {
  LatentMap map;                ///< Of the codes below.
  Array codes;                  ///< [n, Z], finite.
  std::vector<int32_t> images;  ///< Which of the set each is.
  Array conditions;             ///< What a model with a condition is told of each [n, C].

  int64_t count() const { return codes.rows(); }
};

/// Evenly spaced images of a set, so many as the options and the size of what is known of each
/// allow. Throws Error(invalid_argument).
PageDots find_dots(Model& model, const ImageSet& images, const ExplorerOptions& options);

/// Small pictures of them in one, row by row.
struct Thumbnails {
  std::string source;             ///< "data:image/png;base64,..."
  int64_t columns = 0;            ///< In a row.
  int64_t height = 0, width = 0;  ///< Of one.
};
Thumbnails make_thumbnails(const ImageSet& images, const PageDots& dots);

}  // namespace vae
