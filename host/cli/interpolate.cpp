// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/labels.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/error.h"
#include "vae/latent.h"

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
    if (out_.format() == "gif") scale_.require_fit(out_, model, 1, 1, 2 * steps_);
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
      save_gif(out_.path(),
               there_and_back(scaled(pictures_of(model.decode(codes, conditions), model))));
    } else {
      write_rows(out_, scale_, model, steps_, steps_, [&](int64_t step, int64_t count) {
        return model.decode(rows_of(codes, step, count),
                            told ? rows_of(conditions, step, count) : Array());
      });
    }
    summary_.print(model, {out_.path()}, {{"from", first}, {"to", last}});
    return kSuccess;
  }

 private:
  Array code(Model& model, const ImageSet& one) const {
    return model.encode(one, input_.binarization(), input_.seed()).mean;
  }

  std::vector<Image> scaled(std::vector<Image> images) const {
    for (Image& image : images) image = scale_.apply(image);
    return images;
  }

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  ScaleOption scale_;
  PathEnd from_, to_;
  int64_t steps_ = 10;
  std::string path_ = "linear";
};

}  // namespace

std::unique_ptr<Verb> make_interpolate() { return std::make_unique<Interpolate>(); }

}  // namespace vae::cli
