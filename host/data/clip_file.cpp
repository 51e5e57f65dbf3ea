// SPDX-License-Identifier: MIT
#include <string>
#include <utility>

#include "host/io/byte_array.h"
#include "host/io/npy.h"
#include "kernels/check.h"
#include "vae/prediction.h"

namespace vae {

ImageSet load_clips(const std::string& path, const ModelConfig& model) {
  ByteArray array = read_npy_bytes(path, ArrayContent::images);
  const auto& dims = array.dims;
  const std::size_t rank = dims.size();
  if (rank != 3 && rank != 4) {
    fail(ErrorCode::unsupported, path, ": expected a clip [frames, height, width] or several [n, ",
         "frames, height, width], found an array of rank ", rank);
  }
  const int64_t frames = dims[rank - 3], height = dims[rank - 2], width = dims[rank - 1];
  if (height != model.height || width != model.width) {
    fail(ErrorCode::unsupported, path, ": the model takes clips of ", model.height, " x ",
         model.width, " (height x width), found ", height, " x ", width);
  }
  if (array.values.empty()) fail(ErrorCode::corrupt, path, ": there are no frames in it");
  return ImageSet(height, width, frames, std::move(array.values), {}, ChannelOrder::first)
      .as(Split::test);
}

}  // namespace vae
