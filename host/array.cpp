// SPDX-License-Identifier: MIT
#include "vae/array.h"

#include "host/io/atomic_file.h"
#include "host/io/npy.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr uint64_t kLargestNpyBytes = uint64_t{4} << 30;

}  // namespace

void save_npy(const std::string& path, const Array& array) {
  int64_t count = 1;
  for (const int64_t size : array.shape) count *= size;
  VAE_CHECK(count == array.count(), "save_npy: the shape promises ", count,
            " values but there are ", array.count());
  write_file_atomically(path, encode_npy(array));
}

Array load_npy(const std::string& path) {
  return decode_npy(read_file(path, kLargestNpyBytes), path);
}

}  // namespace vae
