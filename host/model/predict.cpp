// SPDX-License-Identifier: MIT
//
// The next frames of clips: what a model restores that learnt to find hidden frames, window by
// window. What was predicted is seen in the next one.
#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "host/model/batches.h"
#include "host/model/model_impl.h"
#include "host/model/seen_rows.h"
#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "kernels/rules/binarization.h"
#include "vae/model.h"

namespace vae {
namespace {

/// What a model reads of each byte, nothing being left to chance.
std::array<float, 256> values_of_bytes(Binarization binarization) {
  std::array<float, 256> values{};
  visit(draws(binarization) ? Binarization::none : binarization, [&](auto rule) {
    for (uint32_t byte = 0; byte < values.size(); ++byte) values[byte] = rule.value(byte, 0);
  });
  return values;
}

/// One call of Model::predict().
class Predictor {
 public:
  Predictor(Model& model, const ImageSet& clips, const PredictOptions& options);

  Prediction run();

 private:
  void predict(int64_t first, int64_t rows);
  void begin_window(int64_t first, int64_t rows);
  void keep_frames(const std::vector<float>& decoded, int64_t first, int64_t rows, int64_t made);
  void move_window(const std::vector<float>& decoded);
  void take_truth();
  void measure();
  /// The value of a pixel of a clip's frame as the model reads it.
  float value(int64_t clip, int64_t pixel, int64_t frame) const {
    const int64_t at = (clip * pixels_ + pixel) * clips_.channels() + frame;
    return values_[clips_.pixels()[static_cast<std::size_t>(at)]];
  }

  Network& network_;
  const ImageSet& clips_;
  const PredictOptions& options_;
  Array told_;          // what the model is told of each clip beside what is seen; empty: nothing
  int64_t pixels_;      // of a frame
  int64_t window_;      // frames that the model knows at once, its channels
  int64_t seen_;        // the first ones of these, which it sees
  int64_t clips_seen_;  // frames of a clip that are seen
  std::array<float, 256> values_;
  std::vector<float> window_values_;  // [rows, pixels, window], what is not seen 0
  Prediction result_;
};

Predictor::Predictor(Model& model, const ImageSet& clips, const PredictOptions& options)
    : network_(*model.impl().network),
      clips_(clips),
      options_(options),
      pixels_(model.config().height * model.config().width),
      window_(model.config().channels),
      seen_(static_cast<int64_t>(model.run_config().data.corrupt.amount)),
      clips_seen_(options.seen > 0 ? options.seen : clips.channels()),
      values_(values_of_bytes(model.run_config().training.binarization)) {
  if (model.config().condition != Condition::seen) told_ = model.conditions(clips);
}

Prediction Predictor::run() {
  const int64_t count = clips_.count();
  result_.frames.shape = {count, options_.frames, clips_.height(), clips_.width()};
  result_.frames.values.resize(static_cast<std::size_t>(count * options_.frames * pixels_));
  const int64_t batch = batch_of(network_, count, network_.activation_bytes(1, 1));
  network_.reserve(batch, batch);
  for (int64_t first = 0; first < count; first += batch) {
    const int64_t rows = std::min(batch, count - first);
    predict(first, rows);
    const double share = static_cast<double>(first + rows) / static_cast<double>(count);
    if (options_.progress && !options_.progress(share)) return {};
  }
  take_truth();
  if (result_.truth.count() > 0) measure();
  return std::move(result_);
}

void Predictor::predict(int64_t first, int64_t rows) {
  begin_window(first, rows);
  if (told_.count() > 0) write_conditions(network_, told_, first, rows);
  std::vector<float> decoded;
  for (int64_t made = 0; made < options_.frames; made += window_ - seen_) {
    write_seen(network_, window_values_.data(), rows);
    take_mean_of_seen(network_, rows);
    network_.decode(rows);
    decoded.clear();
    append(network_.backend(), network_.output_mean(rows), decoded);
    for (float& value : decoded) value = std::clamp(value, 0.0f, 1.0f);
    keep_frames(decoded, first, rows, made);
    move_window(decoded);
  }
}

/// The last of the frames that are seen.
void Predictor::begin_window(int64_t first, int64_t rows) {
  window_values_.assign(static_cast<std::size_t>(rows * pixels_ * window_), 0.0f);
  auto place = window_values_.begin();
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t pixel = 0; pixel < pixels_; ++pixel, place += window_) {
      for (int64_t frame = 0; frame < seen_; ++frame) {
        place[frame] = value(first + row, pixel, clips_seen_ - seen_ + frame);
      }
    }
  }
}

/// Those that were asked for, from number `made` on.
void Predictor::keep_frames(const std::vector<float>& decoded, int64_t first, int64_t rows,
                            int64_t made) {
  const int64_t wanted = std::min(window_ - seen_, options_.frames - made);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t frame = 0; frame < wanted; ++frame) {
      const int64_t begin = ((first + row) * options_.frames + made + frame) * pixels_;
      const float* from = decoded.data() + row * pixels_ * window_ + seen_ + frame;
      for (int64_t pixel = 0; pixel < pixels_; ++pixel, from += window_) {
        result_.frames.values[static_cast<std::size_t>(begin + pixel)] = *from;
      }
    }
  }
}

/// So many frames on as were predicted, which are seen now.
void Predictor::move_window(const std::vector<float>& decoded) {
  const int64_t step = window_ - seen_;
  for (auto at = std::ptrdiff_t{0}; at < std::ssize(window_values_); at += window_) {
    for (int64_t frame = 0; frame < seen_; ++frame) {
      const int64_t from = frame + step;
      window_values_[at + frame] = from < seen_ ? window_values_[at + from] : decoded[at + from];
    }
  }
}

void Predictor::take_truth() {
  const int64_t known = std::min(options_.frames, clips_.channels() - clips_seen_);
  result_.truth.shape = {clips_.count(), known, clips_.height(), clips_.width()};
  result_.truth.values.reserve(static_cast<std::size_t>(clips_.count() * known * pixels_));
  for (int64_t clip = 0; clip < clips_.count(); ++clip) {
    for (int64_t frame = 0; frame < known; ++frame) {
      for (int64_t pixel = 0; pixel < pixels_; ++pixel) {
        result_.truth.values.push_back(value(clip, pixel, clips_seen_ + frame));
      }
    }
  }
}

void Predictor::measure() {
  const int64_t known = result_.truth.shape[1];
  PredictionErrors& errors = result_.errors;
  errors.clips = clips_.count();
  errors.seen_frames = clips_.count() * clips_seen_;
  for (auto* sums : {&errors.predicted, &errors.black, &errors.mean_seen, &errors.last_seen}) {
    sums->resize(static_cast<std::size_t>(known));
  }
  errors.seen_sums.resize(static_cast<std::size_t>(pixels_));
  errors.truth_sums.resize(static_cast<std::size_t>(pixels_));
  const auto part = [&](double error) { return error * error / static_cast<double>(pixels_); };
  for (int64_t clip = 0; clip < clips_.count(); ++clip) {
    const float *truth = result_.truth.row(clip), *predicted = result_.frames.row(clip);
    double all = 0.0;
    for (int64_t pixel = 0; pixel < pixels_; ++pixel) {
      double seen = 0.0;
      for (int64_t frame = 0; frame < clips_seen_; ++frame) seen += value(clip, pixel, frame);
      const double mean = seen / static_cast<double>(clips_seen_);
      const double last = value(clip, pixel, clips_seen_ - 1);
      errors.seen_sums[pixel] += seen;
      for (int64_t frame = 0; frame < known; ++frame) {
        const double t = truth[frame * pixels_ + pixel];
        const double error = part(predicted[frame * pixels_ + pixel] - t);
        all += error;
        errors.predicted[frame] += error;
        errors.black[frame] += part(t);
        errors.mean_seen[frame] += part(mean - t);
        errors.last_seen[frame] += part(last - t);
        errors.truth_sums[pixel] += t;
      }
    }
    all /= static_cast<double>(known);
    errors.squares += all * all;
  }
}

void check_prediction(const Model& model, const ImageSet& clips, const PredictOptions& options) {
  constexpr int64_t kMostAhead = 1 << 16;
  const Config& config = model.run_config();
  VAE_CHECK(
      config.data.corrupt.kind == CorruptionKind::frames && !config.model.has_class_target(),
      "predict: the model did not learn to predict frames: train one with --corrupt frames=N ",
      "(data.corrupt), as preset predict does");
  VAE_CHECK(clips.count() > 0, "predict: there are no clips");
  VAE_CHECK(clips.height() == config.model.height && clips.width() == config.model.width,
            "predict: clips of ", clips.height(), " x ", clips.width(),
            " (height x width), the model's are ", config.model.height, " x ", config.model.width);
  VAE_CHECK(options.frames >= 1 && options.frames <= kMostAhead, "predict: ", options.frames,
            " frames; take 1 to ", kMostAhead);
  const auto needed = static_cast<int64_t>(config.data.corrupt.amount);
  const int64_t seen = options.seen != 0 ? options.seen : clips.channels();
  VAE_CHECK(seen >= needed && seen <= clips.channels(), "predict: ", seen, " frames of clips of ",
            clips.channels(), " are seen; the model sees ", needed, " at least");
}

}  // namespace

Prediction Model::predict(const ImageSet& clips, const PredictOptions& options) {
  check_prediction(*this, clips, options);
  const FloatingPointMode mode;
  return Predictor(*this, clips, options).run();
}

}  // namespace vae
