// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "host/graph/arena.h"
#include "host/model/network.h"
#include "host/model/records.h"
#include "host/training/muon.h"
#include "kernels/backend.h"
#include "vae/config.h"
#include "vae/dataset.h"

namespace vae {

/// The whole training step of a network as recordings on its backend: load, forward, backward,
/// update. The training set lives in device memory; everything that changes per step lives in the
/// device's StepState, so a recording can be replayed at any place of the run. Where the backend
/// asks for it, one recording holds many steps.
class TrainStep {
 public:
  /// Makes room in the network for a batch, which is never larger than the set, and pins it.
  /// `steps_at_once` 0: as many as the backend asks for. Throws Error(out_of_memory).
  TrainStep(Network& network, const ImageSet& train, const TrainConfig& config,
            int64_t steps_at_once = 0);

  /// Goes on with other images, as many as before and of the same kind.
  void replace(const ImageSet& train);

  /// Up to `most` steps, in as few recordings as possible, but not past the end of the epoch; how
  /// many were issued. Returns at once on asynchronous devices.
  int64_t run(int64_t most = 1);
  /// Issues the operations of one full batch, unrecorded; an observer of the backend sees them.
  void run_unrecorded();

  int64_t steps_per_epoch() const { return schedule_.steps_per_epoch(); }
  int64_t total_steps() const { return schedule_.total_steps; }
  int64_t steps_done() const { return steps_done_; }
  /// Whether the KL weight has risen to its final value for the step after this many.
  bool warm_up_is_over(int64_t steps) const {
    return static_cast<double>(steps) >= schedule_.beta_warmup_steps;
  }
  /// Steps that are best run together; 1 on devices that finish each before run() returns.
  int64_t steps_at_once() const { return steps_at_once_; }

  // Reading waits for the device; writing restores a checkpoint.
  StepState state() const;
  void set_state(const StepState& state);
  Totals totals() const;  // of the current epoch
  void set_totals(const Totals& totals);

 private:
  /// A recorded part of an epoch.
  struct Part {
    int64_t steps = 0;
    std::unique_ptr<Recording> recording;  // none where the epoch has no such part
  };

  Part record(int64_t full_batches, int64_t last_rows);
  void issue(int64_t rows);
  void issue_gradient(const BatchLoad& load, const NoiseKey& noise);
  void issue_weighted_gradient(const BatchLoad& load, const NoiseKey& noise);
  void issue_update();
  void issue_adam(int64_t first, int64_t count);
  Part& next_part(int64_t most);

  Network& network_;
  TrainConfig config_;
  Schedule schedule_;
  Arena arena_;
  std::optional<Network::Pin> pin_;
  Records records_;
  BasicView<uint8_t> decays_;  // see AdamArgs; empty without weight decay
  std::optional<Muon> muon_;
  uint32_t first_draw_ = 0;
  StepState* state_ = nullptr;
  Totals* totals_ = nullptr;
  View weights_, bounds_;  // [B*K] and [B], where samples are weighted
  int64_t steps_at_once_ = 1;
  Part full_batch_, last_batch_;
  Part many_;  // steps_at_once_ full batches
  Part rest_;  // what many_ leaves of an epoch, the last batch included
  int64_t steps_done_ = 0;
};

}  // namespace vae
