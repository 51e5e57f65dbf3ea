// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/machine/tuning_file.h"
#include "host/model/image_reader.h"
#include "host/model/network.h"
#include "kernels/backend.h"
#include "vae/model.h"

namespace vae {

/// A model's device, its weights and, when it was made for training, gradients and moments.
struct Model::Impl {
  /// Opens the device and builds the network; its weights are zero until initialised or loaded.
  Impl(const Config& config, const Device& device, bool training);

  /// Reads images as Model::encode() and its kin do.
  ImageReader reader(const ImageSet& images, std::optional<Binarization> binarization,
                     std::optional<uint64_t> seed) const;
  /// Model::inputs().
  Array shown(const ImageSet& images, std::optional<Binarization> binarization,
              std::optional<uint64_t> seed) const;
  /// Throws Error(invalid_argument) where q(z|x, c) has no x: `method` says what was asked for.
  void require_images_before_corruption(const char* method) const;
  /// Model::sample().
  Array draw(int64_t count, const Array& conditions, uint64_t seed, int64_t first_draw);
  /// The same draws, batch by batch: take(rows) finds their codes in network->latent(rows).
  void for_draws(int64_t count, const Array& conditions, uint64_t seed, int64_t first_draw,
                 const std::function<void(int64_t rows)>& take);
  /// The images with the labels that the model has for theirs: those of the same names.
  ImageSet with_own_labels(const ImageSet& images) const;
  ImageSet with_own_boxes(const ImageSet& renamed, const ImageSet& images,
                          std::span<const std::optional<uint8_t>> own) const;
  std::optional<uint8_t> class_named(std::string_view label_name, std::size_t likely) const;

  Config config;
  std::optional<double> trained_mean;    // mean pixel of the training images in [0, 1], where known
  std::vector<std::string> label_names;  // of a model that is told labels, where known
  std::optional<CheckpointInfo> checkpoint;  // of a loaded model
  TuningFile tuning;                         // the backend keeps its address
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Network> network;  // declared after backend: destroyed before it
};

}  // namespace vae
