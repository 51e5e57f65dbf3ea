// SPDX-License-Identifier: MIT
#include "host/run/checkpoint_rotation.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "kernels/check.h"

namespace vae {

namespace {

constexpr std::size_t kKeptCheckpoints = 2;  // should the newest turn out damaged, one is left
constexpr int kMaxFailures = 3;

}  // namespace

void CheckpointRotation::save(int64_t step, const Write& write) {
  if (step == saved_step_) return;
  if (!try_write(newest_, folder_.checkpoint_path(step), write)) return;
  saved_step_ = step;
  prune(step);
}

bool CheckpointRotation::save_best(const Write& write) {
  return try_write(best_, best_checkpoint_path(folder_.path()), write);
}

void CheckpointRotation::resume(int64_t step) {
  const std::string path = folder_.checkpoint_path(step);
  const std::vector<std::string> all = list_checkpoints(folder_.path());
  if (std::ranges::find(all, path) != all.end()) saved_step_ = step;
  prune(step);  // the earlier process may have been killed before it could
}

bool CheckpointRotation::has_any() const {
  std::error_code ignored;
  if (std::filesystem::exists(best_checkpoint_path(folder_.path()), ignored)) return true;
  try {
    return !list_checkpoints(folder_.path()).empty();
  } catch (const Error&) {
    return false;  // a folder that cannot be listed has none to offer
  }
}

void CheckpointRotation::require_saved() const {
  for (const File* file : {&newest_, &best_}) {
    if (file->failures == 0) continue;
    fail(ErrorCode::io, "the ", file == &best_ ? "best" : "last",
         " checkpoint could not be saved: ", file->last_failure);
  }
}

bool CheckpointRotation::try_write(File& file, const std::string& path, const Write& write) {
  try {
    folder_.require_in_place();
    write(path);
    file.failures = 0;
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::io) throw;
    file.last_failure = error.what();
    if (++file.failures >= kMaxFailures) {
      fail(ErrorCode::io, "no checkpoint could be saved ", kMaxFailures,
           " times in a row: ", error.what());
    }
    warn_(concat("CHECKPOINT NOT SAVED: ", error.what(),
                 has_any() ? ". Earlier checkpoints stand" : ". There is no earlier one",
                 "; trying again at the next one"));
    return false;
  }
}

void CheckpointRotation::prune(int64_t step) const {
  try {
    folder_.prune_checkpoints(kKeptCheckpoints, step);
  } catch (const Error& error) {
    warn_(concat("an old checkpoint could not be deleted: ", error.what()));
  }
}

}  // namespace vae
