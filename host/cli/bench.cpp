// SPDX-License-Identifier: MIT
#include "vae/bench.h"

#include "host/cli/bench_tables.h"
#include "host/cli/exit_status.h"
#include "host/cli/shared_options.h"
#include "host/cli/verbs.h"

namespace vae::cli {
namespace {

class Bench : public Verb {
 public:
  void declare(Command& command) override {
    command.group("Measurement");
    command.integers("--batch-size", options_.batch_sizes, 1, 1 << 20,
                     "batch sizes to measure [20,128]");
    command.integer("--repetitions", options_.repetitions, 1, 10000, "measurements of each");
    command.real("--seconds", options_.seconds_per_repetition, 0, 3600,
                 "length of one measurement");
    command.real("--warmup", options_.warmup_seconds, 0, 3600, "unmeasured seconds before it");
    command.word("--output", output_, {"md", "csv", "json"}, "format of the result");
    command.flag("--json", json_, "the same as --output json");
    terminal_.declare(command, false);
    device_.declare(command, /*with_precision=*/false);
    // `output` of a model has the name of the format here; a preset or a file can say it.
    config_.declare(command, {"batch_size", "output", "size", "grey", "rgb", "transpose",
                              "test_share", "corrupt", "scene"});
    command.examples(
        "  vae bench\n"
        "  vae bench --preset iwae-1 --batch-size 20,128,512 --threads 1 --output csv");
  }

  int run() override {
    options_.config = config_.resolve({});
    validate(options_.config);
    const DeviceChoice choice = device_.choose(terminal_, options_.config.training.precision);
    options_.device = choice.device;
    options_.on_stage = [this](std::string_view line) { terminal_.info(line); };
    const std::vector<BenchResult> results = run_bench(options_);
    const std::string format = json_ ? "json" : output_;
    write_stdout(format == "json"  ? bench_json(results, options_)
                 : format == "csv" ? bench_csv(results)
                                   : bench_markdown(results));
    return kSuccess;
  }

 private:
  Terminal terminal_;
  DeviceOptions device_;
  ConfigOptions config_;
  BenchOptions options_;
  std::string output_ = "md";
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_bench() { return std::make_unique<Bench>(); }

}  // namespace vae::cli
