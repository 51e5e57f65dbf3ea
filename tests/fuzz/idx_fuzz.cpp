// SPDX-License-Identifier: MIT
#include "host/io/idx.h"
#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(idx) {
  using namespace vae;
  for (const ArrayContent content : {ArrayContent::images, ArrayContent::labels}) {
    fuzz::run_parser([&] {
      const ByteArray array = parse_idx(fuzz::as_input(data, size), content, "input");
      uint64_t product = 1;
      for (const int64_t dim : array.dims) product *= static_cast<uint64_t>(dim);
      fuzz::require(product > 0 && product == array.values.size(), "dims describe the values");
    });
  }
}
