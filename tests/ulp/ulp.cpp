// SPDX-License-Identifier: MIT
//
// vae_ulp: the error of every function of kernels/math.h, over every input it can have.
//
//   vae_ulp                 all 2^32 inputs, some minutes; prints the table of docs/arithmetic.md
//   vae_ulp --sample        one input in 4001, and the bits of every instruction set compared
//   vae_ulp --fifth         one input in five
//   vae_ulp NAME...         these functions alone
//
// Exit status 1 if an error is larger than what docs/arithmetic.md states.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kernels/cpu/vector_ops.h"
#include "tests/ulp/functions.h"

namespace vae::ulp {

#define VAE_EACH(isa) extern const Table kTable_##isa;
VAE_FOR_EACH_ISA
#undef VAE_EACH

namespace {

constexpr uint32_t kSampleStride = 4001;  // odd: all exponents, signs and mantissas take part

/// Which inputs are looked at.
struct Sampling {
  uint32_t measured;  // every so many
  uint32_t compared;  // of the tables with each other
};
constexpr Sampling kSample = {kSampleStride, 16 * kSampleStride}, kFifth = {5, 1285},
                   kAll = {1, 257};

/// Tables this processor can run, best first.
std::vector<const Table*> runnable_tables() {
#define VAE_EACH(isa) &kTable_##isa,
  constexpr const Table* kTables[] = {VAE_FOR_EACH_ISA};
#undef VAE_EACH
  std::vector<const Table*> runnable;
  for (const std::string_view isa : cpu::available_isas()) {
    for (const Table* table : kTables) {
      if (table->isa == isa) runnable.push_back(table);
    }
  }
  return runnable;
}

int64_t inputs(const Function& function, uint32_t stride) {
  return (int64_t{function.last} - function.first) / stride + 1;
}

/// All threads of the machine measure pieces of the inputs first, first + stride ...
Errors measured(const Function& function, uint32_t stride) {
  const int64_t count = inputs(function, stride), piece = 1024 * kBlock;
  Errors all;
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  const auto work = [&] {
    Errors own;
    for (int64_t begin; (begin = next.fetch_add(piece)) < count;) {
      const int64_t length = std::min(piece, count - begin);
      function.measure(&own, function.first + static_cast<uint32_t>(begin) * stride, stride,
                       length);
    }
    const std::lock_guard lock(mutex);
    if (own.worst > all.worst || (own.worst == all.worst && own.worst_at < all.worst_at)) {
      all.worst = own.worst;
      all.worst_at = own.worst_at;
    }
    all.sum += own.sum;
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) {
    threads.emplace_back(work);
  }
  for (std::thread& thread : threads) thread.join();
  // Both ends, also in a sample: there are the smallest results.
  Errors ends = all;
  function.measure(&ends, function.first, 1, kBlock);
  function.measure(&ends, function.last - (kBlock - 1), 1, kBlock);
  all.worst = ends.worst;
  all.worst_at = ends.worst_at;
  return all;
}

void print_row(const Function& function, const Errors& errors, double mean) {
  char at[40];
  if (std::string_view(function.domain) == "all words") {
    std::snprintf(at, sizeof at, "0x%08x", errors.worst_at);
  } else {
    std::snprintf(at, sizeof at, "%.9g", std::bit_cast<float>(errors.worst_at));
  }
  std::printf("| `%s` | %s | %.2f | %s | %.3f |%s\n", function.name, function.domain, errors.worst,
              at, mean, errors.worst <= function.bound ? "" : " TOO LARGE");
  std::fflush(stdout);
}

/// Whether two tables give the same bits; NaN are alike.
bool same_results(const Function& a, const Function& b, uint32_t stride) {
  float of_a[kBlock], of_b[kBlock];
  for (int64_t begin = 0; begin < inputs(a, stride); begin += kBlock) {
    const int64_t count = std::min(kBlock, inputs(a, stride) - begin);
    const uint32_t first = a.first + static_cast<uint32_t>(begin) * stride;
    a.evaluate(of_a, first, stride, count);
    b.evaluate(of_b, first, stride, count);
    for (int64_t i = 0; i < count; ++i) {
      if (std::isnan(of_a[i]) && std::isnan(of_b[i])) continue;
      if (std::bit_cast<uint32_t>(of_a[i]) == std::bit_cast<uint32_t>(of_b[i])) continue;
      std::printf("%s of the bits 0x%08x: %a or %a\n", a.name,
                  first + static_cast<uint32_t>(i) * stride, of_a[i], of_b[i]);
      return false;
    }
  }
  return true;
}

bool all_tables_agree(int function, uint32_t stride) {
  const std::vector<const Table*> tables = runnable_tables();
  bool agree = true;
  for (const Table* table : tables) {
    if (same_results(table->functions[function], tables.back()->functions[function], stride)) {
      continue;
    }
    std::printf("%s and %s differ\n", table->isa, tables.back()->isa);
    agree = false;
  }
  return agree;
}

int run(const std::vector<std::string>& words) {
  const std::string first = words.empty() ? "" : words.front();
  const Sampling sampling = first == "--sample" ? kSample : first == "--fifth" ? kFifth : kAll;
  const bool is_option = first.rfind("--", 0) == 0;
  if (is_option && sampling.measured == 1) {
    std::fprintf(stderr, "vae_ulp: there is no %s, only --sample and --fifth\n", first.c_str());
    return 2;
  }
  const std::vector<std::string> names(words.begin() + (is_option ? 1 : 0), words.end());
  const Table& table = *runnable_tables().front();
  const uint32_t stride = sampling.measured;
  bool good = true;
  std::printf("| Function | Domain | Worst error, ulp | at | Mean |\n|---|---|---|---|---|\n");
  for (int i = 0; i < table.count; ++i) {
    const Function& function = table.functions[i];
    if (!names.empty() && std::find(names.begin(), names.end(), function.name) == names.end()) {
      continue;
    }
    const Errors errors = measured(function, stride);
    print_row(function, errors, errors.sum / static_cast<double>(inputs(function, stride)));
    good = errors.worst <= function.bound && good;
    good = all_tables_agree(i, sampling.compared) && good;
  }
  return good ? 0 : 1;
}

}  // namespace

}  // namespace vae::ulp

int main(int argc, char** argv) { return vae::ulp::run({argv + 1, argv + argc}); }
