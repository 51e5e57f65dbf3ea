// SPDX-License-Identifier: MIT
//
// Images restored by a model: noise taken off, or what is not seen found.
#include <algorithm>
#include <utility>
#include <vector>

#include "host/graph/arena.h"
#include "host/model/batches.h"
#include "host/model/model_impl.h"
#include "host/model/seen_rows.h"
#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "kernels/rules/corruption.h"
#include "vae/model.h"

namespace vae {
namespace {

/// What restores an image; see Model::restore().
enum class Way { what_is_seen, chain };

Way way_of(const Config& config, bool with_mask) {
  const bool learnt =
      config.model.condition == Condition::seen || hides_a_part(config.data.corrupt.kind);
  return with_mask && !learnt ? Way::chain : Way::what_is_seen;
}

void check_mask(const RestoreOptions& options, const ImageSet& images) {
  const int64_t pixels = images.height() * images.width();
  const auto size = std::ssize(options.seen);
  VAE_CHECK(size == pixels || size == images.count() * pixels, "restore: a mask of ", size,
            " pixels is neither one for all images, ", images.height(), " x ", images.width(),
            ", nor one of each of the ", images.count());
  const auto other = std::find_if(options.seen.begin(), options.seen.end(),
                                  [](uint8_t value) { return value > 1; });
  VAE_CHECK(other == options.seen.end(), "restore: a mask has 1 where a pixel is seen and 0 where ",
            "it is not, and this one ", static_cast<int>(*other), " at pixel ",
            other - options.seen.begin());
}

/// One call of Model::restore().
class Restorer {
 public:
  Restorer(Model& model, const ImageSet& images, const RestoreOptions& options);

  Restoration run();

 private:
  void see_through_mask();
  void see_through_corruption();
  void restore_by_what_is_seen(int64_t first, int64_t rows);
  void restore_by_chains(int64_t first, int64_t rows);
  std::vector<float> end_of_chain(int64_t first, int64_t rows, int64_t chain,
                                  std::vector<float>& sums);
  void fill_in(std::vector<float>& values, int64_t first) const;
  void measure();

  void tell(int64_t first, int64_t rows) {
    if (told_.count() > 0) write_conditions(network_, told_, first, rows);
  }
  /// E[x|z] of the latents that are there [rows, X], with what is seen.
  std::vector<float> decoded(int64_t first, int64_t rows);
  void keep_sample(const std::vector<float>& values, int64_t first, int64_t rows, int64_t sample);
  /// Of images `first` on; `step` counts along a chain.
  NoiseKey noise(Stream stream, int64_t first, int64_t sample, uint32_t step = 0);

  Model& model_;
  Network& network_;
  const ImageSet& images_;
  const RestoreOptions& options_;
  uint64_t seed_;
  Arena arena_;
  StepState* state_ = nullptr;
  Array told_;  // what the model is told of each image beside what is seen; empty: nothing
  Restoration result_;
};

Restorer::Restorer(Model& model, const ImageSet& images, const RestoreOptions& options)
    : model_(model),
      network_(*model.impl().network),
      images_(images),
      options_(options),
      seed_(options.seed.value_or(model.run_config().training.seed)),
      arena_(network_.backend()) {
  arena_.request(state_);
  arena_.allocate("the state");
}

Restoration Restorer::run() {
  options_.seen.empty() ? see_through_corruption() : see_through_mask();
  if (model_.config().condition != Condition::seen) told_ = model_.conditions(images_);
  const int64_t count = images_.count(), pixels = model_.config().pixels();
  result_.restored.shape = {count, pixels};
  result_.samples.shape = {count * options_.samples, pixels};
  result_.samples.values.resize(static_cast<std::size_t>(count * options_.samples * pixels));
  encode_and_decode_batches(network_, count, {}, [&](int64_t first, int64_t rows) {
    switch (way_of(model_.run_config(), !options_.seen.empty())) {
      case Way::what_is_seen:
        return restore_by_what_is_seen(first, rows);
      case Way::chain:
        return restore_by_chains(first, rows);
    }
  });
  measure();
  return std::move(result_);
}

void Restorer::see_through_mask() {
  check_mask(options_, images_);
  result_.truth = model_.targets(images_, options_.binarization, options_.seed);
  result_.seen = result_.to_find = result_.truth;
  const auto channels = static_cast<std::size_t>(images_.channels());
  for (std::size_t i = 0; i < result_.seen.values.size(); ++i) {
    const bool is_seen = options_.seen[i / channels % options_.seen.size()] != 0;
    result_.to_find.values[i] = is_seen ? 0.0f : 1.0f;
    if (!is_seen) result_.seen.values[i] = 0.0f;
  }
}

void Restorer::see_through_corruption() {
  VAE_CHECK(
      network_.restores(), "restore: the model was trained without corruption ",
      "(data.corrupt, --corrupt), so that it finds only what a mask hides: give one (--mask)");
  ImageReader reader = model_.impl().reader(images_, options_.binarization, options_.seed);
  const bool has_truth = network_.corruption().kind != CorruptionKind::none;
  Array truth{{images_.count(), model_.config().pixels()}, {}};
  result_.seen.shape = result_.to_find.shape = truth.shape;
  encode_batches(network_, images_.count(), [&](int64_t first, int64_t rows) {
    network_.load(reader.batch(first, rows));
    Backend& backend = network_.backend();
    append(backend, network_.shown(rows), result_.seen.values);
    append(backend, network_.clean(rows), truth.values);
    const View counted = network_.counted(rows);
    if (counted) append(backend, counted, result_.to_find.values);
  });
  result_.to_find.values.resize(truth.values.size(), 1.0f);
  if (has_truth) result_.truth = std::move(truth);
}

void Restorer::restore_by_what_is_seen(int64_t first, int64_t rows) {
  tell(first, rows);
  write_seen(network_, result_.seen.row(first), rows);
  take_mean_of_seen(network_, rows);
  const std::vector<float> mean = decoded(first, rows);
  result_.restored.values.insert(result_.restored.values.end(), mean.begin(), mean.end());
  for (int64_t sample = 0; sample < options_.samples; ++sample) {
    draw_of_seen(network_, rows, noise(Stream::posterior, first, sample));
    keep_sample(decoded(first, rows), first, rows, sample);
  }
}

void Restorer::restore_by_chains(int64_t first, int64_t rows) {
  tell(first, rows);
  const int64_t chains = std::max<int64_t>(1, options_.samples);
  std::vector<float> sums(static_cast<std::size_t>(rows * model_.config().pixels()));
  for (int64_t chain = 0; chain < chains; ++chain) {
    const std::vector<float> end = end_of_chain(first, rows, chain, sums);
    if (options_.samples > 0) keep_sample(end, first, rows, chain);
  }
  const int64_t averaged = options_.steps - options_.steps / 2;
  for (float& sum : sums) sum /= static_cast<float>(chains * averaged);
  fill_in(sums, first);
  result_.restored.values.insert(result_.restored.values.end(), sums.begin(), sums.end());
}

/// E[x|z] at the end of a chain, with what is seen; adds those of its second half to sums.
std::vector<float> Restorer::end_of_chain(int64_t first, int64_t rows, int64_t chain,
                                          std::vector<float>& sums) {
  network_.sample_prior(rows, noise(Stream::prior, first, chain));
  std::vector<float> values = decoded(first, rows);
  for (int64_t step = 1; step <= options_.steps; ++step) {
    write_seen(network_, values.data(), rows);
    network_.encode(rows);
    network_.sample_posterior(rows, 1,
                              noise(Stream::posterior, first, chain, static_cast<uint32_t>(step)));
    values = decoded(first, rows);
    if (step <= options_.steps / 2) continue;
    for (std::size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
  }
  return values;
}

std::vector<float> Restorer::decoded(int64_t first, int64_t rows) {
  network_.decode(rows);
  std::vector<float> values;
  append(network_.backend(), network_.output_mean(rows), values);
  fill_in(values, first);
  return values;
}

/// What is seen of images `first` on takes the place of values decoded of them.
void Restorer::fill_in(std::vector<float>& values, int64_t first) const {
  const auto begin = static_cast<std::size_t>(first * model_.config().pixels());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (result_.to_find.values[begin + i] == 0.0f) values[i] = result_.seen.values[begin + i];
  }
}

void Restorer::keep_sample(const std::vector<float>& values, int64_t first, int64_t rows,
                           int64_t sample) {
  const int64_t pixels = model_.config().pixels();
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t place = (first + row) * options_.samples + sample;
    std::copy_n(values.begin() + row * pixels, pixels,
                result_.samples.values.begin() + place * pixels);
  }
}

NoiseKey Restorer::noise(Stream stream, int64_t first, int64_t sample, uint32_t step) {
  StepState position;
  position.step = step;
  position.first_row = static_cast<uint32_t>(images_.first_index() + first);
  network_.backend().copy_to_device(state_, &position, sizeof position);
  return {seed_, stream, state_, sample};
}

void Restorer::measure() {
  if (result_.truth.values.empty()) return;
  const auto square = [](double error) { return error * error; };
  RestorationError error;
  for (std::size_t i = 0; i < result_.to_find.values.size(); ++i) {
    const double weight = result_.to_find.values[i], truth = result_.truth.values[i];
    error.values += weight;
    error.restored += weight * square(result_.restored.values[i] - truth);
    error.input += weight * square(result_.seen.values[i] - truth);
  }
  result_.error = error;
}

void check_restoration(const Config& config, const RestoreOptions& options) {
  constexpr int64_t kMost = 1 << 20;
  VAE_CHECK(!config.model.has_class_target(), "restore: the model decodes classes (model.target ",
            to_string(config.model.target), "), no images");
  VAE_CHECK(options.samples >= 0 && options.samples <= kMost, "restore: ", options.samples,
            " samples; take 0 to ", kMost);
  VAE_CHECK(options.steps >= 1 && options.steps <= kMost, "restore: a chain of ", options.steps,
            " steps; take 1 to ", kMost);
  VAE_CHECK(
      options.seen.empty() || config.data.corrupt.kind != CorruptionKind::frames,
      "restore: a mask hides places of all frames, and this model learnt to find frames that ",
      "are hidden whole (data.corrupt ", to_string(config.data.corrupt), ")");
  VAE_CHECK(
      way_of(config, !options.seen.empty()) != Way::chain || !config.model.decodes_with_image(),
      "restore: this model's decoder reads layers of the encoder (skip) or frames of the image "
      "(transport), so that a chain ",
      "through it copies what was filled in");
}

}  // namespace

Restoration Model::restore(const ImageSet& images, const RestoreOptions& options) {
  check_restoration(run_config(), options);
  const FloatingPointMode mode;
  return Restorer(*this, images, options).run();
}

}  // namespace vae
