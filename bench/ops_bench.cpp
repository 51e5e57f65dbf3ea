// SPDX-License-Identifier: MIT
//
// Each operation alone, on the CPU over the catalogue of tests/support/cases.h too:
//   ops_bench --benchmark_filter=dense_forward
//   ops_bench --device cuda --precision tf32 --peaks microbench.json
// Counters: us and ratios in percent, each to something measured on the same machine:
//   peak_%   of the ceilings that gpu_microbench measured (the arithmetic or the traffic, whichever
//            takes longer)
//   gemm_%   of Backend::gemm on the same shape, measured in turn
//   lt_%     of cuBLASLt's best algorithm as gpu_microbench measured it
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bench/op_clock.h"
#include "tests/support/cases.h"
#include "vae/error.h"

namespace {

using namespace vae;
using namespace vae::ops;

struct Options {
  std::string devices = "cpu", peaks;
  Precision precision = Precision::automatic;
  int threads = 0;
};

constexpr double kSampleSeconds = 0.02;

/// An operation's recorded sequences. Google Benchmark runs all repetitions of one benchmark before
/// the next, so only the last one's tensors are kept.
class Prepared {
 public:
  Prepared(Backend& backend, const Operation& operation, Caches caches, double flush_bytes)
      : sequence(backend, operation.make, operation.bytes_of_memory, caches, flush_bytes) {
    if (!operation.make_gemm) return;
    gemm.emplace(backend, operation.make_gemm, operation.bytes_of_memory, caches, flush_bytes);
  }

  Sequence sequence;
  std::optional<Sequence> gemm;
};

/// One device and what is known of it.
struct Bench {
  std::shared_ptr<Backend> backend;
  std::optional<Ceilings> ceilings;
  bool cuda = false;
  std::string prepared_name;
  std::unique_ptr<Prepared> prepared;

  double flush_bytes() const {
    constexpr double kUnknownL2 = 128.0 * (1 << 20);
    return 2.0 * (ceilings && ceilings->l2_bytes > 0.0 ? ceilings->l2_bytes : kUnknownL2);
  }
};

void add_ratios(benchmark::State& state, const Bench& bench, const Operation& operation,
                Caches caches, double seconds, double gemm_seconds) {
  state.counters["us"] = 1e6 * seconds;
  if (operation.flops > 0.0) state.counters["FLOP/s"] = operation.flops / seconds;
  state.counters["B/s"] = operation.bytes / seconds;
  if (gemm_seconds > 0.0) state.counters["gemm_%"] = 100.0 * gemm_seconds / seconds;
  if (!bench.ceilings) return;
  const double floor = bench.ceilings->floor_seconds(operation, caches);
  if (floor > 0.0) state.counters["peak_%"] = 100.0 * floor / seconds;
  const double product = bench.ceilings->product_seconds(operation);
  if (product > 0.0 && caches == Caches::warm) {
    state.counters["lt_%"] = 100.0 * product / seconds;
  }
}

void run(benchmark::State& state, Bench& bench, const std::string& name, const Operation& operation,
         Caches caches) {
  try {
    if (bench.prepared_name != name) {
      bench.prepared.reset();  // its memory goes before the next one's comes
      bench.prepared =
          std::make_unique<Prepared>(*bench.backend, operation, caches, bench.flush_bytes());
      bench.prepared_name = name;
    }
    double seconds = 0.0, gemm_seconds = 0.0;
    for (auto _ : state) {
      seconds = bench.prepared->sequence.seconds(kSampleSeconds);
      if (bench.prepared->gemm) gemm_seconds = bench.prepared->gemm->seconds(kSampleSeconds);
      state.SetIterationTime(seconds);
    }
    add_ratios(state, bench, operation, caches, seconds, gemm_seconds);
  } catch (const Error& error) {
    state.SkipWithError(error.what());
  }
}

void add(const std::shared_ptr<Bench>& bench, const Operation& operation, Caches caches) {
  std::string name = operation.name + "/" + bench->backend->name();
  if (bench->cuda) name += caches == Caches::warm ? "/warm" : "/cold";
  benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State& state) { run(state, *bench, name, operation, caches); })
      ->UseManualTime()
      ->Iterations(1)
      ->Unit(benchmark::kMicrosecond);
}

/// The catalogue of the tests, whose shapes are too small to say anything of a GPU.
void add_catalogue(const std::shared_ptr<Bench>& bench) {
  for (const testing::DenseCase& c : testing::dense_cases()) {
    for (const Operation& operation : layer_operations("catalogue", {c.rows, c.in, c.out}, true)) {
      add(bench, operation, Caches::warm);
    }
  }
  for (const testing::RowCase& c : testing::row_cases()) {
    add(bench, likelihood_operation("catalogue", c.rows, c.width), Caches::warm);
  }
}

void add_device(const std::string& name, const Options& options) {
  Device device = Device::parse(name);
  device.threads = options.threads;
  device.precision = options.precision;
  const auto bench = std::make_shared<Bench>();
  bench->backend = make_backend(choose_device(device).device);
  bench->cuda = device.kind == DeviceKind::cuda;
  benchmark::AddCustomContext(bench->backend->name(), bench->backend->description());
  if (bench->cuda && !options.peaks.empty()) {
    bench->ceilings = Ceilings::read(options.peaks, options.precision);
  }
  if (!bench->cuda) add_catalogue(bench);
  for (const workloads::Workload& workload : workloads::all()) {
    const bool too_long = !bench->cuda && workload.name.starts_with("wide");
    if (too_long) continue;
    std::vector<Operation> operations = dense_operations(workload);
    for (Operation& other : other_operations(workload)) operations.push_back(std::move(other));
    for (const Operation& operation : operations) {
      add(bench, operation, Caches::warm);
      if (bench->cuda) add(bench, operation, Caches::cold);
    }
  }
}

std::vector<std::string> wanted_devices(const std::string& text) {
  std::vector<std::string> names;
  if (text == "all") {
    for (const DeviceInfo& device : list_devices()) {
      if (device.usable) names.push_back(device.name);
    }
    return names;
  }
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

/// False when an argument is not understood. Takes this program's own out of argv.
bool parse(int& argc, char** argv, Options& options) {
  static const std::map<std::string, Precision> kPrecisions = {{"auto", Precision::automatic},
                                                               {"fp32", Precision::fp32},
                                                               {"tf32", Precision::tf32},
                                                               {"bf16", Precision::bf16}};
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!(word == "--device" || word == "--precision" || word == "--peaks" ||
          word == "--threads")) {
      argv[kept++] = argv[i];
      continue;
    }
    if (++i == argc) return false;
    const std::string value = argv[i];
    if (word == "--device") options.devices = value;
    if (word == "--peaks") options.peaks = value;
    if (word == "--threads") options.threads = std::atoi(value.c_str());
    if (word == "--precision") {
      const auto precision = kPrecisions.find(value);
      if (precision == kPrecisions.end()) return false;
      options.precision = precision->second;
    }
  }
  argc = kept;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const bool understood = parse(argc, argv, options);
  benchmark::Initialize(&argc, argv);
  if (!understood || benchmark::ReportUnrecognizedArguments(argc, argv)) {
    std::fprintf(stderr,
                 "usage: ops_bench [--device cpu|cuda[:N]|all|A,B] [--precision auto|fp32|tf32|"
                 "bf16] [--peaks FILE] [--threads N] [--benchmark_...]\n");
    return 2;
  }
  try {
    for (const std::string& name : wanted_devices(options.devices)) add_device(name, options);
  } catch (const Error& error) {
    std::fprintf(stderr, "ops_bench: %s\n", error.what());
    return 5;
  }
  benchmark::RunSpecifiedBenchmarks();
}
