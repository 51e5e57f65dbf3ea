// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/verbs.h"
#include "vae/error.h"

namespace vae::cli {
namespace {

class Encode : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    data_.declare(command, true);
    command.text("--images", "PATH", images_,
                 "instead of --data: an IDX file, a PNG, or a folder of PNGs in name order");
    command.group("Encoding");
    input_.declare(command, kWithoutChance);
    out_.declare(command, {"npy"}, "means [n, Z]; log-variances go to FILE.logvar.npy");
    terminal_.declare(command, false);
    command.examples(
        "  vae encode runs/first --data mnist --split test --out latents.npy\n"
        "  vae encode runs/first --images digits/ --out latents.npy");
  }

  int run() override {
    out_.check();
    if (!images_.empty() && data_.given()) {
      throw Error(ErrorCode::invalid_argument, "vae encode: give --data or --images, not both");
    }
    Model model = model_.load(terminal_);
    const Posterior posterior =
        model.encode(load(model.config()), input_.binarization(), input_.seed());
    const std::string& mean_path = out_.path();
    const std::string stem = mean_path.substr(0, mean_path.size() - 4);  // without ".npy"
    save_npy(mean_path, posterior.mean);
    save_npy(stem + ".logvar" + mean_path.substr(stem.size()), posterior.logvar);
    return kSuccess;
  }

 private:
  ImageSet load(const ModelConfig& model) const {
    if (images_.empty()) return data_.load(model);
    ImageSet images = load_images(images_, model.height, model.width, model.channels);
    require_image_size(model, images, fmt::format("--images {}", images_));
    return images;
  }

  Terminal terminal_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  std::string images_;
};

}  // namespace

std::unique_ptr<Verb> make_encode() { return std::make_unique<Encode>(); }

}  // namespace vae::cli
