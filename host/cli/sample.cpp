// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "host/cli/drawn_images.h"
#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/labels.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "host/cli/views.h"
#include "vae/error.h"

namespace vae::cli {
namespace {

constexpr int64_t kPictures = 64, kPicturesOfClass = 10;  // without --count

class Sample : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    command.group("Sample");
    command.integer("--count", count_, 0, 1 << 20,
                    fmt::format("how many pictures, with --label all of each class; 0: {}, or {} "
                                "of each",
                                kPictures, kPicturesOfClass));
    label_.declare(command, /*with_all=*/true);
    command.seed(seed_, "key of the draws; the same seed gives the same pictures");
    command.integer("--columns", columns_, 0, 4096, "pictures in a row; 0: a square");
    out_.declare(
        command, {"png", "gif", "npy", "npz"},
        "grid of pictures, a film of volumes, pixel values [count, X], or a data set of them with "
        "their labels");
    view_.declare(command);
    scale_.declare(command);
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples(
        "  vae sample runs/first --count 64 --out samples.png\n"
        "  vae sample runs/first --count 10000 --seed 7 --out samples.npy\n"
        "  vae train --condition label --out runs/digits\n"
        "  vae sample runs/digits --label 7 --count 16 --out sevens.png\n"
        "  vae sample runs/digits --label all --out classes.png\n"
        "  vae sample runs/digits --label all --count 6000 --out drawn.npz\n"
        "  vae train --data drawn.npz --target label --out runs/judge\n"
        "  vae sample runs/volumes --count 12 --view turning --out volumes.gif");
  }

  int run() override {
    out_.check();
    Model model = model_.load(terminal_);
    require_image_target(model, "sample");
    const bool draws = out_.format() == "png" || out_.format() == "gif";
    if (draws) view_.check(out_, model.config());
    const std::vector<uint8_t> classes = label_.classes(model);
    const bool in_rows = classes.size() > 1;
    if (in_rows && columns_ > 0) {
      throw Error(ErrorCode::invalid_argument,
                  "vae sample: with --label all a row is a class; leave --columns out");
    }
    if (count_ == 0) count_ = in_rows ? kPicturesOfClass : kPictures;
    const auto source = [&](int64_t first, int64_t count) {
      return classes.empty() ? model.sample(count, seed_, first)
                             : rows_of_classes(model, classes, first, count);
    };
    if (in_rows && draws) {
      write_class_grid(model, classes, source);
    } else if (out_.format() == "npz") {
      write_data_set(model, classes, source);
    } else {
      const auto sets = std::max<int64_t>(1, std::ssize(classes));
      write_rows(out_, scale_, model, sets * count_, columns_, source, view_);
    }
    summary_.print(model, {out_.path()});
    return kSuccess;
  }

 private:
  /// Rows of all classes, one class behind the other, each with draws 0 to count_ - 1.
  Array rows_of_classes(Model& model, const std::vector<uint8_t>& classes, int64_t first,
                        int64_t count) const {
    Array rows{{count, model.config().pixels()}, {}};
    for (const int64_t end = first + count; first < end;) {
      const int64_t draw = first % count_, draws = std::min(count_ - draw, end - first);
      const uint8_t label = classes[static_cast<std::size_t>(first / count_)];
      const std::vector<uint8_t> labels(static_cast<std::size_t>(draws), label);
      const Array of_class = model.sample(model.conditions(labels), seed_, draw);
      rows.values.insert(rows.values.end(), of_class.values.begin(), of_class.values.end());
      first += draws;
    }
    return rows;
  }

  /// 8-bit images to train on, and the labels they were drawn for.
  void write_data_set(const Model& model, const std::vector<uint8_t>& classes,
                      const RowSource& source) const {
    const int64_t all = std::max<int64_t>(1, std::ssize(classes)) * count_;
    std::vector<uint8_t> labels;
    for (const uint8_t label : classes) {
      labels.insert(labels.end(), static_cast<std::size_t>(count_), label);
    }
    Dataset drawn;
    drawn.train = drawn_images(model.config(), all, std::move(labels), source);
    drawn.save(out_.path());
  }

  /// A row for each class, its name on the left.
  void write_class_grid(Model& model, const std::vector<uint8_t>& classes,
                        const RowSource& source) const {
    ViewGrid grid(view_, out_, scale_, model, std::ssize(classes) * count_, count_);
    std::vector<std::string> names;
    for (int64_t row = 0; row < std::ssize(classes); ++row) {
      grid.add(source(row * count_, count_));
      names.push_back(class_text(model, classes[static_cast<std::size_t>(row)]));
    }
    std::vector<Image> frames = grid.frames();
    for (Image& frame : frames) frame = label_rows(frame, names);
    save_frames(out_, frames);
  }

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  LabelOption label_;
  OutputFile out_;
  ViewOption view_;
  ScaleOption scale_;
  int64_t count_ = 0, columns_ = 0;
  uint64_t seed_ = 1;
};

}  // namespace

std::unique_ptr<Verb> make_sample() { return std::make_unique<Sample>(); }

}  // namespace vae::cli
