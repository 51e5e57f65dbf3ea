// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "host/arena.h"
#include "host/layers/layer.h"
#include "host/parameters.h"
#include "kernels/backend.h"
#include "vae/config.h"

namespace vae {

/// The graph of one VAE on a backend: encoder trunk, two linear heads, decoder and likelihood,
/// with the activations of up to `max_rows` rows.
class Network {
 public:
  struct Options {
    int64_t max_rows = 128;   // B, images at once
    int64_t max_samples = 1;  // K, latent samples an image at once
    bool training = false;    // gradients and Adam's moments too
  };

  Network(Backend& backend, const ModelConfig& config, const Options& options);

  /// Draws all weights from stream initialize of `seed`. `mean_pixels` [X] is used when the model
  /// asks for it (output_bias_from_mean); it may be empty otherwise.
  void initialize(uint64_t seed, std::span<const double> mean_pixels = {});

  /// Where load_batch() writes the images of the next pass: x [rows, X].
  View input(int64_t rows) const;

  // Forward passes. Operations that a device may run as one kernel are handed to it in pairs.
  /// Loads x, then x -> heads [rows, 2Z]. load.x must be input(rows).
  ConstView encode(const LoadBatchArgs& load);
  /// encode(), then one z of each row [rows, Z] and its kl [rows].
  ConstView infer(const LoadBatchArgs& load, const NoiseKey& noise);
  /// heads -> further z [rows * samples, Z] and their log_ratio [rows * samples].
  ConstView sample_posterior(int64_t rows, int64_t samples, const NoiseKey& noise);
  /// z -> decoder outputs [rows, X].
  ConstView decode(int64_t rows);
  /// z -> log p(x|z) [rows * samples]; with_gradient leaves the outputs' gradient in their place.
  ConstView score(int64_t rows, int64_t samples, bool with_gradient);
  /// E[x|z] in place of the outputs of decode().
  ConstView output_mean(int64_t rows);

  /// Gradient of the objective with respect to every parameter; after infer() and score() with
  /// gradient of the same rows, one sample each.
  void backward(int64_t rows, const NoiseKey& noise);

  // Views of the last forward pass.
  View latent(int64_t rows) const;          // z [rows, Z]
  ConstView heads(int64_t rows) const;      // [rows, 2Z]
  ConstView kl(int64_t rows) const;         // [rows]
  ConstView log_ratio(int64_t rows) const;  // [rows]
  ConstView log_px(int64_t rows) const;     // [rows]

  Backend& backend() const { return backend_; }
  const ModelConfig& config() const { return config_; }
  const Options& options() const { return options_; }
  Parameters& parameters() { return *parameters_; }
  const Parameters& parameters() const { return *parameters_; }

 private:
  void build_layers();
  void declare_parameters();
  void plan_activations();
  void allocate_activations();
  bool has_learned_variance() const;
  const Signal& run_encoder(const LoadBatchArgs& load, std::size_t layers);
  GaussianForwardArgs posterior(int64_t rows, int64_t samples, const NoiseKey& noise) const;
  LikelihoodArgs likelihood(int64_t rows, int64_t samples, bool with_gradient) const;

  Backend& backend_;
  ModelConfig config_;
  Options options_;
  std::vector<std::unique_ptr<Layer>> encoder_;  // the last one is the pair of heads
  std::vector<std::unique_ptr<Layer>> decoder_;  // the last one gives the likelihood's outputs
  std::unique_ptr<Parameters> parameters_;
  Arena arena_;
  Signal input_;   // x
  Signal latent_;  // z
  View dlatent_;   // [rows, Z]
  View kl_, log_ratio_, log_px_;
  ConstView log_variance_;
  View dlog_variance_;
};

}  // namespace vae
