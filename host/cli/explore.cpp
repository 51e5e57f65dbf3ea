// SPDX-License-Identifier: MIT
#include <filesystem>
#include <system_error>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/error.h"
#include "vae/explorer.h"
#include "vae/report.h"

namespace vae::cli {
namespace {

namespace fs = std::filesystem;

class Explore : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    data_.declare(command, true);
    command.group("Explorer");
    command.integer("--dots", options_.dots, 1, 100000,
                    "images on the map, evenly spaced over the set");
    input_.declare(command, kWithoutChance);
    out_.declare_optional(command, {"html"}, "the page [RUN/explore.html]");
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples(
        "  vae explore runs/first\n"
        "  vae explore runs/first --split train --dots 4000 --out page.html");
  }

  int run() override {
    require_input(model_.path());
    if (!out_.is_given()) out_.take(page_of_run());
    out_.check();
    Model model = model_.load(terminal_);
    require_image_target(model, "explore");
    check_explorable(model.config());
    const ImageSet images = data_.load(model, terminal_);
    options_.binarization = input_.binarization();
    options_.seed = input_.seed();
    options_.title = fs::absolute(model_.path()).lexically_normal().filename().string();
    const ExplorerPage page = write_explorer(out_.path(), model, images, options_);
    link_from_report();
    summary_.print(model, {out_.path()},
                   {{"bytes", page.bytes},
                    {"images", page.images},
                    {"latents", page.latents},
                    {"layers", page.layers},
                    {"weight_bits", page.weight_bits},
                    {"largest_difference", page.largest_difference}});
    return kSuccess;
  }

 private:
  std::string page_of_run() const {
    if (fs::is_directory(model_.path())) return (fs::path(model_.path()) / "explore.html").string();
    throw Error(ErrorCode::invalid_argument,
                "vae explore: " + model_.path() +
                    " is a checkpoint, not a run folder: say where the page goes with --out "
                    "page.html");
  }

  /// A report beside the page tells of it. The page is written whatever comes of that.
  void link_from_report() {
    const fs::path folder = fs::path(out_.path()).parent_path();
    std::error_code missing;
    if (!fs::equivalent(folder.empty() ? "." : folder, model_.path(), missing) ||
        fs::path(out_.path()).filename() != "explore.html" ||
        !fs::exists(fs::path(model_.path()) / "report.html", missing)) {
      return;
    }
    try {
      write_report(model_.path());
    } catch (const Error& error) {
      terminal_.warning(std::string("report.html has no link to the page: ") + error.what());
    }
  }

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  ExplorerOptions options_;
};

}  // namespace

std::unique_ptr<Verb> make_explore() { return std::make_unique<Explore>(); }

}  // namespace vae::cli
