// SPDX-License-Identifier: MIT
//
// Shapes worked out by hand, and what is said where they do not fit.
#include "host/config/layer_shapes.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "host/config/layer_ranges.h"
#include "vae/error.h"

namespace vae {
namespace {

using config_detail::kMostParameters;
using config_detail::kMostValues;
using Shapes = std::vector<ItemShape>;

TEST(LayerShapesTest, AreThoseWorkedOutByHand) {
  struct Case {
    const char* layer;
    ItemShape input, output;
  };
  const ItemShape small = {7, 5, 3};
  for (const Case& c :
       std::vector<Case>{{"256", {784}, {256}},
                         {"256", {28, 28, 1}, {256}},
                         {"dense 7x7x64", {256}, {7, 7, 64}},
                         {"gated dense 4x4x2", {9}, {4, 4, 2}},
                         {"conv 32 4x4/2", {28, 28, 1}, {14, 14, 32}},
                         {"conv 64 4x4/2", {14, 14, 32}, {7, 7, 64}},
                         {"conv 8 4x4/2", {7, 7, 64}, {3, 3, 8}},
                         {"conv 8 3x3", small, {7, 5, 8}},
                         {"conv 8 5x5", small, {7, 5, 8}},
                         {"conv 8 1x1", small, {7, 5, 8}},
                         {"conv 8 3x5", small, {7, 5, 8}},
                         {"conv 8 3x3/2", {28, 28, 4}, {14, 14, 8}},
                         {"conv 8 3x3/2", small, {4, 3, 8}},
                         {"conv 8 5x5/2", {28, 28, 4}, {14, 14, 8}},
                         {"conv 8 2x2/2", {28, 28, 4}, {14, 14, 8}},
                         {"conv 8 1x1/2", {28, 28, 4}, {14, 14, 8}},
                         {"conv 8 8x8/4", {28, 28, 4}, {7, 7, 8}},
                         {"conv 8 3x3/2x1", {28, 28, 4}, {14, 28, 8}},
                         {"conv 8 3x3 pad 0", small, {5, 3, 8}},
                         {"conv 8 3x3 pad 2", small, {9, 7, 8}},
                         {"conv 8 4x4 pad 1", small, {6, 4, 8}},
                         {"conv 8 4x4/2 pad 0", {64, 64, 3}, {31, 31, 8}},
                         {"conv 8 4x4/2 pad 0", {31, 31, 3}, {14, 14, 8}},
                         {"conv 8 7x5 pad 0", small, {1, 1, 8}},
                         {"deconv 32 4x4/2", {7, 7, 64}, {14, 14, 32}},
                         {"deconv 32 3x3/2", {7, 7, 64}, {14, 14, 32}},
                         {"deconv 32 3x3", {7, 7, 64}, {7, 7, 32}},
                         {"deconv 32 1x1/2", {7, 7, 64}, {14, 14, 32}},
                         {"deconv 32 4x4/2 pad 1", {7, 7, 64}, {14, 14, 32}},
                         {"deconv 32 3x3/2 pad 1", {7, 7, 64}, {13, 13, 32}},
                         {"deconv 32 5x5/2 pad 0", {1, 1, 64}, {5, 5, 32}},
                         {"deconv 32 4x3/2x1", {7, 7, 64}, {14, 7, 32}},
                         {"upsample 2", small, {14, 10, 3}},
                         {"pool 7", {28, 14, 5}, {4, 2, 5}},
                         {"residual (conv 3 3x3, conv 3 3x3)", small, small},
                         {"residual (conv 9 4x4/2, deconv 4 4x4/2)", {8, 8, 4}, {8, 8, 4}},
                         {"residual (16, 20)", {20}, {20}}}) {
    EXPECT_EQ(output_shape(layer_from_string(c.layer), c.input), c.output) << c.layer;
  }
}

/// The transposed convolution goes back where the convolution of the same words came from.
TEST(LayerShapesTest, ADeconvolutionUndoesTheSizesOfItsConvolution) {
  for (const char* words : {"3x3", "4x4/2", "3x3/2", "5x5/2", "2x2/2", "1x1/2", "8x8/4", "7x7/3"}) {
    for (int64_t n = 1; n <= 9; ++n) {
      const ItemShape small = {n, n, 2};
      const ItemShape large =
          output_shape(layer_from_string(std::string("deconv 3 ") + words), small);
      EXPECT_EQ(output_shape(layer_from_string(std::string("conv 2 ") + words), large), small)
          << words << ' ' << n;
    }
  }
}

TEST(LayerShapesTest, CountsParameters) {
  struct Case {
    const char* layer;
    ItemShape input;
    int64_t count;
  };
  for (const Case& c : std::vector<Case>{
           {"256", {28, 28, 1}, 784 * 256 + 256},
           {"dense 7x7x64", {256}, 3136 * 256 + 3136},
           {"gated dense 5", {3}, 2 * (5 * 3 + 5)},
           {"conv 32 4x4/2", {28, 28, 1}, 32 * 16 + 32},
           {"conv 64 3x5", {14, 14, 32}, 64 * 15 * 32 + 64},
           {"deconv 32 4x4/2", {7, 7, 64}, 64 * 16 * 32 + 32},
           {"upsample 2", {7, 7, 64}, 0},
           {"pool 7", {7, 7, 64}, 0},
           {"residual (conv 8 3x3, conv 4 1x1)", {7, 7, 4}, (8 * 9 * 4 + 8) + (4 * 8 + 4)}}) {
    EXPECT_EQ(parameter_count(layer_from_string(c.layer), c.input), c.count) << c.layer;
  }
}

TEST(LayerShapesTest, AModelKnowsTheShapeBehindEachLayer) {
  ModelConfig model;
  model.encoder = layers_from_string("conv 32 4x4/2, conv 64 4x4/2, 256");
  model.decoder = layers_from_string("256, dense 7x7x64, deconv 32 4x4/2");
  model.output = output_from_string("deconv 4x4/2");
  EXPECT_EQ(model.encoder_shapes(), (Shapes{{14, 14, 32}, {7, 7, 64}, {256}}));
  EXPECT_EQ(model.decoder_shapes(), (Shapes{{256}, {7, 7, 64}, {14, 14, 32}}));
  EXPECT_EQ(model.output_layer(), deconv(1, 4, 2));
  EXPECT_EQ(ModelConfig().output_layer(), dense(28, 28, 1));
  EXPECT_NO_THROW(validate(Config{model, {}, {}}));
  EXPECT_EQ(model.heads_input_shape(), ItemShape{256});
  model.encoder = {};
  EXPECT_EQ(model.heads_input_shape(), (ItemShape{28, 28, 1}));
}

TEST(LayerShapesTest, HeadsOfConvolutionsMakeCodesThatAreImages) {
  ModelConfig model;
  model.encoder = layers_from_string("conv 8 4x4/2, conv 8 4x4/2");
  model.heads = output_from_string("conv 1x1");
  model.latent = 3 * 49;
  EXPECT_EQ(model.heads_layer(), conv(3, 1));
  EXPECT_EQ(model.latent_shape(), (ItemShape{7, 7, 3}));
  model.decoder = layers_from_string("deconv 8 4x4/2");
  EXPECT_EQ(model.decoder_shapes(), Shapes{ItemShape({14, 14, 8})});
  model.heads.stride = 0;
  EXPECT_THROW(model.latent_shape(), Error) << "also in a configuration that nobody validated";
}

std::string problem_of(const Layer& layer, const ItemShape& input) {
  try {
    output_shape(layer, input);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "nothing was thrown";
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(LayerShapesTest, SaysWhatDoesNotFit) {
  struct Case {
    const char* layer;
    ItemShape input;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"conv 32 3x3",
            {256},
            "\"conv 32 3x3\" needs an image (height x width x channels) but gets 256 numbers; put "
            "a "
            "layer such as \"dense 7x7x64\" before it"},
           {"upsample 2", {20}, "needs an image"},
           {"conv 8 9x9/1 pad 0", {7, 7, 3}, "does not fit into 7x7x3: with its padding of 0 rows"},
           {"conv 8 1x9 pad 0", {7, 7, 3}, "does not fit into 7x7x3"},
           {"deconv 8 3x3 pad 2", {2, 2, 3}, "makes nothing of 2x2x3"},
           {"pool 2", {28, 7, 3}, "\"pool 2\" does not divide the sides of 28x7x3 by 2"},
           {"residual (conv 8 3x3)", {7, 7, 3}, "makes 7x7x8 of 7x7x3: both are added"},
           {"residual (147)", {7, 7, 3}, "makes 147 of 7x7x3"},
           {"residual (16, conv 4 3x3)", {16}, "\"conv 4 3x3\" needs an image"},
           {"upsample 256", {4096, 4096, 3}, "makes 1048576x1048576x3, expected sizes from 1"}}) {
    EXPECT_HAS(problem_of(layer_from_string(c.layer), c.input), c.message);
  }
  for (const ItemShape& input : Shapes{{},
                                       {0},
                                       {-1},
                                       {3, 4},
                                       {1, 2, 3, 4},
                                       {2, -2, -2},
                                       {kMostValues + 1},
                                       {int64_t{1} << 62, 4, 4}}) {
    EXPECT_HAS(problem_of(Layer(3), input), "\"3\" gets ");
  }
  EXPECT_EQ(problem_of(Layer(3), {kMostValues}), "nothing was thrown");
}

TEST(LayerShapesTest, ALayerStaysInItsRanges) {
  Layer no_shape, square = dense(1, 1, 1), activated_pool = pool(2);
  square.shape = {4, 4};
  activated_pool.activation = Activation::relu;
  const std::vector<Layer> many(65, Layer(3));
  for (const auto& [layer, message] : std::vector<std::pair<Layer, std::string>>{
           {0, "\"0\" has width 0, expected 1..65536"},
           {65537, "has width 65537"},
           {-5, "has width -5"},
           {no_shape, "has no width and no shape"},
           {square, "has no width and no shape"},
           {dense(0, 1, 1), "has height 0, expected 1..4096"},
           {dense(1, 4097, 1), "has width 4097, expected 1..4096"},
           {dense(1, 1, 65537), "has channels 65537, expected 1..65536"},
           {dense(4096, 4096, 64), "has more than 268435456 numbers"},
           {skip(64), "\"skip 64\" has the number 64, expected 0..63"},
           {residual({skip(0)}), "\"residual (skip 0)\" holds a skip"},
           {residual({transport_output(1)}), "holds a transport, which makes outputs"},
           {gated_dense(0), "\"gated dense 0\" has width 0"},
           {conv(0, 3), "has filters 0, expected 1..65536"},
           {conv(65537, 3), "has filters 65537"},
           {conv(8, {0, 3}), "has a kernel of 0, expected 1..4096"},
           {conv(8, {3, 4097}), "has a kernel of 4097"},
           {conv(8, 3, 0), "has a stride of 0"},
           {deconv(8, 3, {1, 5000}), "has a stride of 5000"},
           {conv(8, 3).padded(3), "has padding 3, expected 0..2"},
           {deconv(8, {3, 5}).padded({-1, 0}), "has padding -1, expected 0..2"},
           {conv(8, 4), "has an even kernel, which at stride 1 keeps the size with no padding"},
           {deconv(8, {3, 2}), "has an even kernel"},
           {upsample(0), "has factor 0, expected 1..256"},
           {pool(257), "has factor 257"},
           {activated_pool, "\"pool 2 relu\" takes no activation"},
           {residual({}), "holds no layer"},
           {residual(many), "holds 65 layers, at most 64 are allowed"},
           {residual({conv(8, 3), residual({Layer(3)})}), "holds a residual itself"},
           {residual({conv(8, 3), conv(8, 0)}), ": \"conv 8 0x0\" has a kernel of 0"}}) {
    EXPECT_HAS(problem_of(layer, {4, 4, 4}), message);
    Config config;
    config.model.encoder = {layer};
    try {
      validate(config);
      ADD_FAILURE() << message;
    } catch (const Error& error) {
      EXPECT_HAS(std::string(error.what()), "model.encoder (--encoder) at [0]: \"");
      EXPECT_HAS(std::string(error.what()), message);
    }
  }
}

/// What validate() says of a network.
std::string problem_of(const Config& config) {
  EXPECT_NO_THROW(validate_before_data(config));
  try {
    validate(config);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "";
}

/// Likewise, for images of 28 x 28 pixels.
std::string network_problem(const char* encoder, const char* decoder, const char* output) {
  Config config;
  config.model.encoder = layers_from_string(encoder);
  config.model.decoder = layers_from_string(decoder);
  config.model.output = output_from_string(output);
  return problem_of(config);
}

TEST(LayerShapesTest, SaysWhichLayerOfANetworkDoesNotFit) {
  EXPECT_EQ(
      network_problem("conv 8 4x4/2, 16, conv 8 3x3", "none", "dense"),
      "configuration: model.encoder (--encoder) at [2]: \"conv 8 3x3\" needs an image (height "
      "x width x channels) but gets 16 numbers; put a layer such as \"dense 7x7x64\" before "
      "it");
  EXPECT_HAS(network_problem("none", "deconv 8 4x4/2", "dense"),
             "model.decoder (--decoder) at [0]: \"deconv 8 4x4/2\" needs an image");
  EXPECT_EQ(network_problem("none", "dense 6x6x8, deconv 8 4x4/2", "deconv 4x4/2"),
            "configuration: model.output (--output): \"deconv 4x4/2\" makes images of 24x24 from "
            "12x12x8, but those of the data are 28x28; end the decoder in an image of 14x14; or "
            "bring the images "
            "to the size with --size 24x24");
  EXPECT_HAS(network_problem("none", "dense 7x7x8, upsample 2", "conv 3x3"),
             "makes images of 14x14 from 14x14x8, but those of the data are 28x28; end the decoder "
             "in an image of 28x28");
  EXPECT_HAS(network_problem("none", "dense 14x14x8", "conv 3x3 pad 0"),
             "end the decoder in an image of 30x30");
  EXPECT_HAS(network_problem("none", "dense 9x9x8", "deconv 3x3/3"),
             "makes images of 27x27 from 9x9x8, but those of the data are 28x28");
  EXPECT_EQ(network_problem("none", "dense 9x9x8", "deconv 3x3/3").find("end the decoder"),
            std::string::npos)
      << "no size is right";
  EXPECT_HAS(network_problem("none", "256", "conv 3x3"),
             "model.output (--output): \"conv 3x3\" needs an image");
  EXPECT_EQ(
      network_problem("conv 8 4x4/2, 16", "dense 7x7x4, skip 0", "conv 3x3"),
      "configuration: model.decoder (--decoder) at [1]: \"skip 0\" puts 14x14x8, what the "
      "encoder makes at [0], beside 7x7x4: these are two vectors, or images of one height and "
      "width");
  EXPECT_HAS(network_problem("conv 8 4x4/2, 16", "dense 7x7x4, skip 1", "conv 3x3"),
             "\"skip 1\" puts 16, what the encoder makes at [1], beside 7x7x4");
  EXPECT_EQ(
      network_problem("16, 8", "9, skip 2", "dense"),
      "configuration: model.decoder (--decoder) at [1]: \"skip 2\": the encoder has 2 layers, "
      "counted from 0");
  EXPECT_HAS(network_problem("16, skip 0", "none", "dense"),
             "model.encoder (--encoder) at [1]: \"skip 0\" brings a layer of the encoder to the "
             "decoder: it is a layer of model.decoder (--decoder) only");
  Config config;
  config.model.encoder = {conv(8, 4, 4)};
  config.model.heads = conv_output(1);
  EXPECT_HAS(
      problem_of(config),
      "model.heads (--heads): \"conv 1x1\" makes images of 7x7 from 7x7x8, so that the latent "
      "dimensions (--latent) are a multiple of 49, not 20");
}

/// Clips of 6 frames, 4 of them seen.
Config clip_config() {
  Config config;
  config.model.height = config.model.width = 16;
  config.model.channels = 6;
  config.model.likelihood = Likelihood::gaussian;
  config.model.encoder = {conv(8, 8, 4)};
  config.model.decoder = {dense(4, 4, 5)};
  config.model.output = transport_output(4);
  config.data.corrupt = {CorruptionKind::frames, 4.0};
  config.training.binarization = Binarization::none;
  return config;
}

TEST(LayerShapesTest, ATransportMovesFramesOfClips) {
  Config config = clip_config();
  EXPECT_EQ(problem_of(config), "");
  EXPECT_EQ(config.model.output_layer().filters, 6);
  EXPECT_EQ(parameter_count(config.model.output_layer(), {4, 4, 5}), 6 * 5 + 6);
  EXPECT_TRUE(config.model.decodes_with_image());
  EXPECT_FALSE(config.model.has_skips());

  config.model.decoder = {dense(5, 4, 5)};
  EXPECT_HAS(problem_of(config),
             "model.output (--output): \"transport 4 1x1\" makes motions of 5x4 cells from 5x4x5, "
             "which do not divide frames of 16x16");
  config.model.decoder = {30};
  EXPECT_HAS(problem_of(config), "\"transport 4 1x1\" needs an image");
  config = clip_config();
  config.data.corrupt.amount = 3.0;
  EXPECT_HAS(problem_of(config),
             "moves the last of 4 seen frames, and data.corrupt (--corrupt) is "
             "frames=3: expected frames=4");
  config = clip_config();
  config.data.corrupt.kind = CorruptionKind::none;
  EXPECT_HAS(problem_of(config), "data.corrupt (--corrupt) is");
  config = clip_config();
  config.model.variance = Variance::per_pixel;
  EXPECT_HAS(problem_of(config), "makes one number of each value, the mean");
  config = clip_config();
  config.model.output_bias_from_mean = true;
  EXPECT_HAS(problem_of(config), "has biases of motions, not of pixels");
  config = clip_config();
  config.model.heads = transport_output(4);
  EXPECT_HAS(problem_of(config), "makes no means and variances");
  config = clip_config();
  config.model.decoder.push_back(config.model.output_layer());
  EXPECT_HAS(problem_of(config), "makes outputs: it is for model.output (--output) only");
}

TEST(LayerShapesTest, NetworksThatFit) {
  for (const auto& [encoder, decoder, output] :
       std::vector<std::tuple<const char*, const char*, const char*>>{
           {"none", "none", "dense"},
           {"conv 8 3x3", "dense 7x7x8", "dense"},
           {"conv 8 3x3, pool 2, 9", "dense 14x14x2, skip 1, upsample 2, skip 0", "conv 3x3"},
           {"16, 8", "skip 1, skip 0", "dense"},
           {"conv 8 4x4/2, pool 2", "dense 7x7x8, upsample 4", "conv 5x5"},
           {"conv 8 1x1", "dense 30x30x2", "conv 3x3 pad 0"},
           {"gated dense 30, residual (30, 30)", "dense 1x1x20, deconv 9 7x7 pad 0, upsample 2",
            "deconv 4x4/2"}}) {
    EXPECT_EQ(network_problem(encoder, decoder, output), "");
  }
}

TEST(LayerShapesTest, AModelHasABearableNumberOfParameters) {
  Config config;
  config.model.height = config.model.width = 4096;
  config.model.channels = 3;
  config.model.encoder = {65536};  // 3.3e12
  config.model.decoder = {65536};
  EXPECT_NO_THROW(validate(config));
  config.model.encoder = {dense(4096, 4096, 1)};
  try {
    validate(config);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_HAS(
        std::string(error.what()),
        "model.encoder (--encoder) at [0]: \"dense 4096x4096x1\" over 4096x4096x3 brings the "
        "model to more than " +
            std::to_string(kMostParameters) + " parameters");
  }
}

TEST(LayerShapesTest, PaddingFollowsFromKernelAndStride) {
  for (const auto& [words, padding] :
       std::vector<std::pair<const char*, Extent>>{{"3x3", 1},
                                                   {"5x5", 2},
                                                   {"3x5", {1, 2}},
                                                   {"1x1", 0},
                                                   {"4x4/2", 1},
                                                   {"3x3/2", 1},
                                                   {"2x2/2", 0},
                                                   {"1x1/3", 0},
                                                   {"6x4/2", {2, 1}},
                                                   {"3x3 pad 0", 0}}) {
    EXPECT_EQ(padding_of(layer_from_string(std::string("conv 1 ") + words)), padding) << words;
  }
}

TEST(LayerShapesTest, ActivationsAreTheModelsUnlessALayerHasItsOwn) {
  constexpr Activation kModels = Activation::relu, kOwn = Activation::tanh;
  for (const Layer& layer : {Layer(3), dense(2, 2, 2), conv(3, 3), deconv(3, 3), residual({3})}) {
    EXPECT_EQ(activation_of(layer, kModels), kModels) << to_string(layer);
    EXPECT_EQ(activation_of(layer.with(kOwn), kModels), kOwn) << to_string(layer);
  }
  EXPECT_EQ(activation_of(gated_dense(3), kModels), Activation::none);
  EXPECT_EQ(activation_of(upsample(2), kModels), Activation::none);
  EXPECT_EQ(activation_of(pool(2), kModels), Activation::none);
}

}  // namespace
}  // namespace vae
