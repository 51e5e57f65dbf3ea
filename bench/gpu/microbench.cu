// SPDX-License-Identifier: MIT
//
// gpu_microbench [--json FILE] [--device N] [GROUP...]
// Measures what a card can do, in a few minutes; see README.md. Exit status 0: all figures; 1: a
// result was wrong or a group failed; 2: usage; 77: no CUDA device.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "bench/gpu/harness.h"

namespace vae::microbench {
namespace {

constexpr int kNoDevice = 77;

struct Group {
  const char* name;
  void (*measure)(Context&);
};
constexpr Group kGroups[] = {{"launch", measure_launches},       {"barrier", measure_barriers},
                             {"cluster", measure_clusters},      {"memory", measure_memory},
                             {"arithmetic", measure_arithmetic}, {"product", measure_products}};

struct Options {
  std::string json;
  int device = 0;
  std::vector<std::string> groups;  // empty: all

  bool wants(const std::string& group) const {
    for (const std::string& name : groups) {
      if (name == group) return true;
    }
    return groups.empty();
  }
};

int usage(const char* problem) {
  std::FILE* out = problem != nullptr ? stderr : stdout;
  if (problem != nullptr) std::fprintf(out, "gpu_microbench: %s\n", problem);
  std::fprintf(out, "usage: gpu_microbench [--json FILE] [--device N] [GROUP...]\ngroups:");
  for (const Group& group : kGroups) std::fprintf(out, " %s", group.name);
  std::fprintf(out, "\n");
  return problem != nullptr ? 2 : 0;
}

/// False when a word is not understood.
bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    bool known = false;
    if (word == "--json" && i + 1 < argc) {
      options.json = argv[++i];
      known = true;
    } else if (word == "--device" && i + 1 < argc) {
      options.device = std::atoi(argv[++i]);
      known = true;
    }
    for (const Group& group : kGroups) {
      if (word != group.name) continue;
      options.groups.push_back(word);
      known = true;
    }
    if (!known) return false;
  }
  return true;
}

/// A group that fails does not stop the next one, unless the card itself is lost.
int measure(const Options& options, Context& context) {
  int failed_groups = 0;
  for (const Group& group : kGroups) {
    if (!options.wants(group.name)) continue;
    try {
      group.measure(context);
      MICROBENCH_CHECK(cudaDeviceSynchronize());
    } catch (const std::exception& error) {
      context.report.skip(group.name, "the rest of the group",
                          std::string("FAILED: ") + error.what());
      ++failed_groups;
    }
  }
  return failed_groups;
}

int run(const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  Context context;
  context.card = Card::open(options.device);
  const Card& card = context.card;
  std::printf(
      "%s, sm_%d, %d SMs, L2 %zu MiB, memory %zu MiB, driver for CUDA %d.%d, runtime %d.%d\n",
      card.name.c_str(), card.arch(), card.multiprocessors, card.l2_bytes >> 20,
      card.memory_bytes >> 20, card.driver / 1000, card.driver % 1000 / 10, card.runtime / 1000,
      card.runtime % 1000 / 10);
  std::printf("Medians with quartiles. \"checked\": the result was compared with the right one.\n");
  MICROBENCH_CHECK(cudaStreamCreateWithFlags(&context.stream, cudaStreamNonBlocking));
  const int failed_groups = measure(options, context);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  if (!options.json.empty()) context.report.write_json(options.json, card, seconds.count());
  const int wrong = context.report.failures();
  std::printf("%.0f s, %d wrong results, %d failed groups\n", seconds.count(), wrong,
              failed_groups);
  return wrong > 0 || failed_groups > 0 ? 1 : 0;
}

}  // namespace
}  // namespace vae::microbench

int main(int argc, char** argv) {
  using namespace vae::microbench;
  Options options;
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) return usage(nullptr);
  if (!parse(argc, argv, options)) return usage("an argument was not understood");
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    std::fprintf(stderr, "gpu_microbench: no CUDA device: %s\n",
                 status != cudaSuccess ? cudaGetErrorString(status) : "none is visible");
    return kNoDevice;
  }
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_microbench: %s\n", error.what());
    return 1;
  }
}
