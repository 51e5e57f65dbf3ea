// SPDX-License-Identifier: MIT
#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/latent.h"

namespace vae::cli {
namespace {

class Interpolate : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    data_.declare(command, false);
    command.group("Interpolation");
    command.integer("--from", from_, 0, INT64_MAX, "index of the first image");
    command.integer("--to", to_, 0, INT64_MAX, "index of the last image");
    command.integer("--steps", steps_, 2, 4096, "pictures, both ends included");
    command.word("--path", path_, {"linear", "spherical"},
                 "straight line, or great circle that keeps the norm");
    input_.declare(command, kWithoutChance);
    out_.declare(command, {"png", "gif", "npy"},
                 "a row of pictures, a film, or pixel values [steps, X]");
    scale_.declare(command);
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples("  vae interpolate runs/first --from 3 --to 18 --steps 12 --out path.png");
  }

  int run() override {
    out_.check();
    Model model = model_.load(terminal_);
    if (out_.format() == "gif") scale_.require_fit(out_, model, 1, 1, 2 * steps_);
    const ImageSet images = data_.load(model, terminal_);
    const Array from = code(model, images, "--from", from_);
    const Array to = code(model, images, "--to", to_);
    const Array codes = path_ == "linear" ? interpolate_linear(from, to, steps_)
                                          : interpolate_spherical(from, to, steps_);
    if (out_.format() == "gif") {
      save_gif(out_.path(), there_and_back(scaled(pictures_of(model.decode(codes), model))));
    } else {
      write_rows(out_, scale_, model, steps_, steps_, [&](int64_t first, int64_t count) {
        return model.decode(rows_of(codes, first, count));
      });
    }
    summary_.print(model, {out_.path()});
    return kSuccess;
  }

 private:
  Array code(Model& model, const ImageSet& images, const char* option, int64_t index) const {
    const ImageSet one = one_image(images, option, index);
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
  int64_t from_ = 0, to_ = 1, steps_ = 10;
  std::string path_ = "linear";
};

}  // namespace

std::unique_ptr<Verb> make_interpolate() { return std::make_unique<Interpolate>(); }

}  // namespace vae::cli
