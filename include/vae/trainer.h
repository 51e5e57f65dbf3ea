// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/device.h"
#include "vae/log.h"
#include "vae/model.h"

namespace vae {

/// Where a running training stands. Bounds are in nats per image.
struct Progress {
  int64_t epoch = 0;                ///< 1 during the first epoch.
  int64_t epochs = 0;               ///< Of the whole run.
  int64_t batch = 0;                ///< Batches of this epoch done.
  int64_t batches = 0;              ///< Of an epoch.
  int64_t step = 0;                 ///< Steps of the run done.
  double loss = 0.0;                ///< Objective of a recent batch: -reconstruction + beta KL.
  double elbo = 0.0;                ///< Mean over the epoch so far, at beta = 1.
  double bound = 0.0;               ///< Likewise of Metrics::bound.
  int64_t importance_samples = 1;   ///< K of `bound`.
  double samples_per_second = 0.0;  ///< Training images, over this epoch.
  double eta_seconds = 0.0;         ///< To the end of the run.
  int64_t skipped_steps = 0;        ///< Of the run so far, whose updates were left out.
};

/// One line of metrics.jsonl. Nats per image; the bound always at beta = 1.
struct Metrics {
  int64_t epoch = 0;  ///< Counted from 1.
  /// "train": running mean while the weights moved; "validation" and "test": after the epoch.
  std::string split;
  double elbo = 0.0;            ///< reconstruction - kl.
  double reconstruction = 0.0;  ///< E_q log p(x|z).
  double kl = 0.0;              ///< KL(q(z|x) || p(z)), of all latents.
  /// Of `validation` and `test`, where there are latents above z: `kl` of each layer, z's first.
  std::vector<double> kl_per_layer;
  /// With importance samples L_K at the objective's weight of the KL term: of each step ("train"),
  /// or the final one. reconstruction and kl of "train" are then means over the samples. Without
  /// them `elbo`.
  double bound = 0.0;
  int64_t importance_samples = 1;  ///< K of `bound`.
  /// Evaluation::accuracy, of "validation" and "test".
  std::optional<double> accuracy = {};
  /// Evaluation::psnr, likewise.
  std::optional<double> psnr = {};
  std::optional<double> average_precision = {};  ///< Evaluation::average_precision, likewise.
  std::optional<double> mean_iou = {};           ///< Evaluation::mean_iou, likewise.
  double beta = 1.0;                             ///< Weight at the end of the epoch.
  double learning_rate = 0.0;                    ///< At the end of the epoch.
  int64_t step = 0;                              ///< Steps of the run behind it.
  int64_t skipped_steps = 0;        ///< Of the run so far, whose updates were left out.
  int64_t images = 0;               ///< How many were averaged over.
  double seconds = 0.0;             ///< That the pass over them took.
  double samples_per_second = 0.0;  ///< Images over seconds.
};

/// What the progress callback asks for.
enum class Command {
  proceed,     ///< Go on.
  checkpoint,  ///< Save now, then go on.
  stop,        ///< Finish the steps under way, save, return.
};

/// Where a training leaves its files, where it computes and whom it tells. The callbacks come from
/// the thread that called run(), between steps; there Trainer::model() may be used, and at any
/// other moment of run() not. An exception that leaves a callback ends the run and comes out of
/// run().
///
///     vae::TrainOptions options;
///     options.run_folder = "runs/mine";
///     options.on_metrics = [](const vae::Metrics& metrics) {
///       if (metrics.split == "test") std::printf("%ld: %.2f\n", metrics.epoch, metrics.elbo);
///     };
struct TrainOptions {
  std::string run_folder;  ///< Empty trains in memory only: no files at all.
  bool resume = false;     ///< Go on from the newest checkpoint of the folder that verifies.
  bool overwrite = false;  ///< Delete an earlier run's files in the folder first.
  bool pictures = true;    ///< Write images/ and report.html after each epoch.
  Device device;           ///< Where to compute; the best one.
  /// After every step on the CPU, several times a second on a GPU; keep it cheap.
  std::function<Command(const Progress&)> on_step;
  std::function<void(const Metrics&)> on_metrics;  ///< Each line of metrics.jsonl.
  LogCallback log;  ///< Doubts, warnings, what a resume does. None: nothing is said.
};

/// The epoch whose weights stand for a run: the one with the highest training objective,
/// reconstruction - beta KL, at the KL weight after the warm-up. Epochs that end within the warm-up
/// are no candidates. A run folder holds the weights as checkpoints/best.safetensors.
struct BestEpoch {
  int64_t epoch = 0;       ///< Counted from 1.
  int64_t step = 0;        ///< Steps behind it.
  double objective = 0.0;  ///< On that split, nats per image.
  std::string chosen_on;   ///< "validation", or "test" where no images were set aside.
};

/// What Trainer::run() came to.
struct TrainResult {
  bool finished = false;          ///< false: stopped by the callback, state saved.
  int64_t steps = 0;              ///< Steps of the run done.
  Metrics train;                  ///< Of the last finished epoch.
  Metrics validation;             ///< Likewise; its epoch is 0 where no images were set aside.
  Metrics test;                   ///< Likewise.
  std::optional<BestEpoch> best;  ///< None before an epoch has ended after the KL warm-up.
};

/// Trains one model. The run folder is locked while a Trainer lives. Of a trainer that was moved
/// from, every method but assignment throws Error(invalid_argument).
/// Folder: config.json, run.json, metrics.jsonl, checkpoints/, images/, report.html
/// (docs/checkpoint.md).
///
///     vae::Trainer trainer(vae::preset("mlp-400-20"), vae::Dataset::load("mnist"));
///     vae::TrainResult result = trainer.run();
///     vae::Array digits = trainer.model().sample(64);
class Trainer {
 public:
  /// Checks everything and opens the folder before any work. Throws Error(invalid_argument) for a
  /// non-empty folder or a resume with another configuration, Error(busy), Error(io),
  /// Error(corrupt).
  Trainer(const Config& config, const Dataset& data, const TrainOptions& options = {});
  ~Trainer();
  /// Takes the other's place; that one holds nothing afterwards.
  Trainer(Trainer&&) noexcept;
  /// Likewise.
  Trainer& operator=(Trainer&&) noexcept;

  /// Trains to the last epoch or until the callback stops it; called again it goes on from there.
  /// Throws Error(diverged), Error(io).
  TrainResult run();

  /// The model with the weights of the last step.
  Model& model();
  /// A model of its own with their running mean, where TrainConfig::ema keeps one; else throws
  /// Error(invalid_argument). What Metrics of `validation` and `test` measure.
  Model averaged_model() const;
  /// What was asked for.
  const Config& config() const;

 private:
  struct Impl;
  Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

/// Trainer(config, data, options).run() and the trained model, with the weights of the last step,
/// or with their running mean where TrainConfig::ema keeps one. Throws what these throw.
Model train(const Config& config, const Dataset& data, const TrainOptions& options = {});

/// The configuration a run folder or checkpoint was made with. Throws Error(io), Error(corrupt).
Config load_run_config(const std::string& run_folder_or_checkpoint);

}  // namespace vae
