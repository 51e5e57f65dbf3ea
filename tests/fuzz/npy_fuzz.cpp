// SPDX-License-Identifier: MIT
#include "host/io/npy.h"

#include <cstring>

#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(npy) {
  using namespace vae;
  fuzz::run_parser([&] {
    const Array array = decode_npy(fuzz::as_input(data, size), "input");
    fuzz::require(array.values.size() <= size, "memory stays within four bytes a byte");
    const Array again = decode_npy(encode_npy(array), "again");
    const size_t bytes = array.values.size() * sizeof(float);
    fuzz::require(
        again.shape == array.shape &&
            (bytes == 0 || std::memcmp(again.values.data(), array.values.data(), bytes) == 0),
        "what is written reads back the same");
  });
}
