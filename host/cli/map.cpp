// SPDX-License-Identifier: MIT
#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/latent_map.h"

namespace vae::cli {
namespace {

class Map : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    data_.declare(command, true);
    command.group("Map");
    command.integer("--side", side_, 100, 8192, "pixels of the square with the dots (.png)");
    input_.declare(command, kWithoutChance);
    out_.declare(command, {"png", "svg"}, "a picture, or a drawing for pages");
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples(
        "  vae map runs/first --out map.png\n"
        "  vae map runs/first --split train --limit 5000 --out map.svg");
  }

  int run() override {
    out_.check();
    Model model = model_.load(terminal_);
    const ImageSet images = data_.load(model, terminal_);
    const Array codes = model.encode(images, input_.binarization(), input_.seed()).mean;
    const LatentMap map = make_latent_map(codes, images.labels(), images.label_names());
    if (!map.note.empty()) terminal_.warning(map.note);
    if (out_.format() == "svg") {
      write_text_file(out_.path(), latent_map_svg(map));
    } else {
      save_png(out_.path(), draw_latent_map(map, side_));
    }
    summary_.print(model, {out_.path()},
                   {{"images", map.points.rows()}, {"explained", map.explained}});
    return kSuccess;
  }

 private:
  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  int64_t side_ = 800;
};

}  // namespace

std::unique_ptr<Verb> make_map() { return std::make_unique<Map>(); }

}  // namespace vae::cli
