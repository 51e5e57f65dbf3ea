// SPDX-License-Identifier: MIT
#include "host/model/checkpoint.h"

#include <algorithm>
#include <vector>

#include "host/io/atomic_file.h"
#include "host/io/xxh64.h"
#include "tests/fuzz/run_parser.h"

namespace {

/// Makes the checksum right, or mutations would never get past it.
std::vector<std::byte> with_right_checksum(std::span<const std::byte> input) {
  constexpr std::string_view kLead = R"({"__metadata__":{"checksum":")";
  constexpr size_t kDigitsAt = 8 + kLead.size(), kDigits = 16;
  std::vector<std::byte> file(input.begin(), input.end());
  if (file.size() < kDigitsAt + kDigits) return file;
  if (vae::as_text(file).substr(8, kLead.size()) != kLead) return file;
  const auto digits = file.begin() + kDigitsAt;
  std::fill_n(digits, kDigits, std::byte{'0'});
  const std::string sum = vae::to_hex(vae::xxh64(file));
  std::ranges::copy(vae::as_bytes(sum), digits);
  return file;
}

}  // namespace

VAE_FUZZ_TARGET(checkpoint) {
  using namespace vae;
  const fuzz::MemoryFile file(with_right_checksum(fuzz::as_input(data, size)));
  fuzz::run_parser([&] { Checkpoint::read(file.path()); });
  fuzz::run_parser([&] { Checkpoint::read_foreign(file.path(), Config{}); });
}
