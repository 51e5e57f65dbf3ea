// SPDX-License-Identifier: MIT
//
// Our matrix products against oneDNN's in turn, on the same operands and as many threads: each
// product of a training step, all of a step together, and the whole step against oneDNN's products.
//   products_bench [ROUNDS [THREADS...]] >results.json
// A ratio above 1 means that oneDNN takes longer.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/onednn_products.h"
#include "bench/step_bench.h"
#include "bench/workloads.h"
#include "kernels/backend.h"

namespace {

using namespace vae;
using nlohmann::ordered_json;
using workloads::Layer;

constexpr double kSeconds = 0.01;  // of one measurement, at least

double now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Mean seconds of one call: computing time where only this thread computes, which other programs
/// disturb less, and wall time otherwise.
class Timer {
 public:
  explicit Timer(int threads) : clock_(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC) {}

  double seconds_of(const std::function<void()>& body, int calls) const {
    const double start = now(clock_);
    for (int call = 0; call < calls; ++call) body();
    return (now(clock_) - start) / calls;
  }
  /// Calls that make up one measurement.
  int calls_for(const std::function<void()>& body) const {
    body();
    const double once = std::min(seconds_of(body, 1), seconds_of(body, 1));
    return std::max(1, static_cast<int>(kSeconds / std::max(1e-7, once)));
  }

 private:
  clockid_t clock_;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

double least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

/// Both in turn, so that they see the same machine.
ordered_json race(const std::string& name, const Timer& timer, int rounds, double flop,
                  const std::function<void()>& ours, const std::function<void()>& theirs) {
  const int our_calls = timer.calls_for(ours), their_calls = timer.calls_for(theirs);
  std::vector<double> our_seconds, their_seconds, ratios;
  for (int round = 0; round < rounds; ++round) {
    our_seconds.push_back(timer.seconds_of(ours, our_calls));
    their_seconds.push_back(timer.seconds_of(theirs, their_calls));
    ratios.push_back(their_seconds.back() / our_seconds.back());
  }
  const double ratio = least(their_seconds) / least(our_seconds);
  std::fprintf(stderr, "%-40s %9.1f us, oneDNN %9.1f us, ratio %.3f, median %.3f\n", name.c_str(),
               least(our_seconds) * 1e6, least(their_seconds) * 1e6, ratio, median(ratios));
  return {
      {"name", name},
      {"gflop", flop * 1e-9},
      {"ours_us", {{"min", least(our_seconds) * 1e6}, {"median", median(our_seconds) * 1e6}}},
      {"onednn_us", {{"min", least(their_seconds) * 1e6}, {"median", median(their_seconds) * 1e6}}},
      {"ratio_of_min", ratio},
      {"median_ratio", median(ratios)}};
}

/// The operands of a layer, in the backend's memory.
class Operands {
 private:
  std::vector<std::shared_ptr<float>> memory_;  // before the views, which are made in it

  View tensor(Backend& backend, int64_t rows, int64_t columns) {
    const Shape shape{rows, columns};
    auto* const data = static_cast<float*>(backend.allocate(shape.count() * sizeof(float)));
    memory_.emplace_back(data, [&backend](float* memory) { backend.deallocate(memory); });
    uint32_t state = 1;
    for (int64_t i = 0; i < shape.count(); ++i) {
      state = state * 1664525 + 1013904223;
      data[i] = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    }
    return {data, shape};
  }

 public:
  Operands(Backend& backend, const Layer& layer)
      : layer(layer),
        x(tensor(backend, layer.rows, layer.in)),
        w(tensor(backend, layer.out, layer.in)),
        y(tensor(backend, layer.rows, layer.out)),
        dy(tensor(backend, layer.rows, layer.out)),
        dx(tensor(backend, layer.rows, layer.in)),
        dw(tensor(backend, layer.out, layer.in)),
        db(tensor(backend, 1, layer.out)) {}

  Layer layer;
  View x, w, y, dy, dx, dw, db;
};

/// A product of a layer, by both.
struct Product {
  std::string name;
  double flop;
  std::function<void()> ours, theirs;
};

std::vector<Product> products_of(Backend& backend, OneDnnProducts& onednn, const Operands& o,
                                 bool first) {
  const auto [rows, in, out] = o.layer;
  const std::string size =
      " " + std::to_string(rows) + "x" + std::to_string(in) + "x" + std::to_string(out);
  const double flop = 2.0 * static_cast<double>(rows * in * out);
  std::vector<Product> products;
  products.push_back({"forward" + size, flop,
                      [&backend, &o] {
                        backend.issue(GemmArgs{o.y, o.x, o.w, false, true});
                      },
                      [&onednn, &o, rows = rows, in = in, out = out] {
                        onednn.multiply(o.y.data, o.x.data, o.w.data, false, true, rows, out, in);
                      }});
  products.push_back(
      {"weight gradient" + size, flop,
       [&backend, &o] {
         backend.issue(DenseBackwardWeightsArgs{o.dw, View(o.db.data, {o.layer.out}), o.dy, o.x});
       },
       [&onednn, &o, rows = rows, in = in, out = out] {
         onednn.multiply(o.dw.data, o.dy.data, o.x.data, true, false, out, in, rows);
       }});
  if (first) return products;
  products.push_back({"input gradient" + size, flop,
                      [&backend, &o] {
                        backend.issue(GemmArgs{o.dx, o.dy, o.w, false, false});
                      },
                      [&onednn, &o, rows = rows, in = in, out = out] {
                        onednn.multiply(o.dx.data, o.dy.data, o.w.data, false, false, rows, in,
                                        out);
                      }});
  return products;
}

void run_all(const std::vector<Product>& products, std::function<void()> Product::*side) {
  for (const Product& product : products) (product.*side)();
}

ordered_json bench(const workloads::Workload& workload, int threads, int rounds, bool step) {
  const std::unique_ptr<Backend> backend = make_backend(Device::cpu(threads));
  OneDnnProducts onednn(threads);
  const Timer timer(threads);
  const std::string suffix = " " + workload.name + ", " + std::to_string(threads) + " threads";
  std::vector<std::unique_ptr<Operands>> operands;
  std::vector<Product> products;
  for (const Layer& layer : workload.layers) {
    operands.push_back(std::make_unique<Operands>(*backend, layer));
    const auto of_layer = products_of(*backend, onednn, *operands.back(), operands.size() == 1);
    products.insert(products.end(), of_layer.begin(), of_layer.end());
  }
  ordered_json results = ordered_json::array();
  double flop = 0.0;
  for (const Product& product : products) {
    results.push_back(
        race(product.name + suffix, timer, rounds, product.flop, product.ours, product.theirs));
    flop += product.flop;
  }
  const auto ours = [&] { run_all(products, &Product::ours); };
  const auto theirs = [&] { run_all(products, &Product::theirs); };
  results.push_back(race("all products" + suffix, timer, rounds, flop, ours, theirs));
  if (step) {
    StepBench step_bench(workload.layers.front().rows, threads);
    results.push_back(race(
        "whole step" + suffix, timer, rounds, flop, [&] { step_bench.run(); }, theirs));
  }
  return results;
}

}  // namespace

int main(int count, char** words) {
  const int rounds = count > 1 ? std::atoi(words[1]) : 25;
  std::vector<int> thread_counts;
  for (int i = 2; i < count; ++i) thread_counts.push_back(std::atoi(words[i]));
  if (thread_counts.empty()) thread_counts = {1, 2};
  ordered_json report = {{"onednn", OneDnnProducts::version()}, {"rounds", rounds}};
  for (const int threads : thread_counts) {
    for (const auto& workload : {workloads::mnist(128), workloads::mnist(20)}) {
      report["results"].push_back(bench(workload, threads, rounds, true));
    }
    const workloads::Workload wide = {"784-4096-512", {{512, 784, 4096}, {512, 4096, 512}}};
    report["results"].push_back(bench(wide, threads, std::max(3, rounds / 4), false));
  }
  report["processor"] = cpu_device().description;
  std::printf("%s\n", report.dump(2).c_str());
}
