// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/device.h"
#include "vae/log.h"
#include "vae/model.h"

namespace vae {

/// Where a running training stands. Bounds are in nats per image.
struct Progress {
  int64_t epoch = 0;  ///< 1 during the first epoch.
  int64_t epochs = 0;
  int64_t batch = 0;  ///< Batches of this epoch done.
  int64_t batches = 0;
  int64_t step = 0;   ///< Steps of the run done.
  double loss = 0.0;  ///< Objective of a recent batch: -reconstruction + beta KL.
  double elbo = 0.0;  ///< Mean over the epoch so far, at beta = 1.
  double samples_per_second = 0.0;
  double eta_seconds = 0.0;  ///< To the end of the run.
};

/// One line of metrics.jsonl. Nats per image; the bound always at beta = 1.
struct Metrics {
  int64_t epoch = 0;
  /// "train": running mean while the weights moved; "validation" and "test": after the epoch.
  std::string split;
  double elbo = 0.0;
  double reconstruction = 0.0;
  double kl = 0.0;
  double beta = 1.0;           ///< Weight at the end of the epoch.
  double learning_rate = 0.0;  ///< At the end of the epoch.
  int64_t step = 0;
  int64_t skipped_steps = 0;  ///< Non-finite steps of the run so far.
  int64_t images = 0;
  double seconds = 0.0;
  double samples_per_second = 0.0;
};

/// What the progress callback asks for.
enum class Command {
  proceed,
  checkpoint,  ///< Save now, then go on.
  stop,        ///< Finish the steps under way, save, return.
};

struct TrainOptions {
  std::string run_folder;  ///< Empty trains in memory only: no files at all.
  bool resume = false;     ///< Go on from the newest checkpoint of the folder that verifies.
  bool overwrite = false;  ///< Delete an earlier run's files in the folder first.
  bool pictures = true;    ///< Write images/ and report.html after each epoch.
  Device device;
  /// After every step on the CPU, several times a second on a GPU; keep it cheap.
  std::function<Command(const Progress&)> on_step;
  std::function<void(const Metrics&)> on_metrics;  ///< Each line of metrics.jsonl.
  LogCallback log;
};

/// The epoch whose weights stand for a run: the one with the highest training objective,
/// reconstruction - beta KL, at the KL weight after the warm-up. Epochs that end within the warm-up
/// are no candidates. A run folder holds the weights as checkpoints/best.safetensors.
struct BestEpoch {
  int64_t epoch = 0;
  int64_t step = 0;
  double objective = 0.0;  ///< On that split, nats per image.
  std::string chosen_on;   ///< "validation", or "test" where no images were set aside.
};

struct TrainResult {
  bool finished = false;  ///< false: stopped by the callback, state saved.
  int64_t steps = 0;
  Metrics train;       ///< Of the last finished epoch.
  Metrics validation;  ///< Likewise; its epoch is 0 where no images were set aside.
  Metrics test;
  std::optional<BestEpoch> best;  ///< None before an epoch has ended after the KL warm-up.
};

/// Trains one model. The run folder is locked while a Trainer lives. Of a trainer that was moved
/// from, every method but assignment throws Error(invalid_argument).
/// Folder: config.json, run.json, metrics.jsonl, checkpoints/, images/, report.html.
class Trainer {
 public:
  /// Checks everything and opens the folder before any work. Throws Error(invalid_argument) for a
  /// non-empty folder or a resume with another configuration, Error(busy), Error(io),
  /// Error(corrupt).
  Trainer(const Config& config, const Dataset& data, const TrainOptions& options = {});
  ~Trainer();
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;

  /// Trains to the last epoch or until the callback stops it. Throws Error(diverged), Error(io).
  TrainResult run();

  Model& model();
  const Config& config() const;

 private:
  struct Impl;
  Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

/// Trainer(config, data, options).run() and the trained model.
Model train(const Config& config, const Dataset& data, const TrainOptions& options = {});

/// The configuration a run folder or checkpoint was made with. Throws Error(io), Error(corrupt).
Config load_run_config(const std::string& run_folder_or_checkpoint);

}  // namespace vae
