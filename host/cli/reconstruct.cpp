// SPDX-License-Identifier: MIT
#include <algorithm>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "host/cli/views.h"
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
        command, {"png", "gif", "npy"},
        "inputs above outputs, of volumes also as a film, or the outputs' pixel values [count, X]; "
        "of --target label or mask the probabilities of classes");
    view_.declare(command);
    scale_.declare(command);
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples(
        "  vae reconstruct runs/first --data mnist --count 16 --out r.png\n"
        "  vae reconstruct runs/volumes --count 8 --view turning --out r.gif");
  }

  int run() override {
    out_.check();
    Model model = model_.load(terminal_);
    if (out_.format() != "npy") require_picture(model);
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
    write_picture(model, images);
    summary_.print(model, {out_.path()});
    return kSuccess;
  }

 private:
  /// Throws Error(invalid_argument) for models and views that are no picture.
  void require_picture(const Model& model) const {
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
    view_.check(out_, model.config());
  }

  void write_picture(Model& model, const ImageSet& images) const {
    const int64_t rows = model.config().has_class_target() || model.restores() ? 3 : 2;
    const int64_t columns = std::min(kPairsPerRow, images.count());
    const int64_t bands = (images.count() + columns - 1) / columns;
    if (view_.is_special(out_)) {
      ViewGrid grid(view_, out_, scale_, model, rows * bands * columns, columns);
      add_bands(reconstruction_values(model, images, input_.binarization(), input_.seed()), columns,
                grid);
      return save_frames(out_, grid.frames());
    }
    scale_.require_fit(out_, model, rows * bands * columns, columns);
    const auto pictures = reconstruction_rows(model, images, input_.binarization(), input_.seed());
    save_png(out_.path(), scale_.apply(make_bands(pictures, columns)));
  }

  /// As make_bands() lays them.
  static void add_bands(const std::vector<Array>& rows, int64_t columns, ViewGrid& grid) {
    const int64_t count = rows.front().rows();
    for (int64_t first = 0; first < count; first += columns) {
      const int64_t here = std::min(columns, count - first);
      for (const Array& row : rows) {
        grid.add(rows_of(row, first, here));
        grid.skip(columns - here);
      }
    }
  }

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  ViewOption view_;
  ScaleOption scale_;
  int64_t count_ = 16;
};

}  // namespace

std::unique_ptr<Verb> make_reconstruct() { return std::make_unique<Reconstruct>(); }

}  // namespace vae::cli
