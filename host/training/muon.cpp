// SPDX-License-Identifier: MIT
#include "host/training/muon.h"

#include <algorithm>
#include <utility>

#include "kernels/check.h"
#include "kernels/rules/adam.h"
#include "kernels/rules/muon.h"

namespace vae {

Muon::Muon(const Parameters& parameters, Backend& backend) : backend_(backend), arena_(backend) {
  int64_t largest = 0, widest = 0;
  for (const Parameter& parameter : parameters.all()) {
    const int64_t count = parameter.value.count();
    if (parameter.spec.role == ParameterSpec::Role::weight) {
      const int64_t rows = parameter.value.rows();
      const Shape shape{rows, count / rows};
      matrices_.push_back({View(parameter.value.data, shape), View(parameter.gradient.data, shape),
                           View(parameter.first_moment.data, shape)});
      largest = std::max(largest, count);
      widest = std::max(widest, std::min(shape[0], shape[1]));
      continue;
    }
    const int64_t first = parameter.value.data - parameters.values().data;
    if (!others_.empty() && parameter.spec.joined &&
        others_.back().first + others_.back().count == first) {
      others_.back().count += count;
      continue;
    }
    VAE_CHECK(first % kDecayLine == 0, "the parameter ", parameter.spec.name,
              " shares a line with a matrix");
    others_.push_back({first, count});
  }
  if (matrices_.empty()) return;
  arena_.request(x_, {largest});
  arena_.request(y_, {largest});
  arena_.request(gram_, {widest * widest});
  arena_.request(square_, {widest * widest});
  arena_.request(squares_, {1});
  arena_.allocate("the scratch memory of Muon");
}

void Muon::issue(const StepState* state, float beta, float weight_decay) {
  for (const Matrix& matrix : matrices_) issue(matrix, state, beta, weight_decay);
}

void Muon::issue(const Matrix& matrix, const StepState* state, float beta, float weight_decay) {
  const int64_t rows = matrix.value.rows(), cols = matrix.value.cols(), count = rows * cols;
  const bool tall = rows > cols;
  const int64_t side = std::min(rows, cols);
  const auto flat = [count](const View& view) { return View(view.data, {count}); };
  const View gram(gram_.data, {side, side}), square(square_.data, {side, side});
  View x(x_.data, {rows, cols}), y(y_.data, {rows, cols});
  backend_.issue(MuonMomentumArgs{flat(x), squares_, flat(matrix.momentum), flat(matrix.gradient),
                                  state, beta});
  backend_.issue(MuonNormalizeArgs{flat(x), squares_});
  for (int step = 0; step < kNewtonSchulzSteps; ++step) {
    backend_.issue(GemmArgs{gram, x, x, tall, !tall});
    backend_.issue(GemmArgs{square, gram, gram});
    backend_.issue(BlendArgs{square, gram, kNewtonSchulzB, kNewtonSchulzC});
    backend_.issue(tall ? GemmArgs{y, x, square} : GemmArgs{y, square, x});
    backend_.issue(BlendArgs{y, x, kNewtonSchulzA, 1.0f});
    std::swap(x, y);
  }
  backend_.issue(
      MuonApplyArgs{flat(matrix.value), flat(x), state, muon_rate(rows, cols), weight_decay});
}

}  // namespace vae
