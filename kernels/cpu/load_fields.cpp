// SPDX-License-Identifier: MIT
//
// What is known of the images of a batch beside their pixels; one task some thousand numbers.
#include <algorithm>

#include "kernels/cpu/batch_order.h"
#include "kernels/cpu/cpu_backend.h"

namespace vae::cpu {

namespace {

constexpr int64_t kLoadedValues = 1 << 12;

int64_t rows_of_load(int64_t width) { return std::max<int64_t>(1, kLoadedValues / width); }

}  // namespace

void CpuBackend::run(const LoadLabelsArgs& args) {
  const int64_t classes = args.y.cols();
  const BatchOrder image_at(args, args.labels.rows());
  for_ranges(args.y.rows(), rows_of_load(classes), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      float* const y = args.y.data + row * classes;
      const uint8_t label = args.labels.data[image_at(row)];
      std::fill_n(y, classes, 0.0f);
      if (label < classes) y[label] = 1.0f;
    }
  });
}

template <typename T, typename Args>
void CpuBackend::load_rows(const Args& args, const BasicView<T>& to, BasicView<const T> from) {
  const int64_t width = to.cols();
  const BatchOrder image_at(args, from.rows());
  for_ranges(to.rows(), rows_of_load(width), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      std::copy_n(from.data + image_at(row) * width, width, to.data + row * width);
    }
  });
}

void CpuBackend::run(const LoadVectorsArgs& args) { load_rows(args, args.y, args.vectors); }
void CpuBackend::run(const LoadClassesArgs& args) { load_rows(args, args.t, args.classes); }

}  // namespace vae::cpu
