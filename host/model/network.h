// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "host/graph/arena.h"
#include "host/graph/parameters.h"
#include "host/model/batch_load.h"
#include "host/model/vae.h"
#include "kernels/backend.h"
#include "vae/config.h"

namespace vae {

/// The tensors of a model, in the order of their declaration. Takes no memory of their size.
std::vector<ParameterSpec> parameter_specs(const ModelConfig& config);

/// A VAE on a backend: its graph, parameters and activations. Parameters are there from the start;
/// activations when somebody says for how many rows.
class Network {
 public:
  struct Options {
    int64_t max_rows = 0;        // B, images at once: room to start with
    int64_t max_samples = 1;     // K, latent samples an image at once
    bool training = false;       // gradients and Adam's moments too
    Corruption corruption = {};  // of the images that are loaded
  };

  Network(Backend& backend, const ModelConfig& config, const Options& options);

  /// Draws all weights from stream initialize of `seed`. `mean_pixels` [X] is used when the model
  /// asks for it (output_bias_from_mean); it may be empty otherwise.
  void initialize(uint64_t seed, std::span<const double> mean_pixels = {});

  /// Makes room for passes of up to `images` rows through the encoder and `codes` rows through the
  /// decoder, if there is less. Views of earlier passes are void afterwards. Throws
  /// Error(out_of_memory); then there is no room at all. A pinned network does not grow.
  void reserve(int64_t images, int64_t codes);
  /// The same for a batch whose size somebody chose, each image with that many samples: the error
  /// names a size that would fit.
  void reserve_batch(int64_t images, int64_t codes, int64_t samples = 1);
  /// The most rows that reserve() can be asked for, of images and of codes alike.
  int64_t most_rows() const;
  /// Rows of codes that there is room for.
  int64_t room_for_codes() const { return codes_; }
  /// While one of these lives, the activations stay where they are: recordings hold addresses.
  class Pin {
   public:
    explicit Pin(Network& network) : network_(network) { ++network_.pins_; }
    ~Pin() { --network_.pins_; }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

   private:
    Network& network_;
  };
  /// Bytes of the activations of so many rows.
  std::size_t activation_bytes(int64_t images, int64_t codes);

  /// What the next pass encodes: x [rows, X].
  View input(int64_t rows) const;
  /// Where load_batch() writes its images [rows, X]: x, or what x is a corruption of.
  View clean(int64_t rows) const;
  /// What is seen of images that are restored [rows, X]: x, or of Condition::seen the condition.
  View shown(int64_t rows) const;
  /// Where the weights of their values are written [rows, X]; empty where all count alike.
  View counted(int64_t rows) const;
  /// What is done to images that are loaded from now on. Of a network that was made without
  /// corruption throws Error(invalid_argument): its target is its input.
  const Corruption& corruption() const { return corruption_; }
  void set_corruption(const Corruption& corruption);
  /// Whether the target is apart from the input.
  bool restores() const { return vae_.clean != vae_.shown; }
  /// What is known of them, [rows, condition size]: loaded with them, or written before decode().
  /// Empty where the model is told nothing.
  View condition(int64_t rows) const;
  /// Where the classes are loaded that are the target [rows, T]; empty where that is the image.
  BasicView<uint8_t> classes(int64_t rows) const;
  /// Where the numbers of boxes are loaded, four of each cell of a grid [rows, T 4]; else empty.
  View boxes(int64_t rows) const;

  // Forward passes.
  /// Loads the inputs alone.
  void load(const BatchLoad& load);
  /// Loads the inputs, then x -> heads [rows, 2Z].
  ConstView encode(const BatchLoad& load);
  /// The same of what was written into input(), and into condition().
  ConstView encode(int64_t rows);
  /// encode(), then one z of each row [rows, Z] and its kl [rows].
  ConstView infer(const BatchLoad& load, const NoiseKey& noise);
  /// heads -> further z [rows * samples, Z] and their log_ratio [rows * samples].
  ConstView sample_posterior(int64_t rows, int64_t samples, const NoiseKey& noise);
  /// z = mu [rows, Z], after infer() or encode() of the same rows.
  ConstView take_posterior_mean(int64_t rows);
  /// z [rows, Z] ~ p(z), or p(z|c) of the condition that was written, from its own draws and those
  /// of the latents above it. The noise's stream is that of each.
  ConstView sample_prior(int64_t rows, const NoiseKey& noise);
  /// z = E[z] under p(z) or p(z|c), likewise, [rows, Z]; under latents above z it is the mean of
  /// p(z|z2) at the mean of z2.
  ConstView take_prior_mean(int64_t rows);
  /// Mean and log-variance of p(z), [1, 2Z], or of p(z|c) of the condition that was written,
  /// [rows, 2Z]; of a model whose prior is no N(0, I) and which has no latents above z.
  ConstView prior_heads(int64_t rows);
  /// z -> decoder outputs [rows, X P], P neighbouring ones of each value.
  ConstView decode(int64_t rows);
  /// z -> log p(x|z) [rows * samples]; with_gradient leaves the outputs' gradient in their place.
  ConstView score(int64_t rows, int64_t samples, bool with_gradient);
  /// score() that leaves the outputs where they are, for weigh().
  ConstView score_keeping_outputs(int64_t rows, int64_t samples);
  /// Puts the gradient of the weighted log p(x|z) in the place of the outputs.
  void weigh(int64_t rows, int64_t samples, ConstView weights);  // [rows * samples]
  /// E[t|z] of the outputs of decode(), of images [rows, X], of classes their probabilities
  /// [rows, T C], of boxes what is known of each cell [rows, T (9 + C)]; in the outputs' place
  /// where a value has one.
  ConstView output_mean(int64_t rows);

  /// Gradient of the objective with respect to every parameter; after infer() and score() with
  /// gradient of the same rows, one sample each. `free_bits` as in GaussianBackwardArgs.
  void backward(int64_t rows, const NoiseKey& noise, float free_bits = 0.0f);
  /// The same for samples with importance weights [rows * samples]; after encode(),
  /// sample_posterior() and weigh() of the same rows.
  void backward(int64_t rows, int64_t samples, const NoiseKey& noise, Objective objective,
                ConstView weights);

  /// The widths of all latents, z's first.
  std::vector<int64_t> latent_widths() const;
  /// Adds what infer() left of latents number `layer` to sums [3, width].
  void add_statistics(int64_t rows, std::size_t layer, DoubleView sums);

  // Views of the last forward pass. KL and log_ratio are sums over all latents.
  View latent(int64_t rows) const;          // z [rows, Z]
  ConstView heads(int64_t rows) const;      // [rows, 2Z]
  ConstView kl(int64_t rows) const;         // [rows]
  ConstView log_ratio(int64_t rows) const;  // [rows]
  ConstView log_px(int64_t rows) const;     // [rows]

  Backend& backend() const { return backend_; }
  const ModelConfig& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

 private:
  View images_of(const Value* value, int64_t rows) const;
  void run_backward(Pass& pass);
  void start_output_bias(std::span<const double> mean_pixels);
  void run(Pass& pass, Graph::Section section);
  template <typename Take>
  void for_priors(Pass& pass, Take take);

  Backend& backend_;
  ModelConfig config_;
  bool training_;
  Corruption corruption_;
  Vae vae_;
  Parameters parameters_;
  std::optional<Arena> arena_;      // the activations'
  int64_t images_ = 0, codes_ = 0;  // rows they have room for
  int pins_ = 0;
};

}  // namespace vae
