// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/error.h"
#include "vae/printable.h"

namespace vae::cli {
namespace {

class Encode : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    data_.declare(command, true);
    command.text("--images", "PATH", images_,
                 "instead of --data: an IDX file, a PNG, or a folder of PNGs");
    command.group("Encoding");
    input_.declare(command, kWithoutChance);
    out_.declare(command, {"npy"},
                 "means [n, Z]; log-variances go to FILE.logvar.npy, a folder's names to "
                 "FILE.names.txt");
    summary_.declare(command);
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
    const Posterior posterior = model.encode(load(model), input_.binarization(), input_.seed());
    const std::string& mean_path = out_.path();
    const std::string stem = mean_path.substr(0, mean_path.size() - 4);  // without ".npy"
    const std::string logvar_path = stem + ".logvar" + mean_path.substr(stem.size());
    save_npy(mean_path, posterior.mean);
    save_npy(logvar_path, posterior.logvar);
    std::vector<std::string> written = {mean_path, logvar_path};
    if (save_names(stem + ".names.txt")) written.push_back(stem + ".names.txt");
    summary_.print(model, written);
    return kSuccess;
  }

 private:
  ImageSet load(const Model& model) {
    if (images_.empty()) return data_.load(model, terminal_);
    const ModelConfig& config = model.config();
    ImageSet images =
        load_images(images_, config.height, config.width, config.channels, terminal_.log());
    require_image_size(config, images, fmt::format("--images {}", images_));
    warn_of_doubts(images, model, terminal_);
    return images;
  }

  /// Which row is which file of a folder, a line each. False where there is no folder.
  bool save_names(const std::string& path) const {
    if (images_.empty()) return false;
    std::string text;
    for (const std::string& name : image_files(images_)) text += printable_line(name) + "\n";
    if (text.empty()) return false;
    write_text_file(path, text);
    return true;
  }

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  std::string images_;
};

}  // namespace

std::unique_ptr<Verb> make_encode() { return std::make_unique<Encode>(); }

}  // namespace vae::cli
