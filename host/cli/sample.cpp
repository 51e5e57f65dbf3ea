// SPDX-License-Identifier: MIT
#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"

namespace vae::cli {
namespace {

class Sample : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    command.group("Sample");
    command.integer("--count", count_, 1, 1 << 20, "how many pictures");
    command.seed(seed_, "key of the draws; the same seed gives the same pictures");
    command.integer("--columns", columns_, 0, 4096, "pictures in a row; 0: a square");
    out_.declare(command, {"png", "npy"}, "grid of pictures, or pixel values [count, X]");
    scale_.declare(command);
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples(
        "  vae sample runs/first --count 64 --out samples.png\n"
        "  vae sample runs/first --count 10000 --seed 7 --out samples.npy");
  }

  int run() override {
    out_.check();
    Model model = model_.load(terminal_);
    write_rows(out_, scale_, model, count_, columns_,
               [&](int64_t first, int64_t count) { return model.sample(count, seed_, first); });
    summary_.print(model, {out_.path()});
    return kSuccess;
  }

 private:
  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  OutputFile out_;
  ScaleOption scale_;
  int64_t count_ = 64, columns_ = 0;
  uint64_t seed_ = 1;
};

}  // namespace

std::unique_ptr<Verb> make_sample() { return std::make_unique<Sample>(); }

}  // namespace vae::cli
