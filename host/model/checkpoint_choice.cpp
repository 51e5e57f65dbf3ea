// SPDX-License-Identifier: MIT
#include "host/model/checkpoint_choice.h"

#include <filesystem>
#include <vector>

#include "host/io/run_folder.h"
#include "kernels/check.h"

namespace vae {

namespace fs = std::filesystem;

namespace {

/// The split by which the best checkpoint of a run was chosen.
std::string chosen_on(const TrainingState& state) {
  return state.best ? std::string(state.best->chosen_on()) : "test";
}

std::string reason_of_best(const TrainingState& state, const TrainConfig& config) {
  // With the bound itself as objective and no warm-up the earlier rule is today's.
  if (state.best_is_of_the_old_rule && (config.beta != 1.0 || config.kl_warmup_epochs > 0.0)) {
    return "chosen by an earlier version: the highest test bound at beta 1, even within the KL "
           "warm-up; resuming the run chooses anew";
  }
  return chosen_on(state) == "test" ? "chosen on the test set" : "chosen on the validation images";
}

std::string reason_of_newest(const std::optional<int64_t>& epoch, const TrainConfig& config) {
  if (epoch && static_cast<double>(*epoch) < config.kl_warmup_epochs) {
    return concat("the newest: no epoch has ended after the KL warm-up of ",
                  config.kl_warmup_epochs, " epochs yet");
  }
  return "the newest: there is no best one";
}

}  // namespace

std::string find_checkpoint(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  const std::string best = best_checkpoint_path(path);
  if (fs::exists(best, ignored)) return best;
  const std::vector<std::string> all = list_checkpoints(path);
  if (!all.empty()) return all.front();
  fail(ErrorCode::io, path,
       " is a folder without checkpoints; give a run folder of vae train or a ", "checkpoint file");
}

CheckpointInfo describe_checkpoint(const std::string& path, const std::string& file,
                                   const Checkpoint& checkpoint) {
  CheckpointInfo info;
  info.file = file;
  info.averaged = checkpoint.has_averages();
  if (!checkpoint.training()) return info;
  const TrainingState& state = *checkpoint.training();
  const TrainConfig& config = checkpoint.config().training;
  info.step = state.step.step;
  if (state.steps_per_epoch > 0) info.epoch = state.step.step / state.steps_per_epoch;
  const bool best = fs::path(file).filename() == fs::path(best_checkpoint_path("")).filename();
  if (best) info.chosen_on = chosen_on(state);
  if (state.best && state.best->step == *info.step) {
    info.kl_per_dimension = state.best->kl_per_dimension;
  }
  if (file != path) {
    info.reason = best ? reason_of_best(state, config) : reason_of_newest(info.epoch, config);
  }
  return info;
}

}  // namespace vae
