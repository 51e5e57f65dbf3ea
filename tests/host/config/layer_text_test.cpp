// SPDX-License-Identifier: MIT
#include "host/config/layer_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "vae/config.h"
#include "vae/error.h"

namespace vae {
namespace {

struct Words {
  const char* text;
  Layer layer;
};

/// Each kind with and without what it may leave out, in the words that are written back.
const std::vector<Words>& all_words() {
  static const std::vector<Words> words = {
      {"256", 256},
      {"dense 256 tanh", Layer(256).with(Activation::tanh)},
      {"dense 7x7x64", dense(7, 7, 64)},
      {"dense 7x7x64 leaky_relu", dense(7, 7, 64).with(Activation::leaky_relu)},
      {"gated dense 256", gated_dense(256)},
      {"conv 32 4x4/2", conv(32, {4, 4}, 2)},
      {"conv 32 3x3", conv(32, 3)},
      {"conv 32 3x5/2x1", conv(32, {3, 5}, {2, 1})},
      {"conv 32 3x3 pad 0", conv(32, 3).padded(0)},
      {"conv 32 3x5/2 pad 1x2 elu", conv(32, {3, 5}, 2).padded({1, 2}).with(Activation::elu)},
      {"deconv 32 4x4/2", deconv(32, 4, 2)},
      {"deconv 32 4x4/2 pad 0 none", deconv(32, 4, 2).padded(0).with(Activation::none)},
      {"upsample 2", upsample(2)},
      {"pool 3", pool(3)},
      {"skip 0", skip(0)},
      {"residual (conv 64 3x3, conv 64 3x3)", residual({conv(64, 3), conv(64, 3)})},
      {"residual (16 tanh) gelu",
       residual({Layer(16).with(Activation::tanh)}).with(Activation::gelu)},
  };
  return words;
}

TEST(LayerTextTest, EveryKindHasItsWords) {
  for (const auto& [text, layer] : all_words()) EXPECT_EQ(layer_from_string(text), layer) << text;
}

TEST(LayerTextTest, WhatIsWrittenReadsBack) {
  std::vector<Layer> all;
  for (const auto& [text, layer] : all_words()) {
    EXPECT_EQ(layer_from_string(to_string(layer)), layer) << text;
    all.push_back(layer);
  }
  EXPECT_EQ(layers_from_string(to_string(all)), all);
  EXPECT_EQ(layers_from_string(to_string(std::vector<Layer>())), std::vector<Layer>());
}

TEST(LayerTextTest, OneFormIsWritten) {
  for (const auto& [text, canonical] : std::vector<std::pair<const char*, const char*>>{
           {"dense 256", "256"},
           {"256 tanh", "dense 256 tanh"},
           {"  conv   32\t4x4/2  ", "conv 32 4x4/2"},
           {"conv 32 3x3/1", "conv 32 3x3"},
           {"conv 032 3x3/2x2 pad 1x1", "conv 32 3x3/2 pad 1"},
           {"residual(dense 16,16)", "residual (16, 16)"}}) {
    EXPECT_EQ(to_string(layer_from_string(text)), canonical);
  }
}

TEST(LayerTextTest, CommasPartLayersAndNotThoseInBrackets) {
  EXPECT_EQ(layers_from_string("conv 32 4x4/2,residual (conv 32 3x3, conv 32 3x3), 256"),
            (std::vector<Layer>{conv(32, 4, 2), residual({conv(32, 3), conv(32, 3)}), 256}));
  EXPECT_EQ(layers_from_string("400,200"), (std::vector<Layer>{400, 200}));
  EXPECT_EQ(layers_from_string("none"), std::vector<Layer>());
}

TEST(LayerTextTest, OutputsHaveNoSizeOfTheirOwn) {
  EXPECT_EQ(output_from_string("dense"), Layer());
  EXPECT_EQ(output_from_string("conv 3x3"), conv_output(3));
  EXPECT_EQ(output_from_string("deconv 4x4/2 pad 0"), deconv_output(4, 2).padded(0));
  EXPECT_EQ(output_from_string("transport 10 1x1"), transport_output(10));
  for (const char* text :
       {"dense", "conv 3x3", "deconv 4x4/2", "conv 3x5/2x1 pad 1x0", "transport 3 3x3/2 pad 1"}) {
    EXPECT_EQ(to_string(output_from_string(text)), text);
  }
}

/// A text, where it goes wrong ('^' below it), and what is said.
struct Wrong {
  const char* text;
  std::size_t column;
  const char* message;
};

void expect_fault(const Wrong& wrong, const std::string& problem) {
  const std::string start = "column " + std::to_string(wrong.column) + ": ";
  EXPECT_EQ(problem.substr(0, start.size()), start) << wrong.text << '\n' << problem;
  EXPECT_NE(problem.find(wrong.message), std::string::npos) << wrong.text << '\n' << problem;
  const std::size_t caret = problem.rfind('^'), line = problem.rfind('\n');
  const std::size_t above = problem.rfind('\n', line - 1);
  EXPECT_EQ(caret, problem.size() - 1) << problem;
  ASSERT_NE(above, std::string::npos) << problem;
  // The caret stands in the column of the text above it, which has an indent of its own.
  EXPECT_EQ(caret - line - 1, 6 + wrong.column - 1) << problem;
  EXPECT_EQ(problem.substr(above + 7, line - above - 7), wrong.text) << problem;
}

TEST(LayerTextTest, EveryFaultHasItsColumnAndAWayOut) {
  for (const Wrong& wrong : std::vector<Wrong>{
           {"", 1, "expected a layer such as 256 or \"conv 32 4x4/2\", found the end"},
           {"400,", 5, "expected a layer"},
           {",4", 1, "expected a layer"},
           {"4;5", 2, "expected a width, found '4;5'"},
           {"-4", 1, "expected a layer"},
           {"1.5", 2, "expected a width"},
           {"cnov 32 3x3", 1, "did you mean 'conv'?"},
           {"400, Dense 20", 6, "did you mean 'dense'?"},
           {"none, 256", 5, "expected nothing behind \"none\""},
           {"256 rleu", 5, "or an activation (none|relu|"},
           {"256 relu tanh", 10, "expected \",\" and a layer, found 'tanh'"},
           {"gated dense 9 relu", 15,
            "expected \",\" and a layer, as this layer takes no activation, found 'relu'"},
           {"dense", 6, "expected a width such as 256 or a shape such as 7x7x64, found the end"},
           {"dense x", 7, "expected a width"},
           {"dense 7x7", 7, "(height x width x channels), found '7x7'"},
           {"dense 7x7x", 11, "expected a width"},
           {"dense 7x7x64x2", 13, "expected a width"},
           {"gated 256", 7, "expected \"dense\" behind \"gated\""},
           {"conv", 5, "expected the number of filters, as in \"conv 32 4x4/2\", found the end"},
           {"conv 3x3", 7, "expected the number of filters"},
           {"conv 32", 8, "expected a kernel such as 3x3"},
           {"conv 32 3", 9, "expected a kernel such as 3x3 or 4x4/2 (height x width / stride)"},
           {"conv 32 3x3x3", 9, "expected a kernel"},
           {"conv 32 4x4/", 13, "expected a stride such as 2 or 2x1"},
           {"conv 32 4x4/2x2x2", 13, "expected a stride"},
           {"conv 32 4x4/2y", 14, "expected a kernel"},
           {"conv 32 4x4/-2", 13, "expected a stride"},
           {"conv 32 4x4 /2", 13, "found '/2'"},
           {"conv 32 3x3 pad", 16, "expected rows and columns of zeros, such as 1 or 1x2"},
           {"conv 32 3x3 pad same", 17, "expected rows and columns of zeros"},
           {"conv 32 3x3 pad 1x1x1", 17, "expected rows and columns of zeros"},
           {"conv 32 3x3 tanh pad 1", 18, "found 'pad'"},
           {"conv 99999999999999999999 3x3", 6, "found a number too large"},
           {"upsample", 9, "expected a factor such as 2"},
           {"upsample 2x2", 11, "expected a factor such as 2"},
           {"pool 2 relu", 8,
            "expected \",\" and a layer, as this layer takes no activation, found 'relu'"},
           {"skip", 5, "expected the number of a layer of the encoder, from 0, found the end"},
           {"skip encoder.0", 6, "expected the number of a layer"},
           {"skip 1 relu", 8,
            "expected \",\" and a layer, as this layer takes no activation, found 'relu'"},
           {"residual conv 64 3x3", 10, "in brackets, \"residual (conv 64 3x3, conv 64 3x3)\""},
           {"residual ()", 11, "expected a layer"},
           {"residual (256", 14, "expected \",\" or \")\", found the end"},
           {"residual (256 512)", 15, "expected \",\" or \")\", found '512'"},
           {"residual (residual (4))", 11, "expected no residual within a residual"},
           {"256)", 4, "found ')'"}}) {
    std::vector<Layer> layers = {7};
    expect_fault(wrong, config_detail::parse_layers(wrong.text, layers));
    EXPECT_EQ(layers, std::vector<Layer>{7}) << "a text that is wrong changes nothing";
  }
}

TEST(LayerTextTest, OneLayerIsNoList) {
  Layer layer;
  expect_fault({"256, 128", 4, "expected the end, or an activation (none|relu|"},
               config_detail::parse_layer("256, 128", layer));
  expect_fault(
      {"upsample 2 tanh", 12, "expected the end, as this layer takes no activation, found 'tanh'"},
      config_detail::parse_layer("upsample 2 tanh", layer));
  expect_fault({"none", 1, "expected a layer"}, config_detail::parse_layer("none", layer));
}

TEST(LayerTextTest, FaultsOfOutputs) {
  Layer output;
  for (const Wrong& wrong : std::vector<Wrong>{
           {"", 1, "expected dense, or such as \"conv 3x3\""},
           {"pool 2", 1, "expected dense"},
           {"deconf 4x4", 1, "did you mean 'deconv'?"},
           {"dense 784", 7, "expected the end: the outputs have no activation and no size"},
           {"conv 3x3 tanh", 10, "expected the end"},
           {"conv 1 3x3", 6, "without a number of filters, which follows from the images"}}) {
    expect_fault(wrong, config_detail::parse_output(wrong.text, output));
  }
}

TEST(LayerTextTest, ALongTextIsShownAroundItsFault) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "conv 32 3x3, ";
  const std::string before = text;
  text += "conv 32 3y3, 256";
  std::vector<Layer> layers;
  const std::string problem = config_detail::parse_layers(text, layers);
  EXPECT_EQ(problem.substr(0, 11), "column " + std::to_string(before.size() + 9));
  EXPECT_LT(problem.size(), 400u);
  const std::size_t line = problem.rfind('\n'), above = problem.rfind('\n', line - 1);
  const std::size_t under = problem.rfind('^') - line;
  EXPECT_EQ(problem.substr(above + under, 3), "3y3") << problem;
}

TEST(LayerTextTest, BytesThatCannotBeShownKeepTheCaretInPlace) {
  std::vector<Layer> layers;
  const std::string problem = config_detail::parse_layers("256, \x1b[31m\xc3\xa9 7", layers);
  EXPECT_EQ(problem.substr(0, 10), "column 6: ");
  EXPECT_NE(problem.find("256, ?[31m?? 7\n           ^"), std::string::npos) << problem;
}

TEST(LayerTextTest, AListOfWidthsKeepsItsBytes) {
  Config config;
  config.model.encoder = {256, 128};
  config.model.decoder = {};
  const std::string json = config_to_json(config);
  EXPECT_NE(json.find("\"encoder\": [256, 128],\n    \"decoder\": [],\n    \"latent\": 20"),
            std::string::npos)
      << json;
}

TEST(LayerTextTest, JsonTakesNumbersAndWords) {
  const Config config = config_from_json(
      R"({"model": {"encoder": ["conv 32 4x4/2", 256, "dense 128 tanh"], "output": "conv 3x3"}})",
      {}, "x");
  EXPECT_EQ(config.model.encoder,
            (std::vector<Layer>{conv(32, 4, 2), 256, Layer(128).with(Activation::tanh)}));
  EXPECT_EQ(config.model.output, conv_output(3));
  const std::string json = config_to_json(config);
  EXPECT_NE(json.find("\"encoder\": [\"conv 32 4x4/2\", 256, \"dense 128 tanh\"]"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find("\"output\": \"conv 3x3\""), std::string::npos) << json;
  EXPECT_EQ(config_from_json(json, {}, "x"), config);
}

std::string model_problem(const std::string& model) {
  try {
    config_from_json("{\"model\": {" + model + "}}", {}, "run.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(LayerTextTest, FaultsInJsonNameKeyAndEntry) {
  EXPECT_EQ(model_problem(R"("encoder": [256, "conv 32 4by4"])"),
            "run.json: model.encoder at [1], column 9: expected a kernel such as 3x3 or 4x4/2 "
            "(height x width / stride), found '4by4'\n"
            "      conv 32 4by4\n"
            "              ^");
  for (const auto& [model, part] : std::vector<std::pair<const char*, const char*>>{
           {R"("decoder": [true])", "model.decoder at [0] cannot be true: expected a whole number"},
           {R"("decoder": [[256]])", "model.decoder at [0] cannot be [256]"},
           {R"("decoder": ["256, 128"])", "model.decoder at [0], column 4"},
           {R"("encoder": "256")", "model.encoder cannot be \"256\": expected a list of layers"},
           {R"("encoder": 256)", "model.encoder cannot be 256: expected a list of layers"},
           {R"("output": 3)", "model.output cannot be 3: expected a layer in quotes"},
           {R"("output": "conv")", "model.output column 5"}}) {
    EXPECT_NE(model_problem(model).find(part), std::string::npos) << model_problem(model);
  }
}

}  // namespace
}  // namespace vae
