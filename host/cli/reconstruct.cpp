// SPDX-License-Identifier: MIT
#include <algorithm>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/error.h"
#include "vae/reconstructions.h"

namespace vae::cli {
namespace {

constexpr int64_t kPairsPerRow = 16;

class Reconstruct : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    data_.declare(command, false);
    command.group("Reconstruction");
    command.integer("--count", count_, 1, 1 << 20, "the first N images");
    input_.declare(command, kWithoutChance);
    out_.declare(
        command, {"png", "npy"},
        "inputs above outputs, or the outputs' pixel values [count, X]; of --target label or "
        "mask the probabilities of classes");
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
      if (const auto names = save_names(images, out_.path())) written.push_back(*names);
      summary_.print(model, written);
      return kSuccess;
    }
    if (model.config().target == Target::label) {
      throw Error(ErrorCode::invalid_argument,
                  "vae reconstruct: this model decodes a class for each image (--target label), "
                  "which is no picture; --out FILE.npy has the probabilities of all classes");
    }
    if (model.config().target == Target::boxes) {
      throw Error(ErrorCode::invalid_argument,
                  "vae reconstruct: this model decodes boxes (--target boxes), which `vae detect` "
                  "draws; --out FILE.npy has what it says of each cell of its grid");
    }
    const int64_t rows = model.config().has_class_target() || model.restores() ? 3 : 2;
    const int64_t columns = std::min(kPairsPerRow, images.count());
    const int64_t bands = (images.count() + columns - 1) / columns;
    scale_.require_fit(out_, model, rows * bands * columns, columns);
    const auto pictures = reconstruction_rows(model, images, input_.binarization(), input_.seed());
    save_png(out_.path(), scale_.apply(make_bands(pictures, columns)));
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
