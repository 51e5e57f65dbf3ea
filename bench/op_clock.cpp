// SPDX-License-Identifier: MIT
#include "bench/op_clock.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kernels/check.h"

namespace vae::ops {

namespace {

constexpr int64_t kOperations = 32;    // in one replay at least
constexpr int64_t kMostTensors = 512;  // sets; tiny operations stay warm

}  // namespace

Sequence::Sequence(Backend& backend, const std::function<Call(Backend&)>& make,
                   double bytes_of_memory, Caches caches, double flush_bytes)
    : backend_(backend) {
  int64_t sets = 1;
  if (caches == Caches::cold) {
    sets += static_cast<int64_t>(std::ceil(flush_bytes / bytes_of_memory));
  }
  sets = std::min(sets, kMostTensors);
  for (int64_t i = 0; i < sets; ++i) calls_.push_back(make(backend));
  const int64_t rounds = (kOperations + sets - 1) / sets;
  operations_ = rounds * sets;
  recording_ = backend.record([this, rounds] {
    for (int64_t round = 0; round < rounds; ++round) {
      for (const Call& call : calls_) call();
    }
  });
}

/// Seconds of all, waiting included.
double Sequence::replay(int64_t times) {
  const auto begin = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < times; ++i) recording_->replay();
  backend_.synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double Sequence::seconds(double budget) {
  backend_.synchronize();
  replay(1);  // the first may still compile, load or upload
  const double once = replay(1);
  const int64_t times = std::clamp<int64_t>(std::llround(budget / once), 1, 10'000);
  return replay(times) / static_cast<double>(times * operations_);
}

Ceilings Ceilings::read(const std::string& path, Precision precision) {
  std::ifstream file(path);
  VAE_CHECK(file.good(), "ops_bench: cannot read ", path);
  const nlohmann::json document = nlohmann::json::parse(file);
  const nlohmann::json& peaks = document.at("peaks");
  const nlohmann::json& card = document.at("card");
  if (precision == Precision::automatic) {
    precision = card.at("arch").get<int>() >= 80 ? Precision::tf32 : Precision::fp32;
  }
  const std::string format = precision == Precision::fp32   ? "fp32"
                             : precision == Precision::tf32 ? "tf32"
                                                            : "bf16";
  Ceilings ceilings;
  ceilings.flops = peaks.value(format + "_flops", 0.0);
  ceilings.cache_bytes = peaks.value("l2_bytes_per_second", 0.0);
  ceilings.memory_bytes = peaks.value("copy_bytes_per_second", 0.0);
  ceilings.l2_bytes = card.at("l2_bytes").get<double>();
  for (const nlohmann::json& figure : document.at("figures")) {
    if (figure.at("group") != "product" || figure.contains("skipped")) continue;
    ceilings.products.emplace_back(figure.at("name"), figure.at("median").get<double>() * 1e-6);
  }
  // Names end in the format; the other formats' products are of no use here.
  std::erase_if(ceilings.products,
                [&](const auto& product) { return !product.first.ends_with(" " + format); });
  for (auto& [name, seconds] : ceilings.products) name.resize(name.size() - format.size() - 1);
  return ceilings;
}

double Ceilings::floor_seconds(const Operation& operation, Caches caches) const {
  const double bandwidth = caches == Caches::warm ? cache_bytes : memory_bytes;
  const double arithmetic = flops > 0.0 ? operation.flops / flops : 0.0;
  const double traffic = bandwidth > 0.0 ? operation.bytes / bandwidth : 0.0;
  return std::max(arithmetic, traffic);
}

double Ceilings::product_seconds(const Operation& operation) const {
  for (const auto& [name, seconds] : products) {
    if (name == operation.product) return seconds;
  }
  return 0.0;
}

}  // namespace vae::ops
