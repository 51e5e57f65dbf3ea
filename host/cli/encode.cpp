// SPDX-License-Identifier: MIT
#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
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
                 "instead of --data: all images of a folder or file, or one picture");
    command.group("Encoding");
    input_.declare(command, kWithoutChance);
    out_.declare(command, {"npy"},
                 "means [n, Z]; log-variances go to FILE.logvar.npy, the names of pictures to "
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
    const ImageSet images = load(model);
    const Posterior posterior = model.encode(images, input_.binarization(), input_.seed());
    const std::string& mean_path = out_.path();
    const std::string logvar_path = without_npy(mean_path) + ".logvar.npy";
    save_npy(mean_path, posterior.mean);
    save_npy(logvar_path, posterior.logvar);
    std::vector<std::string> written = {mean_path, logvar_path};
    if (const auto names = save_names(images, mean_path)) written.push_back(*names);
    summary_.print(model, written);
    return kSuccess;
  }

 private:
  ImageSet load(Model& model) {
    return images_.empty() ? data_.load(model, terminal_)
                           : data_.load_pictures(images_, model, terminal_);
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
