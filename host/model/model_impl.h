// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

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
                     std::optional<uint64_t> seed);

  Config config;
  std::optional<double> trained_mean;  // mean pixel of the training images in [0, 1], where known
  std::optional<CheckpointInfo> checkpoint;  // of a loaded model
  TuningFile tuning;                         // the backend keeps its address
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Network> network;  // declared after backend: destroyed before it
};

}  // namespace vae
