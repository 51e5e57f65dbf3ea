// SPDX-License-Identifier: MIT
#pragma once

#include "host/model/network.h"
#include "vae/dataset.h"
#include "vae/model.h"

namespace vae {

/// Model::evaluate on a network: bounds by sampling, statistics of the posterior. Protocol and seed
/// are those of `training` where the options name none.
Evaluation evaluate(Network& network, const ImageSet& images, const EvaluateOptions& options,
                    const TrainConfig& training = {});

}  // namespace vae
