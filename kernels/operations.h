// SPDX-License-Identifier: MIT
//
// THE CONTRACT's operations. An operation is its arguments: a struct with its name and with
// check(), which throws Error(invalid_argument) for shapes that do not fit and for what is missing.
// Every backend does the same arithmetic on the same shapes: in fp32 to the bit, as
// docs/arithmetic.md has it. tests/kernels runs each operation on each backend.
//
// Shape legend, used everywhere:
//   B batch rows      K importance samples per row (1 in training)   N dataset images
//   X pixel values    H, I, O widths of dense layers                 Z latent dimensions
//   P parameters      the sizes of images stand where convolutions begin
// All tensors are dense and row-major, float unless said. [B*K, Z] keeps the K samples of one
// image side by side: row m belongs to image m / K.
// Objective of one batch: loss = 1/B sum_b ( -log p(x_b|z_b) + beta KL_b ), in nats, summed over X
// and Z, averaged over the true B.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/step_state.h"
#include "kernels/tensor.h"
#include "vae/types.h"

namespace vae {

/// Moves the state to its next training step; the arithmetic is kernels/rules/schedule.h. With
/// s = state->step before the operation (s steps begun so far): epoch = s / steps per epoch,
/// first_row = (s % steps per epoch) * batch_size, learning rate and beta of step s, and then
/// step = s + 1.
struct BeginStepArgs {
  StepState* state = nullptr;  // in/out
  Schedule schedule;

  static constexpr std::string_view kName = "begin_step";
  void check() const;
};

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

  static constexpr std::string_view kName = "load_batch";
  void check() const;
};

/// What else is known of the images that LoadBatchArgs reads with the same state, order and seed:
/// their labels as one-hot rows, y[r, c] = 1 where c is the label of row r's image, else 0. A label
/// that is none of the classes leaves a row of zeros; who has labels from elsewhere checks them.
struct LoadLabelsArgs {
  View y;                           // [B, C] out, a column for each class
  BasicView<const uint8_t> labels;  // [N]
  const StepState* state = nullptr;
  bool shuffle = false;
  uint64_t seed = 0;

  static constexpr std::string_view kName = "load_labels";
  void check() const;
};

/// The same of a vector of floats that every image has: y[r] is that of row r's image.
struct LoadVectorsArgs {
  View y;             // [B, S] out
  ConstView vectors;  // [N, S]
  const StepState* state = nullptr;
  bool shuffle = false;
  uint64_t seed = 0;

  static constexpr std::string_view kName = "load_vectors";
  void check() const;
};

/// The same of classes that every image has: t[r] are those of row r's image.
struct LoadClassesArgs {
  BasicView<uint8_t> t;              // [B, T] out
  BasicView<const uint8_t> classes;  // [N, T]
  const StepState* state = nullptr;
  bool shuffle = false;
  uint64_t seed = 0;

  static constexpr std::string_view kName = "load_classes";
  void check() const;
};

/// What a model that restores images sees of them, y[r] of row r's image x[r]. Draws are of stream
/// corruption at (row = first_draw + image index, step = state->step):
///   none       y = x
///   noise      y = clip(x + amount eps, 0, 1), eps the normal of element i of value i
///   quadrants, random_quadrants
///              y = x in `amount` of the four quadrants, kernels/rules/corruption.h says which,
///              else 0; there counted = 1 and where x is shown 0. Otherwise all counts.
///   frames     the same with the first `amount` channels in the place of quadrants
struct CorruptArgs {
  View y;        // [B, H*W*C] out
  View counted;  // [B, H*W*C] out, the weights of x in log p(x|z); may be empty
  ConstView x;   // [B, H*W*C] as load_batch left it with this state, order and seed
  CorruptionKind kind = CorruptionKind::none;
  float amount = 0.0f;
  int64_t height = 0, width = 0, channels = 0;
  int64_t images = 0;  // N
  const StepState* state = nullptr;
  bool shuffle = false;
  uint64_t seed = 0;
  uint32_t first_draw = 0;

  static constexpr std::string_view kName = "corrupt";
  void check() const;
};

/// y = activation(x w^T + b).
struct DenseForwardArgs {
  View y;       // [B, O] out
  View pre;     // [B, O] out, x w^T + b; required by gelu and silu, may be empty otherwise
  ConstView x;  // [B, I]
  ConstView w;  // [O, I]
  ConstView b;  // [O]
  Activation activation = Activation::none;

  static constexpr std::string_view kName = "dense_forward";
  void check() const;
};

/// dx = (dy w) * activation'(x): the gradient with respect to the pre-activation of the layer that
/// produced x, whose activation is given. `none` gives the plain product.
/// Here and below `accumulate` adds the finished gradient to what is there: dx = dx + gradient.
struct DenseBackwardInputArgs {
  View dx;        // [B, I] out
  ConstView dy;   // [B, O]
  ConstView w;    // [O, I]
  ConstView x;    // [B, I] output of the layer below; unused by `none`
  ConstView pre;  // [B, I] its pre-activation; required by gelu and silu
  Activation activation = Activation::none;
  bool accumulate = false;

  static constexpr std::string_view kName = "dense_backward_input";
  void check() const;
};

/// dw = dy^T x and db = sum over rows of dy.
struct DenseBackwardWeightsArgs {
  View dw;       // [O, I] out
  View db;       // [O] out
  ConstView dy;  // [B, O]
  ConstView x;   // [B, I]
  bool accumulate = false;

  static constexpr std::string_view kName = "dense_backward_weights";
  void check() const;
};

/// Where the taps of a convolution lie. Images are rows of matrices, their values by row, column
/// and channel: [B, H*W*C] and [B, OH*OW*F]. A convolution leads from the large image to the small
/// one, a transposed convolution, its adjoint, from the small one to the large one. Weight
/// w[f, ky, kx, c] of either joins position (oy, ox) of the small image with position
/// (oy stride_y - top + ky, ox stride_x - left + kx) of the large one. What a kernel covers beyond
/// the large image is padding, less than a kernel on each side; rows and columns at its end that no
/// kernel reaches are fewer than a stride.
struct ConvGeometry {
  int64_t height = 0, width = 0, channels = 0;         // H, W, C of the large image
  int64_t kernel_height = 0, kernel_width = 0;         // KH, KW
  int64_t stride_y = 1, stride_x = 1;                  // rows, columns from kernel to kernel
  int64_t top = 0, left = 0;                           // rows and columns of padding
  int64_t out_height = 0, out_width = 0, filters = 0;  // OH, OW, F of the small image

  int64_t positions() const { return height * width; }              // of the large image
  int64_t out_positions() const { return out_height * out_width; }  // of the small image
  int64_t large() const { return positions() * channels; }          // values of an image
  int64_t small() const { return out_positions() * filters; }
  int64_t taps() const { return kernel_height * kernel_width; }
  int64_t row_weights() const { return taps() * channels; }  // of a row of w

  /// Throws Error(invalid_argument), which names the field that does not fit.
  void check(std::string_view operation) const;
};

/// A convolution, y[b, oy, ox, f] = activation(b[f] + sum over ky, kx, c of
///   x[b, oy stride_y - top + ky, ox stride_x - left + kx, c] * w[f, ky, kx, c]),
/// or a transposed one, y[b, iy, ix, c] = activation(b[c] + sum over oy, ox, f of
///   x[b, oy, ox, f] * w[f, iy + top - oy stride_y, ix + left - ox stride_x, c]).
/// Outside the image x is 0; outside the kernel there is nothing to sum.
struct ConvForwardArgs {
  View y;       // [B, OH*OW*F] out; transposed: [B, H*W*C]
  View pre;     // as y, the argument of the activation; required by gelu and silu
  ConstView x;  // [B, H*W*C]; transposed: [B, OH*OW*F]
  ConstView w;  // [F, KH*KW*C]
  ConstView b;  // [F]; transposed: [C]
  Activation activation = Activation::none;
  ConvGeometry geometry;
  bool transposed = false;

  static constexpr std::string_view kName = "conv_forward";
  void check() const;
};

/// dx = (the adjoint of the forward sum, of dy) * activation'(x), as in DenseBackwardInputArgs.
struct ConvBackwardInputArgs {
  View dx;        // [B, H*W*C] out; transposed: [B, OH*OW*F]
  ConstView dy;   // [B, OH*OW*F]; transposed: [B, H*W*C]
  ConstView w;    // [F, KH*KW*C]
  ConstView x;    // as dx, output of the layer below; unused by `none`
  ConstView pre;  // as dx, its pre-activation; required by gelu and silu
  Activation activation = Activation::none;
  ConvGeometry geometry;
  bool transposed = false;
  bool accumulate = false;

  static constexpr std::string_view kName = "conv_backward_input";
  void check() const;
};

/// dw[f, ky, kx, c] = sum over images and positions (oy, ox) of the small image's values times the
/// large one's, db = sum over images and positions of dy.
struct ConvBackwardWeightsArgs {
  View dw;       // [F, KH*KW*C] out
  View db;       // [F] out; transposed: [C]
  ConstView dy;  // [B*K, OH*OW*F]; transposed: [B*K, H*W*C]
  ConstView x;   // [B*K, H*W*C]; transposed: [B*K, OH*OW*F]
  ConvGeometry geometry;
  bool transposed = false;
  int64_t samples = 1;  // K: rows that are one image's, one part of the sums
  bool accumulate = false;

  static constexpr std::string_view kName = "conv_backward_weights";
  void check() const;
};

/// Images [H, W, C] and their enlargements [H*factor, W*factor, C], each position of which belongs
/// to a square of factor by factor.
struct ScaleGeometry {
  int64_t height = 0, width = 0, channels = 0;  // of the small image
  int64_t factor = 2;

  int64_t small() const { return height * width * channels; }  // values of an image
  int64_t large() const { return small() * factor * factor; }

  /// As ConvGeometry's.
  void check(std::string_view operation) const;
};

/// The nearest neighbour: all of a square of y is the value of x.
struct UpsampleArgs {
  View y;       // [B, H*factor * W*factor * C] out
  ConstView x;  // [B, H*W*C]
  ScaleGeometry geometry;

  static constexpr std::string_view kName = "upsample";
  void check() const;
};

/// dx = (sum over a square of dy) * activation'(x), as in DenseBackwardInputArgs.
struct UpsampleBackwardArgs {
  View dx;        // [B, H*W*C] out
  ConstView dy;   // [B, H*factor * W*factor * C]
  ConstView x;    // as dx, see DenseBackwardInputArgs
  ConstView pre;  // as dx
  Activation activation = Activation::none;
  ScaleGeometry geometry;
  bool accumulate = false;

  static constexpr std::string_view kName = "upsample_backward";
  void check() const;
};

/// y is the mean of a square of x: its sum times 1 / factor^2.
struct AveragePoolArgs {
  View y;       // [B, H*W*C] out
  ConstView x;  // [B, H*factor * W*factor * C]
  ScaleGeometry geometry;

  static constexpr std::string_view kName = "average_pool";
  void check() const;
};

/// dx = (dy of the square times 1 / factor^2) * activation'(x), as in DenseBackwardInputArgs.
struct AveragePoolBackwardArgs {
  View dx;        // [B, H*factor * W*factor * C] out
  ConstView dy;   // [B, H*W*C]
  ConstView x;    // as dx, see DenseBackwardInputArgs
  ConstView pre;  // as dx
  Activation activation = Activation::none;
  ScaleGeometry geometry;
  bool accumulate = false;

  static constexpr std::string_view kName = "average_pool_backward";
  void check() const;
};

/// y = activation(a + b): where a residual connection ends.
struct AddArgs {
  View y;       // [B, X] out; a or b are allowed
  View pre;     // as y, a + b; required by gelu and silu
  ConstView a;  // [B, X]
  ConstView b;  // [B, X]
  Activation activation = Activation::none;

  static constexpr std::string_view kName = "add";
  void check() const;
};

/// dx = dy * activation'(x), for each of the two: what was added gets the sum's gradient.
struct AddBackwardArgs {
  View dx;        // [B, X] out; dy is allowed
  ConstView dy;   // [B, X]
  ConstView x;    // as dx, see DenseBackwardInputArgs
  ConstView pre;  // as dx
  Activation activation = Activation::none;
  bool accumulate = false;

  static constexpr std::string_view kName = "add_backward";
  void check() const;
};

/// Writes one of the tensors that are joined along their channels:
///   y[m, p, first + j] = x[m / repeat, p, j]
/// in all rows m and at all positions p. Vectors have one position.
struct ConcatArgs {
  View y;                 // [B*K, P*Y] out, of whose Y channels x's are written
  ConstView x;            // [B, P*X]
  int64_t positions = 1;  // P
  int64_t first = 0;      // channel of y
  int64_t repeat = 1;     // K: rows of y that one of x is written to

  static constexpr std::string_view kName = "concat";
  void check() const;
};

/// dx[b, p, j] = (sum_k dy[b*K + k, p, first + j]) * activation'(x), as in DenseBackwardInputArgs.
struct ConcatBackwardArgs {
  View dx;        // [B, P*X] out
  ConstView dy;   // [B*K, P*Y]
  ConstView x;    // as dx, see DenseBackwardInputArgs
  ConstView pre;  // as dx
  Activation activation = Activation::none;
  int64_t positions = 1;  // P
  int64_t first = 0;      // channel of dy
  int64_t repeat = 1;     // K
  bool accumulate = false;

  static constexpr std::string_view kName = "concat_backward";
  void check() const;
};

/// Clips whose channels are frames, [H, W, T], of which the first S are seen, and for each cell of
/// h x w its motion through the others, [h, w, 3 (T - S)]: see kernels/rules/transport.h.
struct TransportGeometry {
  int64_t height = 0, width = 0, frames = 0;  // H, W, T
  int64_t seen = 0;                           // S, 1 to T - 1
  int64_t cells_down = 0, cells_across = 0;   // h, w, which divide H, W

  int64_t pixels() const { return height * width; }  // of a frame
  int64_t clip() const { return pixels() * frames; }
  int64_t predicted() const { return frames - seen; }
  int64_t cell_numbers() const { return 3 * predicted(); }
  int64_t motion() const { return cells_down * cells_across * cell_numbers(); }
  int64_t cell_height() const { return height / cells_down; }
  int64_t cell_width() const { return width / cells_across; }

  /// As ConvGeometry's.
  void check(std::string_view operation) const;
};

/// Moves the last seen frame on. Frames 0 to S - 1 of y are those of x; frame S + j is the sum over
/// the pixels of frame S - 1 that are not 0, row by row, of
///   value / r^2 * tent((row - Y) / r) * tent((column - X) / r),  tent(u) = max(0, 1 - |u|),
/// (Y, X) being the pixel's place plus the sum of its cell's steps 0 to j, and r its spread.
struct TransportArgs {
  View y;            // [B*K, H*W*T] out
  ConstView x;       // [B, H*W*T] of which the seen frames are read
  ConstView motion;  // [B*K, h*w*3 (T - S)]
  TransportGeometry geometry;

  static constexpr std::string_view kName = "transport";
  void check() const;
};

/// The gradient of the motion, which is linear. A pixel's tents have slope 0 at their tops.
struct TransportBackwardArgs {
  View dmotion;      // [B*K, h*w*3 (T - S)] out
  ConstView dy;      // [B*K, H*W*T]
  ConstView x;       // [B, H*W*T]
  ConstView motion;  // as dmotion
  TransportGeometry geometry;

  static constexpr std::string_view kName = "transport_backward";
  void check() const;
};

/// A gated unit: y = a * sigmoid(g), with the values a and the gates g side by side.
struct GateArgs {
  View y;           // [B, W] out
  ConstView heads;  // [B, 2W] a in columns 0..W-1, g in columns W..2W-1

  static constexpr std::string_view kName = "gate";
  void check() const;
};

/// da = dy * sigmoid(g) and dg = dy * a * sigmoid'(g). The heads are linear: their gradient is that
/// of their pre-activation.
struct GateBackwardArgs {
  View dheads;      // [B, 2W] out
  ConstView dy;     // [B, W]
  ConstView heads;  // [B, 2W]

  static constexpr std::string_view kName = "gate_backward";
  void check() const;
};

/// Which random numbers an operation draws: element j of row r, sample k uses Philox at
/// (element j, row state->first_row + r, step state->step, stream, k + first_sample).
struct NoiseKey {
  uint64_t seed = 0;
  Stream stream = Stream::posterior;
  const StepState* state = nullptr;
  int64_t first_sample = 0;  // so that 500 importance samples can be drawn in chunks
};

/// Reparameterisation and KL of the diagonal Gaussian posterior against N(0, I). [AEVB eq. 10]
///   logvar is clamped to [logvar_min, logvar_max];  z = mu + exp(logvar / 2) eps
///   kl_b = 1/2 sum_z (mu^2 + exp(logvar) - 1 - logvar)
///   log_ratio = log p(z) - log q(z|x) of each sample                      [IWAE eq. 8]
/// Here and below heads have a row for each image or, where they were computed from the samples of
/// other latents, for each sample: R = B or B*K. Against another prior: PriorForwardArgs.
struct GaussianForwardArgs {
  View z;               // [B*K, Z] out
  View kl;              // [R] out, may be empty
  View log_ratio;       // [B*K] out, may be empty
  ConstView heads;      // [R, 2Z] mu in columns 0..Z-1, logvar in columns Z..2Z-1
  int64_t samples = 1;  // K
  float logvar_min = -30.0f;
  float logvar_max = 20.0f;
  NoiseKey noise;

  static constexpr std::string_view kName = "gaussian_forward";
  void check() const;
};

/// Gradient of the objective with respect to the heads, 0 by a clamped logvar; eps is drawn again,
/// not stored. With beta = state->beta and sigma = exp(logvar / 2), against N(0, I),
///   elbo  dmu = dz + scale beta mu
///         dlogvar = (dz eps sigma + scale beta (sigma^2 - 1)) / 2
/// of one sample, without the terms of beta where the KL of this dimension of this image is within
/// free_bits: the gradient of max(KL, free_bits) in its place. The others sum over the samples,
/// whose importance weights w sum to one; dz has w in it already (LikelihoodArgs), and of w itself
/// no gradient is taken:
///   iwae  dmu = sum_k g,  g = dz + scale beta w z
///         dlogvar = sum_k (g eps sigma - scale beta w) / 2                   [IWAE eq. 13]
///   dreg  dmu = sum_k g,  g = (1 - beta + beta w) (dz + scale beta w (z - eps / sigma))
///         dlogvar = sum_k g eps sigma / 2                                    [DReG eq. 8]
/// Against a prior N(m, exp(l)), with l clamped like logvar, the mu and z of the brackets are
/// (mu - m) / exp(l) and (z - m) / exp(l), and sigma^2 is sigma^2 / exp(l).
struct GaussianBackwardArgs {
  View dheads;      // [R, 2Z] out
  ConstView dz;     // [B*K, Z]
  ConstView heads;  // [R, 2Z]
  float logvar_min = -30.0f;
  float logvar_max = 20.0f;
  float scale = 1.0f;  // 1/B
  NoiseKey noise;
  Objective objective = Objective::elbo;
  ConstView weights = {};  // [B*K]; empty for elbo
  int64_t samples = 1;     // K
  float free_bits = 0.0f;  // nats; of elbo alone
  ConstView prior = {};    // as in PriorForwardArgs; empty for N(0, I)

  static constexpr std::string_view kName = "gaussian_backward";
  void check() const;
};

/// What gaussian_forward computes against N(0, I), against a prior N(m, exp(l)) whose m and l are
/// trained or computed, l clamped like the posterior's logvar:
///   kl = 1/2 sum_z ((mu - m)^2 / exp(l) + exp(logvar - l) - 1 - (logvar - l))
///   log_ratio = log p(z) - log q(z|x)
struct PriorForwardArgs {
  View kl;                  // [R] out, may be empty
  View log_ratio;           // [B*K] out, may be empty
  ConstView z;              // [B*K, Z] what gaussian_forward drew with this noise
  ConstView heads;          // [R, 2Z] of the posterior
  ConstView prior;          // [1, 2Z], [B, 2Z] or [B*K, 2Z] m, then l
  int64_t samples = 1;      // K
  bool sampled_kl = false;  // kl is -log_ratio of the one sample: for a prior that depends on z
  float logvar_min = -30.0f;
  float logvar_max = 20.0f;
  NoiseKey noise;

  static constexpr std::string_view kName = "prior_forward";
  void check() const;
};

/// Gradient of the objective with respect to the prior, 0 by a clamped l. With s = scale
/// state->beta,
///   elbo        dm = -s (mu - m) / exp(l)
///               dl = s (1 - ((mu - m)^2 + exp(logvar)) / exp(l)) / 2
///   iwae, dreg  dm = -s w (z - m) / exp(l),  dl = s w (1 - (z - m)^2 / exp(l)) / 2
/// without dimensions of elbo whose KL is within free_bits, summed over the samples that share a
/// row of the prior: those of an image one after the other, all of a batch as a long sum over rows.
struct PriorBackwardArgs {
  View dprior;      // out, as prior
  ConstView prior;  // [1, 2Z], [B, 2Z] or [B*K, 2Z]
  ConstView heads;  // [R, 2Z] of the posterior
  ConstView z;      // [B*K, Z]; may be empty for elbo
  float logvar_min = -30.0f;
  float logvar_max = 20.0f;
  float scale = 1.0f;  // 1/B
  const StepState* state = nullptr;
  Objective objective = Objective::elbo;
  ConstView weights = {};  // [B*K]; empty for elbo
  int64_t samples = 1;     // K
  float free_bits = 0.0f;  // as in GaussianBackwardArgs

  static constexpr std::string_view kName = "prior_backward";
  void check() const;
};

/// z ~ p(z): N(0, I) or, where a prior is given, N(m, exp(l)) with l clamped.
struct PriorSampleArgs {
  View z;  // [B, Z] out
  NoiseKey noise;
  ConstView prior = {};  // [1, 2Z] or [B, 2Z]; may be empty
  float logvar_min = -30.0f;
  float logvar_max = 20.0f;

  static constexpr std::string_view kName = "prior_sample";
  void check() const;
};

/// Adds this batch's posterior statistics, per latent dimension: long sums over rows.
struct PosteriorStatisticsArgs {
  DoubleView sums;  // [3, Z] in/out: sum of KL, of mu, of mu^2
  ConstView heads;  // [B, 2Z]
  float logvar_min = -30.0f;
  float logvar_max = 20.0f;
  ConstView prior = {};  // [1, 2Z] or [B, 2Z]; empty for N(0, I)

  static constexpr std::string_view kName = "posterior_statistics";
  void check() const;
};

/// log p(x|z) per row and its gradient. A value of x has P outputs, side by side: value i has
/// outputs P i .. P i + P - 1, so that the channels of a convolution's output are its filters' in
/// that order.
///   bernoulli                    P = 1  logit l     l x - max(l, 0) - log1p(exp(-|l|))
///   gaussian                     P = 1  mean        -1/2 ((x - mean)^2 / var + log(2 pi var))
///   gaussian, variance per_pixel P = 2  mean, log var           likewise
///   logistic                     P = 2  location, log scale kernels/rules/discretised_logistic.h
///   beta_binomial                P = 2  log alpha, log beta     kernels/rules/beta_binomial.h
/// summed over X, where v is given v_i times that of value i. doutputs = -scale w dlog p /
/// doutputs; it may be the same memory as outputs. Where no weights w are given they are 1.
struct LikelihoodArgs {
  View log_px;             // [B*K] out
  View doutputs;           // [B*K, X P] out, may be empty (evaluation)
  View dlog_variance;      // [C] out, -scale w dlog p / dlog var summed over rows; may be empty
  ConstView outputs;       // [B*K, X P]
  ConstView x;             // [B, X]
  ConstView log_variance;  // [C] log var of the gaussian, of value i element i mod C; else empty
  int64_t samples = 1;     // K
  Likelihood likelihood = Likelihood::bernoulli;
  float scale = 1.0f;  // 1/B
  Variance variance = Variance::fixed;
  ConstView weights = {};          // [B*K] w of the rows' gradients; may be empty
  ConstView element_weights = {};  // [B, X] v; may be empty

  static constexpr std::string_view kName = "likelihood";
  void check() const;
};

/// E[x|z]. In place allowed where P = 1.
struct LikelihoodMeanArgs {
  View mean;          // [B, X] out
  ConstView outputs;  // [B, X P]
  Likelihood likelihood = Likelihood::bernoulli;
  Variance variance = Variance::fixed;

  static constexpr std::string_view kName = "likelihood_mean";
  void check() const;
};

/// x ~ p(x|z), by the inverse of its distribution function: of value i at the uniform number that
/// its Philox word, element i of stream observation, makes.
struct LikelihoodSampleArgs {
  View x;                  // [B, X] out
  ConstView outputs;       // [B, X P]
  ConstView log_variance;  // [C] as in LikelihoodArgs
  Likelihood likelihood = Likelihood::bernoulli;
  Variance variance = Variance::fixed;
  NoiseKey noise;

  static constexpr std::string_view kName = "likelihood_sample";
  void check() const;
};

/// log p(t|z) per row of T classes t, each under the softmax of its own C neighbouring logits, and
/// its gradient. A target of C or more was not observed: it adds nothing and has no gradient.
/// doutputs = -scale w dlog p / doutputs; it may be the same memory as outputs.
struct CategoricalArgs {
  View log_px;                       // [B*K] out
  View doutputs;                     // [B*K, T C] out, may be empty
  ConstView outputs;                 // [B*K, T C]
  BasicView<const uint8_t> targets;  // [B, T]
  int64_t classes = 2;               // C, at most 256
  int64_t samples = 1;               // K
  float scale = 1.0f;                // 1/B
  ConstView weights = {};            // [B*K] w, as in LikelihoodArgs

  static constexpr std::string_view kName = "categorical";
  void check() const;
};

/// The classes' probabilities. In place allowed.
struct CategoricalMeanArgs {
  View probabilities;  // [B, T C] out
  ConstView outputs;   // [B, T C]
  int64_t classes = 2;

  static constexpr std::string_view kName = "categorical_mean";
  void check() const;
};

/// t ~ p(t|z): target i at the uniform number that element i of stream observation makes.
struct CategoricalSampleArgs {
  BasicView<uint8_t> targets;  // [B, T] out
  ConstView outputs;           // [B, T C]
  int64_t classes = 2;
  NoiseKey noise;

  static constexpr std::string_view kName = "categorical_sample";
  void check() const;
};

/// log p(t|z) per row of a grid of G cells, each of which has an object of one of C classes and
/// four numbers of its box, or no object, and its gradient. A cell has A = 9 + C neighbouring
/// outputs, kernels/rules/detection.h says which. A target of C or more is no object: of its cell
/// only that counts, and the four numbers are not read.
/// doutputs = -scale w dlog p / doutputs; it may be the same memory as outputs.
struct DetectionArgs {
  View log_px;                       // [B*K] out
  View doutputs;                     // [B*K, G A] out, may be empty
  ConstView outputs;                 // [B*K, G A]
  BasicView<const uint8_t> targets;  // [B, G]
  ConstView boxes;                   // [B, G 4]
  int64_t classes = 1;               // C, at most 255
  int64_t samples = 1;               // K
  float scale = 1.0f;                // 1/B
  ConstView weights = {};            // [B*K] w, as in LikelihoodArgs

  static constexpr std::string_view kName = "detection";
  void check() const;
};

/// Of each cell, in the order of its outputs: the probability of an object, those of its classes,
/// means and deviations of the box's numbers. In place allowed.
struct DetectionMeanArgs {
  View means;         // [B, G A] out
  ConstView outputs;  // [B, G A]
  int64_t classes = 1;

  static constexpr std::string_view kName = "detection_mean";
  void check() const;
};

/// Merges K importance weights, one at a time, into the running log-sum-exp of each row:
/// sum_i exp(log_w_i) = sum * exp(max), log_w = log_px + beta log_ratio. Start: max = -inf, sum =
/// 0.
struct ImportanceArgs {
  DoubleView running_max;  // [B] in/out
  DoubleView running_sum;  // [B] in/out
  ConstView log_px;        // [B*K]
  ConstView log_ratio;     // [B*K]
  int64_t samples = 1;     // K
  double beta = 1.0;

  static constexpr std::string_view kName = "importance_merge";
  void check() const;
};

/// What training needs of the K samples of each image, log_w = log_px + beta log_ratio with beta =
/// state->beta:
///   weights = exp(log_w_k) / sum_i exp(log_w_i)                              [IWAE eq. 14]
///   bound   = L_K = log 1/K sum_i exp(log_w_i)                               [IWAE eq. 8]
/// Largest log_w that are infinite count as equal: all weights are 1/K where all log_w are -inf.
struct ImportanceWeightsArgs {
  View weights;         // [B*K] out
  View bound;           // [B] out
  ConstView log_px;     // [B*K]
  ConstView log_ratio;  // [B*K]
  const StepState* state = nullptr;
  int64_t samples = 1;  // K

  static constexpr std::string_view kName = "importance_weights";
  void check() const;
};

/// Adds a batch's long sums over rows to the totals of the epoch, and remembers in
/// state->loss the batch's objective (with state->beta). A non-finite loss adds nothing.
struct AccumulateArgs {
  Totals* totals = nullptr;
  StepState* state = nullptr;
  ConstView log_px;  // [B]
  ConstView kl;      // [B]

  static constexpr std::string_view kName = "accumulate";
  void check() const;
};

/// The same of L_K: the objective is the mean of -bound, and an image's reconstruction and KL are
/// the means of log_px and of -log_ratio over its samples.
struct AccumulateWeightedArgs {
  Totals* totals = nullptr;
  StepState* state = nullptr;
  ConstView bound;      // [B]
  ConstView log_px;     // [B*K]
  ConstView log_ratio;  // [B*K]

  static constexpr std::string_view kName = "accumulate_weighted";
  void check() const;
};

/// Global norm of the gradient, clipping factor and the decision whether the step may be applied:
/// state->gradient_norm, state->clip_scale; state->apply is 1 and ++state->updates when norm and
/// loss are finite and the norm is not beyond skip_norm times state->mean_norm, which then takes it
/// in; otherwise apply is 0 and the counters of skipped steps rise (kernels/rules/judge.h).
struct JudgeGradientArgs {
  StepState* state = nullptr;
  ConstView gradients;     // [P]
  float clip_norm = 0.0f;  // 0: no clipping
  float skip_norm = 0.0f;  // 0: every finite norm is applied

  static constexpr std::string_view kName = "judge_gradient";
  void check() const;
};

/// Adam with bias correction, all tensors at once; nothing happens unless state->apply is 1.
/// [Adam alg. 1] with t = state->updates, learning rate from the state. Before, weights lose the
/// share learning rate * weight_decay of themselves [AdamW alg. 2]: parameters come in lines of
/// kDecayLine (kernels/rules/adam.h), the last of them perhaps short.
struct AdamArgs {
  View parameters;      // [P] in/out
  View first_moment;    // [P] in/out
  View second_moment;   // [P] in/out
  ConstView gradients;  // [P]
  const StepState* state = nullptr;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0.0f;
  BasicView<const uint8_t> decays = {};  // [lines of P] 1: weights; read where those decay

  static constexpr std::string_view kName = "adam";
  void check() const;
};

/// Muon [Jordan et al. 2024], of one matrix, as kernels/rules/muon.h has it. With g = gradient *
/// state->clip_scale the momentum moves, m = g + beta (m - g), and x = g + beta (m - g) looks
/// ahead. Unless state->apply is 1 the momentum stays and x is 0.
struct MuonMomentumArgs {
  View direction;       // [P] out, x
  DoubleView squares;   // [1] out, the long sum of the squares of x
  View momentum;        // [P] in/out
  ConstView gradients;  // [P]
  const StepState* state = nullptr;
  float beta = 0.9f;

  static constexpr std::string_view kName = "muon_momentum";
  void check() const;
};

/// Divides x by its norm, whose square is given.
struct MuonNormalizeArgs {
  View x;              // [P] in/out
  DoubleView squares;  // [1]

  static constexpr std::string_view kName = "muon_normalize";
  void check() const;
};

/// y = a x + b y.
struct BlendArgs {
  View y;       // [...] in/out
  ConstView x;  // as y
  float a = 1.0f, b = 1.0f;

  static constexpr std::string_view kName = "blend";
  void check() const;
};

/// w = w - learning rate * weight_decay * w - learning rate * rate * x, unless state->apply is 0.
struct MuonApplyArgs {
  View parameters;      // [P] in/out
  ConstView direction;  // [P]
  const StepState* state = nullptr;
  double rate = 1.0;
  float weight_decay = 0.0f;

  static constexpr std::string_view kName = "muon_apply";
  void check() const;
};

/// Takes the parameters into their running mean (kernels/rules/running_mean.h), once they were
/// updated; nothing happens unless state->apply is 1. [Adam sec. 7.2] with t = state->updates.
struct AverageArgs {
  View averages;         // [P] in/out
  ConstView parameters;  // [P]
  const StepState* state = nullptr;
  double decay = 0.0;

  static constexpr std::string_view kName = "average";
  void check() const;
};

/// c = op(a) op(b), nothing fused: the floor that `vae bench` compares a training step with.
struct GemmArgs {
  View c;       // [M, N] out
  ConstView a;  // [M, K], or [K, M] when transpose_a
  ConstView b;  // [K, N], or [N, K] when transpose_b
  bool transpose_a = false;
  bool transpose_b = false;

  static constexpr std::string_view kName = "gemm";
  void check() const;
};

// ---- pairs
//
// Two neighbours that a device may run as one kernel: the second reads what the first writes.

/// dense.x is load.x, which is written too.
constexpr std::string_view pair_name(const LoadBatchArgs&, const DenseForwardArgs&) {
  return "load_dense_forward";
}
bool is_pair(const LoadBatchArgs& load, const DenseForwardArgs& dense);

/// gaussian.heads is dense.y, which is written too; dense has no activation.
constexpr std::string_view pair_name(const DenseForwardArgs&, const GaussianForwardArgs&) {
  return "dense_gaussian_forward";
}
bool is_pair(const DenseForwardArgs& dense, const GaussianForwardArgs& gaussian);

/// likelihood.outputs is dense.y, whose content afterwards is undefined unless likelihood.doutputs
/// is the same memory; dense has no activation, and no value a weight of its own.
constexpr std::string_view pair_name(const DenseForwardArgs&, const LikelihoodArgs&) {
  return "dense_likelihood";
}
bool is_pair(const DenseForwardArgs& dense, const LikelihoodArgs& likelihood);

}  // namespace vae
