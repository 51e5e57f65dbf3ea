// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vae/types.h"

namespace vae {

/// The sizes of one image's value between two layers: [W], W numbers, or [H, W, C], an image of
/// H rows, W columns and C channels, channels fastest.
using ItemShape = std::vector<int64_t>;

/// A length down and a length across, in pixels; one number stands for both.
struct Extent {
  int64_t height = 0;  ///< Down.
  int64_t width = 0;   ///< Across.

  /// 0 x 0.
  Extent() = default;
  /// A square.
  Extent(int64_t side) : height(side), width(side) {}  // NOLINT: implicit on purpose
  /// Rows first, as in a shape.
  Extent(int64_t rows, int64_t columns) : height(rows), width(columns) {}

  /// Field by field.
  bool operator==(const Extent&) const = default;
};

/// What a layer does to x, its input. An activation follows all but `gated_dense`, `upsample`,
/// `pool` and `skip`.
enum class LayerKind {
  dense,        ///< W x + b.
  gated_dense,  ///< (W x + b) sigmoid(V x + c), elementwise. van den Oord et al. 2016.
  conv,         ///< Convolution with zeros around the image.
  deconv,       ///< Transposed convolution: the adjoint of a convolution, plus a bias.
  upsample,     ///< Each pixel becomes `factor` x `factor` of its kind.
  pool,         ///< The mean of each `factor` x `factor` pixels.
  residual,     ///< x + f(x), f a chain of layers that ends in the shape of x. He et al. 2016.
  skip,         ///< Of decoders: x beside the output of a layer of the encoder. [U-net]
  transport,    ///< Of outputs: a convolution makes motions of x, and the last seen frame moves so.
};

/// One layer of an encoder or decoder. A number is a dense layer, so `encoder = {400, 200}` works;
/// the functions below make the other kinds, and docs/config.md has their words.
///
///     config.model.encoder = {vae::conv(32, {4, 4}, 2), vae::conv(64, {4, 4}, 2), 256};
///     config.model.decoder = vae::layers_from_string("256, dense 7x7x64, deconv 32 4x4/2");
///     config.model.output = vae::deconv_output({4, 4}, 2);
struct Layer {
  LayerKind kind = LayerKind::dense;  ///< Decides which of the fields below mean something.
  /// dense, gated_dense: of the output, [W] or [H, W, C]. skip: of what stands beside x; it follows
  /// from the encoder, see ModelConfig::decoder_layers(). transport: of the clip, likewise.
  ItemShape shape;
  int64_t filters = 0;  ///< conv, deconv: channels of the output. transport: of the motions.
  Extent kernel;        ///< conv, deconv, transport.
  Extent stride = 1;    ///< conv, deconv, transport.
  /// conv, deconv: rows of zeros above and below, columns of zeros left and right of the larger
  /// image. Without it see padding_of().
  std::optional<Extent> padding;
  int64_t factor = 0;  ///< upsample, pool.
  /// skip: the number of the encoder's layer, from 0. transport: how many frames are seen.
  int64_t of = 0;
  std::vector<Layer> layers;  ///< residual: f.
  /// What follows; without it see activation_of().
  std::optional<Activation> activation;

  /// A dense layer of no width, as `ModelConfig::output` has it.
  Layer() = default;
  /// A dense layer.
  Layer(int64_t width) : shape{width} {}  // NOLINT: implicit on purpose

  /// Whether its width says all of it, as for a dense layer of W numbers without an activation.
  bool is_plain() const;
  /// The same layer with this activation.
  Layer with(Activation word) const;
  /// The same convolution with so many zeros around the larger image.
  Layer padded(Extent zeros) const;

  /// Field by field.
  bool operator==(const Layer&) const = default;
};

/// A dense layer, as its width alone makes one.
Layer dense(int64_t width);
/// A dense layer whose output is seen as an image.
Layer dense(int64_t height, int64_t width, int64_t channels);
/// A gated dense layer.
Layer gated_dense(int64_t width);
/// A gated dense layer whose output is seen as an image.
Layer gated_dense(int64_t height, int64_t width, int64_t channels);
/// A convolution: an image of n rows becomes one of floor((n + 2 padding - kernel) / stride) + 1.
Layer conv(int64_t filters, Extent kernel, Extent stride = 1);
/// A transposed convolution: an image of n rows becomes one of n * stride, or with a padding of its
/// own of (n - 1) stride - 2 padding + kernel, as in PyTorch.
Layer deconv(int64_t filters, Extent kernel, Extent stride = 1);
/// Nearest neighbours.
Layer upsample(int64_t factor);
/// Average pooling.
Layer pool(int64_t factor);
/// x + f(x).
Layer residual(std::vector<Layer> f);
/// x beside the output of layer number `of` of the encoder, along the channels: two images of one
/// height and width, or two vectors. Ronneberger et al. 2015. A model with one decodes with the
/// image at hand: it is trained, evaluated and reconstructs, and makes no picture of a code alone.
Layer skip(int64_t of);
/// Lists of layers, one behind the other: for functions that make a block of several.
///
///     config.model.encoder = vae::chain({block(32), block(64), {vae::gated_dense(256)}});
std::vector<Layer> chain(std::initializer_list<std::vector<Layer>> parts);
/// For `ModelConfig::output` and `heads`, where the number of filters follows from the images and
/// from the latent dimensions.
Layer conv_output(Extent kernel, Extent stride = 1);
/// Likewise.
Layer deconv_output(Extent kernel, Extent stride = 1);

/// For `ModelConfig::output` of clips, images whose channels are frames, of which a model sees the
/// first `seen`: a convolution makes of the decoder's image [h, w, C] the motion of h x w cells,
/// which divide the frames, and in each later frame every pixel of the last seen one is where its
/// cell moves it, spread over its surroundings as far as the place is uncertain. The motion begins
/// at rest. The mean of p(x|z) is what comes of it: what moves is copied, not drawn.
Layer transport_output(int64_t seen, Extent kernel = 1, Extent stride = 1);

/// The zeros around the larger image of a convolution: its `padding`, else max(0, floor((kernel -
/// stride + 1) / 2)) each way, which keeps sizes at stride 1 and halves even ones at stride 2.
Extent padding_of(const Layer& layer);
/// What follows a layer in a model of that activation: its own; else none behind `gated_dense`,
/// `upsample` and `pool`, and the model's behind all others. The last layer of a residual's f is
/// without one unless it has its own, because the sum has it.
Activation activation_of(const Layer& layer, Activation model);

/// The shape of a layer's output. Throws Error(invalid_argument) that says what does not fit, for a
/// layer with a size out of its range too.
ItemShape output_shape(const Layer& layer, const ItemShape& input);
/// Weights and biases of a layer. Throws likewise.
int64_t parameter_count(const Layer& layer, const ItemShape& input);

/// A layer in the words of docs/config.md: "conv 32 4x4/2"; "256" for a plain dense one.
std::string to_string(const Layer& layer);
/// Several of them with ", " between, "none" for none.
std::string to_string(const std::vector<Layer>& layers);
/// Reads one layer. Throws Error(invalid_argument) that points at the column.
Layer layer_from_string(std::string_view text);
/// Reads layers with commas between, or "none".
std::vector<Layer> layers_from_string(std::string_view text);
/// Reads how the outputs are made: "dense", "conv 3x3", "deconv 4x4/2", "transport 10 1x1".
Layer output_from_string(std::string_view text);

}  // namespace vae
