// SPDX-License-Identifier: MIT
#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/json_text.h"
#include "host/cli/shared_options.h"
#include "host/cli/verbs.h"
#include "vae/error.h"
#include "vae/report.h"

namespace vae::cli {
namespace {

class Compare : public Verb {
 public:
  void declare(Command& command) override {
    command.required_texts("RUN", runs_, "run folders, two or more");
    device_.declare(command);
    command.group("Comparison");
    command.seed(options_.seed, "key of the samples' draws");
    out_.declare(command, {"html"}, "the page");
    command.group("General");
    command.flag("--json", json_, "print one JSON object: runs, files");
    terminal_.declare(command, false);
    command.examples("  vae compare runs/first runs/second --out page.html");
  }

  int run() override {
    out_.check();
    if (runs_.size() < 2) {
      throw Error(ErrorCode::invalid_argument,
                  "vae compare: one run is no comparison; give two run folders or more");
    }
    for (const std::string& folder : runs_) require_input(folder);
    options_.device = device_.choose(terminal_).device;
    write_comparison(out_.path(), runs_, options_);
    const Json files = Json::array({out_.path()});
    if (json_) write_stdout(json_text({{"runs", runs_}, {"files", files}}));
    return kSuccess;
  }

 private:
  Terminal terminal_;
  DeviceOptions device_;
  OutputFile out_;
  ComparisonOptions options_;
  std::vector<std::string> runs_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_compare() { return std::make_unique<Compare>(); }

}  // namespace vae::cli
