// SPDX-License-Identifier: MIT
#include "host/io/deflate.h"

#include <zlib.h>

#include <vector>

#include "kernels/check.h"

namespace vae {

std::size_t deflated_size(std::span<const uint8_t> bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::vector<Bytef> compressed(size);
  const int status = compress2(compressed.data(), &size, bytes.data(),
                               static_cast<uLong>(bytes.size()), Z_BEST_COMPRESSION);
  if (status == Z_MEM_ERROR) fail(ErrorCode::out_of_memory, "not enough memory to compress bytes");
  VAE_CHECK(status == Z_OK, "zlib failed with status ", status);
  return size;
}

}  // namespace vae
