// SPDX-License-Identifier: MIT
//
// What is known of the images of a batch beside their pixels. As in load_batch some threads of a
// block find the images of its rows, then each thread writes numbers, neighbours side by side.
#include "kernels/cuda/pixels.h"
#include "kernels/cuda/simt.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kFieldThreads = 256;  // also the most rows of a block

/// Labels [N] as one-hot rows.
struct OneHot {
  using Value = float;
  const uint8_t* labels;

  __device__ float operator()(uint32_t image, unsigned column, unsigned) const {
    return labels[image] == column ? 1.0f : 0.0f;
  }
};

/// Vectors [N, width] of floats, or of classes.
template <typename T>
struct Vectors {
  using Value = T;
  const T* values;

  __device__ T operator()(uint32_t image, unsigned column, unsigned width) const {
    return values[std::size_t{image} * width + column];
  }
};

template <typename Source>
__global__ void __launch_bounds__(kFieldThreads)
    load_field_kernel(typename Source::Value* __restrict__ y,  // [rows, width] out
                      const Source source, const StepState* state, std::size_t rows, unsigned width,
                      uint32_t images, bool shuffle, uint64_t seed, unsigned block_rows) {
  VAE_SHARED(uint32_t, image_of, [kFieldThreads]);
  const std::size_t first = std::size_t{blockIdx.x} * block_rows;
  const unsigned count =
      find_images(image_of, first, rows, block_rows, *state, images, shuffle, seed);
  for (unsigned i = threadIdx.x; i < count * width; i += kFieldThreads) {
    const unsigned row = i / width, column = i % width;
    y[first * width + i] = source(image_of[row], column, width);
  }
}

}  // namespace

// ---- launchers

namespace {

template <typename Source, typename Args>
void launch_load(Stream& stream, const Args& args, const BasicView<typename Source::Value>& y,
                 const Source& source, int64_t images) {
  constexpr int64_t kMostValues = int64_t{1} << 30;  // of a block, counted in 32 bits
  constexpr int64_t kBlockValues = 1 << 12;
  const int64_t rows = y.rows(), width = y.cols();
  VAE_CHECK(width <= kMostValues, Args::kName, ": rows of ", width, " values are too long");
  const int64_t block_rows =
      std::min<int64_t>(std::max<int64_t>(1, kBlockValues / width), kFieldThreads);
  const auto blocks = static_cast<unsigned>((rows + block_rows - 1) / block_rows);
  stream.launch(Args::kName.data(), {blocks, kFieldThreads}, load_field_kernel<Source>, y.data,
                source, args.state, rows, width, images, args.shuffle, args.seed, block_rows);
}

}  // namespace

void CudaBackend::run(const LoadLabelsArgs& args) {
  launch_load(stream_, args, args.y, OneHot{args.labels.data}, args.labels.rows());
}

void CudaBackend::run(const LoadVectorsArgs& args) {
  launch_load(stream_, args, args.y, Vectors<float>{args.vectors.data}, args.vectors.rows());
}

void CudaBackend::run(const LoadClassesArgs& args) {
  launch_load(stream_, args, args.t, Vectors<uint8_t>{args.classes.data}, args.classes.rows());
}

}  // namespace vae::cuda
