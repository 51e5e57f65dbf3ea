// SPDX-License-Identifier: MIT
#include <fmt/format.h>

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

class Decode : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    command.required_text("LATENTS", "FILE.npy", latents_,
                          "latents [n, Z], as `vae encode` writes");
    command.group("Decoding");
    label_.declare(command);
    command.integer("--columns", columns_, 0, 4096, "pictures in a row; 0: a square");
    out_.declare(command, {"png", "gif", "npy"},
                 "grid of pictures, a film of volumes, or pixel values [n, X]");
    view_.declare(command);
    scale_.declare(command);
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples(
        "  vae decode runs/first latents.npy --out grid.png\n"
        "  vae decode runs/first latents.npy --out pixels.npy\n"
        "  vae decode runs/digits latents.npy --label 7 --out sevens.png");
  }

  int run() override {
    out_.check();
    const Array latents = load_npy(latents_);
    Model model = model_.load(terminal_);
    if (out_.format() != "npy") {
      require_image_target(model, "decode to .png or .gif");
      view_.check(out_, model.config());
    }
    check(latents, model);
    const auto decoded = [&](int64_t first, int64_t count) {
      return model.decode(rows_of(latents, first, count), label_.conditions(model, count));
    };
    write_rows(out_, scale_, model, latents.rows(), columns_, decoded, view_);
    summary_.print(model, {out_.path()});
    return kSuccess;
  }

 private:
  void check(const Array& latents, const Model& model) const {
    const int64_t latent = model.config().latent;
    if (latents.shape.size() != 2 || latents.rows() == 0 || latents.shape[1] != latent) {
      throw Error(ErrorCode::corrupt,
                  fmt::format("{}: the array is [{}] but the model decodes [n, {}]", latents_,
                              fmt::join(latents.shape, ", "), latent));
    }
    if (const auto at = latents.first_not_finite()) {
      throw Error(ErrorCode::corrupt,
                  fmt::format("{}: row {}, column {} (counted from 0) is {}; codes are finite "
                              "numbers",
                              latents_, *at / latent, *at % latent,
                              latents.values[static_cast<std::size_t>(*at)]));
    }
  }

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  LabelOption label_;
  OutputFile out_;
  ViewOption view_;
  ScaleOption scale_;
  std::string latents_;
  int64_t columns_ = 0;
};

}  // namespace

std::unique_ptr<Verb> make_decode() { return std::make_unique<Decode>(); }

}  // namespace vae::cli
