// SPDX-License-Identifier: MIT
//
// The shape checks of every operation, once for all devices.
#include "kernels/backend.h"

#include "kernels/check.h"
#include "kernels/rules/activations.h"
#include "kernels/rules/likelihoods.h"

namespace vae {

/// The frame of every operation: the device is the calling thread's, and the observer is told of
/// its beginning and end, also when it throws.
class Backend::Operation {
 public:
  Operation(Backend& backend, std::string_view name) : observer_(backend.observer_), name_(name) {
    backend.make_current();
    if (observer_ != nullptr) observer_->begin(name_);
  }
  ~Operation() {
    if (observer_ != nullptr) observer_->end(name_);
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  OperationObserver* observer_;
  std::string_view name_;
};

namespace {

template <typename T>
void check_shape(std::string_view operation, std::string_view name, const BasicView<T>& view,
                 const Shape& expected) {
  VAE_CHECK(view.data != nullptr && view.shape == expected, operation, ": ", name, " is ",
            view.data != nullptr ? concat(view.shape) : std::string("empty"), ", expected ",
            expected);
}

template <typename T>
void check_optional(std::string_view operation, std::string_view name, const BasicView<T>& view,
                    const Shape& expected) {
  if (view) check_shape(operation, name, view, expected);
}

template <typename T>
void check_matrix(std::string_view operation, std::string_view name, const BasicView<T>& view) {
  VAE_CHECK(view.data != nullptr && view.shape.rank() == 2, operation, ": ", name,
            " must be a matrix, not ", concat(view.shape));
}

void check_state(std::string_view operation, const void* state) {
  VAE_CHECK(state != nullptr, operation, ": the step state is missing");
}

void check(const LoadBatchArgs& args) {
  check_matrix("load_batch", "x", args.x);
  check_matrix("load_batch", "pixels", args.pixels);
  check_shape("load_batch", "x", args.x, {args.x.rows(), args.pixels.cols()});
  check_state("load_batch", args.state);
}

void check(const DenseForwardArgs& args) {
  check_matrix("dense_forward", "x", args.x);
  check_matrix("dense_forward", "w", args.w);
  const int64_t rows = args.x.rows(), out = args.w.rows();
  check_shape("dense_forward", "w", args.w, {out, args.x.cols()});
  check_shape("dense_forward", "b", args.b, {out});
  check_shape("dense_forward", "y", args.y, {rows, out});
  check_optional("dense_forward", "pre", args.pre, {rows, out});
  VAE_CHECK(args.pre || !needs_pre_activation(args.activation),
            "dense_forward: gelu and silu need memory for the pre-activation");
}

void check(const GaussianForwardArgs& args) {
  check_matrix("gaussian_forward", "heads", args.heads);
  check_matrix("gaussian_forward", "z", args.z);
  const int64_t rows = args.heads.rows(), latent = args.z.cols();
  check_shape("gaussian_forward", "heads", args.heads, {rows, 2 * latent});
  check_shape("gaussian_forward", "z", args.z, {rows * args.samples, latent});
  check_optional("gaussian_forward", "kl", args.kl, {rows});
  check_optional("gaussian_forward", "log_ratio", args.log_ratio, {rows * args.samples});
  check_state("gaussian_forward", args.noise.state);
}

void check(const LikelihoodArgs& args) {
  check_matrix("likelihood", "x", args.x);
  const int64_t rows = args.x.rows() * args.samples;
  const Shape shape{rows, args.x.cols()};
  check_shape("likelihood", "outputs", args.outputs, shape);
  check_shape("likelihood", "log_px", args.log_px, {rows});
  check_optional("likelihood", "doutputs", args.doutputs, shape);
  if (has_variance(args.likelihood)) {
    check_shape("likelihood", "log_variance", args.log_variance, {1});
    check_optional("likelihood", "dlog_variance", args.dlog_variance, {1});
  }
}

/// The second operation of a pair reads what the first one writes.
void check_pair(std::string_view pair, std::string_view name, ConstView written, ConstView read) {
  VAE_CHECK(written.data == read.data && written.shape == read.shape, pair, ": ", name,
            " must be the same tensor in both operations");
}

}  // namespace

void Backend::begin_step(StepState* state, const Schedule& schedule) {
  const Operation operation(*this, "begin_step");
  check_state("begin_step", state);
  do_begin_step(state, schedule);
}

void Backend::load_batch(const LoadBatchArgs& args) {
  const Operation operation(*this, "load_batch");
  check(args);
  do_load_batch(args);
}

void Backend::dense_forward(const DenseForwardArgs& args) {
  const Operation operation(*this, "dense_forward");
  check(args);
  do_dense_forward(args);
}

void Backend::dense_backward_input(const DenseBackwardInputArgs& args) {
  const Operation operation(*this, "dense_backward_input");
  check_matrix("dense_backward_input", "dy", args.dy);
  check_matrix("dense_backward_input", "w", args.w);
  const Shape shape{args.dy.rows(), args.w.cols()};
  check_shape("dense_backward_input", "w", args.w, {args.dy.cols(), args.w.cols()});
  check_shape("dense_backward_input", "dx", args.dx, shape);
  if (needs_pre_activation(args.activation)) {
    check_shape("dense_backward_input", "pre", args.pre, shape);
  } else if (args.activation != Activation::none) {
    check_shape("dense_backward_input", "x", args.x, shape);
  }
  do_dense_backward_input(args);
}

void Backend::dense_backward_weights(const DenseBackwardWeightsArgs& args) {
  const Operation operation(*this, "dense_backward_weights");
  check_matrix("dense_backward_weights", "dy", args.dy);
  check_matrix("dense_backward_weights", "x", args.x);
  check_shape("dense_backward_weights", "x", args.x, {args.dy.rows(), args.x.cols()});
  check_shape("dense_backward_weights", "dw", args.dw, {args.dy.cols(), args.x.cols()});
  check_shape("dense_backward_weights", "db", args.db, {args.dy.cols()});
  do_dense_backward_weights(args);
}

void Backend::gaussian_forward(const GaussianForwardArgs& args) {
  const Operation operation(*this, "gaussian_forward");
  check(args);
  do_gaussian_forward(args);
}

void Backend::gaussian_backward(const GaussianBackwardArgs& args) {
  const Operation operation(*this, "gaussian_backward");
  check_matrix("gaussian_backward", "dz", args.dz);
  const Shape heads{args.dz.rows(), 2 * args.dz.cols()};
  check_shape("gaussian_backward", "heads", args.heads, heads);
  check_shape("gaussian_backward", "dheads", args.dheads, heads);
  check_state("gaussian_backward", args.noise.state);
  do_gaussian_backward(args);
}

void Backend::prior_sample(const PriorSampleArgs& args) {
  const Operation operation(*this, "prior_sample");
  check_matrix("prior_sample", "z", args.z);
  check_state("prior_sample", args.noise.state);
  do_prior_sample(args);
}

void Backend::posterior_statistics(const PosteriorStatisticsArgs& args) {
  const Operation operation(*this, "posterior_statistics");
  check_matrix("posterior_statistics", "heads", args.heads);
  check_matrix("posterior_statistics", "sums", args.sums);
  check_shape("posterior_statistics", "sums", args.sums, {3, args.sums.cols()});
  check_shape("posterior_statistics", "heads", args.heads,
              {args.heads.rows(), 2 * args.sums.cols()});
  do_posterior_statistics(args);
}

void Backend::likelihood(const LikelihoodArgs& args) {
  const Operation operation(*this, "likelihood");
  check(args);
  do_likelihood(args);
}

void Backend::likelihood_mean(const LikelihoodMeanArgs& args) {
  const Operation operation(*this, "likelihood_mean");
  check_matrix("likelihood_mean", "outputs", args.outputs);
  check_shape("likelihood_mean", "mean", args.mean, args.outputs.shape);
  do_likelihood_mean(args);
}

void Backend::importance_merge(const ImportanceArgs& args) {
  const Operation operation(*this, "importance_merge");
  VAE_CHECK(args.samples >= 1, "importance_merge: samples must be positive, got ", args.samples);
  const Shape rows{args.log_px.count() / args.samples};
  const Shape weights{rows[0] * args.samples};
  check_shape("importance_merge", "log_px", args.log_px, weights);
  check_shape("importance_merge", "log_ratio", args.log_ratio, weights);
  check_shape("importance_merge", "running_max", args.running_max, rows);
  check_shape("importance_merge", "running_sum", args.running_sum, rows);
  do_importance_merge(args);
}

void Backend::accumulate(const AccumulateArgs& args) {
  const Operation operation(*this, "accumulate");
  check_shape("accumulate", "kl", args.kl, {args.kl.count()});
  check_shape("accumulate", "log_px", args.log_px, args.kl.shape);
  check_state("accumulate", args.state);
  VAE_CHECK(args.totals != nullptr, "accumulate: the totals are missing");
  do_accumulate(args);
}

void Backend::judge_gradient(const JudgeGradientArgs& args) {
  const Operation operation(*this, "judge_gradient");
  check_shape("judge_gradient", "gradients", args.gradients, {args.gradients.count()});
  check_state("judge_gradient", args.state);
  do_judge_gradient(args);
}

void Backend::adam(const AdamArgs& args) {
  const Operation operation(*this, "adam");
  const Shape shape{args.parameters.count()};
  check_shape("adam", "parameters", args.parameters, shape);
  check_shape("adam", "first_moment", args.first_moment, shape);
  check_shape("adam", "second_moment", args.second_moment, shape);
  check_shape("adam", "gradients", args.gradients, shape);
  check_state("adam", args.state);
  do_adam(args);
}

void Backend::gemm(const GemmArgs& args) {
  const Operation operation(*this, "gemm");
  check_matrix("gemm", "a", args.a);
  check_matrix("gemm", "b", args.b);
  const int64_t m = args.transpose_a ? args.a.cols() : args.a.rows();
  const int64_t k = args.transpose_a ? args.a.rows() : args.a.cols();
  const int64_t n = args.transpose_b ? args.b.rows() : args.b.cols();
  check_shape("gemm", "b", args.b, args.transpose_b ? Shape{n, k} : Shape{k, n});
  check_shape("gemm", "c", args.c, {m, n});
  do_gemm(args);
}

void Backend::load_dense_forward(const LoadBatchArgs& load, const DenseForwardArgs& dense) {
  check_pair("load_dense_forward", "x", load.x, dense.x);
  if (!fuses(load, dense)) {
    load_batch(load);
    dense_forward(dense);
    return;
  }
  const Operation operation(*this, "load_dense_forward");
  check(load);
  check(dense);
  do_load_dense_forward(load, dense);
}

void Backend::dense_gaussian_forward(const DenseForwardArgs& dense,
                                     const GaussianForwardArgs& gaussian) {
  check_pair("dense_gaussian_forward", "heads", dense.y, gaussian.heads);
  VAE_CHECK(dense.activation == Activation::none, "dense_gaussian_forward: the heads are linear");
  if (!fuses(dense, gaussian)) {
    dense_forward(dense);
    gaussian_forward(gaussian);
    return;
  }
  const Operation operation(*this, "dense_gaussian_forward");
  check(dense);
  check(gaussian);
  do_dense_gaussian_forward(dense, gaussian);
}

void Backend::dense_likelihood(const DenseForwardArgs& dense, const LikelihoodArgs& args) {
  check_pair("dense_likelihood", "outputs", dense.y, args.outputs);
  VAE_CHECK(dense.activation == Activation::none, "dense_likelihood: the outputs are linear");
  if (!fuses(dense, args)) {
    dense_forward(dense);
    likelihood(args);
    return;
  }
  const Operation operation(*this, "dense_likelihood");
  check(dense);
  check(args);
  do_dense_likelihood(dense, args);
}

// What a device inherits that fuses nothing; not reached.
void Backend::do_load_dense_forward(const LoadBatchArgs& load, const DenseForwardArgs& dense) {
  do_load_batch(load);
  do_dense_forward(dense);
}

void Backend::do_dense_gaussian_forward(const DenseForwardArgs& dense,
                                        const GaussianForwardArgs& gaussian) {
  do_dense_forward(dense);
  do_gaussian_forward(gaussian);
}

void Backend::do_dense_likelihood(const DenseForwardArgs& dense, const LikelihoodArgs& likelihood) {
  do_dense_forward(dense);
  do_likelihood(likelihood);
}

}  // namespace vae
