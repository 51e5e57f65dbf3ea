// SPDX-License-Identifier: MIT
#include "host/run/resume.h"

#include <filesystem>

#include "host/io/atomic_file.h"
#include "host/io/json.h"
#include "host/io/run_folder.h"
#include "host/run/run_status.h"
#include "kernels/check.h"
#include "vae/trainer.h"

namespace vae {

namespace fs = std::filesystem;

namespace {

/// Keys whose change does not touch the numbers of the steps already done. The precision belongs to
/// them as the device does: a run may go on where there is another one.
bool may_change(std::string_view key) {
  return key == "epochs" || key == "checkpoint_every" || key == "max_nonfinite_steps" ||
         key == "precision";
}

std::string differing_keys(const Config& wanted, const Config& stored) {
  std::string list;
  for (const ConfigKey& key : config_keys()) {
    const std::string now = config_value(wanted, key), before = config_value(stored, key);
    if (may_change(key.name) || now == before) continue;
    list += concat("\n  ", key.section, ".", key.name, ": the run has ", before, ", now asked for ",
                   now);
  }
  return list;
}

/// Without a checkpoint a run starts at step 0, unless it had one: then somebody took it away, and
/// what is left of the run, its log and pictures, must not be overwritten.
void require_no_checkpoint_lost(const std::string& run_folder) {
  RunStatus run;
  try {
    run = read_run_status(run_folder + "/run.json");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) throw;
  }
  // Versions that stored no saved_step had saved when they finished or stopped.
  const bool had_one = run.saved_step || run.status == "finished" || run.status == "stopped";
  if (!had_one) return;
  fail(ErrorCode::io, "--resume: ", run_folder, " had a checkpoint after step ",
       run.saved_step.value_or(run.step), ", but ", run_folder,
       "/checkpoints holds none now; put it back, or start anew with --overwrite");
}

}  // namespace

std::optional<Checkpoint> newest_valid_checkpoint(
    const std::string& run_folder, const std::function<void(const std::string&)>& warn) {
  std::vector<std::string> candidates = list_checkpoints(run_folder);
  std::error_code ignored;
  if (fs::exists(best_checkpoint_path(run_folder), ignored)) {
    candidates.push_back(best_checkpoint_path(run_folder));
  }
  if (candidates.empty() && !has_damaged_checkpoints(run_folder)) {
    require_no_checkpoint_lost(run_folder);
    return std::nullopt;
  }
  for (const std::string& path : candidates) {
    try {
      Checkpoint checkpoint = Checkpoint::read(path);
      if (checkpoint.training()) return checkpoint;
      warn(path + " holds weights but no training state; trying an older checkpoint");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::corrupt) throw;  // such as a format of another version
      std::error_code failure;
      fs::rename(path, path + ".corrupt", failure);
      warn(concat("a damaged checkpoint was ",
                  failure ? "found but could not be renamed: " : "renamed to *.corrupt: ",
                  error.what(), "; trying an older one"));
    }
  }
  fail(ErrorCode::corrupt, "--resume: no checkpoint in ", run_folder,
       "/checkpoints can be used; start anew with --overwrite");
}

void check_resumable(const Config& wanted, const Config& stored, const TrainingState& state,
                     const std::string& data_fingerprint, const std::string& data_name) {
  if (const std::string list = differing_keys(wanted, stored); !list.empty()) {
    fail(ErrorCode::invalid_argument,
         "--resume: the run was started with another configuration:", list,
         "\nResume without these options, or start a new run in another folder");
  }
  if (state.data_fingerprint != data_fingerprint) {
    fail(ErrorCode::invalid_argument, "--resume: the run was trained on ",
         shortened(state.data_name, 256), " (fingerprint ", shortened(state.data_fingerprint),
         ") but the data now given is ", data_name, " (fingerprint ", data_fingerprint,
         "); name the data set of the run with --data");
  }
  const TrainConfig& training = stored.training;
  if (wanted.training.epochs < training.epochs) {
    fail(ErrorCode::invalid_argument, "--resume: training.epochs may grow but not shrink, from ",
         training.epochs, " to ", wanted.training.epochs);
  }
  if (wanted.training.epochs != training.epochs &&
      training.schedule == LearningRateSchedule::cosine) {
    fail(ErrorCode::invalid_argument, "--resume: the cosine schedule was laid out for ",
         training.epochs,
         " epochs; a longer run would have had other learning rates from the start");
  }
}

Config load_run_config(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    return Checkpoint::read(path, {.advise_import = true}).config();
  }
  const std::string file = path + "/config.json";
  const std::vector<std::byte> bytes = read_file(file, uint64_t{1} << 20);
  try {
    return config_from_json(as_text(bytes), Config{}, file);
  } catch (const Error& error) {
    // The program wrote this file: what is wrong in it is damage, not a wrong option.
    fail(ErrorCode::corrupt, error.what(), "; copy the configuration from a checkpoint instead ",
         "(vae inspect)");
  }
}

}  // namespace vae
