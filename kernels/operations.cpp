// SPDX-License-Identifier: MIT
//
// The checks of every operation, once for all devices.
#include "kernels/operations.h"

#include "kernels/check.h"
#include "kernels/rules/activations.h"
#include "kernels/rules/likelihoods.h"

namespace vae {

namespace {

/// Checks the tensors of one operation; messages name both.
class Tensors {
 public:
  explicit Tensors(std::string_view operation) : operation_(operation) {}

  template <typename T>
  void have(std::string_view name, const BasicView<T>& view, const Shape& expected) const {
    VAE_CHECK(view.data != nullptr && view.shape == expected, operation_, ": ", name, " is ",
              view.data != nullptr ? concat(view.shape) : std::string("empty"), ", expected ",
              expected);
  }

  template <typename T>
  void may_have(std::string_view name, const BasicView<T>& view, const Shape& expected) const {
    if (view) have(name, view, expected);
  }

  template <typename T>
  void have_matrix(std::string_view name, const BasicView<T>& view) const {
    VAE_CHECK(view.data != nullptr && view.shape.rank() == 2, operation_, ": ", name,
              " must be a matrix, not ", concat(view.shape));
  }

  void have_state(const void* state) const {
    VAE_CHECK(state != nullptr, operation_, ": the step state is missing");
  }

  /// The second operation of a pair reads what the first one writes.
  void are_one(std::string_view name, ConstView written, ConstView read) const {
    VAE_CHECK(written.data == read.data && written.shape == read.shape, operation_, ": ", name,
              " must be the same tensor in both operations");
  }

  void are_linear(const DenseForwardArgs& dense) const {
    VAE_CHECK(dense.activation == Activation::none, operation_, ": the outputs are linear");
  }

 private:
  std::string_view operation_;
};

}  // namespace

void BeginStepArgs::check() const { Tensors(kName).have_state(state); }

void LoadBatchArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("x", x);
  tensors.have_matrix("pixels", pixels);
  tensors.have("x", x, {x.rows(), pixels.cols()});
  tensors.have_state(state);
}

void DenseForwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("x", x);
  tensors.have_matrix("w", w);
  const int64_t rows = x.rows(), out = w.rows();
  tensors.have("w", w, {out, x.cols()});
  tensors.have("b", b, {out});
  tensors.have("y", y, {rows, out});
  tensors.may_have("pre", pre, {rows, out});
  VAE_CHECK(pre || !needs_pre_activation(activation), kName,
            ": gelu and silu need memory for the pre-activation");
}

void DenseBackwardInputArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("dy", dy);
  tensors.have_matrix("w", w);
  const Shape shape{dy.rows(), w.cols()};
  tensors.have("w", w, {dy.cols(), w.cols()});
  tensors.have("dx", dx, shape);
  if (needs_pre_activation(activation)) {
    tensors.have("pre", pre, shape);
  } else if (activation != Activation::none) {
    tensors.have("x", x, shape);
  }
}

void DenseBackwardWeightsArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("dy", dy);
  tensors.have_matrix("x", x);
  tensors.have("x", x, {dy.rows(), x.cols()});
  tensors.have("dw", dw, {dy.cols(), x.cols()});
  tensors.have("db", db, {dy.cols()});
}

void GaussianForwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("heads", heads);
  tensors.have_matrix("z", z);
  const int64_t rows = heads.rows(), latent = z.cols();
  tensors.have("heads", heads, {rows, 2 * latent});
  tensors.have("z", z, {rows * samples, latent});
  tensors.may_have("kl", kl, {rows});
  tensors.may_have("log_ratio", log_ratio, {rows * samples});
  tensors.have_state(noise.state);
}

void GaussianBackwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("dz", dz);
  const Shape shape{dz.rows(), 2 * dz.cols()};
  tensors.have("heads", heads, shape);
  tensors.have("dheads", dheads, shape);
  tensors.have_state(noise.state);
}

void PriorSampleArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("z", z);
  tensors.have_state(noise.state);
}

void PosteriorStatisticsArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("heads", heads);
  tensors.have_matrix("sums", sums);
  tensors.have("sums", sums, {3, sums.cols()});
  tensors.have("heads", heads, {heads.rows(), 2 * sums.cols()});
}

void LikelihoodArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("x", x);
  const int64_t rows = x.rows() * samples;
  const Shape shape{rows, x.cols()};
  tensors.have("outputs", outputs, shape);
  tensors.have("log_px", log_px, {rows});
  tensors.may_have("doutputs", doutputs, shape);
  if (!has_variance(likelihood)) return;
  tensors.have("log_variance", log_variance, {1});
  tensors.may_have("dlog_variance", dlog_variance, {1});
}

void LikelihoodMeanArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("outputs", outputs);
  tensors.have("mean", mean, outputs.shape);
}

void ImportanceArgs::check() const {
  const Tensors tensors(kName);
  VAE_CHECK(samples >= 1, kName, ": samples must be positive, got ", samples);
  const Shape rows{log_px.count() / samples};
  const Shape weights{rows[0] * samples};
  tensors.have("log_px", log_px, weights);
  tensors.have("log_ratio", log_ratio, weights);
  tensors.have("running_max", running_max, rows);
  tensors.have("running_sum", running_sum, rows);
}

void AccumulateArgs::check() const {
  const Tensors tensors(kName);
  tensors.have("kl", kl, {kl.count()});
  tensors.have("log_px", log_px, kl.shape);
  tensors.have_state(state);
  VAE_CHECK(totals != nullptr, kName, ": the totals are missing");
}

void JudgeGradientArgs::check() const {
  const Tensors tensors(kName);
  tensors.have("gradients", gradients, {gradients.count()});
  tensors.have_state(state);
}

void AdamArgs::check() const {
  const Tensors tensors(kName);
  const Shape shape{parameters.count()};
  tensors.have("parameters", parameters, shape);
  tensors.have("first_moment", first_moment, shape);
  tensors.have("second_moment", second_moment, shape);
  tensors.have("gradients", gradients, shape);
  tensors.have_state(state);
}

void GemmArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("a", a);
  tensors.have_matrix("b", b);
  const int64_t m = transpose_a ? a.cols() : a.rows();
  const int64_t k = transpose_a ? a.rows() : a.cols();
  const int64_t n = transpose_b ? b.rows() : b.cols();
  tensors.have("b", b, transpose_b ? Shape{n, k} : Shape{k, n});
  tensors.have("c", c, {m, n});
}

// ---- pairs

void check_pair(const LoadBatchArgs& load, const DenseForwardArgs& dense) {
  Tensors(pair_name(load, dense)).are_one("x", load.x, dense.x);
}

void check_pair(const DenseForwardArgs& dense, const GaussianForwardArgs& gaussian) {
  const Tensors tensors(pair_name(dense, gaussian));
  tensors.are_one("heads", dense.y, gaussian.heads);
  tensors.are_linear(dense);
}

void check_pair(const DenseForwardArgs& dense, const LikelihoodArgs& likelihood) {
  const Tensors tensors(pair_name(dense, likelihood));
  tensors.are_one("outputs", dense.y, likelihood.outputs);
  tensors.are_linear(dense);
}

}  // namespace vae
