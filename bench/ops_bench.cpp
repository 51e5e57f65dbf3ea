// SPDX-License-Identifier: MIT
//
// Each operation alone over the catalogue of tests/support/cases.h:
//   ops_bench --benchmark_filter=dense_forward
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "host/arena.h"
#include "kernels/backend.h"
#include "tests/support/cases.h"

namespace {

using namespace vae;

/// Tensors of one dense layer in the backend's memory; zeros are as fast as any other numbers on
/// a CPU, and nothing here branches on them.
struct DenseTensors {
  DenseTensors(Backend& backend, const testing::DenseCase& c) : arena(backend) {
    arena.request(x, {c.rows, c.in});
    arena.request(dx, {c.rows, c.in});
    arena.request(w, {c.out, c.in});
    arena.request(dw, {c.out, c.in});
    arena.request(b, {c.out});
    arena.request(db, {c.out});
    arena.request(y, {c.rows, c.out});
    arena.allocate();
  }

  Arena arena;
  View x, dx, w, dw, b, db, y;
};

template <typename Body>
void measure(benchmark::State& state, Backend& backend, double flops, double bytes, Body body) {
  for (auto _ : state) {
    body();
    backend.synchronize();
  }
  const auto iterations = static_cast<double>(state.iterations());
  state.counters["FLOP/s"] = benchmark::Counter(flops * iterations, benchmark::Counter::kIsRate);
  state.counters["B/s"] = benchmark::Counter(bytes * iterations, benchmark::Counter::kIsRate);
}

void register_dense(const std::shared_ptr<Backend>& backend, const testing::DenseCase& c) {
  const std::string shape = "/" + std::to_string(c.rows) + "x" + std::to_string(c.in) + "x" +
                            std::to_string(c.out) + "/" + backend->name();
  benchmark::RegisterBenchmark(("dense_forward" + shape).c_str(), [=](benchmark::State& state) {
    const DenseTensors t(*backend, c);
    measure(state, *backend, c.flops(), c.bytes(), [&] {
      backend->dense_forward({t.y, {}, t.x, t.w, t.b, Activation::relu});
    });
  })->UseRealTime();
  benchmark::RegisterBenchmark(("dense_backward_input" + shape).c_str(), [=](benchmark::State&
                                                                                 state) {
    const DenseTensors t(*backend, c);
    measure(state, *backend, c.flops(), c.bytes(), [&] {
      backend->dense_backward_input({t.dx, t.y, t.w, t.x, {}, Activation::relu});
    });
  })->UseRealTime();
  benchmark::RegisterBenchmark(("dense_backward_weights" + shape).c_str(),
                               [=](benchmark::State& state) {
                                 const DenseTensors t(*backend, c);
                                 measure(state, *backend, c.flops(), c.bytes(), [&] {
                                   backend->dense_backward_weights({t.dw, t.db, t.y, t.x});
                                 });
                               })
      ->UseRealTime();
}

void register_likelihood(const std::shared_ptr<Backend>& backend, const testing::RowCase& c) {
  const std::string name = "likelihood/" + std::to_string(c.rows) + "x" + std::to_string(c.width) +
                           "/" + backend->name();
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    Arena arena(*backend);
    View outputs, x, log_px;
    arena.request(outputs, {c.rows, c.width});
    arena.request(x, {c.rows, c.width});
    arena.request(log_px, {c.rows});
    arena.allocate();
    LikelihoodArgs args;
    args.log_px = log_px;
    args.doutputs = outputs;
    args.outputs = outputs;
    args.x = x;
    measure(state, *backend, 0.0, 12.0 * c.elements(), [&] { backend->likelihood(args); });
  })->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const std::shared_ptr<Backend> backend = make_backend(Device::cpu());
  benchmark::AddCustomContext("device", backend->description());
  for (const testing::DenseCase& c : testing::dense_cases()) register_dense(backend, c);
  for (const testing::RowCase& c : testing::row_cases()) register_likelihood(backend, c);
  benchmark::RunSpecifiedBenchmarks();
}
