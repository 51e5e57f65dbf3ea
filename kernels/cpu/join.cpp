// SPDX-License-Identifier: MIT
//
// Where branches of a graph meet: sums and concatenations, and the gradients of both.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/input_gradient.h"

namespace vae::cpu {

namespace {

constexpr int64_t kJoinedValues = 1 << 12;  // of a task, or added at a time
constexpr int64_t kSummed = 256;

/// The pieces of a tensor and of the concatenation it is a part of.
template <typename Args>
struct Part {
  int64_t channels, all, first, positions, repeat;

  Part(const Args& args, const ConstView& part, const ConstView& whole)
      : channels(part.cols() / args.positions),
        all(whole.cols() / args.positions),
        first(args.first),
        positions(args.positions),
        repeat(args.repeat) {}

  /// Of the concatenation, where a position of one row begins.
  int64_t at(int64_t row, int64_t position) const {
    return (row * positions + position) * all + first;
  }
  int64_t rows_of_task() const {
    return std::max<int64_t>(1,
                             kJoinedValues / std::max<int64_t>(1, channels * positions * repeat));
  }
};

}  // namespace

void CpuBackend::run(const AddArgs& args) {
  for_ranges(args.y.count(), kJoinedValues, [&](int64_t first, int64_t last) {
    const bool onto_b = args.y.data == args.b.data;
    const float* const addend = (onto_b ? args.a : args.b).data + first;
    float* const y = args.y.data + first;
    if (!onto_b && args.y.data != args.a.data) std::copy_n(args.a.data + first, last - first, y);
    ops_.bias_activate(y, args.pre ? args.pre.data + first : nullptr, addend, last - first,
                       args.activation);
  });
}

void CpuBackend::run(const AddBackwardArgs& args) {
  const InputGradient gradient(ops_, args);
  for_ranges(args.dx.count(), kJoinedValues, [&](int64_t first, int64_t last) {
    float values[kJoinedValues];
    std::copy(args.dy.data + first, args.dy.data + last, values);
    gradient.finish(values, first, last - first);
  });
}

void CpuBackend::run(const ConcatArgs& args) {
  const Part<ConcatArgs> part(args, args.x, args.y);
  for_ranges(args.x.rows(), part.rows_of_task(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin * part.repeat; row < end * part.repeat; ++row) {
      const float* from = args.x.data + row / part.repeat * args.x.cols();
      for (int64_t p = 0; p < part.positions; ++p, from += part.channels) {
        std::copy(from, from + part.channels, args.y.data + part.at(row, p));
      }
    }
  });
}

void CpuBackend::run(const ConcatBackwardArgs& args) {
  const Part<ConcatBackwardArgs> part(args, args.dx, args.dy);
  const InputGradient gradient(ops_, args);
  const auto sum_piece = [&](int64_t row, int64_t position, int64_t channel) {
    float sum[kSummed] = {};
    const int64_t width = std::min(kSummed, part.channels - channel);
    for (int64_t k = 0; k < part.repeat; ++k) {
      const int64_t from = part.at(row * part.repeat + k, position) + channel;
      ops_.add(sum, args.dy.data + from, width);
    }
    gradient.finish(sum, (row * part.positions + position) * part.channels + channel, width);
  };
  for_ranges(args.dx.rows(), part.rows_of_task(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t p = 0; p < part.positions; ++p) {
        for (int64_t c = 0; c < part.channels; c += kSummed) sum_piece(row, p, c);
      }
    }
  });
}

}  // namespace vae::cpu
