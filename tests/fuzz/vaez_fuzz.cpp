// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <vector>

#include "host/codec/model_hash.h"
#include "host/io/xxh64.h"
#include "host/model/model_impl.h"
#include "tests/fuzz/run_parser.h"
#include "vae/codec.h"

namespace {

/// Two of them, of black and white and grey.
vae::Model& model_of(bool black_and_white) {
  const auto make = [](vae::Likelihood likelihood) {
    vae::ModelConfig config;
    config.height = 2;
    config.width = 3;
    config.encoder = config.decoder = {4};
    config.latent = 2;
    config.likelihood = likelihood;
    return vae::Model(config, vae::Device::cpu(1), 1);
  };
  static vae::Model models[] = {make(vae::Likelihood::bernoulli),
                                make(vae::Likelihood::beta_binomial)};
  return models[black_and_white ? 0 : 1];
}

constexpr std::size_t kHeaderSize = 56, kHashAt = 32, kSum = 8;
constexpr std::size_t kTableSize = 20;  // of two latents

void seal(std::vector<std::byte>& file, std::size_t begin, std::size_t end, uint64_t seed) {
  const uint64_t sum = vae::xxh64(std::span(file).subspan(begin, end - begin), seed);
  std::memcpy(file.data() + end, &sum, sizeof sum);
}

/// Where a block that begins there has its checksum; nothing where that lies outside.
std::size_t checksum_of_block(std::span<const std::byte> file, std::size_t begin) {
  const auto number = [&](std::size_t at) {
    uint32_t value = 0;
    if (at + sizeof value <= file.size()) std::memcpy(&value, file.data() + at, sizeof value);
    return value;
  };
  const uint64_t lanes = number(begin);
  uint64_t words = 0;
  for (uint64_t i = 0; i < std::min<uint64_t>(lanes, 1000); ++i) {
    words += number(begin + 4 + 12 * i + 8);
  }
  return begin + 4 + 12 * lanes + 4 * words;
}

/// Makes the model's name and the checksums right, or mutations would never get past them.
std::vector<std::byte> with_right_sums(std::span<const std::byte> input) {
  std::vector<std::byte> file(input.begin(), input.end());
  if (file.size() < kHeaderSize) return file;
  const vae::ModelHash hash = vae::model_hash(*model_of(file[9] == std::byte{0}).impl().network);
  std::memcpy(file.data() + kHashAt, hash.data(), hash.size());
  seal(file, 0, kHeaderSize - kSum, 0);
  std::size_t begin = kHeaderSize;
  if (file[9] == std::byte{2} && file.size() >= begin + kTableSize + kSum) {
    seal(file, begin, begin + kTableSize, 0);
    begin += kTableSize + kSum;
  }
  for (uint64_t block = 1; begin < file.size(); ++block) {
    const std::size_t end = checksum_of_block(file, begin);
    if (end < begin || end > file.size() - kSum) break;
    seal(file, begin, end, block);
    begin = end + kSum;
  }
  return file;
}

}  // namespace

VAE_FUZZ_TARGET(vaez) {
  using namespace vae;
  const std::vector<std::byte> content = with_right_sums(fuzz::as_input(data, size));
  const fuzz::MemoryFile file(content);
  const bool black_and_white = content.size() > 9 && content[9] == std::byte{0};
  fuzz::run_parser([&] {
    Model& model = model_of(black_and_white);
    CompressedImages images(model, file.path());
    int64_t count = 0;
    for (ImageSet part = images.next(); part.count() > 0; part = images.next()) {
      count += part.count();
    }
    fuzz::require(count == images.count(), "a file has as many images as it says");
  });
}
