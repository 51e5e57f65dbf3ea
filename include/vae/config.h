// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vae/device.h"
#include "vae/layers.h"
#include "vae/types.h"

namespace vae {

/// What is known of an image c, and told to both nets: they become q(z|x, c) and p(x|z, c). [CVAE]
enum class Condition {
  none,   ///< Nothing: q(z|x) and p(x|z).
  label,  ///< The label, one of `classes`, as a one-hot vector.
  side,   ///< A vector of `side_size` numbers.
  /// What is left of the image after its corruption (DataConfig::corrupt), X numbers. q(z|x, c)
  /// then reads the image as it was; the restored one is drawn from p(z|c) and p(x|z, c).
  seen,
};

/// The word of a value in files and flags: "label".
std::string_view to_string(Condition value);

/// The target t of p(t|z): what is decoded.
enum class Target {
  image,  ///< The image x itself: p(x|z), as `likelihood` has it.
  label,  ///< Its label, one of `target_classes`.
  mask,   ///< Its mask: one of `target_classes` for each pixel.
  boxes,  ///< The boxes of what is in it, each of one of `target_classes`: on a `grid`.
};

/// Likewise.
std::string_view to_string(Target value);

/// Width and height in pixels; 0 x 0 leaves an image as it is. Of a grid in cells.
struct ImageSize {
  int64_t width = 0;   ///< In pixels, or columns of cells.
  int64_t height = 0;  ///< In pixels, or rows of cells.

  /// Field by field.
  bool operator==(const ImageSize&) const = default;
};

/// What the network computes: x [X] -> encoder -> (mu, logvar) [Z] -> z -> decoder -> t, where t is
/// x or, of another target, classes [T], each under a softmax of C = target_classes outputs. The
/// defaults are those of the PyTorch VAE example on MNIST, 784-400-20-400-784.
struct ModelConfig {
  int64_t height = 28;                 ///< Image height in pixels.
  int64_t width = 28;                  ///< Image width in pixels.
  int64_t channels = 1;                ///< Values of a pixel: 1 grey, 3 colour, or any other.
  std::vector<Layer> encoder = {400};  ///< From the pixels to the heads.
  Layer heads;                         ///< Of mu and of logvar: dense, conv or deconv, sizeless.
  std::vector<Layer> decoder = {400};  ///< From the latent to the layer of the outputs.
  Layer output;         ///< Of the outputs: dense, conv, deconv or transport, sizeless.
  int64_t latent = 20;  ///< Z, the number of latent dimensions, at all positions.
  Activation activation =
      Activation::relu;  ///< Of layers without their own; heads and output are linear.
  /// What both nets are told of an image: it stands beside the encoder's last layer, below the
  /// heads, and beside z, below the decoder, at every position where these are images.
  Condition condition = Condition::none;
  int64_t classes = 0;    ///< Of a label: 0 to classes - 1. 0 takes them from the data, see fit().
  int64_t side_size = 0;  ///< Numbers of a side vector, likewise.
  Target target =
      Target::image;           ///< t. To classes `likelihood` and what belongs to it say nothing.
  int64_t target_classes = 0;  ///< C of a label, mask or box. 0 takes them from the data, fit().
  /// Target::boxes: cells across and down the image, of which each has at most one box, that whose
  /// middle lies in it.
  ImageSize grid;
  Initialization initialization = Initialization::pytorch;  ///< How the weights are drawn.
  bool output_bias_from_mean = false;  ///< Start the output bias at the mean training pixel.
  Likelihood likelihood = Likelihood::bernoulli;  ///< p(x|z).
  Variance variance = Variance::fixed;            ///< Of the Gaussian likelihood.
  double sigma = 1.0;         ///< Standard deviation of the Gaussian likelihood (its start).
  double logvar_min = -30.0;  ///< Clamp of the posterior's log-variance, forward, KL and backward.
  double logvar_max = 20.0;   ///< Its upper end.
  Prior prior = Prior::standard;  ///< p(z), or p(z2) where there are latents above z.
  /// Between z and the latents z2 above it: dense layers, from z up in q(z2|z), and the same the
  /// other way in p(z|z2).
  std::vector<Layer> top;
  int64_t top_latent = 0;  ///< Dimensions of z2; 0: there is none.
  /// Prior::conditional: dense layers from the condition to the prior's mean and log-variance.
  std::vector<Layer> prior_layers;

  /// X, the number of pixel values of one image.
  int64_t pixels() const { return height * width * channels; }
  /// Numbers of the condition of an image: classes, side_size, X of what is seen, or 0 without.
  int64_t condition_size() const;
  /// The shape of an image, [height, width, channels].
  ItemShape image_shape() const;
  /// The shape of the decoder's outputs, what the likelihood reads: of each value one or two, side
  /// by side as if they were channels, [height, width, C] of a mask, [C] of a label,
  /// [grid.height, grid.width, 9 + C] of boxes: a logit of an object, C of its class, four means
  /// and four log-variances of its box.
  ItemShape output_shape() const;
  /// Whether t is classes, of the image, of its pixels or of boxes in it.
  bool has_class_target() const { return target != Target::image; }
  /// T, the values of t of one image: X, 1 of a label, height * width of a mask, the cells of a
  /// grid.
  int64_t target_size() const;
  /// Numbers of E[t|z] of one image: X, or T C probabilities of classes. Of boxes T (9 + C): of
  /// each cell the probabilities of an object and of its classes, then means and standard
  /// deviations of the box's middle across and down in the cell and of the logarithms of its width
  /// and height, all in cells.
  int64_t decoded_size() const;
  /// Whether the label of an image is read, as what is known of it or as the target.
  bool reads_labels() const { return condition == Condition::label || target == Target::label; }
  /// Whether it has classes that may have names: those of labels, or those of boxes.
  bool has_named_classes() const { return reads_labels() || target == Target::boxes; }
  /// How many of these there are.
  int64_t label_classes() const {
    if (condition == Condition::label) return classes;
    return target == Target::label || target == Target::boxes ? target_classes : 0;
  }
  /// The shape of a code: [Z], or an image [h, w, c] with h w c = Z where the heads make images.
  ItemShape latent_shape() const;
  /// `heads` with the sizes that follow from Z and from the encoder.
  Layer heads_layer() const;
  /// `output` with the sizes that follow from output_shape().
  Layer output_layer() const;
  /// The output shape of each layer of the encoder. Throws Error(invalid_argument), as validate()
  /// does, where two do not fit.
  std::vector<ItemShape> encoder_shapes() const;
  /// What the heads are over: the encoder's last shape, with the condition.
  ItemShape heads_input_shape() const;
  /// What the decoder is over: latent_shape() with the condition.
  ItemShape decoder_input_shape() const;
  /// Likewise of the decoder, over decoder_input_shape().
  std::vector<ItemShape> decoder_shapes() const;
  /// `decoder` with the shapes of the encoder's layers that its skips name. Throws
  /// Error(invalid_argument) where there is no such layer.
  std::vector<Layer> decoder_layers() const;
  /// Whether the decoder reads layers of the encoder.
  bool has_skips() const;
  /// Whether decoding needs the image beside its code: for skips, and for a transport.
  bool decodes_with_image() const;
  /// Dimensions of all latents together.
  int64_t all_latents() const { return latent + top_latent; }
  /// Dimensions of the latents that `prior` is the prior of.
  int64_t highest_latent() const { return top_latent > 0 ? top_latent : latent; }
  /// Field by field.
  bool operator==(const ModelConfig&) const = default;
};

/// One layer of a model, with what it makes of the one before.
struct ModelLayer {
  std::string name;        ///< What its tensors' names begin with: "encoder.0", "encoder.mu".
  Layer layer;             ///< With all its sizes.
  ItemShape shape;         ///< Of its output.
  int64_t parameters = 0;  ///< Weights and biases.
};

/// The layers of a model from the pixels to the outputs: those of the encoder, both heads, those of
/// q(z2|z) where there are latents above, of p(z|c) or p(z2|c) where the prior is conditional, of
/// p(z|z2), those of the decoder, "decoder.output".
/// Throws Error(invalid_argument) where two do not fit.
///
///     for (const vae::ModelLayer& line : vae::model_layers(config.model)) {
///       std::cout << line.name << ": " << vae::to_string(line.layer) << '\n';
///     }
std::vector<ModelLayer> model_layers(const ModelConfig& model);

/// How the network is trained: Adam or Muon on the negative bound, -reconstruction + beta KL,
/// summed over pixels and latents and averaged over the batch, in nats per image. [AEVB eq. 10]
struct TrainConfig {
  int64_t epochs = 10;       ///< Passes over the training images.
  int64_t batch_size = 128;  ///< Images of one step; the last, short batch of an epoch is used.
  uint64_t seed = 1;         ///< Key of every random number of the run.
  Binarization binarization = Binarization::dynamic;  ///< How pixels become x.
  Objective objective = Objective::elbo;              ///< What is raised; see trained_objective().
  int64_t importance_samples = 1;                     ///< K: latent samples of an image in a step.
  double beta = 1.0;                                  ///< Weight of the KL term in the objective.
  double kl_warmup_epochs = 0.0;  ///< Epochs over which the weight rises linearly from 0 to beta.
  /// Nats of KL that each latent dimension of each image has for nothing: its gradient is that of
  /// max(KL, free_bits). What is measured and reported stays the KL itself. [IAF]
  double free_bits = 0.0;
  Optimizer optimizer = Optimizer::adam;     ///< What makes steps of gradients.
  double learning_rate = 1e-3;               ///< Base rate of the optimizer.
  double learning_rate_warmup_epochs = 0.0;  ///< Epochs over which the rate rises linearly from 0.
  double adam_beta1 = 0.9;     ///< Decay of the first moment, or Muon's momentum. [Adam]
  double adam_beta2 = 0.999;   ///< Decay of the second moment.
  double adam_epsilon = 1e-8;  ///< Added to the root of the second moment.
  /// Share of a weight, in units of the learning rate, that it loses at each step, whatever its
  /// gradient; biases and variances lose nothing. [AdamW]
  double weight_decay = 0.0;
  double clip_norm = 0.0;  ///< Largest global gradient norm; 0 turns clipping off.
  /// A step whose gradient norm is more than this times the usual one is skipped; 0 skips none.
  double skip_norm = 0.0;
  LearningRateSchedule schedule = LearningRateSchedule::constant;  ///< Of the learning rate.
  std::vector<int64_t> step_epochs;  ///< For `step`: epochs after which the rate is multiplied.
  double step_factor = 0.1;          ///< For `step`: the multiplier.
  double final_factor = 0.0;         ///< For `cosine`: last rate over base rate.
  /// Decay of the running mean of the weights, which then stands for the run in every evaluation,
  /// picture and file that is read; 0 keeps none. [Adam sec. 7.2]
  double ema = 0.0;
  /// Training images set aside to choose the best checkpoint by: a share below 1, or how many. 0
  /// chooses on the test set, whose bounds are then a little too good. [Dataset::with_validation]
  double validation = 0.0;
  int64_t checkpoint_every = 0;      ///< Steps between checkpoints; 0 means at each epoch's end.
  int64_t max_nonfinite_steps = 10;  ///< Skipped steps in a row that stop the run.
  Precision precision = Precision::automatic;  ///< Of matrix products on a GPU.

  /// One sample trains the ELBO, whatever the objective: L_1 is its estimate by that sample, and
  /// the KL term's closed form has less noise. Several train L_K: elbo, the default, means iwae.
  Objective trained_objective() const {
    if (importance_samples == 1) return Objective::elbo;
    return objective == Objective::elbo ? Objective::iwae : objective;
  }

  /// Field by field.
  bool operator==(const TrainConfig&) const = default;
};

/// A corruption and how much of it: "noise=0.5", "quadrants=1", "random-quadrants=1", "frames=10",
/// "none" in files and flags. What is random is drawn for each image afresh at every step of a
/// training, once in an evaluation, keyed by the training's seed and the image's index.
struct Corruption {
  CorruptionKind kind = CorruptionKind::none;  ///< What is done.
  /// The noise's standard deviation, or how many quadrants are shown, 1..3, or how many frames,
  /// fewer than the model's channels.
  double amount = 0.0;

  /// Field by field.
  bool operator==(const Corruption&) const = default;
};

/// "noise=0.5", "none".
std::string to_string(const Corruption& corruption);

/// Scenes that are made of single images, "digits=1-3,size=40,clutter=6" in files and flags: some
/// of them at random places, with a mask and boxes that say what is where. Scene i of a set has
/// image i and others of the same set. Nothing depends on a seed: every run on a data set, and
/// every verb, has the same scenes. With frames they are clips, "digits=2,size=64,frames=20,
/// speed=2-5": images whose channels are what is seen one after the other, in which things move.
/// "digits=1,size=28,depth=28" makes volumes: each image made solid, and turned.
/// [Dataset::with_scenes]
struct SceneConfig {
  int64_t fewest = 0;   ///< The fewest images in a scene, 0..16.
  int64_t most = 0;     ///< The most, 1..16.
  ImageSize size = {};  ///< Of a scene, 8..4096, no smaller than an image; 0 x 0: no scenes.
  /// Small pieces of other images, which belong to nothing, 0..64. [Mnih et al. 2014]
  int64_t clutter = 0;
  int64_t frames = 0;    ///< Of a clip, 2..1024, its channels; 0: scenes are still.
  double slowest = 0.0;  ///< Of clips: the least pixels from frame to frame, 0..64.
  double fastest = 0.0;  ///< The most, above 0.
  /// At most so many scenes of each split, those of its first images; 0: one for each image.
  int64_t count = 0;
  /// Slices of volumes, 8..1024, each made of one image (fewest = most = 1, no clutter); 0: scenes
  /// are pictures.
  int64_t depth = 0;
  /// Clips: 1 makes other ones, as many, for each epoch of a training after the first, so that no
  /// clip is seen twice. [Dataset::train_in_epoch]
  int64_t renew = 0;

  /// Field by field.
  bool operator==(const SceneConfig&) const = default;
};

/// "digits=1-3,size=40,clutter=6", "none".
std::string to_string(const SceneConfig& scene);

/// What is done to images between their source and the model, in this order: transpose, colour,
/// size, scenes, binarisation, corruption. A run keeps it, and whoever reads images for the run's
/// model does the same to them.
struct DataConfig {
  /// The largest centred part of this shape, scaled by a tent filter that averages over what a
  /// pixel of the result covers. 0 x 0: all images have one size and keep it.
  ImageSize size;
  bool grey = false;       ///< Colours become their luma, 0.299 R + 0.587 G + 0.114 B.
  bool rgb = false;        ///< Grey pictures become red, green and blue of one value.
  bool transpose = false;  ///< Rows become columns, as EMNIST's files need it.
  /// Share of the images held out for testing where a source has no test images; 0 stands for a
  /// tenth. Which ones depends on their index alone. A Dataset says 0 where it had test images.
  double test_share = 0.0;
  /// What the model sees of an image that it is to restore: its input, or of Condition::seen what
  /// it is told.
  Corruption corrupt = {};
  /// What is made of the images.
  SceneConfig scene = {};

  /// Field by field.
  bool operator==(const DataConfig&) const = default;
};

/// Everything a run is defined by; one JSON file, every key also a flag (docs/config.md).
///
///     vae::Config config = vae::preset("tutorial");
///     config.model.latent = 2;
///     config.training.epochs = 20;
///     vae::validate(config);
struct Config {
  ModelConfig model;     ///< What is computed.
  TrainConfig training;  ///< How it is trained.
  DataConfig data;       ///< What is done to the images first.

  /// Field by field.
  bool operator==(const Config&) const = default;
};

/// One key of the JSON configuration, for help texts, flags and documentation.
struct ConfigKey {
  std::string_view section;  ///< "model", "training" or "data".
  std::string_view name;     ///< JSON key, for example "batch_size".
  std::string_view flag;     ///< Command-line flag, for example "--batch-size".
  std::string_view help;     ///< One line.
  std::string_view choices;  ///< Allowed words or the range, for example "none|relu|...".
  /// What stands for the value: "N" (whole), "X" (any number), "N,N,...", "LAYER,...", "LAYER",
  /// "WxH", "WORD=X", "WORD=N,..." or "WORD".
  std::string_view placeholder = {};
};

/// All keys in the order of the documentation.
const std::vector<ConfigKey>& config_keys();

/// Names of the built-in presets (docs/config.md), the default one "mlp-400-20" first.
const std::vector<std::string>& preset_names();

/// The configuration of a preset. Throws Error(invalid_argument) naming the closest preset.
Config preset(std::string_view name);

/// Sets one key ("batch_size" or "training.batch_size") from its text, as a flag would.
/// Lists are written with commas: "400,200", "conv 32 4x4/2, 256". Throws Error(invalid_argument).
void set_config_value(Config& config, std::string_view key, std::string_view value);

/// Reads a JSON document over `base`. Comments are allowed; an unknown key is an error with a
/// suggestion. `origin` names the file in messages. A key "preset" replaces `base` first. Throws
/// one Error(invalid_argument) that lists every problem.
Config config_from_json(std::string_view json, const Config& base, std::string_view origin);

/// The complete configuration as an indented JSON document; "data" only where something is done to
/// the images.
std::string config_to_json(const Config& config);

/// One key's value as it stands in JSON.
std::string config_value(const Config& config, const ConfigKey& key);

/// Throws one Error(invalid_argument) that lists every value out of its range, and says where the
/// shapes of two layers do not fit.
void validate(const Config& config);

/// The same without the shapes, which follow from the size of the images: for who has no data yet.
void validate_before_data(const Config& config);

/// The protocol named by a word ("none", "static", "dynamic", "threshold"). Throws
/// Error(invalid_argument).
Binarization binarization_from_string(std::string_view word);

}  // namespace vae
