// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/cli/clip_pictures.h"
#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/progress_bar.h"
#include "host/cli/shared_options.h"
#include "host/cli/signals.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/config.h"
#include "vae/error.h"
#include "vae/prediction.h"

namespace vae::cli {
namespace {

constexpr int64_t kClipsShown = 8;
constexpr int64_t kClipsMeasured = 2000;
constexpr int64_t kClipsAtOnce = 64;
constexpr int kFrameMilliseconds = 150;

class Predict : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  void check_options() const;
  void require_model(const Model& model);
  ImageSet load(Model& model);
  ImageSet load_file(const Model& model) const;
  int64_t wanted_count(int64_t otherwise) const;
  void check_picture(const ImageSet& clips) const;
  bool predict(Model& model, const ImageSet& clips);
  void take(const ImageSet& clips, const Prediction& found);
  void write();
  void report(const Model& model, int64_t clips) const;

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  OutputFile out_;
  ScaleOption scale_;
  std::string clip_path_;
  int64_t frames_ = 10, seen_ = 0, count_ = 0;

  int64_t needed_ = 0;  // frames that the model sees
  ClipPictures pictures_;
  int64_t pictured_ = 0;
  std::optional<NpyWriter> arrays_;
  PredictionErrors errors_;
};

void Predict::declare(Command& command) {
  model_.declare(command);
  command.optional_text("CLIP", "FILE.npy", clip_path_,
                        "a clip [frames, height, width] or several [n, frames, height, width], "
                        "instead of --data");
  data_.declare(command, false);
  command.group("Prediction");
  command.integer("--frames", frames_, 1, 1000, "how many frames are predicted");
  command.integer("--seen", seen_, 0, 1 << 16,
                  "the first N frames are what is seen, those behind them the truth; 0: all of "
                  "CLIP, of --data as many as the model sees");
  command.integer(
      "--count", count_, 0, INT64_MAX,
      fmt::format("the first N clips; 0: for a picture or film {}, else all of CLIP, of "
                  "--data {}",
                  kClipsShown, kClipsMeasured));
  out_.declare_optional(
      command, {"gif", "png", "npy"},
      fmt::format("a film, or a row of frames, of the first {} clips: what is seen, then the truth "
                  "where it is known, and what is predicted; or frames [n, frames, height, width]",
                  kClipsShown));
  scale_.declare(command);
  summary_.declare(command);
  terminal_.declare(command, true);
  command.examples(
      "  vae train --preset predict --out runs/predict\n"
      "  vae predict runs/predict --out film.gif\n"
      "  vae predict runs/predict --count 2000\n"
      "  vae predict runs/predict clip.npy --frames 10 --out next.npy");
}

void Predict::check_options() const {
  if (out_.is_given()) out_.check();
  if (data_.says_how("corrupt")) {
    throw Error(
        ErrorCode::invalid_argument,
        "vae predict: --corrupt says what a training hides; --seen says how many frames are "
        "seen here");
  }
  if (clip_path_.empty()) return;
  if (data_.given()) {
    throw Error(ErrorCode::invalid_argument, "vae predict: give CLIP or --data, not both");
  }
  for (const ConfigKey& key : config_keys()) {
    if (key.section != "data" || !data_.says_how(key.name)) continue;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("vae predict: CLIP is taken as it is; leave {} out", key.flag));
  }
  require_input(clip_path_);
}

void Predict::require_model(const Model& model) {
  const Corruption& corrupt = model.run_config().data.corrupt;
  if (corrupt.kind != CorruptionKind::frames || model.config().has_class_target()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("vae predict takes a model that learnt to find hidden frames, and this "
                            "one was trained with --corrupt {}; `{} train --preset predict` makes "
                            "one",
                            to_string(corrupt), program_name()));
  }
  needed_ = static_cast<int64_t>(corrupt.amount);
  if (seen_ != 0 && seen_ < needed_) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("--seen {}: this model sees {} frames before it predicts one", seen_, needed_));
  }
}

int64_t Predict::wanted_count(int64_t otherwise) const {
  const std::string format = out_.format();
  if (count_ > 0) return count_;
  return format == "gif" || format == "png" ? kClipsShown : otherwise;
}

ImageSet Predict::load_file(const Model& model) const {
  const ImageSet clips = load_clips(clip_path_, model.config());
  const int64_t least = seen_ > 0 ? seen_ : needed_;
  if (clips.channels() >= least) return clips;
  throw Error(
      ErrorCode::unsupported,
      fmt::format("{}: clips of {} frames, expected {} or more, {}", clip_path_, clips.channels(),
                  least, seen_ > 0 ? "as --seen says" : "which the model sees"));
}

/// Sets how many frames of them are seen.
ImageSet Predict::load(Model& model) {
  const bool from_file = !clip_path_.empty();
  if (!from_file && seen_ == 0) seen_ = needed_;
  const int64_t count = wanted_count(from_file ? INT64_MAX : kClipsMeasured);
  const ImageSet clips =
      from_file ? load_file(model) : data_.load_clips(model, terminal_, seen_ + frames_, count);
  if (seen_ == 0) seen_ = clips.channels();
  if (clips.channels() < seen_) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--seen {}: the clips have {} frames", seen_, clips.channels()));
  }
  return clips.slice(0, std::min(count, clips.count()));
}

void Predict::check_picture(const ImageSet& clips) const {
  const int64_t count = std::min(kClipsShown, clips.count());
  if (out_.format() == "gif") {
    ClipPictures::require_film_to_fit(scale_, out_, clips, count, seen_, frames_);
  } else if (out_.format() == "png") {
    ClipPictures::require_sheet_to_fit(scale_, out_, clips, count, seen_, needed_, frames_);
  }
}

int Predict::run() {
  watch_signals();
  check_options();
  Model model = model_.load(terminal_);
  require_model(model);
  const ImageSet clips = load(model);
  check_picture(clips);
  if (!out_.is_given() && clips.channels() == seen_) {
    throw Error(ErrorCode::invalid_argument,
                "vae predict: no frames of these clips are left to measure by, so that there is "
                "nothing to tell: give --out, or --seen N");
  }
  if (out_.format() == "npy") {
    arrays_.emplace(out_.path(),
                    std::vector<int64_t>{clips.count(), frames_, clips.height(), clips.width()});
  }
  stop_when_asked();
  const bool whole = predict(model, clips);
  terminal_.clear();
  if (!whole) return 128 + stop_signal();
  write();
  report(model, clips.count());
  return kSuccess;
}

/// False where a signal stopped it. Clips do not depend on one another, so that they can be had
/// piece by piece.
bool Predict::predict(Model& model, const ImageSet& clips) {
  const auto show = share_progress(terminal_, "predicting");
  const auto all = static_cast<double>(clips.count());
  PredictOptions options;
  options.frames = frames_;
  options.seen = seen_;
  for (int64_t first = 0; first < clips.count(); first += kClipsAtOnce) {
    const int64_t count = std::min(kClipsAtOnce, clips.count() - first);
    options.progress = [&](double share) {
      return show((static_cast<double>(first) + share * static_cast<double>(count)) / all);
    };
    const ImageSet piece = clips.slice(first, count);
    const Prediction found = model.predict(piece, options);
    if (found.frames.count() == 0) return false;
    take(piece, found);
  }
  return true;
}

void Predict::take(const ImageSet& clips, const Prediction& found) {
  errors_ += found.errors;
  if (arrays_) arrays_->append(found.frames);
  const std::string format = out_.format();
  const int64_t shown = std::min(clips.count(), kClipsShown - pictured_);
  if ((format != "gif" && format != "png") || shown <= 0) return;
  const auto first_of = [&](const Array& array) {
    Array some = rows_of(array, 0, shown);
    some.shape = array.shape;
    some.shape.front() = shown;
    return some;
  };
  pictures_.add(clips.slice(0, shown), seen_, {first_of(found.frames), first_of(found.truth), {}});
  pictured_ += shown;
}

void Predict::write() {
  if (arrays_) {
    arrays_->finish();
  } else if (out_.format() == "gif") {
    save_gif(out_.path(), pictures_.film(scale_), kFrameMilliseconds);
  } else if (out_.format() == "png") {
    save_png(out_.path(), pictures_.sheet(scale_, needed_));
  }
}

void Predict::report(const Model& model, int64_t clips) const {
  const bool measured = errors_.clips > 0;
  const auto number = [&](double value) {
    return measured && std::isfinite(value) ? Json(value) : Json();
  };
  if (!summary_.is_json() && measured) {
    const FrameGuess best = errors_.best_guess();
    write_stdout(
        fmt::format("{} clips, {} frames ahead: MSE {:.5f}, {:.3f} of the best guess ({} "
                    "{:.5f})\n",
                    clips, errors_.predicted.size(), errors_.mse(), errors_.ratio(),
                    to_string(best), errors_.mse(best)));
  }
  Json guesses = Json::object();
  for (const FrameGuess guess : kFrameGuesses) {
    guesses[std::string(to_string(guess))] = number(errors_.mse(guess));
  }
  std::vector<std::string> files;
  if (out_.is_given()) files.push_back(out_.path());
  summary_.print(
      model, files,
      {{"clips", clips},
       {"frames", frames_},
       {"seen", seen_},
       {"mse", number(errors_.mse())},
       {"mse_standard_error", number(errors_.mse_standard_error())},
       {"mse_by_frame", measured ? Json(errors_.mse_by_frame()) : Json()},
       {"guesses", guesses},
       {"best_guess", measured ? Json(std::string(to_string(errors_.best_guess()))) : Json()},
       {"ratio", number(errors_.ratio())}});
}

}  // namespace

std::unique_ptr<Verb> make_predict() { return std::make_unique<Predict>(); }

}  // namespace vae::cli
