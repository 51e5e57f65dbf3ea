// SPDX-License-Identifier: MIT
//
// Boxes of pictures in a file of COCO's instances format.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "host/io/picture_size.h"
#include "vae/dataset.h"
#include "vae/detection.h"

namespace vae {

/// Throws Error(corrupt), which names annotation and image. Classes are counted in the order of the
/// categories' ids.
BoxFile parse_box_file(std::string_view text, std::string_view origin);

/// The boxes of a file by the names of the pictures.
class BoxesOfPictures {
 public:
  explicit BoxesOfPictures(const std::string& path);

  /// Those of a picture of that size, prepared like the picture: scaled, and cut off at its edges;
  /// one whose middle is cut off is left out. `name` is the picture's, relative to its own folder.
  /// Throws Error(corrupt) for a picture that the file does not list or has in another size, and
  /// for a box that leaves it.
  std::vector<Box> of(const std::string& name, const PictureSize& picture,
                      const DataConfig& config) const;

  /// Names of the classes.
  std::vector<std::string> class_names() const;

 private:
  std::string origin_;
  BoxFile file_;
  std::unordered_map<std::string, std::size_t> places_;  // of names in file_.images
};

/// A box of a picture of that size after the picture was turned, scaled and cut as asked for; of no
/// width where its middle is cut off.
Box prepare_box(Box box, const PictureSize& picture, const DataConfig& config);

}  // namespace vae
