// SPDX-License-Identifier: MIT
#include "host/io/safetensors.h"

#include "tests/fuzz/run_parser.h"

namespace {

using namespace vae;

void check_tensors(const SafetensorsFile& file) {
  const std::byte* position = nullptr;
  for (const SafetensorsTensor& tensor : file.tensors) {
    uint64_t bytes = size_of(tensor.type);
    for (const int64_t dim : tensor.shape) bytes *= static_cast<uint64_t>(dim);
    fuzz::require(bytes == tensor.data.size(), "the shape describes the data");
    fuzz::require(
        tensor.data.data() >= file.bytes.data() &&
            tensor.data.data() + tensor.data.size() <= file.bytes.data() + file.bytes.size(),
        "data lie in the file");
    fuzz::require(position == nullptr || position == tensor.data.data(), "data follow each other");
    position = tensor.data.data() + tensor.data.size();
  }
}

void check_rewriting(const SafetensorsFile& file) {
  auto metadata = file.metadata;
  metadata.erase("checksum");
  const auto bytes = write_safetensors(file.tensors, metadata);
  const SafetensorsFile again = parse_safetensors(bytes, "again");
  fuzz::require(again.tensors.size() == file.tensors.size(), "all tensors are written");
}

}  // namespace

VAE_FUZZ_TARGET(safetensors) {
  const auto input = fuzz::as_input(data, size);
  fuzz::run_parser([&] {
    const SafetensorsFile file =
        parse_safetensors({input.begin(), input.end()}, "input", {.require_checksum = false});
    check_tensors(file);
    check_rewriting(file);
  });
}
