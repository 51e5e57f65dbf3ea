// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vae/dataset.h"
#include "vae/image.h"
#include "vae/types.h"

namespace vae {

/// A thing that a model found in an image.
struct Detection : Box {
  float score = 0.0f;  ///< Probability of an object there times that of its class, in [0, 1].
  /// Standard deviations that the model gives to the middle's x and y, to the width and to the
  /// height, in pixels.
  std::array<float, 4> deviation = {};

  /// Field by field.
  bool operator==(const Detection&) const = default;
};

/// Which boxes Model::detect() returns, and how images are read.
struct DetectOptions {
  double min_score = 0.3;    ///< No boxes of smaller scores.
  double max_overlap = 0.5;  ///< Of two of a class that overlap more than so, the better one stays.
  int64_t most = 100;        ///< Boxes of an image, the best ones.
  std::optional<Binarization> binarization = {};  ///< As of Model::encode().
  std::optional<uint64_t> seed = {};              ///< Likewise.
};

/// Area that both boxes cover over the area that one of them covers, in [0, 1] ("intersection over
/// union"), whatever their classes.
double overlap(const Box& a, const Box& b);

/// How well boxes were found, by the protocol of COCO at one overlap. [COCO]
struct AveragePrecision {
  /// Over the classes that have a box; NaN where none has.
  double mean = std::numeric_limits<double>::quiet_NaN();
  /// Of `mean`, by leaving out a twentieth of the images at a time (the jackknife); NaN with `mean`
  /// and for one image.
  double standard_error = std::numeric_limits<double>::quiet_NaN();
  /// Of each class; NaN where it has no box.
  std::vector<double> of_class;
};

/// Of what was found in each image. In every image the boxes of a class, the best ones first, take
/// the one of that class that they overlap most and that none has taken, where that is
/// `min_overlap` at least. Over all images, precision at a recall r is the largest at r or more;
/// the average is that over 101 recalls, 0, 0.01, ... 1. Throws Error(invalid_argument) where the
/// images have no boxes, for another number of images, and for a class beyond `classes`.
AveragePrecision average_precision(std::span<const std::vector<Detection>> found,
                                   const ImageSet& images, int64_t classes,
                                   double min_overlap = 0.5);

/// The same of boxes whose classes all count as one.
double average_precision_of_places(std::span<const std::vector<Detection>> found,
                                   const ImageSet& images, double min_overlap = 0.5);

/// Boxes of pictures as COCO's files for instances have them. [COCO]
struct BoxFile {
  /// What a class is.
  struct Category {
    int64_t id = 0;    ///< Its number in the file.
    std::string name;  ///< As it stands there: not for a terminal, see printable().
  };
  /// A picture.
  struct Picture {
    int64_t id = 0;          ///< Its number in the file.
    std::string name;        ///< Its file, relative to the folder of pictures. As above.
    int64_t width = 0;       ///< In pixels; 0 where the file does not say.
    int64_t height = 0;      ///< Likewise.
    std::vector<Box> boxes;  ///< Without regions of things that were not told apart.
  };

  std::vector<Category> categories;  ///< That of class c at place c: by their ids.
  std::vector<Picture> images;       ///< In the order of the file.
};

/// Reads a JSON file of COCO's format for instances, of at most 64 MiB and 255 categories: `images`
/// with id and file_name, `categories` with id and name, `annotations` with image_id, category_id
/// and bbox, [x, y, width, height] in pixels; other keys are not read. Throws Error(io), and
/// Error(corrupt) for a box that is no box or leaves its image, for what is not there or twice, and
/// says in which entry.
BoxFile load_box_file(const std::string& path);

/// A picture enlarged by a whole factor, in colour, with a frame around each thing that was found,
/// in the colour of its class of `classes`, and above it the class, by its name where there are
/// names, and the score. The boxes `known` are drawn below them, dashed and white. Throws
/// Error(invalid_argument) for a factor that enlarge() refuses.
Image draw_boxes(const Image& picture, std::span<const Detection> found, std::span<const Box> known,
                 int64_t classes, std::span<const std::string> names = {}, int64_t factor = 1);

}  // namespace vae
