// SPDX-License-Identifier: MIT
//
// One program for all targets:
//   vae_fuzz TARGET FILE_OR_FOLDER...              runs each file once (ordinary builds)
//   vae_fuzz TARGET [libFuzzer's options] FOLDER   makes new inputs (with VAE_BUILD_FUZZERS)
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

namespace fs = std::filesystem;
using vae::fuzz::Target;

/// The target named by the first argument, which is taken away. Ends the process without one.
Target take_target(int* argc, char** argv) {
  const std::string name = *argc > 1 ? argv[1] : "";
  for (const auto& target : vae::fuzz::targets()) {
    if (target.name != name) continue;
    std::move(argv + 2, argv + *argc + 1, argv + 1);  // with the null behind the last
    --*argc;
    return target.run;
  }
  std::fprintf(stderr, "usage: %s TARGET FILE_OR_FOLDER...; targets:", argv[0]);
  for (const auto& target : vae::fuzz::targets()) std::fprintf(stderr, " %s", target.name.data());
  std::fprintf(stderr, "\n");
  std::exit(1);
}

}  // namespace

#ifdef VAE_LIBFUZZER

namespace {
Target chosen = nullptr;
}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  chosen = take_target(argc, *argv);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chosen(data, size);
  return 0;
}

#else

namespace {

std::vector<fs::path> list_inputs(int argc, char** argv) {
  std::vector<fs::path> inputs;
  for (int i = 1; i < argc; ++i) {
    if (!fs::is_directory(argv[i])) {
      inputs.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(argv[i])) {
      if (entry.is_regular_file()) inputs.push_back(entry.path());
    }
  }
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

void replay(Target target, const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw fs::filesystem_error("cannot open", path, std::error_code());
  // A vector of exactly this size: AddressSanitizer then sees a read one byte behind the input.
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  target(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  const Target target = take_target(&argc, argv);
  std::string current = "the command line";
  try {
    const std::vector<fs::path> inputs = list_inputs(argc, argv);
    if (inputs.empty()) {
      std::fprintf(stderr, "no inputs\n");
      return 1;
    }
    for (const fs::path& input : inputs) {
      current = input.string();
      replay(target, input);
    }
    std::printf("%zu inputs replayed\n", inputs.size());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", current.c_str(), error.what());
    return 1;
  }
}

#endif
