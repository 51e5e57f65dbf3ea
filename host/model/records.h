// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/graph/arena.h"
#include "host/model/batch_load.h"
#include "host/model/box_grid.h"
#include "host/model/network.h"
#include "vae/dataset.h"

namespace vae {

/// What images are read for.
enum class Reading {
  inputs,   // to encode them
  targets,  // to train on them or to measure: their targets too
};

/// The fields that a model reads of every image, beside boxes.
std::vector<Field> fields_read(const ModelConfig& model, Reading reading);

/// Throws Error(invalid_argument) where the images lack a field that the model reads, or have a
/// label, a pixel of a mask or a box that is none of its classes. `what` they are begins the
/// message: "the test images".
void require_fields(const ModelConfig& model, const ImageSet& images, std::string_view what,
                    Reading reading);

/// The name of a class as models keep it: printable, of bounded length.
std::string class_name(std::string_view label_name);

/// The fields of a set of images that a network reads, in its device's memory.
class Records {
 public:
  /// Requests the memory. Throws as require_fields().
  Records(Arena& arena, const ModelConfig& model, const ImageSet& images, std::string_view what,
          Reading reading);
  /// After the arena was allocated.
  void upload(Backend& backend, const ImageSet& images);

  /// How a batch is read: `load` says where it begins and in which order and with which draws
  /// images are taken; its x, and all that the network's other inputs need, is filled in.
  BatchLoad batch(const Network& network, int64_t rows, LoadBatchArgs load) const;

 private:
  CorruptArgs corruption(const Network& network, const LoadBatchArgs& load) const;
  BasicView<const uint8_t> target_classes(const ModelConfig& model) const;

  void upload_boxes(Backend& backend, const ImageSet& images);

  BasicView<uint8_t> pixels_, labels_, masks_;  // [N, X], [N], [N, H W]
  View side_;                                   // [N, S]
  std::optional<BoxGrid> grid_;                 // where boxes are the target
  BasicView<uint8_t> cell_classes_;             // [N, G]
  View cell_boxes_;                             // [N, G 4]
  uint32_t first_index_;                        // of the images in their set
};

}  // namespace vae
