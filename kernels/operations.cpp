// SPDX-License-Identifier: MIT
//
// The checks of every operation, once for all devices.
#include "kernels/operations.h"

#include <initializer_list>
#include <limits>

#include "kernels/check.h"
#include "kernels/rules/activations.h"
#include "kernels/rules/adam.h"
#include "kernels/rules/detection.h"
#include "kernels/rules/likelihoods.h"
#include "kernels/rules/objectives.h"

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

  /// What an activation's slope at x is computed from.
  void have_slope_of(Activation activation, ConstView x, ConstView pre, const Shape& shape) const {
    if (needs_pre_activation(activation)) {
      have("pre", pre, shape);
    } else if (activation != Activation::none) {
      have("x", x, shape);
    }
  }

  void have_activation_of(Activation activation, ConstView pre, const Shape& shape) const {
    may_have("pre", pre, shape);
    VAE_CHECK(pre || !needs_pre_activation(activation), operation_,
              ": gelu and silu need memory for the pre-activation");
  }

 private:
  std::string_view operation_;
};

bool are_one(ConstView written, ConstView read) {
  return written.data == read.data && written.shape == read.shape;
}

/// One variance for all of `width` values, or one for each of their channels.
void check_variances(std::string_view operation, ConstView log_variance, int64_t width) {
  VAE_CHECK(log_variance.data != nullptr && log_variance.shape.rank() == 1, operation,
            ": log_variance must be a vector");
  const int64_t channels = log_variance.count();
  VAE_CHECK(channels > 0 && width % channels == 0, operation, ": ", width, " values are not of ",
            channels, " channels, as log_variance has them");
}

void check_classes(std::string_view operation, int64_t classes) {
  VAE_CHECK(classes >= 1 && classes <= 256, operation, ": classes must lie in 1..256, got ",
            classes);
}

}  // namespace

void BeginStepArgs::check() const { Tensors(kName).have_state(state); }

void LoadBatchArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("x", x);
  tensors.have_matrix("pixels", pixels);
  tensors.have("x", x, {x.rows(), pixels.cols()});
  tensors.have_state(state);
}

void LoadLabelsArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("y", y);
  tensors.have("labels", labels, {labels.count()});
  tensors.have_state(state);
}

void LoadVectorsArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("y", y);
  tensors.have_matrix("vectors", vectors);
  tensors.have("y", y, {y.rows(), vectors.cols()});
  tensors.have_state(state);
}

void LoadClassesArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("t", t);
  tensors.have_matrix("classes", classes);
  tensors.have("t", t, {t.rows(), classes.cols()});
  tensors.have_state(state);
}

void CorruptArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("x", x);
  VAE_CHECK(height > 0 && width > 0 && channels > 0 && x.cols() == height * width * channels, kName,
            ": ", x.cols(), " values are no image of ", height, " x ", width, " x ", channels);
  VAE_CHECK(images > 0, kName, ": there are no images");
  VAE_CHECK(
      kind != CorruptionKind::frames || (amount >= 1.0f && amount < static_cast<float>(channels)),
      kName, ": ", amount, " frames shown of ", channels, ", expected fewer, and 1 at least");
  tensors.have("y", y, x.shape);
  tensors.may_have("counted", counted, x.shape);
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
  tensors.have_activation_of(activation, pre, {rows, out});
}

void DenseBackwardInputArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("dy", dy);
  tensors.have_matrix("w", w);
  const Shape shape{dy.rows(), w.cols()};
  tensors.have("w", w, {dy.cols(), w.cols()});
  tensors.have("dx", dx, shape);
  tensors.have_slope_of(activation, x, pre, shape);
}

void DenseBackwardWeightsArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("dy", dy);
  tensors.have_matrix("x", x);
  tensors.have("x", x, {dy.rows(), x.cols()});
  tensors.have("dw", dw, {dy.cols(), x.cols()});
  tensors.have("db", db, {dy.cols()});
}

namespace {

/// A size of a geometry, with its name in messages.
struct Size {
  const char* name;
  int64_t value;
};

void check_positive(std::string_view operation, std::initializer_list<Size> sizes) {
  for (const Size& size : sizes) {
    VAE_CHECK(size.value > 0, operation, ": ", size.name, " must be positive, got ", size.value);
  }
}

/// Their product, in floats, is a size of memory.
void check_product(std::string_view operation, std::initializer_list<Size> sizes) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / sizeof(double);
  int64_t product = 1;
  for (const Size& size : sizes) {
    VAE_CHECK(!__builtin_mul_overflow(product, size.value, &product) && product <= kMost, operation,
              ": ", size.name, " is too large: ", size.value);
  }
}

/// One axis of a geometry.
struct Axis {
  Size size, kernel, stride, padding, out_size;
};

void check_axis(std::string_view operation, const Axis& a) {
  const auto [size, kernel, stride, padding, out_size] = a;
  VAE_CHECK(padding.value >= 0 && padding.value < kernel.value, operation, ": ", padding.name,
            " must be at least 0 and less than ", kernel.name, ", which is ", kernel.value,
            ", got ", padding.value);
  int64_t reached = 0;  // the end of the last kernel
  const bool fits = !__builtin_mul_overflow(out_size.value - 1, stride.value, &reached) &&
                    !__builtin_add_overflow(reached, kernel.value, &reached);
  VAE_CHECK(fits, operation, ": ", out_size.name, " is too large: ", out_size.value);
  const int64_t beyond = reached - padding.value - size.value;
  VAE_CHECK(beyond < kernel.value, operation, ": ", out_size.name, " is ", out_size.value,
            ", but the last kernel would lie beyond ", size.name, ", which is ", size.value);
  VAE_CHECK(beyond > -stride.value, operation, ": ", out_size.name, " is ", out_size.value,
            ", but there is room for more kernels in ", size.name, ", which is ", size.value);
}

}  // namespace

void ConvGeometry::check(std::string_view operation) const {
  const Size h{"height", height}, w{"width", width}, c{"channels", channels};
  const Size kh{"kernel_height", kernel_height}, kw{"kernel_width", kernel_width};
  const Size sy{"stride_y", stride_y}, sx{"stride_x", stride_x};
  const Size oh{"out_height", out_height}, ow{"out_width", out_width}, f{"filters", filters};
  check_positive(operation, {h, w, c, kh, kw, sy, sx, oh, ow, f});
  check_axis(operation, {h, kh, sy, {"top", top}, oh});
  check_axis(operation, {w, kw, sx, {"left", left}, ow});
  check_product(operation, {h, w, c});
  check_product(operation, {oh, ow, f});
  check_product(operation, {kh, kw, c, f});
}

void ScaleGeometry::check(std::string_view operation) const {
  const Size h{"height", height}, w{"width", width}, c{"channels", channels}, f{"factor", factor};
  check_positive(operation, {h, w, c, f});
  check_product(operation, {h, w, c, f, f});
}

void ConvForwardArgs::check() const {
  const Tensors tensors(kName);
  const ConvGeometry& g = geometry;
  g.check(kName);
  tensors.have_matrix("x", x);
  const int64_t rows = x.rows();
  const Shape shape{rows, transposed ? g.large() : g.small()};
  tensors.have("x", x, {rows, transposed ? g.small() : g.large()});
  tensors.have("w", w, {g.filters, g.row_weights()});
  tensors.have("b", b, {transposed ? g.channels : g.filters});
  tensors.have("y", y, shape);
  tensors.have_activation_of(activation, pre, shape);
}

void ConvBackwardInputArgs::check() const {
  const Tensors tensors(kName);
  const ConvGeometry& g = geometry;
  g.check(kName);
  tensors.have_matrix("dy", dy);
  const int64_t rows = dy.rows();
  const Shape shape{rows, transposed ? g.small() : g.large()};
  tensors.have("dy", dy, {rows, transposed ? g.large() : g.small()});
  tensors.have("w", w, {g.filters, g.row_weights()});
  tensors.have("dx", dx, shape);
  tensors.have_slope_of(activation, x, pre, shape);
}

void ConvBackwardWeightsArgs::check() const {
  const Tensors tensors(kName);
  const ConvGeometry& g = geometry;
  g.check(kName);
  tensors.have_matrix("dy", dy);
  const int64_t rows = dy.rows();
  VAE_CHECK(samples >= 1 && rows % samples == 0, kName, ": ", rows,
            " rows are not whole images of samples = ", samples);
  tensors.have("dy", dy, {rows, transposed ? g.large() : g.small()});
  tensors.have("x", x, {rows, transposed ? g.small() : g.large()});
  tensors.have("dw", dw, {g.filters, g.row_weights()});
  tensors.have("db", db, {transposed ? g.channels : g.filters});
}

void UpsampleArgs::check() const {
  const Tensors tensors(kName);
  geometry.check(kName);
  tensors.have_matrix("x", x);
  tensors.have("x", x, {x.rows(), geometry.small()});
  tensors.have("y", y, {x.rows(), geometry.large()});
}

void UpsampleBackwardArgs::check() const {
  const Tensors tensors(kName);
  geometry.check(kName);
  tensors.have_matrix("dx", dx);
  const Shape shape{dx.rows(), geometry.small()};
  tensors.have("dx", dx, shape);
  tensors.have("dy", dy, {dx.rows(), geometry.large()});
  tensors.have_slope_of(activation, x, pre, shape);
}

void AveragePoolArgs::check() const {
  const Tensors tensors(kName);
  geometry.check(kName);
  tensors.have_matrix("x", x);
  tensors.have("x", x, {x.rows(), geometry.large()});
  tensors.have("y", y, {x.rows(), geometry.small()});
}

void AveragePoolBackwardArgs::check() const {
  const Tensors tensors(kName);
  geometry.check(kName);
  tensors.have_matrix("dx", dx);
  const Shape shape{dx.rows(), geometry.large()};
  tensors.have("dx", dx, shape);
  tensors.have("dy", dy, {dx.rows(), geometry.small()});
  tensors.have_slope_of(activation, x, pre, shape);
}

void AddArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("y", y);
  tensors.have("a", a, y.shape);
  tensors.have("b", b, y.shape);
  tensors.have_activation_of(activation, pre, y.shape);
}

void AddBackwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("dx", dx);
  tensors.have("dy", dy, dx.shape);
  tensors.have_slope_of(activation, x, pre, dx.shape);
}

namespace {

/// A tensor of a concatenation and what it is a part of; both are matrices.
void check_concatenation(std::string_view operation, ConstView part, ConstView whole,
                         int64_t positions, int64_t first, int64_t repeat) {
  check_positive(operation, {{"positions", positions}, {"repeat", repeat}});
  VAE_CHECK(part.rows() * repeat == whole.rows(), operation, ": ", part.rows(), " rows times ",
            repeat, " are not ", whole.rows());
  VAE_CHECK(part.cols() % positions == 0 && whole.cols() % positions == 0, operation, ": rows of ",
            part.cols(), " and ", whole.cols(), " values are not ", positions, " positions each");
  const int64_t channels = part.cols() / positions, all = whole.cols() / positions;
  VAE_CHECK(first >= 0 && first <= all - channels, operation, ": ", channels, " channels from ",
            first, " on do not lie within ", all);
}

}  // namespace

void ConcatArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("y", y);
  tensors.have_matrix("x", x);
  check_concatenation(kName, x, y, positions, first, repeat);
}

void ConcatBackwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("dx", dx);
  tensors.have_matrix("dy", dy);
  check_concatenation(kName, dx, dy, positions, first, repeat);
  tensors.have_slope_of(activation, x, pre, dx.shape);
}

void TransportGeometry::check(std::string_view operation) const {
  const Size h{"height", height}, w{"width", width}, t{"frames", frames}, s{"seen", seen};
  const Size down{"cells_down", cells_down}, across{"cells_across", cells_across};
  check_positive(operation, {h, w, t, s, down, across});
  check_product(operation, {h, w, t});
  check_product(operation, {down, across, {"motion of a cell", 3 * t.value}});
  VAE_CHECK(seen < frames, operation, ": seen = ", seen, " of ", frames, " frames leaves none");
  VAE_CHECK(height % cells_down == 0 && width % cells_across == 0, operation, ": ", cells_down,
            " x ", cells_across, " cells do not divide ", height, " x ", width);
}

namespace {

/// x of some clips and tensors with one or several rows for each of them.
void check_transport(std::string_view operation, const TransportGeometry& geometry,
                     const ConstView& x, const ConstView& y, const ConstView& motion) {
  const Tensors tensors(operation);
  geometry.check(operation);
  tensors.have_matrix("x", x);
  tensors.have_matrix("y", y);
  tensors.have("x", x, {x.rows(), geometry.clip()});
  tensors.have("y", y, {y.rows(), geometry.clip()});
  tensors.have("motion", motion, {y.rows(), geometry.motion()});
  VAE_CHECK(x.rows() > 0 && y.rows() % x.rows() == 0, operation, ": ", y.rows(),
            " rows are not the same number for each of ", x.rows());
}

}  // namespace

void TransportArgs::check() const { check_transport(kName, geometry, x, y, motion); }

void TransportBackwardArgs::check() const {
  check_transport(kName, geometry, x, dy, motion);
  Tensors(kName).have("dmotion", dmotion, motion.shape);
}

void GateArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("y", y);
  tensors.have("heads", heads, {y.rows(), 2 * y.cols()});
}

void GateBackwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("dy", dy);
  const Shape shape{dy.rows(), 2 * dy.cols()};
  tensors.have("heads", heads, shape);
  tensors.have("dheads", dheads, shape);
}

namespace {

/// That `rows` are `samples` for each of some images.
void check_samples(std::string_view operation, int64_t rows, int64_t samples) {
  VAE_CHECK(samples >= 1 && rows % samples == 0, operation, ": ", rows, " rows are not ", samples,
            " for each image");
}

/// Heads [R, 2Z] with a row for each image or for each of its samples, `rows` in all.
void check_heads(const Tensors& tensors, ConstView heads, int64_t rows, int64_t samples,
                 int64_t latent) {
  tensors.have_matrix("heads", heads);
  tensors.have("heads", heads, {heads.rows() == rows ? rows : rows / samples, 2 * latent});
}

/// A prior may also have one row for all.
void check_prior(const Tensors& tensors, ConstView prior, int64_t rows, int64_t samples,
                 int64_t latent) {
  tensors.have_matrix("prior", prior);
  const bool shared = prior.rows() == 1;
  tensors.have("prior", prior,
               {shared                 ? 1
                : prior.rows() == rows ? rows
                                       : rows / samples,
                2 * latent});
}

/// The weights of the samples, and that the ELBO is of one.
void check_weights(const Tensors& tensors, std::string_view operation, Objective objective,
                   ConstView weights, int64_t rows, int64_t samples, float free_bits) {
  if (is_weighted(objective)) {
    tensors.have("weights", weights, {rows});
    VAE_CHECK(free_bits == 0.0f, operation, ": weighted samples have no KL to leave free");
  } else {
    VAE_CHECK(samples == 1 && !weights, operation, ": the ELBO takes one sample without a weight");
  }
}

}  // namespace

void GaussianForwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("z", z);
  const int64_t rows = z.rows(), latent = z.cols();
  check_samples(kName, rows, samples);
  check_heads(tensors, heads, rows, samples, latent);
  tensors.may_have("kl", kl, {heads.rows()});
  tensors.may_have("log_ratio", log_ratio, {rows});
  tensors.have_state(noise.state);
}

void GaussianBackwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("dz", dz);
  const int64_t rows = dz.rows(), latent = dz.cols();
  check_samples(kName, rows, samples);
  check_heads(tensors, heads, rows, samples, latent);
  tensors.have("dheads", dheads, heads.shape);
  tensors.have_state(noise.state);
  check_weights(tensors, kName, objective, weights, rows, samples, free_bits);
  if (prior) check_prior(tensors, prior, rows, samples, latent);
}

void PriorForwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("z", z);
  const int64_t rows = z.rows(), latent = z.cols();
  check_samples(kName, rows, samples);
  check_heads(tensors, heads, rows, samples, latent);
  check_prior(tensors, prior, rows, samples, latent);
  tensors.may_have("kl", kl, {heads.rows()});
  tensors.may_have("log_ratio", log_ratio, {rows});
  VAE_CHECK(!kl || prior.rows() == 1 || prior.rows() == heads.rows(), kName, ": the KL of ",
            heads.rows(), " posteriors takes as many priors or one, not ", prior.rows());
  VAE_CHECK(!sampled_kl || samples == 1, kName, ": a sampled KL is of one sample");
  tensors.have_state(noise.state);
}

void PriorBackwardArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("heads", heads);
  const bool weighted = is_weighted(objective);
  if (weighted) tensors.have_matrix("z", z);
  const int64_t rows = weighted ? z.rows() : heads.rows(), latent = heads.cols() / 2;
  check_samples(kName, rows, samples);
  tensors.may_have("z", z, {rows, latent});
  check_heads(tensors, heads, rows, samples, latent);
  check_prior(tensors, prior, rows, samples, latent);
  tensors.have("dprior", dprior, prior.shape);
  tensors.have_state(state);
  check_weights(tensors, kName, objective, weights, rows, samples, free_bits);
}

void PriorSampleArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("z", z);
  tensors.have_state(noise.state);
  if (prior) check_prior(tensors, prior, z.rows(), 1, z.cols());
}

void PosteriorStatisticsArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("heads", heads);
  tensors.have_matrix("sums", sums);
  tensors.have("sums", sums, {3, sums.cols()});
  tensors.have("heads", heads, {heads.rows(), 2 * sums.cols()});
  if (prior) check_prior(tensors, prior, heads.rows(), 1, sums.cols());
}

void LikelihoodArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("x", x);
  const int64_t rows = x.rows() * samples;
  const Shape shape{rows, x.cols() * outputs_per_value(likelihood, variance)};
  tensors.have("outputs", outputs, shape);
  tensors.have("log_px", log_px, {rows});
  tensors.may_have("doutputs", doutputs, shape);
  tensors.may_have("weights", weights, {rows});
  tensors.may_have("element_weights", element_weights, x.shape);
  if (variance_count(likelihood, variance, 1) == 0) return;
  check_variances(kName, log_variance, x.cols());
  tensors.may_have("dlog_variance", dlog_variance, log_variance.shape);
}

void LikelihoodMeanArgs::check() const {
  const Tensors tensors(kName);
  const int64_t per_value = outputs_per_value(likelihood, variance);
  tensors.have_matrix("mean", mean);
  tensors.have("outputs", outputs, {mean.rows(), mean.cols() * per_value});
  VAE_CHECK(per_value == 1 || mean.data != outputs.data, kName,
            ": not in place where a value has several outputs");
}

void LikelihoodSampleArgs::check() const {
  const Tensors tensors(kName);
  tensors.have_matrix("x", x);
  tensors.have("outputs", outputs, {x.rows(), x.cols() * outputs_per_value(likelihood, variance)});
  if (variance_count(likelihood, variance, 1) > 0) check_variances(kName, log_variance, x.cols());
  tensors.have_state(noise.state);
}

void CategoricalArgs::check() const {
  const Tensors tensors(kName);
  check_classes(kName, classes);
  tensors.have_matrix("targets", targets);
  const int64_t rows = targets.rows() * samples;
  const Shape shape{rows, targets.cols() * classes};
  tensors.have("outputs", outputs, shape);
  tensors.have("log_px", log_px, {rows});
  tensors.may_have("doutputs", doutputs, shape);
  tensors.may_have("weights", weights, {rows});
}

void CategoricalMeanArgs::check() const {
  const Tensors tensors(kName);
  check_classes(kName, classes);
  tensors.have_matrix("outputs", outputs);
  VAE_CHECK(outputs.cols() % classes == 0, kName, ": ", outputs.cols(),
            " outputs a row are not of ", classes, " classes");
  tensors.have("probabilities", probabilities, outputs.shape);
}

void CategoricalSampleArgs::check() const {
  const Tensors tensors(kName);
  check_classes(kName, classes);
  tensors.have_matrix("targets", targets);
  tensors.have("outputs", outputs, {targets.rows(), targets.cols() * classes});
  tensors.have_state(noise.state);
}

namespace {

/// Outputs a cell of a grid has.
int64_t cell_outputs(std::string_view operation, int64_t classes) {
  VAE_CHECK(classes >= 1 && classes <= 255, operation, ": classes must lie in 1..255, got ",
            classes);
  return rules::GridCell::outputs(classes);
}

}  // namespace

void DetectionArgs::check() const {
  const Tensors tensors(kName);
  const int64_t per_cell = cell_outputs(kName, classes);
  tensors.have_matrix("targets", targets);
  const int64_t images = targets.rows(), cells = targets.cols(), rows = images * samples;
  tensors.have("boxes", boxes, {images, cells * rules::GridCell::kBoxNumbers});
  const Shape shape{rows, cells * per_cell};
  tensors.have("outputs", outputs, shape);
  tensors.have("log_px", log_px, {rows});
  tensors.may_have("doutputs", doutputs, shape);
  tensors.may_have("weights", weights, {rows});
}

void DetectionMeanArgs::check() const {
  const Tensors tensors(kName);
  const int64_t per_cell = cell_outputs(kName, classes);
  tensors.have_matrix("outputs", outputs);
  VAE_CHECK(outputs.cols() % per_cell == 0, kName, ": ", outputs.cols(),
            " outputs a row are not of cells with ", classes, " classes");
  tensors.have("means", means, outputs.shape);
}

namespace {

/// How many images there are, of which both have `samples` numbers.
int64_t images_of_samples(std::string_view operation, ConstView log_px, ConstView log_ratio,
                          int64_t samples) {
  const Tensors tensors(operation);
  VAE_CHECK(samples >= 1, operation, ": samples must be positive, got ", samples);
  const int64_t images = log_px.count() / samples;
  tensors.have("log_px", log_px, {images * samples});
  tensors.have("log_ratio", log_ratio, {images * samples});
  return images;
}

}  // namespace

void ImportanceArgs::check() const {
  const Tensors tensors(kName);
  const Shape rows{images_of_samples(kName, log_px, log_ratio, samples)};
  tensors.have("running_max", running_max, rows);
  tensors.have("running_sum", running_sum, rows);
}

void ImportanceWeightsArgs::check() const {
  const Tensors tensors(kName);
  const Shape rows{images_of_samples(kName, log_px, log_ratio, samples)};
  tensors.have("weights", weights, log_px.shape);
  tensors.have("bound", bound, rows);
  tensors.have_state(state);
}

void AccumulateArgs::check() const {
  const Tensors tensors(kName);
  tensors.have("kl", kl, {kl.count()});
  tensors.have("log_px", log_px, kl.shape);
  tensors.have_state(state);
  VAE_CHECK(totals != nullptr, kName, ": the totals are missing");
}

void AccumulateWeightedArgs::check() const {
  const Tensors tensors(kName);
  tensors.have("bound", bound, {bound.count()});
  const int64_t images = bound.count();
  VAE_CHECK(images > 0 && log_px.count() >= images, kName, ": an image has no sample");
  tensors.have("log_px", log_px, {log_px.count() / images * images});
  tensors.have("log_ratio", log_ratio, log_px.shape);
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
  if (weight_decay > 0.0f) {
    tensors.have("decays", decays, {(parameters.count() + kDecayLine - 1) / kDecayLine});
  }
}

void MuonMomentumArgs::check() const {
  const Tensors tensors(kName);
  const Shape shape{direction.count()};
  tensors.have("direction", direction, shape);
  tensors.have("squares", squares, {1});
  tensors.have("momentum", momentum, shape);
  tensors.have("gradients", gradients, shape);
  tensors.have_state(state);
}

void MuonNormalizeArgs::check() const {
  const Tensors tensors(kName);
  tensors.have("x", x, {x.count()});
  tensors.have("squares", squares, {1});
}

void BlendArgs::check() const {
  const Tensors tensors(kName);
  tensors.have("y", y, y.shape);
  tensors.have("x", x, y.shape);
}

void MuonApplyArgs::check() const {
  const Tensors tensors(kName);
  const Shape shape{parameters.count()};
  tensors.have("parameters", parameters, shape);
  tensors.have("direction", direction, shape);
  tensors.have_state(state);
}

void AverageArgs::check() const {
  const Tensors tensors(kName);
  const Shape shape{parameters.count()};
  tensors.have("parameters", parameters, shape);
  tensors.have("averages", averages, shape);
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

bool is_pair(const LoadBatchArgs& load, const DenseForwardArgs& dense) {
  return are_one(load.x, dense.x);
}

bool is_pair(const DenseForwardArgs& dense, const GaussianForwardArgs& gaussian) {
  return are_one(dense.y, gaussian.heads) && dense.activation == Activation::none;
}

bool is_pair(const DenseForwardArgs& dense, const LikelihoodArgs& likelihood) {
  return are_one(dense.y, likelihood.outputs) && dense.activation == Activation::none &&
         !likelihood.element_weights;
}

}  // namespace vae
