// SPDX-License-Identifier: MIT
//
// Feeds files, and all files of folders, to a fuzz target: how ordinary builds replay a corpus.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

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

void replay(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw fs::filesystem_error("cannot open", path, std::error_code());
  // A vector of exactly this size: AddressSanitizer then sees a read one byte behind the input.
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::string current = "the command line";
  try {
    const std::vector<fs::path> inputs = list_inputs(argc, argv);
    if (inputs.empty()) {
      std::fprintf(stderr, "no inputs; usage: %s FILE_OR_FOLDER...\n", argv[0]);
      return 1;
    }
    for (const fs::path& input : inputs) {
      current = input.string();
      replay(input);
    }
    std::printf("%zu inputs replayed\n", inputs.size());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", current.c_str(), error.what());
    return 1;
  }
}
