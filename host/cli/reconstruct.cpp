// SPDX-License-Identifier: MIT
#include <algorithm>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"

namespace vae::cli {
namespace {

constexpr int64_t kPairsPerRow = 16;

/// Rows of inputs, each above the row of its outputs; the last pair of rows is filled up with
/// black.
std::vector<Image> interleave(const std::vector<Image>& inputs, const std::vector<Image>& outputs,
                              int64_t columns) {
  const auto count = static_cast<int64_t>(inputs.size());
  Image blank = inputs.front();
  std::fill(blank.pixels.begin(), blank.pixels.end(), uint8_t{0});
  std::vector<Image> cells;
  for (int64_t first = 0; first < count; first += columns) {
    for (const std::vector<Image>* row : {&inputs, &outputs}) {
      for (int64_t i = first; i < first + columns; ++i) {
        cells.push_back(i < count ? (*row)[static_cast<std::size_t>(i)] : blank);
      }
    }
  }
  return cells;
}

class Reconstruct : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    data_.declare(command, false);
    command.group("Reconstruction");
    command.integer("--count", count_, 1, 1 << 20, "the first N images");
    input_.declare(command, kWithoutChance);
    out_.declare(command, {"png", "npy"},
                 "inputs above outputs, or the outputs' pixel values [count, X]");
    scale_.declare(command);
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples("  vae reconstruct runs/first --data mnist --count 16 --out r.png");
  }

  int run() override {
    out_.check();
    Model model = model_.load(terminal_);
    ImageSet images = data_.load(model, terminal_);
    images = images.slice(0, std::min(count_, images.count()));
    const auto outputs = [&](int64_t first, int64_t count) {
      return model.reconstruct(images.slice(first, count), input_.binarization(), input_.seed());
    };
    if (out_.format() == "npy") {
      write_rows(out_, scale_, model, images.count(), 0, outputs);
      std::vector<std::string> written = {out_.path()};
      const std::string names = out_.path().substr(0, out_.path().size() - 4) + ".names.txt";
      if (save_names(images, names)) written.push_back(names);
      summary_.print(model, written);
      return kSuccess;
    }
    const int64_t columns = std::min(kPairsPerRow, images.count());
    const int64_t pairs = (images.count() + columns - 1) / columns * columns;
    scale_.require_fit(out_, model, 2 * pairs, columns);
    const Array inputs = model.inputs(images, input_.binarization(), input_.seed());
    const std::vector<Image> cells = interleave(
        pictures_of(inputs, model), pictures_of(outputs(0, images.count()), model), columns);
    save_png(out_.path(), scale_.apply(make_grid(cells, columns)));
    summary_.print(model, {out_.path()});
    return kSuccess;
  }

 private:
  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  ScaleOption scale_;
  int64_t count_ = 16;
};

}  // namespace

std::unique_ptr<Verb> make_reconstruct() { return std::make_unique<Reconstruct>(); }

}  // namespace vae::cli
