// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "host/network.h"
#include "host/tuning_file.h"
#include "kernels/backend.h"
#include "vae/model.h"

namespace vae {

/// A model's device, its weights and, when it was made for training, gradients and moments.
struct Model::Impl {
  /// Opens the device and builds the network; its weights are zero until initialised or loaded.
  Impl(const Config& config, const Device& device, bool training);

  Config config;
  TuningFile tuning;  // the backend keeps its address
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Network> network;  // declared after backend: destroyed before it
};

}  // namespace vae
