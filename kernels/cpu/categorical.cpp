// SPDX-License-Identifier: MIT
//
// log p(t|z) of classes, their probabilities and draws.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"

namespace vae::cpu {

namespace {

constexpr int64_t kLogits = 1024;  // a task handles: some 10 us of work

int64_t rows_of(int64_t logits) { return std::max<int64_t>(1, kLogits / logits); }

}  // namespace

void CpuBackend::run(const CategoricalArgs& args) {
  const int64_t targets = args.targets.cols(), width = args.outputs.cols();
  for_ranges(args.outputs.rows(), rows_of(width), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      float* const doutputs = args.doutputs ? args.doutputs.data + row * width : nullptr;
      const float scale = args.weights ? args.scale * args.weights.data[row] : args.scale;
      args.log_px.data[row] = ops_.class_log_p(doutputs, args.outputs.data + row * width,
                                               args.targets.data + row / args.samples * targets,
                                               targets, args.classes, scale);
    }
  });
}

void CpuBackend::run(const CategoricalMeanArgs& args) {
  const int64_t classes = args.classes;
  for_ranges(args.outputs.count() / classes, rows_of(classes), [&](int64_t first, int64_t last) {
    ops_.class_probabilities(args.probabilities.data + first * classes,
                             args.outputs.data + first * classes, last - first, classes);
  });
}

void CpuBackend::run(const CategoricalSampleArgs& args) {
  const int64_t targets = args.targets.cols(), width = args.outputs.cols();
  for_ranges(args.targets.rows(), rows_of(width), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      ops_.draw_classes(args.targets.data + row * targets, args.outputs.data + row * width, targets,
                        args.classes, noise_row(args.noise, row));
    }
  });
}

}  // namespace vae::cpu
