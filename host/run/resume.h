// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "host/model/checkpoint.h"
#include "vae/config.h"

namespace vae {

/// The newest step checkpoint of a run folder that verifies; nothing when the run was stopped
/// before its first one. A damaged one is renamed to *.corrupt with a warning and the next older
/// one is taken, the best one last. Throws Error(corrupt) when none is left, Error(io) when the run
/// had checkpoints that are gone, Error(unsupported).
std::optional<Checkpoint> newest_valid_checkpoint(
    const std::string& run_folder, const std::function<void(const std::string&)>& warn);

/// Whether a run with this stored configuration and state may go on under `wanted`: the same data
/// and the same keys, except that epochs may grow where the schedules do not depend on their
/// number. Throws Error(invalid_argument) listing what differs.
void check_resumable(const Config& wanted, const Config& stored, const TrainingState& state,
                     const std::string& data_fingerprint, const std::string& data_name);

}  // namespace vae
