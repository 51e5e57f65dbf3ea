// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

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

// A row of pictures for each; more are no picture any more and cost gigabytes.
constexpr std::size_t kMostDimensions = 1024;

class Traverse : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  std::vector<int64_t> dimensions(const Model& model, const std::vector<double>& kl) const;
  std::vector<double> kl_per_dimension(Model& model, const ImageSet& images) const;
  Array start(Model& model, const ImageSet& images) const;
  Array codes(Model& model, const Array& start, int64_t dimension, const Array& told) const;
  Array conditions(Model& model, const ImageSet& images) const;
  std::vector<Image> film(const std::vector<Image>& cells,
                          const std::vector<std::string>& labels) const;

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  LabelOption label_;
  OutputFile out_;
  ScaleOption scale_;
  std::vector<int64_t> dimensions_;
  int64_t index_ = -1, steps_ = 9;
  double range_ = 3.0;
};

void Traverse::declare(Command& command) {
  model_.declare(command);
  data_.declare(command, false);
  command.group("Traversal");
  command.integer("--index", index_, -1, INT64_MAX,
                  "image whose code is the center; -1: the prior's mean");
  label_.declare(command);
  command.real("--range", range_, 0, 1000,
               "each dimension takes values from -X to +X deviations of the prior");
  command.integer("--steps", steps_, 2, 1024, "pictures of each dimension");
  command.integers("--dimensions", dimensions_, 0, 65535,
                   "which dimensions, in this order; default: all, the one of the highest KL "
                   "first");
  input_.declare(command, kWithoutChance);
  out_.declare(command, {"png", "gif"},
               "grid with a row for each dimension, or a film sweeping all at once");
  scale_.declare(command);
  summary_.declare(command);
  terminal_.declare(command, false);
  command.examples(
      "  vae traverse runs/first --index 4 --range 3 --steps 9 --out t.png\n"
      "  vae traverse runs/first --steps 24 --out t.gif");
}

std::vector<int64_t> Traverse::dimensions(const Model& model, const std::vector<double>& kl) const {
  const int64_t latent = model.config().latent;
  std::vector<int64_t> list = dimensions_;
  if (list.empty()) {
    list.resize(static_cast<std::size_t>(latent));
    std::iota(list.begin(), list.end(), int64_t{0});
    if (!kl.empty()) {
      std::stable_sort(list.begin(), list.end(), [&](int64_t a, int64_t b) {
        return kl[static_cast<std::size_t>(a)] > kl[static_cast<std::size_t>(b)];
      });
    }
  }
  for (const int64_t dimension : list) {
    if (dimension < latent) continue;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--dimensions: there is no dimension {}, the latent has {} (0..{})",
                            dimension, latent, latent - 1));
  }
  if (list.size() > kMostDimensions) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} dimensions are too many for one picture; choose up to {} with "
                            "--dimensions",
                            list.size(), kMostDimensions));
  }
  return list;
}

/// What the checkpoint tells, or, where it does not, what the images given say.
std::vector<double> Traverse::kl_per_dimension(Model& model, const ImageSet& images) const {
  const std::vector<double>& stored = model.checkpoint()->kl_per_dimension;
  const auto of_z = [&](std::vector<double> all) {
    all.resize(static_cast<std::size_t>(model.config().latent));
    return all;
  };
  const bool complete = static_cast<int64_t>(stored.size()) == model.config().all_latents();
  if (complete) return of_z(stored);
  if (images.count() == 0) return {};
  EvaluateOptions options;
  options.binarization = input_.binarization();
  options.seed = input_.seed();
  return of_z(model.evaluate(images, options).kl_per_dimension);
}

/// The code of --index, or nothing.
Array Traverse::start(Model& model, const ImageSet& images) const {
  if (index_ < 0) return {};
  const ImageSet one = one_image(images, "--index", index_);
  return model.encode(one, input_.binarization(), input_.seed()).mean;
}

/// Of a dimension that goes through its prior while the others stay at `start`, or without it at
/// the prior's means.
Array Traverse::codes(Model& model, const Array& start, int64_t dimension,
                      const Array& told) const {
  const auto latent = static_cast<std::size_t>(model.config().latent);
  const Array zeros = {{1, model.config().latent}, std::vector<float>(latent)};
  Array codes = model.in_prior(traverse_dimension(zeros, dimension, range_, steps_), told);
  for (std::size_t i = 0; i < codes.values.size() && !start.values.empty(); ++i) {
    const std::size_t column = i % latent;
    if (static_cast<int64_t>(column) != dimension) codes.values[i] = start.values[column];
  }
  return codes;
}

/// What every code is decoded with: --label, or what is known of the image of --index.
Array Traverse::conditions(Model& model, const ImageSet& images) const {
  if (index_ < 0 || label_.is_given()) return label_.conditions(model, steps_);
  const Array one = model.conditions(one_image(images, "--index", index_));
  Array all{{steps_, one.row_size()}, {}};
  for (int64_t step = 0; step < steps_ && one.rows() > 0; ++step) {
    all.values.insert(all.values.end(), one.values.begin(), one.values.end());
  }
  return all;
}

int Traverse::run() {
  out_.check();
  Model model = model_.load(terminal_);
  require_image_target(model, "traverse");
  // Before any work: the order does not matter yet.
  const auto count = static_cast<int64_t>(dimensions(model, {}).size());
  if (out_.format() == "png") {
    scale_.require_fit(out_, model, count * steps_, steps_);
  } else {
    scale_.require_fit(out_, model, count, 0, 2 * steps_);
  }
  const bool reads_images = index_ >= 0 || data_.given();
  const ImageSet images = reads_images ? data_.load(model, terminal_) : ImageSet();
  const std::vector<double> kl = kl_per_dimension(model, images);
  if (kl.empty()) {
    terminal_.info(
        "this checkpoint does not tell the KL of its dimensions: they stand in their own order; "
        "--data measures and sorts by it");
  }
  const std::vector<int64_t> rows = dimensions(model, kl);
  const Array from = start(model, images), told = conditions(model, images);
  std::vector<Image> cells;  // row by row, a dimension each
  for (const int64_t dimension : rows) {
    const Array pixels = model.decode(codes(model, from, dimension, told), told);
    for (Image& image : pictures_of(pixels, model)) cells.push_back(std::move(image));
  }
  std::vector<std::string> labels;
  for (const int64_t dimension : rows) {
    labels.push_back(kl.empty() ? fmt::format("z{}", dimension)
                                : fmt::format("z{}  KL {:.2f}", dimension,
                                              kl[static_cast<std::size_t>(dimension)]));
  }
  if (out_.format() == "png") {
    save_png(out_.path(), label_rows(scale_.apply(make_grid(cells, steps_)), labels));
  } else {
    save_gif(out_.path(), there_and_back(film(cells, labels)));
  }
  summary_.print(model, {out_.path()}, {{"dimensions", rows}});
  return kSuccess;
}

/// A frame for each step, in which all dimensions stand there, their labels below where the widest
/// one fits.
std::vector<Image> Traverse::film(const std::vector<Image>& cells,
                                  const std::vector<std::string>& labels) const {
  const Image& cell = cells.front();
  const auto [height, width] =
      grid_size(static_cast<int64_t>(labels.size()), 0, cell.height, cell.width);
  const int64_t times = scale_.factor(height, width);
  const bool labelled = std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
    return caption_width(label) <= times * cell.width;
  });
  std::vector<Image> frames;
  for (std::size_t step = 0; step < static_cast<std::size_t>(steps_); ++step) {
    std::vector<Image> frame;
    for (std::size_t row = 0; row < labels.size(); ++row) {
      const Image& small = cells[row * static_cast<std::size_t>(steps_) + step];
      frame.push_back(labelled ? add_caption(enlarge(small, times), labels[row]) : small);
    }
    const Image grid = make_grid(frame);
    frames.push_back(labelled ? grid : scale_.apply(grid));
  }
  return frames;
}

}  // namespace

std::unique_ptr<Verb> make_traverse() { return std::make_unique<Traverse>(); }

}  // namespace vae::cli
