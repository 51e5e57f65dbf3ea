// SPDX-License-Identifier: MIT
//
// The elementwise work of every operation on ranges and rows. The *_isa.cpp files are compiled once
// for each instruction set; the table picked at run time is the only way in. All tables give the
// same bits.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/cpu/product_block.h"
#include "kernels/philox.h"
#include "kernels/rules/adam.h"
#include "kernels/rules/diagonal_gaussian.h"
#include "kernels/rules/likelihood.h"
#include "kernels/rules/muon.h"
#include "kernels/rules/transport.h"
#include "vae/types.h"

namespace vae::cpu {

/// The noise of rows m = 0, 1, ..: K samples of an image side by side, see NoiseKey.
struct NoiseRows {
  uint64_t seed;
  uint32_t step;
  uint32_t first_row;  // of image 0
  uint32_t first_tag;  // stream << 24 | sample 0
  int64_t samples;     // K
};

/// Gaussians of rows m, mu and logvar side by side: those of `repeat` neighbouring rows are one.
struct GaussianRows {
  const float* heads;  // of a prior null: N(0, I)
  int64_t repeat;

  /// mu and logvar of row m from dimension `first` of `width` on; null where there are none.
  const float* mu(int64_t m, int64_t width, int64_t first) const {
    return heads != nullptr ? heads + m / repeat * 2 * width + first : nullptr;
  }
};

/// p(x|z) for rows.
struct ObservationModel {
  Likelihood likelihood;
  Variance variance;
  LikelihoodConstants constants;
  // Of each value of a row; null: those of `constants` for all.
  const float* inverse_variances;
  const float* normalizers;  // read where values have weights: of a row of the value alone
};

/// The most columns of a frame whose gradients are summed side by side.
static constexpr int kMostSpotLanes = 16;

/// What is done to rows that are images, see CorruptArgs.
struct CorruptionModel {
  CorruptionKind kind;
  float amount;
  int64_t height, width, channels;
};

/// What the gradient of L_K takes beside the ELBO's, see GaussianBackwardArgs.
struct WeightedGradient {
  Objective objective;
  const float* weights;  // of rows m
  float beta;
  float kl_scale;  // scale beta
};

/// What the gradient of a prior is computed from, see PriorBackwardArgs.
struct PriorGradient {
  GaussianRows posterior;
  LogvarRange range;
  float kl_scale;        // scale beta
  float free_bits;       // of the closed form
  const float* z;        // of rows m, where the objective has weights
  const float* weights;  // likewise; null: the closed form of the KL
};

struct VectorOps {
  const char* isa;

  void (*load_pixels)(float* x, const uint8_t* pixels, int64_t count, Binarization binarization,
                      const PhiloxRow& noise);

  /// Of one row; `counted` may be null.
  void (*corrupt)(float* y, float* counted, const float* x, const CorruptionModel& model,
                  const PhiloxRow& noise);

  /// y = activation(y + b), and pre = y + b where pre is given.
  void (*bias_activate)(float* y, float* pre, const float* b, int64_t count, Activation activation);
  /// dx *= activation'(y), or of x for those that need the pre-activation.
  void (*multiply_slope)(float* dx, const float* y_or_pre, int64_t count, Activation activation);
  void (*add)(float* sum, const float* row, int64_t count);

  // Rows begin .. end - 1 of matrices that begin at the pointers, `width` values each.
  void (*normals)(float* z, int64_t begin, int64_t end, int64_t width, const NoiseRows& noise);
  /// z = mu + exp(logvar / 2) eps; log_ratio = log p(z) - log q(z|x) of each row, where given, with
  /// p = N(0, I).
  void (*reparameterize)(float* z, float* log_ratio, const GaussianRows& posterior, int64_t begin,
                         int64_t end, int64_t width, LogvarRange range, const NoiseRows& noise);
  /// log_ratio of z that reparameterize() drew.
  void (*prior_log_ratio)(float* log_ratio, const float* z, const GaussianRows& posterior,
                          const GaussianRows& prior, int64_t begin, int64_t end, int64_t width,
                          LogvarRange range, const NoiseRows& noise);
  /// Of one row; prior null: N(0, I).
  float (*kl)(const float* posterior, const float* prior, int64_t width, LogvarRange range);
  void (*gaussian_backward)(float* dheads, const float* dz, const float* heads,
                            const GaussianRows& prior, int64_t begin, int64_t end, int64_t width,
                            LogvarRange range, float kl_scale, float free_bits,
                            const NoiseRows& noise);

  /// The samples of whole images, begin and end in samples.
  void (*weighted_gaussian_backward)(float* dheads, const float* dz, const GaussianRows& posterior,
                                     const GaussianRows& prior, int64_t begin, int64_t end,
                                     int64_t width, LogvarRange range,
                                     const WeightedGradient& gradient, const NoiseRows& noise);

  /// Rows begin .. end - 1 of the prior, each of `samples` neighbouring rows m.
  void (*prior_backward)(float* dprior, const float* prior, int64_t begin, int64_t end,
                         int64_t samples, int64_t width, const PriorGradient& gradient);
  /// Dimensions begin .. end - 1 of a prior that all rows share: long sums over the rows.
  void (*shared_prior_backward)(float* dprior, const float* prior, int64_t begin, int64_t end,
                                int64_t rows, int64_t width, const PriorGradient& gradient);
  /// Adds to sums [3, width] what PosteriorStatisticsArgs says, of all rows.
  void (*posterior_statistics)(double* sums, const float* heads, const GaussianRows& prior,
                               int64_t rows, int64_t width, LogvarRange range);

  /// log p of one row of `count` values without the normalizer; writes -scale times its slopes
  /// where doutputs is given.
  float (*log_p)(float* doutputs, const float* outputs, const float* x, int64_t count,
                 const ObservationModel& model, float scale);
  /// The same where each value has a weight, with the normalizers of all.
  float (*weighted_log_p)(float* doutputs, const float* outputs, const float* x,
                          const float* weights, int64_t count, const ObservationModel& model,
                          float scale);
  void (*mean)(float* mean, const float* outputs, int64_t count, Likelihood likelihood,
               Variance variance);
  /// A draw of each of the `count` values of one row.
  void (*observe)(float* x, const float* outputs, int64_t count, const ObservationModel& model,
                  const PhiloxRow& noise);

  // Classes under softmaxes of `classes` neighbouring logits each: `count` of them, in one row
  // where it is a sum or has noise.
  /// log p; writes -scale times its slopes where dlogits is given.
  float (*class_log_p)(float* dlogits, const float* logits, const uint8_t* targets, int64_t count,
                       int64_t classes, float scale);
  void (*class_probabilities)(float* probabilities, const float* logits, int64_t count,
                              int64_t classes);
  void (*draw_classes)(uint8_t* targets, const float* logits, int64_t count, int64_t classes,
                       const PhiloxRow& noise);

  // Cells of a grid with `classes`, see kernels/rules/detection.h: `count` of them, in one row
  // where it is a sum.
  /// log p; writes -scale times its slopes where doutputs is given.
  float (*cell_log_p)(float* doutputs, const float* outputs, const uint8_t* targets,
                      const float* boxes, int64_t count, int64_t classes, float scale);
  void (*cell_means)(float* means, const float* outputs, int64_t count, int64_t classes);

  // Frames of `width` columns, see kernels/rules/transport.h.
  /// Adds a spot's light; `heights` has room for a row.
  void (*add_spot)(float* frame, int64_t width, const Spot& spot, float* heights);
  /// Reads up to kMostSpotLanes - 1 floats behind the spot; `tents` has room for a column.
  SpotSlopes (*slopes_of_spot)(const float* gradient, int64_t width, const Spot& spot, Tent* tents);

  /// Those of a long sum's blocks.
  void (*sums_of_squares)(double* sums, const float* values, int64_t count);
  /// `decays` has a number for each kDecayLine parameters, or is null.
  void (*adam)(float* w, float* m, float* v, const float* g, int64_t count, const uint8_t* decays,
               const AdamStep& step);
  /// Moves the momentum m and writes what kernels/rules/muon.h makes of it to x.
  void (*muon_directions)(float* x, float* m, const float* g, int64_t count, float beta,
                          float gradient_scale);
  void (*multiply_by)(float* x, int64_t count, float factor);
  /// y = a x + b y.
  void (*blend)(float* y, const float* x, int64_t count, float a, float b);
  void (*muon_updates)(float* w, const float* x, int64_t count, const MuonStep& step);
  /// Moves means of numbers towards the newest ones.
  void (*move_means)(float* means, const float* newest, int64_t count, float share);

  // Matrix products; see product_block.h.
  ProductTile product_tile;
  /// The floats of scratch memory that multiply() wants.
  int64_t (*product_scratch)(const ProductBlock& block);
  void (*multiply)(const ProductBlock& block, float* scratch);
  /// Copies b(k, j) = b[j * b_column + k] into the panels that a block reads: depth floats for each
  /// column, whose number is rounded up to whole vectors.
  void (*pack_panels)(float* panels, const float* b, int64_t b_column, int64_t depth,
                      int64_t columns);
};

/// The best table this processor can run, or the one asked for ("baseline", "avx2", "avx2_16",
/// "avx512"). Throws Error(unavailable) when the processor or this build lacks it.
const VectorOps& vector_ops(std::string_view isa = {});

/// Names vector_ops() accepts on this processor, best first.
std::vector<std::string_view> available_isas();

}  // namespace vae::cpu
