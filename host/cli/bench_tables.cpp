// SPDX-License-Identifier: MIT
#include "host/cli/bench_tables.h"

#include <fmt/format.h>

#include "host/cli/json_text.h"
#include "vae/version.h"

namespace vae::cli {
namespace {

std::string spread_text(const Spread& spread, int digits) {
  return fmt::format("{:.{}f} +- {:.{}f}", spread.mean, digits, spread.deviation, digits);
}

Json spread_json(const Spread& spread) {
  return {{"mean", spread.mean}, {"deviation", spread.deviation}};
}

/// Text fields of a CSV row come from machines: quotes doubled, as RFC 4180.
std::string csv_text(const std::string& text) {
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? "\"\"" : std::string(1, letter);
  return quoted + "\"";
}

std::string operations_table(const BenchResult& result) {
  double total = 0.0;
  for (const OperationTime& operation : result.operations) {
    total += operation.milliseconds_per_step;
  }
  std::string text = fmt::format(
      "\nbatch {}: where a step's time goes\n\n| operation | ms/step | share |\n"
      "|---|---:|---:|\n",
      result.batch_size);
  for (const OperationTime& operation : result.operations) {
    const double share = total > 0 ? 100 * operation.milliseconds_per_step / total : 0.0;
    text += fmt::format("| {} | {:.4f} | {:.1f} % |\n", operation.operation,
                        operation.milliseconds_per_step, share);
  }
  return text;
}

}  // namespace

std::string bench_markdown(const std::vector<BenchResult>& results) {
  std::string text =
      "| batch | device | threads | samples/s | GFLOP/s | ms/step | floor ms | "
      "step/floor |\n|---:|---|---:|---:|---:|---:|---:|---:|\n";
  for (const BenchResult& result : results) {
    text += fmt::format(
        "| {} | {} | {} | {} | {} | {} | {} | {} |\n", result.batch_size, result.device,
        result.threads, spread_text(result.samples_per_second, 0),
        spread_text(result.gflop_per_second, 1), spread_text(result.step_milliseconds, 3),
        spread_text(result.floor_milliseconds, 3), spread_text(result.ratio_to_floor, 3));
  }
  for (const BenchResult& result : results) text += operations_table(result);
  if (!results.empty()) {
    text += fmt::format("\n{}; {} parameters; {}\n", results.front().description,
                        results.front().parameters, build_description());
  }
  return text;
}

std::string bench_csv(const std::vector<BenchResult>& results) {
  std::string text =
      "batch_size,device,threads,parameters,step_gflop,samples_per_second,"
      "samples_per_second_deviation,gflop_per_second,gflop_per_second_deviation,"
      "step_milliseconds,step_milliseconds_deviation,floor_milliseconds,"
      "floor_milliseconds_deviation,ratio_to_floor,ratio_to_floor_deviation,description,build\n";
  for (const BenchResult& result : results) {
    text += fmt::format("{},{},{},{},{}", result.batch_size, csv_text(result.device),
                        result.threads, result.parameters, result.step_gflop);
    for (const Spread& spread :
         {result.samples_per_second, result.gflop_per_second, result.step_milliseconds,
          result.floor_milliseconds, result.ratio_to_floor}) {
      text += fmt::format(",{},{}", spread.mean, spread.deviation);
    }
    text += fmt::format(",{},{}\n", csv_text(result.description), csv_text(build_description()));
  }
  return text;
}

std::string bench_json(const std::vector<BenchResult>& results, const BenchOptions& options) {
  Json list = Json::array();
  for (const BenchResult& result : results) {
    Json operations = Json::array();
    for (const OperationTime& operation : result.operations) {
      operations.push_back({{"operation", operation.operation},
                            {"milliseconds_per_step", operation.milliseconds_per_step}});
    }
    list.push_back({{"batch_size", result.batch_size},
                    {"device", result.device},
                    {"description", result.description},
                    {"threads", result.threads},
                    {"parameters", result.parameters},
                    {"step_gflop", result.step_gflop},
                    {"samples_per_second", spread_json(result.samples_per_second)},
                    {"gflop_per_second", spread_json(result.gflop_per_second)},
                    {"step_milliseconds", spread_json(result.step_milliseconds)},
                    {"floor_milliseconds", spread_json(result.floor_milliseconds)},
                    {"ratio_to_floor", spread_json(result.ratio_to_floor)},
                    {"operations", operations}});
  }
  Json config = Json::parse(config_to_json(options.config));
  config["training"].erase("batch_size");  // each result has its own
  return json_text({{"build", build_description()},
                    {"config", config},
                    {"repetitions", options.repetitions},
                    {"seconds_per_repetition", options.seconds_per_repetition},
                    {"results", list}});
}

}  // namespace vae::cli
