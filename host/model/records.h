// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/graph/arena.h"
#include "host/model/batch_load.h"
#include "host/model/network.h"
#include "vae/dataset.h"

namespace vae {

/// The fields that a model reads of every image.
std::vector<Field> fields_read(const ModelConfig& model);

/// Throws Error(invalid_argument) where the images lack a field that the model reads, or have a
/// label that is none of its classes. `what` they are begins the message: "the test images".
void require_fields(const ModelConfig& model, const ImageSet& images, std::string_view what);

/// The name of a class as models keep it: printable, of bounded length.
std::string class_name(std::string_view label_name);

/// The fields of a set of images that a network reads, in its device's memory.
class Records {
 public:
  /// Requests the memory. Throws as require_fields().
  Records(Arena& arena, const ModelConfig& model, const ImageSet& images, std::string_view what);
  /// After the arena was allocated.
  void upload(Backend& backend, const ImageSet& images);

  /// How a batch is read: `load` says where it begins and in which order and with which draws
  /// images are taken; its x, and all that the network's other inputs need, is filled in.
  BatchLoad batch(const Network& network, int64_t rows, LoadBatchArgs load) const;

 private:
  BasicView<uint8_t> pixels_, labels_;  // [N, X], [N]
  View side_;                           // [N, S]
};

}  // namespace vae
