// SPDX-License-Identifier: MIT
//
// THE CONTRACT between the graph and a device. Every backend does the same arithmetic on the same
// shapes; tests/kernels runs each operation on each backend.
//
// Shape legend, used everywhere:
//   B batch rows      K importance samples per row (1 in training)   N dataset images
//   X pixel values    H, I, O widths of dense layers                 Z latent dimensions
//   P parameters
// All tensors are dense and row-major, float unless said. [B*K, Z] keeps the K samples of one
// image side by side: row m belongs to image m / K.
// Objective of one batch: loss = 1/B sum_b ( -log p(x_b|z_b) + beta KL_b ), in nats, summed over X
// and Z, averaged over the true B.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/step_state.h"
#include "kernels/tensor.h"
#include "kernels/tuning_store.h"
#include "vae/device.h"
#include "vae/types.h"

namespace vae {

/// Reads rows of the 8-bit dataset into the model's input.
/// Row r takes position p = state->first_row + r; the image is permute(p) when `shuffle` is set,
/// p itself otherwise. Binarisation draws stream binarize at (row = first_draw + image index,
/// step = state->step for `dynamic`, 0 for `fixed`).
struct LoadBatchArgs {
  View x;                            // [B, X] out, values in [0, 1]
  BasicView<const uint8_t> pixels;   // [N, X]
  const StepState* state = nullptr;  // step, epoch, first_row
  Binarization binarization = Binarization::none;
  bool shuffle = false;
  uint64_t seed = 0;
  uint32_t first_draw = 0;  // row of the draws of the first image
};

/// y = activation(x w^T + b).
struct DenseForwardArgs {
  View y;       // [B, O] out
  View pre;     // [B, O] out, x w^T + b; required by gelu and silu, may be empty otherwise
  ConstView x;  // [B, I]
  ConstView w;  // [O, I]
  ConstView b;  // [O]
  Activation activation = Activation::none;
};

/// dx = (dy w) * activation'(x): the gradient with respect to the pre-activation of the layer that
/// produced x, whose activation is given. `none` gives the plain product.
struct DenseBackwardInputArgs {
  View dx;        // [B, I] out
  ConstView dy;   // [B, O]
  ConstView w;    // [O, I]
  ConstView x;    // [B, I] output of the layer below; unused by `none`
  ConstView pre;  // [B, I] its pre-activation; required by gelu and silu
  Activation activation = Activation::none;
};

/// dw = dy^T x and db = sum over rows of dy. Overwrites.
struct DenseBackwardWeightsArgs {
  View dw;       // [O, I] out
  View db;       // [O] out
  ConstView dy;  // [B, O]
  ConstView x;   // [B, I]
};

/// Which random numbers an operation draws: element j of row r, sample k uses Philox at
/// (element j, row state->first_row + r, step state->step, stream, k + first_sample).
struct NoiseKey {
  uint64_t seed = 0;
  Stream stream = Stream::posterior;
  const StepState* state = nullptr;
  int64_t first_sample = 0;  // so that 500 importance samples can be drawn in chunks
};

/// Reparameterisation and KL of the diagonal Gaussian posterior. [AEVB eq. 10]
///   logvar is clamped to [logvar_min, logvar_max];  z = mu + exp(logvar / 2) eps
///   kl_b = 1/2 sum_z (mu^2 + exp(logvar) - 1 - logvar)
///   log_ratio = log p(z) - log q(z|x) of each sample                      [IWAE eq. 8]
struct GaussianForwardArgs {
  View z;               // [B*K, Z] out
  View kl;              // [B] out, may be empty
  View log_ratio;       // [B*K] out, may be empty
  ConstView heads;      // [B, 2Z] mu in columns 0..Z-1, logvar in columns Z..2Z-1
  int64_t samples = 1;  // K
  float logvar_min = -30.0f;
  float logvar_max = 20.0f;
  NoiseKey noise;
};

/// Gradient of the objective with respect to the heads (K = 1); eps is drawn again, not stored:
///   dmu     = dz + scale beta mu
///   dlogvar = dz eps exp(logvar/2) / 2 + scale beta (exp(logvar) - 1) / 2,  0 where clamped
/// with beta = state->beta.
struct GaussianBackwardArgs {
  View dheads;      // [B, 2Z] out
  ConstView dz;     // [B, Z]
  ConstView heads;  // [B, 2Z]
  float logvar_min = -30.0f;
  float logvar_max = 20.0f;
  float scale = 1.0f;  // 1/B
  NoiseKey noise;
};

/// z ~ N(0, I) of the prior.
struct PriorSampleArgs {
  View z;  // [B, Z] out
  NoiseKey noise;
};

/// Adds this batch's posterior statistics, per latent dimension, in double and in row order.
struct PosteriorStatisticsArgs {
  DoubleView sums;  // [3, Z] in/out: sum of KL, of mu, of mu^2
  ConstView heads;  // [B, 2Z]
  float logvar_min = -30.0f;
  float logvar_max = 20.0f;
};

/// log p(x|z) per row and its gradient.
///   bernoulli: outputs are logits l;  log p = sum_x ( l x - max(l, 0) - log1p(exp(-|l|)) )
///   gaussian:  outputs are means;     log p = -1/2 sum_x ( (x - mean)^2 / var + log(2 pi var) )
/// doutputs = -scale dlog p / doutputs; it may be the same memory as outputs.
struct LikelihoodArgs {
  View log_px;             // [B*K] out
  View doutputs;           // [B*K, X] out, may be empty (evaluation)
  View dlog_variance;      // [1] out, -scale dlog p / dlog var summed over rows; may be empty
  ConstView outputs;       // [B*K, X]
  ConstView x;             // [B, X]
  ConstView log_variance;  // [1] log var of the gaussian; empty for bernoulli
  int64_t samples = 1;     // K
  Likelihood likelihood = Likelihood::bernoulli;
  float scale = 1.0f;  // 1/B
};

/// E[x|z]: sigmoid of the logits, or the means as they are. In place allowed.
struct LikelihoodMeanArgs {
  View mean;          // [B, X] out
  ConstView outputs;  // [B, X]
  Likelihood likelihood = Likelihood::bernoulli;
};

/// Merges K importance weights into the running log-sum-exp of each row:
/// sum_i exp(log_w_i) = sum * exp(max), log_w = log_px + log_ratio. Start: max = -inf, sum = 0.
struct ImportanceArgs {
  DoubleView running_max;  // [B] in/out
  DoubleView running_sum;  // [B] in/out
  ConstView log_px;        // [B*K]
  ConstView log_ratio;     // [B*K]
  int64_t samples = 1;     // K
};

/// Adds a batch's sums to the totals of the epoch, in row order and in double, and remembers in
/// state->loss the batch's objective (with state->beta). A non-finite loss adds nothing.
struct AccumulateArgs {
  Totals* totals = nullptr;
  StepState* state = nullptr;
  ConstView log_px;  // [B]
  ConstView kl;      // [B]
};

/// Global norm of the gradient, clipping factor and the decision whether the step may be applied:
/// state->gradient_norm, state->clip_scale; state->apply is 1 and ++state->updates when norm and
/// loss are finite, otherwise apply is 0 and both counters of skipped steps rise.
struct JudgeGradientArgs {
  StepState* state = nullptr;
  ConstView gradients;     // [P]
  float clip_norm = 0.0f;  // 0: no clipping
};

/// Adam with bias correction, all tensors at once; nothing happens unless state->apply is 1.
/// [Adam alg. 1] with t = state->updates, learning rate from the state.
struct AdamArgs {
  View parameters;      // [P] in/out
  View first_moment;    // [P] in/out
  View second_moment;   // [P] in/out
  ConstView gradients;  // [P]
  const StepState* state = nullptr;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
};

/// c = op(a) op(b), nothing fused: the floor that `vae bench` compares a training step with.
struct GemmArgs {
  View c;       // [M, N] out
  ConstView a;  // [M, K], or [K, M] when transpose_a
  ConstView b;  // [K, N], or [N, K] when transpose_b
  bool transpose_a = false;
  bool transpose_b = false;
};

/// A recorded sequence of operations that can be run again. What changes between runs lives in
/// StepState, never in arguments.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void replay() = 0;
};

/// Sees every operation as it is issued; for profiles. Called on the thread that issues.
class OperationObserver {
 public:
  virtual ~OperationObserver() = default;
  virtual void begin(std::string_view operation) = 0;
  virtual void end(std::string_view operation) = 0;
};

/// A device with its memory. Operations are issued in order and may run asynchronously until
/// synchronize() or copy_to_host(). One thread at a time may use a backend. The public functions
/// check all shapes once, then call the device's private do_ function.
class Backend {
 public:
  virtual ~Backend() = default;

  // Memory. Addresses are aligned to at least 64 bytes; contents start undefined.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* memory) noexcept = 0;
  virtual void copy_to_device(void* device, const void* host, std::size_t bytes) = 0;
  virtual void copy_to_host(void* host, const void* device, std::size_t bytes) = 0;
  virtual void fill_zero(void* device, std::size_t bytes) = 0;
  virtual void synchronize() = 0;

  /// Issues `body` to record it, perhaps twice, and runs it at most once; replay() then runs it.
  /// `body` must stay valid.
  virtual std::unique_ptr<Recording> record(std::function<void()> body) = 0;

  /// How many training steps one recording should hold: more than 1 where issuing a step costs the
  /// host about as long as the device takes for it.
  virtual int64_t steps_per_recording() const { return 1; }

  /// "cpu", "cuda:0": what the results are labelled with.
  virtual std::string name() const = 0;
  /// Model name, instruction set, threads; for people.
  virtual std::string description() const = 0;

  // Operations.
  /// Moves the state to its next training step; the arithmetic is kernels/rules/schedule.h, once
  /// for all devices. With s = state->step before the call (s steps begun so far): epoch = s /
  /// steps per epoch, first_row = (s % steps per epoch) * batch_size, learning rate and beta of
  /// step s, and then step = s + 1.
  void begin_step(StepState* state, const Schedule& schedule);
  void load_batch(const LoadBatchArgs& args);
  void dense_forward(const DenseForwardArgs& args);
  void dense_backward_input(const DenseBackwardInputArgs& args);
  void dense_backward_weights(const DenseBackwardWeightsArgs& args);
  void gaussian_forward(const GaussianForwardArgs& args);
  void gaussian_backward(const GaussianBackwardArgs& args);
  void prior_sample(const PriorSampleArgs& args);
  void posterior_statistics(const PosteriorStatisticsArgs& args);
  void likelihood(const LikelihoodArgs& args);
  void likelihood_mean(const LikelihoodMeanArgs& args);
  void importance_merge(const ImportanceArgs& args);
  void accumulate(const AccumulateArgs& args);
  void judge_gradient(const JudgeGradientArgs& args);
  void adam(const AdamArgs& args);
  void gemm(const GemmArgs& args);

  // Pairs that a device may run as one kernel. Where it has none for these shapes the two
  // operations run one after the other, which is also what the tests compare the kernel with.
  /// load_batch(), then dense_forward() of what it loaded: dense.x is load.x, which is written too.
  void load_dense_forward(const LoadBatchArgs& load, const DenseForwardArgs& dense);
  /// dense_forward() without activation, then gaussian_forward() of its output: gaussian.heads is
  /// dense.y, which is written too.
  void dense_gaussian_forward(const DenseForwardArgs& dense, const GaussianForwardArgs& gaussian);
  /// dense_forward() without activation, then likelihood() of its output: likelihood.outputs is
  /// dense.y, whose content afterwards is undefined unless likelihood.doutputs is the same memory.
  void dense_likelihood(const DenseForwardArgs& dense, const LikelihoodArgs& likelihood);

  /// Not owned; nullptr turns observation off.
  void set_observer(OperationObserver* observer) { observer_ = observer; }

 private:
  class Operation;

  /// Called before each operation, for devices of which a thread has a current one.
  virtual void make_current() {}
  virtual void do_begin_step(StepState* state, const Schedule& schedule) = 0;
  virtual void do_load_batch(const LoadBatchArgs& args) = 0;
  virtual void do_dense_forward(const DenseForwardArgs& args) = 0;
  virtual void do_dense_backward_input(const DenseBackwardInputArgs& args) = 0;
  virtual void do_dense_backward_weights(const DenseBackwardWeightsArgs& args) = 0;
  virtual void do_gaussian_forward(const GaussianForwardArgs& args) = 0;
  virtual void do_gaussian_backward(const GaussianBackwardArgs& args) = 0;
  virtual void do_prior_sample(const PriorSampleArgs& args) = 0;
  virtual void do_posterior_statistics(const PosteriorStatisticsArgs& args) = 0;
  virtual void do_likelihood(const LikelihoodArgs& args) = 0;
  virtual void do_likelihood_mean(const LikelihoodMeanArgs& args) = 0;
  virtual void do_importance_merge(const ImportanceArgs& args) = 0;
  virtual void do_accumulate(const AccumulateArgs& args) = 0;
  virtual void do_judge_gradient(const JudgeGradientArgs& args) = 0;
  virtual void do_adam(const AdamArgs& args) = 0;
  virtual void do_gemm(const GemmArgs& args) = 0;

  // Whether the device has one kernel for the pair with these shapes and options, and that kernel.
  // do_ is called only where fuses() said yes.
  virtual bool fuses(const LoadBatchArgs&, const DenseForwardArgs&) const { return false; }
  virtual bool fuses(const DenseForwardArgs&, const GaussianForwardArgs&) const { return false; }
  virtual bool fuses(const DenseForwardArgs&, const LikelihoodArgs&) const { return false; }
  virtual void do_load_dense_forward(const LoadBatchArgs& load, const DenseForwardArgs& dense);
  virtual void do_dense_gaussian_forward(const DenseForwardArgs& dense,
                                         const GaussianForwardArgs& gaussian);
  virtual void do_dense_likelihood(const DenseForwardArgs& dense, const LikelihoodArgs& likelihood);

  OperationObserver* observer_ = nullptr;
};

/// Opens a device that choose_device() accepted. Throws Error(unavailable).
/// `tuning` keeps what the device measures about itself; not owned, may be null.
std::unique_ptr<Backend> make_backend(const Device& device, TuningStore* tuning = nullptr);

/// The CPU as `vae devices` lists it: processor, instruction set chosen, threads, memory.
DeviceInfo cpu_device();

/// The CUDA cards, as far as can be known without opening them; where there are none, or this build
/// has no CUDA backend, one unusable entry named "cuda" whose reason says why and what to do.
std::vector<DeviceInfo> cuda_devices();

/// The card "cuda:<index>", opened, as it may be busy, or an unusable entry with the reason.
DeviceInfo cuda_device(int index);

/// Version of the CUDA toolkit this build was made with; empty without a CUDA backend.
std::string cuda_toolkit();

}  // namespace vae
