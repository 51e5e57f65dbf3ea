// SPDX-License-Identifier: MIT
#pragma once

#include "host/model/network.h"
#include "vae/dataset.h"
#include "vae/model.h"

namespace vae {

/// Model::evaluate on a network: bounds by sampling, statistics of the posterior. Protocol and seed
/// are those of `training` where the options name none. `beta` is a weight of the KL term in L_K,
/// the training's objective; with another than 1 `nll` is none.
Evaluation evaluate(Network& network, const ImageSet& images, const EvaluateOptions& options,
                    const TrainConfig& training = {}, double beta = 1.0);

/// Throws Error(invalid_argument) where the likelihood is of 256 levels, which the binarization
/// does not leave.
void require_levels(const ModelConfig& model, Binarization binarization);

}  // namespace vae
