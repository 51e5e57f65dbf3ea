// SPDX-License-Identifier: MIT
#include "host/io/gzip.h"
#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(gzip) {
  using namespace vae;
  constexpr uint64_t kLimit = 1 << 20;
  fuzz::run_parser([&] {
    const auto plain = inflate_gzip(fuzz::as_input(data, size), kLimit, "input");
    fuzz::require(plain.size() <= kLimit, "the limit holds");
    fuzz::require(plain.size() <= size * kLargestDeflateRatio, "deflate's ratio is bounded");
  });
}
