// SPDX-License-Identifier: MIT
#include "host/model/evaluator.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "host/graph/arena.h"
#include "host/measure/confusion.h"
#include "host/measure/jackknife.h"
#include "host/model/box_grid.h"
#include "host/model/image_reader.h"
#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "kernels/math.h"
#include "kernels/rules/binarization.h"
#include "kernels/rules/likelihoods.h"
#include "vae/reconstructions.h"

namespace vae {

namespace {

constexpr int64_t kFullSpeedRows = 128;   // of a matrix product
constexpr double kActiveVariance = 0.01;  // Var_x(mu) above which a dimension counts as active

/// Standard error of the mean of n numbers from their sum and the sum of their squares. One number
/// tells nothing about its spread: NaN.
double standard_error(double sum, double sum_of_squares, double n) {
  if (n < 2) return std::numeric_limits<double>::quiet_NaN();
  const double mean = sum / n;
  const double variance = std::max(0.0, sum_of_squares / n - mean * mean) * n / (n - 1);
  return std::sqrt(variance / n);
}

/// Of values that are decoded from means: their weights, and times these squared errors, how many
/// are above 1/2 in both, what is decoded and what is right, and in one of the two.
struct DecodedValues {
  DecodedValues& operator+=(const DecodedValues& other);
  void add(double decoded, double right, double input, double weight);
  double mean_squared_error() const { return error / counted; }
  double occupancy_iou() const { return in_both / in_either; }
  /// 10 log10(1 / mean squared error).
  double psnr() const { return -10.0 * std::log10(error / counted); }
  double input_psnr() const { return -10.0 * std::log10(input_error / counted); }

  double counted = 0.0, error = 0.0, input_error = 0.0, in_both = 0.0, in_either = 0.0;
};

DecodedValues& DecodedValues::operator+=(const DecodedValues& other) {
  counted += other.counted;
  error += other.error;
  input_error += other.input_error;
  in_both += other.in_both;
  in_either += other.in_either;
  return *this;
}

void DecodedValues::add(double decoded, double right, double input, double weight) {
  const bool is_found = decoded > 0.5, is_there = right > 0.5;
  counted += weight;
  error += weight * (decoded - right) * (decoded - right);
  input_error += weight * (input - right) * (input - right);
  in_both += is_found && is_there ? weight : 0.0;
  in_either += is_found || is_there ? weight : 0.0;
}

/// The classes of images first .. first + rows - 1 that are a model's target, T of each.
std::span<const uint8_t> target_classes(const ModelConfig& model, const ImageSet& images,
                                        int64_t first, int64_t rows) {
  const auto all = model.target == Target::mask ? images.masks() : images.labels();
  return all.subspan(first * model.target_size(), rows * model.target_size());
}

/// Device memory and running sums of one evaluation.
class Evaluator {
 public:
  Evaluator(Network& network, const ImageSet& images, const EvaluateOptions& options,
            const TrainConfig& training, double beta)
      : network_(network),
        options_(options),
        binarization_(options.binarization.value_or(training.binarization)),
        seed_(options.seed.value_or(training.seed)),
        beta_(beta),
        set_(images),
        images_(images.count()),
        batch_(std::min(std::max<int64_t>(1, options.batch_size), network.most_rows())),
        reader_(network, images, binarization_, seed_, Reading::targets),
        arena_(network.backend()) {
    if (network.config().has_class_target()) {
      confusion_.emplace(ConfusionMatrix(network.config().target_classes));
    }
    const int64_t rows = std::min(batch_, images_);
    const std::vector<int64_t> widths = network.latent_widths();
    statistics_.resize(widths.size());
    for (std::size_t i = 0; i < widths.size(); ++i) arena_.request(statistics_[i], {3, widths[i]});
    arena_.request(running_max_, {rows});
    arena_.request(running_sum_, {rows});
    arena_.request(totals_);
    arena_.allocate("the evaluation's sums");
    network.reserve_batch(rows, most_codes(rows));
  }

  Evaluation run();

 private:
  void read_batch(int64_t first, int64_t rows);
  bool add_importance_bound(int64_t first, int64_t rows);
  void decode_means(int64_t first, int64_t rows);
  void compare_classes(int64_t first, int64_t rows);
  void find_boxes(int64_t rows);
  void add_decoded_values(int64_t first, int64_t rows);
  std::vector<float> download(ConstView view) const;
  bool report(double share) const { return !options_.progress || options_.progress(share); }
  void summarize(Evaluation& result) const;
  void summarize_latents(const DoubleView& sums, Evaluation& result) const;
  void summarize_layers(Evaluation& result) const;
  void summarize_masks(Evaluation& result) const;
  void summarize_decoded(Evaluation& result) const;
  /// Rows that the decoder is given at once for `rows` images: one sample of each or, of few
  /// images, as many samples as there is speed to gain from.
  int64_t most_codes(int64_t rows) const {
    const int64_t room = std::max(batch_, network_.room_for_codes());
    const int64_t most = std::min(room, std::max(rows, kFullSpeedRows));
    return rows * std::clamp<int64_t>(options_.importance_samples, 1, most / rows);
  }

  Network& network_;
  const EvaluateOptions& options_;
  Binarization binarization_;
  uint64_t seed_;
  double beta_;  // of L_K
  const ImageSet& set_;
  int64_t images_;
  int64_t batch_;  // the most rows at once, of images and of codes
  ImageReader reader_;
  Arena arena_;
  std::vector<DoubleView> statistics_;  // [3, Z] of each layer of latents
  DoubleView running_max_, running_sum_;
  Totals* totals_ = nullptr;
  double importance_bound_ = 0.0;  // sum over images of L_K
  double squared_importance_bound_ = 0.0;
  // Of classes, where these are the target.
  std::optional<Jackknife<ConfusionMatrix>> confusion_;
  std::vector<std::vector<Detection>> found_;          // in each image, where the target is boxes
  Jackknife<DecodedValues> decoded_{DecodedValues{}};  // where the target is the image
};

Evaluation Evaluator::run() {
  for (int64_t first = 0; first < images_; first += batch_) {
    const int64_t rows = std::min(batch_, images_ - first);
    read_batch(first, rows);
    if (options_.importance_samples > 0 && !add_importance_bound(first, rows)) return {};
    decode_means(first, rows);
    if (!report(static_cast<double>(first + rows) / static_cast<double>(images_))) return {};
  }
  Evaluation result;
  summarize(result);
  return result;
}

void Evaluator::read_batch(int64_t first, int64_t rows) {
  Backend& backend = network_.backend();
  network_.infer(reader_.batch(first, rows), reader_.noise());
  for (std::size_t i = 0; i < statistics_.size(); ++i) {
    network_.add_statistics(rows, i, statistics_[i]);
  }
  const ConstView log_px = network_.score(rows, 1, /*with_gradient=*/false);
  backend.issue(AccumulateArgs{totals_, reader_.state(), log_px, network_.kl(rows)});
}

/// L_K = E[ log 1/K sum_i p(x, z_i) / q(z_i | x) ], in chunks of samples.  [IWAE eq. 8]
/// False when the caller asked to stop: a million samples of one batch take hours.
bool Evaluator::add_importance_bound(int64_t first, int64_t rows) {
  Backend& backend = network_.backend();
  std::vector<double> max(rows, -std::numeric_limits<double>::infinity()), sum(rows, 0.0);
  const std::size_t bytes = rows * sizeof(double);
  backend.copy_to_device(running_max_.data, max.data(), bytes);
  backend.copy_to_device(running_sum_.data, sum.data(), bytes);
  const int64_t wanted = options_.importance_samples;
  const int64_t chunk = most_codes(rows) / rows;
  for (int64_t done = 0; done < wanted;) {
    const int64_t samples = std::min(chunk, wanted - done);
    network_.sample_posterior(rows, samples, reader_.noise(done));
    const ConstView log_px = network_.score(rows, samples, /*with_gradient=*/false);
    backend.issue(ImportanceArgs{running_max_.head(rows), running_sum_.head(rows), log_px,
                                 network_.log_ratio(rows * samples), samples, beta_});
    done += samples;
    const double share = static_cast<double>(done) / static_cast<double>(wanted);
    const double images = static_cast<double>(first) + share * static_cast<double>(rows);
    if (!report(images / static_cast<double>(images_))) return false;
  }
  backend.copy_to_host(max.data(), running_max_.data, bytes);
  backend.copy_to_host(sum.data(), running_sum_.data, bytes);
  const double log_k = logarithm(static_cast<double>(options_.importance_samples));
  for (int64_t row = 0; row < rows; ++row) {
    const double bound = max[row] + logarithm(sum[row]) - log_k;
    importance_bound_ += bound;
    squared_importance_bound_ += bound * bound;
  }
  return true;
}

/// What is measured at z = mu, of p(z|c) where that is what restores, and where it tells more than
/// the bound or was asked for.
void Evaluator::decode_means(int64_t first, int64_t rows) {
  const bool of_classes = network_.config().has_class_target();
  if (!of_classes && !network_.restores() && !options_.reconstructions) return;
  if (network_.config().condition == Condition::seen) {
    network_.take_prior_mean(rows);
  } else {
    network_.take_posterior_mean(rows);
  }
  network_.decode(rows);
  if (network_.config().target == Target::boxes) return find_boxes(rows);
  of_classes ? compare_classes(first, rows) : add_decoded_values(first, rows);
}

void Evaluator::find_boxes(int64_t rows) {
  constexpr double kLeastScore = 0.001;  // what is less probable moves no average
  DetectOptions options;
  options.min_score = kLeastScore;
  const BoxGrid grid(network_.config());
  const auto numbers = static_cast<std::size_t>(network_.config().decoded_size());
  const std::vector<float> cells = download(network_.output_mean(rows));
  for (std::size_t at = 0; at < cells.size(); at += numbers) {
    found_.push_back(grid.decode(std::span(cells).subspan(at, numbers), options));
  }
}

std::vector<float> Evaluator::download(ConstView view) const {
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  network_.backend().copy_to_host(values.data(), view.data, values.size() * sizeof(float));
  return values;
}

void Evaluator::add_decoded_values(int64_t first, int64_t rows) {
  const std::vector<float> decoded = download(network_.output_mean(rows));
  const std::vector<float> clean = download(network_.clean(rows)),
                           input = download(network_.shown(rows)),
                           counted = download(network_.counted(rows));
  const std::size_t values = clean.size() / static_cast<std::size_t>(rows);
  for (int64_t row = 0; row < rows; ++row) {
    DecodedValues& own = decoded_.of(first + row);
    for (std::size_t i = row * values; i < (row + 1) * values; ++i) {
      own.add(decoded[i], clean[i], input[i], counted.empty() ? 1.0 : counted[i]);
    }
  }
}

/// Compares the targets with the classes of the largest probabilities.
void Evaluator::compare_classes(int64_t first, int64_t rows) {
  const ModelConfig& model = network_.config();
  const std::vector<uint8_t> found =
      likeliest_classes({{}, download(network_.output_mean(rows))}, model.target_classes);
  const auto size = static_cast<std::size_t>(model.target_size());
  for (int64_t row = 0; row < rows; ++row) {
    confusion_->of(first + row)
        .add(target_classes(model, set_, first + row, 1),
             std::span(found).subspan(row * size, size));
  }
}

/// Adds the dimensions of one layer of latents.
void Evaluator::summarize_latents(const DoubleView& sums, Evaluation& result) const {
  const int64_t latent = sums.cols();
  const auto n = static_cast<double>(images_);
  std::vector<double> statistics(static_cast<std::size_t>(sums.count()));
  network_.backend().copy_to_host(statistics.data(), sums.data, sums.count() * sizeof(double));
  for (int64_t z = 0; z < latent; ++z) {
    const double mean = statistics[latent + z] / n;
    const double spread = std::max(0.0, statistics[2 * latent + z] / n - mean * mean);
    result.kl_per_dimension.push_back(statistics[z] / n);
    result.mean_variance.push_back(spread);
    result.active_units += spread > kActiveVariance;
  }
}

/// The KL of latents above z is the sum over their dimensions. What is left of the KL is z's, which
/// may be a sample's.
void Evaluator::summarize_layers(Evaluation& result) const {
  result.kl_per_layer = {result.kl};
  auto dimension = result.kl_per_dimension.begin() + statistics_.front().cols();
  for (std::size_t layer = 1; layer < statistics_.size(); ++layer) {
    const auto end = dimension + statistics_[layer].cols();
    result.kl_per_layer.push_back(std::accumulate(dimension, end, 0.0));
    result.kl_per_layer.front() -= result.kl_per_layer.back();
    dimension = end;
  }
}

void Evaluator::summarize_masks(Evaluation& result) const {
  const ConfusionMatrix all = confusion_->all();
  const ConfusionMatrix threshold = threshold_confusion(set_, all.classes());
  result.mean_iou = all.mean_iou();
  result.mean_iou_standard_error =
      confusion_->standard_error(std::mem_fn(&ConfusionMatrix::mean_iou));
  result.foreground_iou = all.foreground_iou();
  result.foreground_iou_standard_error =
      confusion_->standard_error(std::mem_fn(&ConfusionMatrix::foreground_iou));
  result.threshold_mean_iou = threshold.mean_iou();
  result.threshold_foreground_iou = threshold.foreground_iou();
}

void Evaluator::summarize_decoded(Evaluation& result) const {
  const DecodedValues all = decoded_.all();
  if (network_.restores()) {
    result.psnr = all.psnr();
    result.psnr_standard_error = decoded_.standard_error(std::mem_fn(&DecodedValues::psnr));
    result.input_psnr = all.input_psnr();
  }
  if (!options_.reconstructions) return;
  result.mean_squared_error = all.mean_squared_error();
  result.mean_squared_error_standard_error =
      decoded_.standard_error(std::mem_fn(&DecodedValues::mean_squared_error));
  result.occupancy_iou = all.occupancy_iou();
  result.occupancy_iou_standard_error =
      decoded_.standard_error(std::mem_fn(&DecodedValues::occupancy_iou));
}

void Evaluator::summarize(Evaluation& result) const {
  Backend& backend = network_.backend();
  Totals totals;
  backend.copy_to_host(&totals, totals_, sizeof totals);
  const auto n = static_cast<double>(images_);
  if (totals.images != images_) {
    fail(ErrorCode::diverged, "evaluation: the bound is not a finite number for some of the ",
         images_, " images; the weights are not usable");
  }
  result.reconstruction = totals.reconstruction / n;
  result.kl = totals.kl / n;
  result.elbo = result.reconstruction - result.kl;
  result.elbo_standard_error =
      standard_error(totals.reconstruction - totals.kl, totals.squared_elbo, n);
  result.importance_samples = options_.importance_samples;
  if (options_.importance_samples > 0) {
    result.nll = -importance_bound_ / n;
    result.nll_standard_error = standard_error(importance_bound_, squared_importance_bound_, n);
  }
  for (const DoubleView& sums : statistics_) summarize_latents(sums, result);
  summarize_layers(result);
  result.binarization = binarization_;
  const bool of_classes = network_.config().has_class_target();
  if (network_.config().target == Target::boxes) {
    const AveragePrecision found =
        average_precision(found_, set_, network_.config().target_classes);
    result.average_precision = found.mean;
    result.average_precision_standard_error = found.standard_error;
    result.average_precision_of_places = average_precision_of_places(found_, set_);
  } else if (of_classes) {
    result.accuracy = confusion_->all().accuracy();
  }
  if (network_.config().target == Target::mask) summarize_masks(result);
  if (!of_classes) summarize_decoded(result);
  result.is_likelihood = of_classes || !makes_grey_levels(binarization_) ||
                         is_of_grey_levels(network_.config().likelihood);
  if (is_of_256_levels(network_.config().likelihood)) {
    const auto values = static_cast<double>(network_.config().pixels());
    result.bits_per_dimension = -result.elbo / (values * logarithm(2.0));
  }
  result.seed = seed_;
  result.images = images_;
  result.device = backend.name();
}

}  // namespace

void require_levels(const ModelConfig& model, Binarization binarization) {
  VAE_CHECK(!is_of_256_levels(model.likelihood) || makes_grey_levels(binarization),
            "the model's likelihood, ", to_string(model.likelihood),
            ", is of the 256 levels of 8-bit pixels, which binarization ", to_string(binarization),
            " makes black or white: evaluate it with binarization none");
}

Evaluation evaluate(Network& network, const ImageSet& images, const EvaluateOptions& options,
                    const TrainConfig& training, double beta) {
  VAE_CHECK(options.importance_samples >= 0 && options.importance_samples < (1 << 24),
            "importance samples must lie in [0, 2^24), got ", options.importance_samples);
  require_levels(network.config(), options.binarization.value_or(training.binarization));
  const FloatingPointMode mode;
  return Evaluator(network, images, options, training, beta).run();
}

}  // namespace vae
