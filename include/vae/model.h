// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vae/array.h"
#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/detection.h"
#include "vae/device.h"
#include "vae/prediction.h"
#include "vae/restoration.h"

namespace vae {

/// The diagonal Gaussian q(z|x) of each image. [AEVB eq. 9]
struct Posterior {
  Array mean;    ///< mu [n, Z]
  Array logvar;  ///< log of the variance, clamped as in the model [n, Z]
};

/// What Model::evaluate() measures and how. Where the target is classes, log p(t|z) stands in all
/// places of log p(x|z).
struct EvaluateOptions {
  int64_t importance_samples = 0;  ///< K of the bound L_K; 0 leaves `nll` out.
  /// How pixels become x; without a value as in training. `dynamic` draws each image once.
  std::optional<Binarization> binarization;
  std::optional<uint64_t> seed;  ///< Key of all draws; without a value that of the training.
  int64_t batch_size = 128;  ///< The most images at once. Speed and memory depend on it, no draw.
  /// Called with the share done in [0, 1]; returning false stops with an empty result.
  std::function<bool(double)> progress;
  /// Also measure reconstruct(), where the target is the image: Evaluation::mean_squared_error and
  /// occupancy_iou. It decodes each image once more.
  bool reconstructions = false;
};

/// Averages over the images, in nats per image. A standard error is that of the average over
/// images, s / sqrt(n) with n - 1 in s; it is NaN where there is one image only. With Bernoulli
/// likelihood and Binarization::none the bounds are no likelihoods.
struct Evaluation {
  double elbo = 0.0;                 ///< One-sample bound at beta = 1: reconstruction - kl.
  double reconstruction = 0.0;       ///< E_q log p(x|z).
  double kl = 0.0;                   ///< KL(q(z|x) || p(z)), of all latents. [AEVB appendix B]
  double elbo_standard_error = 0.0;  ///< Of `elbo`.
  std::optional<double> nll;         ///< -L_K, the importance-weighted bound. [IWAE eq. 8]
  /// -elbo / (X ln 2), where p(x|z) is the probability of 8-bit values: bits a value takes.
  std::optional<double> bits_per_dimension;
  /// Where the target is classes: the share of those observed that are the most probable ones at
  /// z = mu(x). NaN where none was observed.
  std::optional<double> accuracy;
  /// Where the target is masks: intersection over union, of the most probable classes at z = mu(x)
  /// and the masks, pooled over the observed pixels of all images. The mean over the classes that
  /// are there; NaN where none is. [Everingham et al. 2015]
  std::optional<double> mean_iou;
  std::optional<double> foreground_iou;  ///< Of all classes but 0 taken for one; likewise.
  /// Of both. A standard error of what is no mean over images, here and below, is that of the
  /// jackknife, which leaves out a twentieth of the images at a time; NaN for one image.
  std::optional<double> mean_iou_standard_error;
  std::optional<double> foreground_iou_standard_error;  ///< Likewise.
  /// The same where each pixel with a value above 127 is taken for the most frequent class but 0
  /// of these masks, and the others for 0: what costs no learning.
  std::optional<double> threshold_mean_iou;
  std::optional<double> threshold_foreground_iou;  ///< Likewise.
  /// Where the target is boxes: AveragePrecision::mean at an overlap of 0.5 of what detect() finds
  /// at z = mu(x) with scores from 0.001 on.
  std::optional<double> average_precision;
  std::optional<double> average_precision_standard_error;  ///< Of it.
  std::optional<double> average_precision_of_places;       ///< The same whatever the class.
  /// Of a model that restores images: 10 log10(1 / mean squared error), in dB, of reconstruct()
  /// against the images before their corruption, over those values that log p(x|z) counts.
  std::optional<double> psnr;
  std::optional<double> psnr_standard_error;  ///< Of `psnr`, in dB.
  std::optional<double> input_psnr;           ///< The same of the corrupted images themselves.
  /// With EvaluateOptions::reconstructions: the mean over the values that log p(x|z) counts of
  /// (E[x|z = mu(x)] - x)^2, of reconstruct() and of x in [0, 1] as the model reads it, before any
  /// corruption.
  std::optional<double> mean_squared_error;
  std::optional<double> mean_squared_error_standard_error;  ///< Of it.
  /// Likewise: intersection over union of the values above 0.5 of both, pooled over all images, as
  /// of occupied voxels. NaN where there are none. [Choy et al. 2016]
  std::optional<double> occupancy_iou;
  std::optional<double> occupancy_iou_standard_error;                    ///< Of it.
  double nll_standard_error = std::numeric_limits<double>::quiet_NaN();  ///< NaN without `nll`.
  int64_t importance_samples = 0;  ///< K of `nll`; 0 where it was left out.
  int64_t active_units = 0;        ///< Latent dimensions with Var_x(mu) > 0.01.
  /// Summands of `kl`, Z. Where there are latents z2 above z, theirs follow; those of z are then of
  /// KL(q(z|x) || p(z|z2)) with the z2 that was drawn, in whose place `kl` has
  /// log q(z|x) - log p(z|z2) of the z that was drawn.
  std::vector<double> kl_per_dimension;
  std::vector<double> mean_variance;  ///< Var_x(mu) per dimension, likewise
  /// `kl` of each layer of latents, z's first: they sum to it.
  std::vector<double> kl_per_layer;
  Binarization binarization = Binarization::dynamic;  ///< How pixels became x.
  /// Whether the bounds are bounds of a likelihood: not of grey levels under a Bernoulli.
  bool is_likelihood = true;
  uint64_t seed = 1;   ///< Key of the draws.
  int64_t images = 0;  ///< How many were averaged over.
  std::string device;  ///< What computed it: "cpu", "cuda:0".
};

/// How Model::bounds() reads and draws.
struct BoundOptions {
  int64_t samples = 1;  ///< Draws z ~ q(z|x) of each image that log p(x|z) is averaged over.
  /// How pixels become x and the key of all draws, as of Model::encode().
  std::optional<Binarization> binarization = {};
  std::optional<uint64_t> seed = {};  ///< Likewise.
  /// Called with the share done in [0, 1]; returning false stops with an empty result.
  std::function<bool(double)> progress = {};
};

/// The bound of each of n images at beta = 1, in nats: elbo = reconstruction - kl.
struct ImageBounds {
  std::vector<double> reconstruction;  ///< Mean of log p(x|z) over the draws [n].
  /// KL(q(z|x) || p(z)) [n]; where there are latents above z, with the first draw in the place of
  /// what has no closed form.
  std::vector<double> kl;

  /// Of one image; not checked.
  double elbo(int64_t image) const {
    const auto at = static_cast<std::size_t>(image);
    return reconstruction[at] - kl[at];
  }
};

/// How Model::segment() reads and draws.
struct SegmentOptions {
  int64_t samples = 0;  ///< K, codes drawn from q(z|x) of each image beside its mean.
  /// How pixels become x and the key of all draws, as of Model::encode().
  std::optional<Binarization> binarization = {};
  std::optional<uint64_t> seed = {};  ///< Likewise.
  /// Called with the share done in [0, 1]; returning false stops with an empty result.
  std::function<bool(double)> progress = {};
};

/// Classes of the pixels of n images, and how sure they are.
struct Segmentation {
  std::vector<uint8_t> classes;  ///< At z = mu(x) [n, height, width].
  /// At each of K draws of z ~ q(z|x) [n, K, height, width]. Draw k of an image depends on the seed
  /// and the image's index alone.
  std::vector<uint8_t> samples;
  /// Entropy of the mean of the draws' probabilities, in nats: 0 where all are sure of one class,
  /// ln C where nothing is known [n, height, width]. Empty without draws.
  Array entropy;
};

/// The file that a loaded model came from.
struct CheckpointInfo {
  std::string file;              ///< Its path.
  std::optional<int64_t> step;   ///< Training steps behind it; none in a file of Model::save.
  std::optional<int64_t> epoch;  ///< Whole epochs behind it; none where the file does not tell.
  /// The split by which it was chosen as the best of its run, "validation" or "test"; empty for
  /// every other checkpoint.
  std::string chosen_on;
  bool averaged = false;  ///< Whether the weights are running means. [TrainConfig::ema]
  std::string reason;     ///< Why this file of a run folder was taken, in words; empty for a file.
  /// KL of each latent dimension, in nats per test image, where the file tells: that of a run's
  /// best checkpoint does.
  std::vector<double> kl_per_dimension;
};

/// A variational autoencoder on one device. Movable, not copyable; one thread at a time. After
/// fork() parent and child may both go on with a model on the CPU that no thread was using; one on
/// a GPU is the parent's alone.
/// Of a model that was moved from, every method but assignment throws Error(invalid_argument).
///
/// Methods that take images throw Error(invalid_argument) for images of another size and for none,
/// all that compute may throw Error(device) and Error(out_of_memory). X is config().pixels(), Z
/// config().latent.
///
///     vae::Model model = vae::Model::load("runs/first");
///     vae::Dataset data = vae::Dataset::load("mnist");
///     double nll = *model.evaluate(data.test, {.importance_samples = 500}).nll;
///     vae::Array codes = model.encode(data.test).mean;  // [10000, Z]
///     vae::Array again = model.decode(codes);           // [10000, 784], probabilities
class Model {
 public:
  /// Freshly initialised weights. Throws Error(invalid_argument), Error(unavailable).
  explicit Model(const ModelConfig& config, const Device& device = Device::best(),
                 uint64_t seed = 1);
  ~Model();
  /// Takes the other's place; that one holds nothing afterwards.
  Model(Model&&) noexcept;
  /// Likewise.
  Model& operator=(Model&&) noexcept;

  /// Loads a checkpoint file, or the best checkpoint of a run folder [BestEpoch], or its newest one
  /// while none is the best yet; checkpoint() tells. Throws Error(io) or Error(corrupt).
  static Model load(const std::string& path, const Device& device = Device::best());

  /// Loads weights that another program saved: the checksum may be stale or missing. The tensors'
  /// names, types and shapes (docs/checkpoint.md lists them) and finite numbers are checked as in
  /// load(). A file without our metadata needs `config`, whose `model` says what the weights are;
  /// given one, it is taken in place of the file's own. save() then writes a checkpoint that load()
  /// takes. Never a run folder. Throws Error(io), and Error(corrupt) with every tensor that
  /// differs.
  static Model load_unverified(const std::string& path, const std::optional<Config>& config = {},
                               const Device& device = Device::best());

  /// Writes weights and configuration as one safetensors file, atomically. Throws Error(io).
  void save(const std::string& path) const;

  // What a model with a condition is told, C = config().condition_size() numbers an image: a
  // one-hot vector, or the side vector. encode(), reconstruct() and evaluate() take it from the
  // images, and throw Error(invalid_argument) for images without it, and for a label that is none
  // of the classes. Where both sides have names of labels, a label is the class of its name.

  /// Of each image [n, C]; empty for a model without a condition. Of Condition::seen what inputs()
  /// gives.
  Array conditions(const ImageSet& images) const;
  /// Of labels, for Condition::label [n, C]. Throws Error(invalid_argument).
  Array conditions(std::span<const uint8_t> labels) const;
  /// Names of the classes 0, 1, ... as far as the training data had some, printable; else empty.
  const std::vector<std::string>& label_names() const;

  /// What the network computes.
  const ModelConfig& config() const;
  /// The complete configuration of the run a loaded model came from.
  const Config& run_config() const;
  /// Where a loaded model came from; nothing for one that was made or trained here.
  const std::optional<CheckpointInfo>& checkpoint() const;
  /// Number of trained numbers.
  int64_t parameter_count() const;
  /// Where it computes: "cpu", "cuda:0".
  std::string device_name() const;

  // encode(), reconstruct() and inputs() leave nothing to chance unless they are told to, so that
  // one picture has one code: without `binarization` x is pixel / 255, and the threshold for a
  // model that was trained with it. An explicit `static` or `dynamic` draws each image once, as
  // evaluate() does, keyed by `seed` (without a value that of the training) and by the image's
  // index, see ImageSet.

  /// q(z|x) of each image: mean and log-variance [n, Z]. Of Condition::seen x is the image before
  /// its corruption: Error(invalid_argument) while that is `none`, here and of evaluate().
  Posterior encode(const ImageSet& images, std::optional<Binarization> binarization = {},
                   std::optional<uint64_t> seed = {});
  /// E[x|z] of each row of z [n, Z]: values [n, X]. For the Bernoulli these are probabilities. Of a
  /// model whose target is classes: the probabilities of all C classes for each of the T targets
  /// [n, T C], here and in what follows; of boxes what ModelConfig::decoded_size() says of each
  /// cell. A model with a condition takes that of each row, too [n, C], see conditions(); others
  /// take none. Throws Error(invalid_argument) for another shape and where a number is NaN or
  /// infinite.
  Array decode(const Array& z, const Array& conditions = {});
  /// E[x|z = mu(x)]: decodes the posterior mean [n, X], or of Condition::seen, E[x|z = m(c), c],
  /// the mean of p(z|c). No bound follows from it.
  Array reconstruct(const ImageSet& images, std::optional<Binarization> binarization = {},
                    std::optional<uint64_t> seed = {});
  /// The things in each image, at z = mu(x), of a model of Target::boxes. A cell makes a box of
  /// each class whose score suffices, cut off at the image's edges; of those of a class that
  /// overlap too much the best one stays, and of all the `most` best are returned, best ones first.
  /// Throws Error(invalid_argument) where the target is something else.
  ///
  ///     for (const vae::Detection& thing : model.detect(images, {.min_score = 0.5})[0]) {
  ///       std::cout << int(thing.class_) << " at " << thing.x << ", " << thing.y << '\n';
  ///     }
  std::vector<std::vector<Detection>> detect(const ImageSet& images,
                                             const DetectOptions& options = {});
  /// E[x|z] for z drawn from the prior [count, X]. Draw number i depends on the seed and i only:
  /// sample(10, seed, 90) are the last ten of sample(100, seed), so that many can be had piece by
  /// piece. Throws Error(invalid_argument) beyond draw number 2^32 - 1.
  /// A model with a condition needs the other sample(): Error(invalid_argument).
  Array sample(int64_t count, uint64_t seed = 1, int64_t first = 0);
  /// The same from a model with a condition, a draw for each row of the conditions [n, C]. The
  /// noise does not depend on them: with one seed two classes have the same z, or, under
  /// Prior::conditional, the same place within the prior of each.
  ///
  ///     std::vector<uint8_t> sevens(16, 7);
  ///     vae::Array digits = model.sample(model.conditions(sevens));
  Array sample(const Array& conditions, uint64_t seed = 1, int64_t first = 0);
  /// Codes of N(0, I) [n, Z] brought to where the prior has them, mean + deviation * code: of p(z)
  /// or, from a model with a condition, of p(z|c), which takes conditions as decode() does. Where
  /// there are latents above z, whose p(z) is no Gaussian, they stay as they are.
  Array in_prior(const Array& codes, const Array& conditions = {});
  /// The classes of pixels of images, of a model whose target is masks: the most probable ones of
  /// each at z = mu(x), and with `samples` those at z drawn from q(z|x). Images need no masks.
  /// Throws Error(invalid_argument) for a model of another target.
  ///
  ///     vae::Segmentation found = model.segment(images, {.samples = 8});
  ///     vae::Image first = vae::overlay_classes(
  ///         images.image(0), std::span(found.classes).first(40 * 40), 11);
  Segmentation segment(const ImageSet& images, const SegmentOptions& options = {});
  /// Bounds and statistics over all images; of a model of images that restores none, nothing is
  /// decoded from means unless the options ask for it.
  Evaluation evaluate(const ImageSet& images, const EvaluateOptions& options = {});

  /// The bound of each image; with one draw and the same `binarization` the mean over the images is
  /// that of evaluate(). Draw number s of an image depends on the seed and the image's index alone.
  /// Under a Bernoulli, grey levels (Binarization::none) give the mean of log p(x|z) over all
  /// dynamic binarisations of the image, at codes of the grey one. Throws Error(invalid_argument)
  /// where the target is classes, and what evaluate() throws.
  ///
  ///     vae::ImageBounds bounds = model.bounds(images, {.samples = 8});
  ///     double bits_a_value = -bounds.elbo(0) / (model.config().pixels() * std::log(2.0));
  ImageBounds bounds(const ImageSet& images, const BoundOptions& options = {});

  /// The images as the model reads them, values in [0, 1]: [n, X]. Of Condition::seen what it is
  /// told.
  Array inputs(const ImageSet& images, std::optional<Binarization> binarization = {},
               std::optional<uint64_t> seed = {});
  /// What they should be decoded to [n, X]: inputs() before they were corrupted. Throws
  /// Error(invalid_argument) where the target is classes.
  Array targets(const ImageSet& images, std::optional<Binarization> binarization = {},
                std::optional<uint64_t> seed = {});
  /// Of a model that was trained to restore images (DataConfig::corrupt): what is done from now on
  /// to images before they are read, at first what the training did; every image has one draw,
  /// keyed by seed and index. `none` for images that need to be restored as they are. Throws
  /// Error(invalid_argument) for one that is out of its range, and for a model that was trained
  /// without.
  void set_corruption(const Corruption& corruption);
  /// Whether it was.
  bool restores() const;
  /// Restores images: takes the noise off, or finds what is not seen. How depends on the model:
  ///
  /// - trained with DataConfig::corrupt: z = mean of q(z|y) of the corrupted image y, for samples
  ///   z ~ q(z|y); and E[x|z]. With a mask only where the corruption hid a part, too.
  /// - of Condition::seen: z = mean of p(z|c) of what is seen, for samples z ~ p(z|c); E[x|z, c].
  ///   [CVAE]
  /// - all others, with a mask: chains z ~ q(z|x), then what is not seen of x becomes E[x|z], T
  ///   times, from E[x|z] of a z ~ p(z) on. [DLGM appendix F] A sample is the end of a chain of its
  ///   own, and `restored` the mean of E[x|z] over the second halves of all chains.
  ///
  /// What is seen under a mask or in quadrants stays as it is. Where nothing is said otherwise the
  /// images are whole, and are corrupted as the training did it or as set_corruption() says, so
  /// that the truth is known. Throws Error(invalid_argument) for a mask of another size or of other
  /// numbers than 0 and 1, for a model that was trained without corruption where there is no mask,
  /// for one whose target is classes, and for chains through a decoder with skips.
  ///
  ///     vae::Restoration found = model.restore(data.test.slice(0, 16), {.samples = 3});
  ///     vae::save_png("restored.png", vae::make_grid(vae::to_images(found.restored, 28, 28, 1)));
  Restoration restore(const ImageSet& images, const RestoreOptions& options = {});
  /// The next frames of clips, images whose channels are frames, of a model that was trained with
  /// CorruptionKind::frames: it sees N frames, the corruption's amount, and predicts those that its
  /// other channels are. Of each clip [height, width, any number >= N] the last N frames of those
  /// that are seen are shown, and what comes next is decoded as restore() does, clipped to [0, 1].
  /// Where that is fewer frames than asked for the window moves on: predicted frames are seen, and
  /// what comes behind them is predicted. Frames behind those that are seen are the truth. Nothing
  /// is left to chance. Throws Error(invalid_argument) for clips of another height or width, of too
  /// few frames, and for a model that learnt something else.
  ///
  ///     vae::ImageSet clips = vae::load_clips("clips.npy", model.config());   // [n, 20, 64, 64]
  ///     vae::Prediction next = model.predict(clips, {.frames = 10, .seen = 10});
  ///     std::cout << next.errors.mse() << " is " << next.errors.ratio() << " of the best guess\n";
  Prediction predict(const ImageSet& clips, const PredictOptions& options = {});

  /// \cond internal
  // For the library's own trainer.
  struct Impl;
  explicit Model(std::shared_ptr<Impl> impl);
  Impl& impl();
  const Impl& impl() const;
  /// \endcond

 private:
  std::shared_ptr<Impl> impl_;  // shared with a trainer whose step works on it
};

}  // namespace vae
