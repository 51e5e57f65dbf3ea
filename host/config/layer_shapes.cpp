// SPDX-License-Identifier: MIT
#include "host/config/layer_shapes.h"

#include <algorithm>
#include <utility>

#include "host/config/layer_ranges.h"
#include "kernels/check.h"
#include "kernels/rules/detection.h"
#include "kernels/rules/likelihoods.h"
#include "kernels/rules/transport.h"

namespace vae {
namespace config_detail {
namespace {

int64_t value_count(const ItemShape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

template <typename... What>
[[noreturn]] void misfit(const What&... what) {
  fail(ErrorCode::invalid_argument, what...);
}

ItemShape with_sides(Extent sides, int64_t channels) {
  return {sides.height, sides.width, channels};
}

Extent sides_of(const ItemShape& image) { return {image[0], image[1]}; }

void require_image(const Layer& layer, const ItemShape& input) {
  if (is_image(input)) return;
  misfit(named(layer), " needs an image (height x width x channels) but gets ", value_count(input),
         " numbers; put a layer such as \"dense 7x7x64\" before it");
}

int64_t conv_side(int64_t n, int64_t kernel, int64_t stride, int64_t padding) {
  return n + 2 * padding < kernel ? 0 : (n + 2 * padding - kernel) / stride + 1;
}

Extent conv_sides(const Layer& layer, Extent n) {
  const Extent pad = padding_of(layer);
  return {conv_side(n.height, layer.kernel.height, layer.stride.height, pad.height),
          conv_side(n.width, layer.kernel.width, layer.stride.width, pad.width)};
}

Extent deconv_sides(const Layer& layer, Extent n) {
  if (!layer.padding) return {n.height * layer.stride.height, n.width * layer.stride.width};
  return {(n.height - 1) * layer.stride.height - 2 * layer.padding->height + layer.kernel.height,
          (n.width - 1) * layer.stride.width - 2 * layer.padding->width + layer.kernel.width};
}

ItemShape conv_shape(const Layer& layer, const ItemShape& input) {
  require_image(layer, input);
  const Extent sides = conv_sides(layer, sides_of(input));
  if (sides.height < 1 || sides.width < 1) {
    misfit(named(layer), " does not fit into ", shape_text(input), ": with its padding of ",
           padding_of(layer).height, " rows and ", padding_of(layer).width,
           " columns on each side the image is smaller than the kernel");
  }
  return with_sides(sides, layer.filters);
}

ItemShape deconv_shape(const Layer& layer, const ItemShape& input) {
  require_image(layer, input);
  const Extent sides = deconv_sides(layer, sides_of(input));
  if (sides.height < 1 || sides.width < 1) {
    misfit(named(layer), " makes nothing of ", shape_text(input),
           ": its padding takes all pixels away");
  }
  return with_sides(sides, layer.filters);
}

ItemShape upsampled_shape(const Layer& layer, const ItemShape& input) {
  require_image(layer, input);
  return {input[0] * layer.factor, input[1] * layer.factor, input[2]};
}

ItemShape pooled_shape(const Layer& layer, const ItemShape& input) {
  require_image(layer, input);
  if (input[0] % layer.factor != 0 || input[1] % layer.factor != 0) {
    misfit(named(layer), " does not divide the sides of ", shape_text(input), " by ", layer.factor);
  }
  return {input[0] / layer.factor, input[1] / layer.factor, input[2]};
}

ItemShape residual_shape(const Layer& layer, const ItemShape& input) {
  ItemShape shape = input;
  for (const Layer& inner : layer.layers) shape = output_shape(inner, shape);
  if (shape != input) {
    misfit(named(layer), " makes ", shape_text(shape), " of ", shape_text(input),
           ": both are added and must have one shape");
  }
  return shape;
}

/// Of two images of one size, or two vectors, side by side along their channels.
ItemShape skip_shape(const Layer& layer, const ItemShape& input) {
  if (layer.shape.empty()) {
    misfit(named(layer),
           " brings a layer of the encoder to the decoder: it is a layer of "
           "model.decoder (--decoder) only");
  }
  const bool one_size = layer.shape.size() == input.size() &&
                        std::equal(input.begin(), input.end() - 1, layer.shape.begin());
  if (!one_size) {
    misfit(named(layer), " puts ", shape_text(layer.shape), ", what the encoder makes at [",
           layer.of, "], beside ", shape_text(input),
           ": these are two vectors, or images of one height and "
           "width");
  }
  ItemShape shape = input;
  shape.back() += layer.shape.back();
  return shape;
}

/// Of the clip, whose cells the motions are of.
ItemShape transport_shape(const Layer& layer, const ItemShape& input) {
  if (layer.shape.empty()) {
    misfit(named(layer),
           " has no clip: its sizes follow from a model, see ModelConfig::output_layer()");
  }
  const ItemShape motion = conv_shape(layer, input);  // messages have the words of the key
  if (layer.shape[0] % motion[0] != 0 || layer.shape[1] % motion[1] != 0) {
    misfit(named(layer), " makes motions of ", motion[0], "x", motion[1], " cells from ",
           shape_text(input), ", which do not divide frames of ", layer.shape[0], "x",
           layer.shape[1], "; end the decoder in an image whose sides divide those of the frames");
  }
  return layer.shape;
}

ItemShape kind_shape(const Layer& layer, const ItemShape& input) {
  switch (layer.kind) {
    case LayerKind::dense:
    case LayerKind::gated_dense:
      return layer.shape;
    case LayerKind::conv:
      return conv_shape(layer, input);
    case LayerKind::deconv:
      return deconv_shape(layer, input);
    case LayerKind::upsample:
      return upsampled_shape(layer, input);
    case LayerKind::pool:
      return pooled_shape(layer, input);
    case LayerKind::residual:
      return residual_shape(layer, input);
    case LayerKind::skip:
      return skip_shape(layer, input);
    case LayerKind::transport:
      return transport_shape(layer, input);
  }
  return {};
}

bool is_bearable(const ItemShape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 1 || size > kMostValues / count) return false;
    count *= size;
  }
  return shape.size() == 1 || is_image(shape);
}

void require_bearable(const Layer& layer, const char* verb, const ItemShape& shape) {
  if (is_bearable(shape)) return;
  misfit(named(layer), " ", verb, " ", shape_text(shape), ", expected sizes from 1 and at most ",
         kMostValues, " numbers in all");
}

int64_t kind_parameters(const Layer& layer, const ItemShape& input) {
  const int64_t taps = layer.kernel.height * layer.kernel.width;
  switch (layer.kind) {
    case LayerKind::dense:
      return value_count(layer.shape) * (value_count(input) + 1);
    case LayerKind::gated_dense:
      return 2 * value_count(layer.shape) * (value_count(input) + 1);
    case LayerKind::conv:
    case LayerKind::deconv:
    case LayerKind::transport:
      return layer.filters * (taps * input.back() + 1);
    case LayerKind::upsample:
    case LayerKind::pool:
    case LayerKind::skip:
      return 0;
    case LayerKind::residual:
      break;
  }
  int64_t sum = 0;
  ItemShape shape = input;
  for (const Layer& inner : layer.layers) {
    sum += parameter_count(inner, shape);
    shape = output_shape(inner, shape);
  }
  return sum;
}

/// A model's parameters as they add up along its layers.
class Counter {
 public:
  void add(const Layer& layer, const ItemShape& input) {
    sum_ += parameter_count(layer, input);
    if (sum_ > kMostParameters) {
      misfit(named(layer), " over ", shape_text(input), " brings the model to more than ",
             kMostParameters, " parameters");
    }
  }

 private:
  int64_t sum_ = 0;
};

/// The same message with the key and the number of the layer in front.
template <typename Action>
auto at_layer(const std::string& key, Action action) {
  try {
    return action();
  } catch (const Error& error) {
    fail(error.code(), key, ": ", error.what());
  }
}

std::vector<ItemShape> chain_shapes(const char* key, const std::vector<Layer>& layers,
                                    const ItemShape& input, Counter* counter) {
  std::vector<ItemShape> shapes;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    at_layer(concat(key, " at [", i, "]"), [&] {
      if (layers[i].kind == LayerKind::transport) {
        misfit(named(layers[i]), " makes outputs: it is for model.output (--output) only");
      }
      const ItemShape& below = shapes.empty() ? input : shapes.back();
      ItemShape shape = output_shape(layers[i], below);
      if (counter != nullptr) counter->add(layers[i], below);
      shapes.push_back(std::move(shape));
    });
  }
  return shapes;
}

/// The decoder's layers; its skips have the shapes of the encoder's layers that they name.
std::vector<Layer> filled_decoder(const ModelConfig& model, const std::vector<ItemShape>& encoder) {
  std::vector<Layer> decoder = model.decoder;
  for (std::size_t i = 0; i < decoder.size(); ++i) {
    Layer& layer = decoder[i];
    if (layer.kind != LayerKind::skip) continue;
    at_layer(concat("model.decoder (--decoder) at [", i, "]"), [&] {
      if (layer.of < 0 || layer.of >= std::ssize(encoder)) {
        misfit(named(layer), ": the encoder has ", encoder.size(), " layers, counted from 0");
      }
    });
    layer.shape = encoder[static_cast<std::size_t>(layer.of)];
  }
  return decoder;
}

/// The output layer with the filters or the shape that the images ask for.
Layer filled_output(const ModelConfig& model) {
  Layer output = model.output;
  const ItemShape outputs = model.output_shape();
  if (output.kind == LayerKind::dense) {
    output.shape = outputs;
  } else if (output.kind == LayerKind::transport) {
    output.shape = outputs;
    output.filters = kMotionNumbers * (outputs.back() - output.of);
  } else {
    output.filters = outputs.back();
  }
  return output;
}

ItemShape last_of(const std::vector<ItemShape>& shapes, ItemShape input) {
  return shapes.empty() ? std::move(input) : shapes.back();
}

/// With the numbers of the condition behind its own, at every position.
ItemShape conditioned(const ModelConfig& model, ItemShape shape) {
  shape.back() += model.condition_size();
  return shape;
}

/// What the heads are over, where the encoder ends in `last`: dense heads see it as a vector, so
/// that they have the condition once.
ItemShape heads_input(const ModelConfig& model, const ItemShape& last) {
  if (model.condition_size() == 0) return last;
  const bool flat = model.heads.kind == LayerKind::dense;
  return conditioned(model, flat ? ItemShape{value_count(last)} : last);
}

/// One of the two heads over the encoder's trunk, with the sizes that follow from the latent.
Layer filled_heads(const ModelConfig& model, const ItemShape& trunk) {
  Layer heads = model.heads;
  if (heads.kind == LayerKind::dense) {
    heads.shape = {model.latent};
    return heads;
  }
  if (const std::string problem = output_problem(heads); !problem.empty()) misfit(problem);
  if (heads.kind == LayerKind::transport) {
    misfit(named(heads), " makes no means and variances, expected dense, conv or deconv");
  }
  const ItemShape made = kind_shape(heads, trunk);
  const int64_t positions = made[0] * made[1];
  if (model.latent % positions != 0) {
    misfit(named(model.heads), " makes images of ", made[0], "x", made[1], " from ",
           shape_text(trunk), ", so that the latent dimensions (--latent) are a multiple of ",
           positions, ", not ", model.latent);
  }
  heads.filters = model.latent / positions;
  return heads;
}

/// "; end the decoder in an image of 14x14", where some size is right.
std::string advice(const Layer& output, Extent wanted) {
  const Extent pad = padding_of(output);
  const auto before = [](int64_t n, int64_t kernel, int64_t stride, int64_t padding) {
    return (n - 1) * stride + kernel - 2 * padding;
  };
  Extent n = conv_sides(output, wanted);
  if (output.kind == LayerKind::conv) {
    n = {before(wanted.height, output.kernel.height, output.stride.height, pad.height),
         before(wanted.width, output.kernel.width, output.stride.width, pad.width)};
  }
  if (n.height < 1 || n.width < 1) return {};
  const Extent made =
      output.kind == LayerKind::conv ? conv_sides(output, n) : deconv_sides(output, n);
  if (made != wanted) return {};
  return concat("; end the decoder in an image of ", n.height, "x", n.width);
}

/// What a transport makes is the mean of each value of clips, some of whose frames are not seen.
void require_clips(const ModelConfig& model) {
  if (model.has_class_target()) {
    misfit(named(model.output), " makes frames of clips, and model.target (--target) is ",
           to_string(model.target));
  }
  if (outputs_per_value(model.likelihood, model.variance) != 1) {
    misfit(named(model.output), " makes one number of each value, the mean: model.likelihood ",
           to_string(model.likelihood), " with model.variance ", to_string(model.variance),
           " takes more; --variance learned has one for all");
  }
  if (model.output_bias_from_mean) {
    misfit(named(model.output),
           " has biases of motions, not of pixels: "
           "model.output_bias_from_mean (--output-bias-from-mean) is false");
  }
  if (model.output.of >= model.channels) {
    misfit(named(model.output), " sees ", model.output.of, " frames of images with ",
           model.channels, " channels, so that none is left to be predicted");
  }
}

void check_output(const ModelConfig& model, const ItemShape& input, Counter& counter) {
  const Layer output = filled_output(model);
  if (output.kind == LayerKind::transport) {
    require_clips(model);
  } else if (output.kind != LayerKind::dense) {
    const ItemShape made = kind_shape(model.output, input);  // messages have the words of the key
    const bool of_boxes = model.target == Target::boxes;
    const Extent wanted =
        of_boxes ? Extent{model.grid.height, model.grid.width} : Extent{model.height, model.width};
    if (of_boxes && sides_of(made) != wanted) {
      misfit(named(model.output), " makes ", made[0], "x", made[1], " cells from ",
             shape_text(input), ", but model.grid (--grid) has ", wanted.height, " rows of ",
             wanted.width, advice(output, wanted));
    }
    if (sides_of(made) != wanted) {
      misfit(named(model.output), " makes images of ", made[0], "x", made[1], " from ",
             shape_text(input), ", but those of the data are ", model.height, "x", model.width,
             advice(output, wanted), "; or bring the images to the size with --size ", made[1], "x",
             made[0]);
    }
  }
  counter.add(output, input);
}

/// Layers from one vector to the two heads of another, whose size is that of `key`.
void check_to_heads(const char* layers_key, const std::vector<Layer>& layers, int64_t from,
                    const char* key, int64_t to, Counter& counter) {
  const ItemShape trunk = last_of(chain_shapes(layers_key, layers, {from}, &counter), {from});
  Layer head;
  head.shape = {to};
  at_layer(key, [&] {
    for (int i = 0; i < 2; ++i) counter.add(head, trunk);
  });
}

/// The layers between z and the latents above it: those of q(z2|z), then those of p(z|z2).
void check_top(const ModelConfig& model, Counter& counter) {
  if (model.top_latent == 0) return;
  const std::vector<Layer> back(model.top.rbegin(), model.top.rend());
  const auto add = [&](const std::vector<Layer>& layers, int64_t from, int64_t to) {
    check_to_heads("model.top (--top)", layers, from, "model.top_latent (--top-latent)", to,
                   counter);
  };
  add(model.top, model.latent, model.top_latent);
  add(back, model.top_latent, model.latent);
}

/// The layers from the condition to the prior of the highest latents.
void check_prior(const ModelConfig& model, Counter& counter) {
  if (model.prior != Prior::conditional) return;
  check_to_heads("model.prior_layers (--prior-layers)", model.prior_layers, model.condition_size(),
                 "model.prior (--prior)", model.highest_latent(), counter);
}

void check_chain(const ModelConfig& model) {
  Counter counter;
  const ItemShape image = model.image_shape();
  const auto encoder = chain_shapes("model.encoder (--encoder)", model.encoder, image, &counter);
  const bool plain = model.heads.kind == LayerKind::dense;
  ItemShape latent;
  at_layer(plain ? "model.latent (--latent)" : "model.heads (--heads)", [&] {
    const ItemShape trunk = heads_input(model, last_of(encoder, image));
    const Layer head = filled_heads(model, trunk);
    for (int i = 0; i < 2; ++i) counter.add(head, trunk);
    latent = output_shape(head, trunk);
  });
  check_top(model, counter);
  check_prior(model, counter);
  latent = conditioned(model, std::move(latent));
  const auto decoder =
      chain_shapes("model.decoder (--decoder)", filled_decoder(model, encoder), latent, &counter);
  at_layer("model.output (--output)",
           [&] { check_output(model, last_of(decoder, latent), counter); });
}

}  // namespace

std::string shape_problem(const ModelConfig& model) {
  try {
    check_chain(model);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

Layer motion_layer(const Layer& transport) {
  Layer motion = transport;
  motion.kind = LayerKind::conv;
  return motion;
}

std::string shape_text(const ItemShape& shape) {
  std::string text;
  for (const int64_t size : shape) text += concat(text.empty() ? "" : "x", size);
  return text;
}

}  // namespace config_detail

using config_detail::chain_shapes;

ItemShape output_shape(const Layer& layer, const ItemShape& input) {
  const std::string problem = config_detail::layer_problem(layer);
  if (!problem.empty()) fail(ErrorCode::invalid_argument, problem);
  config_detail::require_bearable(layer, "gets", input);
  ItemShape shape = config_detail::kind_shape(layer, input);
  config_detail::require_bearable(layer, "makes", shape);
  return shape;
}

int64_t parameter_count(const Layer& layer, const ItemShape& input) {
  output_shape(layer, input);
  return config_detail::kind_parameters(layer, input);
}

ItemShape ModelConfig::image_shape() const { return {height, width, channels}; }

ItemShape ModelConfig::output_shape() const {
  switch (target) {
    case Target::image:
      break;
    case Target::label:
      return {target_classes};
    case Target::mask:
      return {height, width, target_classes};
    case Target::boxes:
      return {grid.height, grid.width, rules::GridCell::outputs(target_classes)};
  }
  return {height, width, channels * outputs_per_value(likelihood, variance)};
}

int64_t ModelConfig::target_size() const {
  switch (target) {
    case Target::image:
      return pixels();
    case Target::label:
      return 1;
    case Target::mask:
      return height * width;
    case Target::boxes:
      return grid.height * grid.width;
  }
  return 0;
}

int64_t ModelConfig::decoded_size() const {
  switch (target) {
    case Target::image:
      break;
    case Target::label:
    case Target::mask:
      return target_size() * target_classes;
    case Target::boxes:
      return target_size() * rules::GridCell::outputs(target_classes);
  }
  return target_size();
}

int64_t ModelConfig::condition_size() const {
  switch (condition) {
    case Condition::none:
      return 0;
    case Condition::label:
      return classes;
    case Condition::side:
      return side_size;
    case Condition::seen:
      return pixels();
  }
  return 0;
}

ItemShape ModelConfig::heads_input_shape() const {
  return config_detail::heads_input(*this, config_detail::last_of(encoder_shapes(), image_shape()));
}

ItemShape ModelConfig::decoder_input_shape() const {
  return config_detail::conditioned(*this, latent_shape());
}

Layer ModelConfig::heads_layer() const {
  return config_detail::filled_heads(*this, heads_input_shape());
}

ItemShape ModelConfig::latent_shape() const {
  return vae::output_shape(heads_layer(), heads_input_shape());
}

Layer ModelConfig::output_layer() const { return config_detail::filled_output(*this); }

std::vector<ItemShape> ModelConfig::encoder_shapes() const {
  return chain_shapes("model.encoder (--encoder)", encoder, image_shape(), nullptr);
}

std::vector<ItemShape> ModelConfig::decoder_shapes() const {
  return chain_shapes("model.decoder (--decoder)", decoder_layers(), decoder_input_shape(),
                      nullptr);
}

std::vector<Layer> ModelConfig::decoder_layers() const {
  return has_skips() ? config_detail::filled_decoder(*this, encoder_shapes()) : decoder;
}

bool ModelConfig::decodes_with_image() const {
  return has_skips() || output.kind == LayerKind::transport;
}

bool ModelConfig::has_skips() const {
  return std::any_of(decoder.begin(), decoder.end(),
                     [](const Layer& layer) { return layer.kind == LayerKind::skip; });
}

}  // namespace vae
