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
#include "vae/latent.h"

namespace vae::cli {
namespace {

class Manifold : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    command.group("Manifold");
    label_.declare(command);
    command.integer("--side", side_, 1, 256, "pictures along each axis");
    out_.declare(command, {"png", "npy"}, "grid of pictures, or pixel values [side * side, X]");
    scale_.declare(command);
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples(
        "  vae train --preset tutorial --latent 2 --out runs/plane\n"
        "  vae manifold runs/plane --side 20 --out plane.png");
  }

  int run() override {
    out_.check();
    Model model = model_.load(terminal_);
    require_image_target(model, "manifold");
    if (model.config().latent != 2) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: the manifold is the plane of a 2-dimensional latent, but this "
                              "model has {} dimensions; train one with --latent 2, or use "
                              "`vae traverse`",
                              model_.path(), model.config().latent));
    }
    const Array codes = manifold_grid(side_);
    write_rows(out_, scale_, model, codes.rows(), side_, [&](int64_t first, int64_t count) {
      const Array told = label_.conditions(model, count);
      return model.decode(model.in_prior(rows_of(codes, first, count), told), told);
    });
    summary_.print(model, {out_.path()});
    return kSuccess;
  }

 private:
  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  LabelOption label_;
  OutputFile out_;
  ScaleOption scale_;
  int64_t side_ = 20;
};

}  // namespace

std::unique_ptr<Verb> make_manifold() { return std::make_unique<Manifold>(); }

}  // namespace vae::cli
