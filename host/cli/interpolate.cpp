// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/labels.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "host/cli/views.h"
#include "vae/error.h"
#include "vae/latent.h"
#include "vae/volumes.h"

namespace vae::cli {
namespace {

/// One end of the path: an image by its number, or one that stands for a class.
class PathEnd {
 public:
  /// `option` without the dashes: "from".
  void declare(Command& command, const std::string& option, int64_t otherwise,
               const std::string& which) {
    option_ = "--" + option;
    index_ = otherwise;
    command.argument({option_, "N", fmt::format("index of the {} image [{}]", which, otherwise),
                      [this](const std::string& text) {
                        index_ = parse_integer(option_, text, 0, INT64_MAX);
                        index_given_ = true;
                      },
                      false, false, fmt::format("0..{}", INT64_MAX)});
    command.text(option_ + "-label", "LABEL", label_,
                 "instead, the image nearest to the mean code of this class");
  }

  void check() const {
    if (!index_given_ || label_.empty()) return;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("give {0} or {0}-label, not both", option_));
  }

  bool wants_class() const { return !label_.empty(); }

  /// The image's number; of a class by the codes of all images.
  int64_t find(const ImageSet& images, const Array& codes, Terminal& terminal) const {
    if (!wants_class()) return index_;
    const uint8_t label = find_label(images, option_ + "-label", label_);
    const int64_t index = *typical_code(codes, images.labels(), label);
    terminal.info(fmt::format("{}-label {}: image {}", option_, label_, index));
    return index;
  }

  const std::string& option() const { return option_; }

 private:
  std::string option_, label_;
  int64_t index_ = 0;
  bool index_given_ = false;
};

class Interpolate : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    data_.declare(command, false);
    command.group("Interpolation");
    from_.declare(command, "from", 0, "first");
    to_.declare(command, "to", 1, "last");
    command.integer("--steps", steps_, 2, 4096, "pictures, both ends included");
    command.word("--path", path_, {"linear", "spherical"},
                 "straight line, or great circle that keeps the norm");
    input_.declare(command, kWithoutChance);
    out_.declare(command, {"png", "gif", "npy"},
                 "a row of pictures, a film, or pixel values [steps, X]");
    view_.declare(command);
    scale_.declare(command);
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples(
        "  vae interpolate runs/first --from 3 --to 18 --steps 12 --out path.png\n"
        "  vae interpolate runs/first --from-label 3 --to-label 7 --out path.gif");
  }

  int run() override {
    from_.check();
    to_.check();
    out_.check();
    Model model = model_.load(terminal_);
    require_image_target(model, "interpolate");
    if (view_.turns() && out_.format() != "npy") view_.check(out_, model.config());
    if (out_.format() == "gif") require_room_for_film(model);
    const ImageSet images = data_.load(model, terminal_);
    Array all;
    if (from_.wants_class() || to_.wants_class()) {
      all = model.encode(images, input_.binarization(), input_.seed()).mean;
    }
    const int64_t first = from_.find(images, all, terminal_);
    const int64_t last = to_.find(images, all, terminal_);
    const ImageSet begin = one_image(images, from_.option().c_str(), first);
    const ImageSet end = one_image(images, to_.option().c_str(), last);
    const Array from = code(model, begin), to = code(model, end);
    const Array codes = path_ == "linear" ? interpolate_linear(from, to, steps_)
                                          : interpolate_spherical(from, to, steps_);
    // What a model is told of the two ends is mixed along a straight line.
    const bool told = model.config().condition != Condition::none;
    const Array conditions =
        told ? interpolate_linear(model.conditions(begin), model.conditions(end), steps_) : Array();
    if (out_.format() == "gif") {
      save_gif(out_.path(), film(model.decode(codes, conditions), model));
    } else {
      const auto decoded = [&](int64_t step, int64_t count) {
        return model.decode(rows_of(codes, step, count),
                            told ? rows_of(conditions, step, count) : Array());
      };
      write_rows(out_, scale_, model, steps_, steps_, decoded, view_);
    }
    summary_.print(model, {out_.path()}, {{"from", first}, {"to", last}});
    return kSuccess;
  }

 private:
  Array code(Model& model, const ImageSet& one) const {
    return model.encode(one, input_.binarization(), input_.seed()).mean;
  }

  void require_room_for_film(const Model& model) const {
    const ModelConfig& config = model.config();
    if (!view_.turns()) return scale_.require_fit(out_, model, 1, 1, 2 * steps_);
    scale_.require_fit(out_, turned_size(config.height, config.width, config.channels), 1, 1,
                       2 * steps_);
  }

  /// There and back.
  std::vector<Image> film(const Array& steps, const Model& model) const {
    if (view_.turns()) return turning_film(steps, model.config());
    std::vector<Image> images = pictures_of(steps, model);
    for (Image& image : images) image = scale_.apply(image);
    return there_and_back(std::move(images));
  }

  /// Of volumes that meanwhile turn once.
  std::vector<Image> turning_film(const Array& steps, const ModelConfig& model) const {
    const auto [height, width] = turned_size(model.height, model.width, model.channels);
    const int64_t pixels = std::min<int64_t>(64, scale_.factor(height, width));
    const int64_t frames = 2 * steps.rows() - 2;
    std::vector<Image> film;
    for (int64_t frame = 0; frame < frames; ++frame) {
      const int64_t step = std::min(frame, frames - frame);
      const double degrees = 360.0 * static_cast<double>(frame) / static_cast<double>(frames);
      film.push_back(turned_picture({steps.row(step), steps.row(step + 1)}, model.height,
                                    model.width, model.channels, degrees, pixels));
    }
    return film;
  }

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  ViewOption view_;
  ScaleOption scale_;
  PathEnd from_, to_;
  int64_t steps_ = 10;
  std::string path_ = "linear";
};

}  // namespace

std::unique_ptr<Verb> make_interpolate() { return std::make_unique<Interpolate>(); }

}  // namespace vae::cli
