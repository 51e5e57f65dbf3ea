// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "host/model/checkpoint.h"
#include "vae/model.h"

namespace vae {

/// The file a person means by `path`: itself, or the best checkpoint of a run folder, or its newest
/// one while there is no best one. Throws Error(io).
std::string find_checkpoint(const std::string& path);

/// What Model::checkpoint() tells of a `file` that was found under `path` and read.
CheckpointInfo describe_checkpoint(const std::string& path, const std::string& file,
                                   const Checkpoint& checkpoint);

}  // namespace vae
