// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include "host/arena.h"
#include "host/network.h"
#include "kernels/backend.h"
#include "vae/config.h"
#include "vae/dataset.h"

namespace vae {

/// The whole training step of a network as recordings on its backend: load, forward, backward,
/// update. The training set lives in device memory; everything that changes per step lives in the
/// device's StepState, so run() passes no arguments.
class TrainStep {
 public:
  TrainStep(Network& network, const ImageSet& train, const TrainConfig& config);

  /// One step; returns at once on asynchronous devices.
  void run();

  int64_t steps_per_epoch() const { return schedule_.steps_per_epoch(); }
  int64_t total_steps() const { return schedule_.total_steps; }
  int64_t steps_done() const { return steps_done_; }
  /// Images of the step that run() would do next: the last batch of an epoch may be short.
  int64_t next_rows() const;

  // Reading waits for the device; writing restores a checkpoint.
  StepState state() const;
  void set_state(const StepState& state);
  Totals totals() const;  // of the current epoch
  void set_totals(const Totals& totals);

 private:
  void issue(int64_t rows);

  Network& network_;
  TrainConfig config_;
  Schedule schedule_;
  Arena arena_;
  BasicView<uint8_t> pixels_;
  StepState* state_ = nullptr;
  Totals* totals_ = nullptr;
  std::unique_ptr<Recording> full_batch_, last_batch_;
  int64_t steps_done_ = 0;
};

}  // namespace vae
