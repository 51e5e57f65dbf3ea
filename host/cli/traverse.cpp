// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <numeric>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
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
  std::vector<int64_t> dimensions(const Model& model) const;
  Array center(Model& model);

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
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
  command.real("--range", range_, 0, 1000, "each dimension takes values from -X to +X");
  command.integer("--steps", steps_, 2, 1024, "pictures of each dimension");
  command.integers("--dimensions", dimensions_, 0, 65535, "which dimensions; default: all");
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

std::vector<int64_t> Traverse::dimensions(const Model& model) const {
  const int64_t latent = model.config().latent;
  std::vector<int64_t> list = dimensions_;
  if (list.empty()) {
    list.resize(static_cast<std::size_t>(latent));
    std::iota(list.begin(), list.end(), int64_t{0});
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

Array Traverse::center(Model& model) {
  if (index_ < 0) {
    const int64_t latent = model.config().latent;
    return {{1, latent}, std::vector<float>(static_cast<std::size_t>(latent), 0.0f)};
  }
  const ImageSet one = one_image(data_.load(model, terminal_), "--index", index_);
  return model.encode(one, input_.binarization(), input_.seed()).mean;
}

int Traverse::run() {
  out_.check();
  Model model = model_.load(terminal_);
  const std::vector<int64_t> rows = dimensions(model);
  const auto count = static_cast<int64_t>(rows.size());
  if (out_.format() == "png") {
    scale_.require_fit(out_, model, count * steps_, steps_);
  } else {
    scale_.require_fit(out_, model, count, 0, 2 * steps_);
  }
  const Array start = center(model);
  std::vector<Image> cells;  // row by row, a dimension each
  for (const int64_t dimension : rows) {
    const Array pixels = model.decode(traverse_dimension(start, dimension, range_, steps_));
    for (Image& image : pictures_of(pixels, model)) cells.push_back(std::move(image));
  }
  if (out_.format() == "png") {
    save_png(out_.path(), scale_.apply(make_grid(cells, steps_)));
    summary_.print(model, {out_.path()});
    return kSuccess;
  }
  std::vector<Image> frames;
  for (std::size_t step = 0; step < static_cast<std::size_t>(steps_); ++step) {
    std::vector<Image> frame;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      frame.push_back(cells[row * static_cast<std::size_t>(steps_) + step]);
    }
    frames.push_back(scale_.apply(make_grid(frame)));
  }
  save_gif(out_.path(), there_and_back(std::move(frames)));
  summary_.print(model, {out_.path()});
  return kSuccess;
}

}  // namespace

std::unique_ptr<Verb> make_traverse() { return std::make_unique<Traverse>(); }

}  // namespace vae::cli
