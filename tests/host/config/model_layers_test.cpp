// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "host/model/network.h"
#include "tests/support/with_classes.h"
#include "vae/config.h"
#include "vae/error.h"

namespace vae {
namespace {

TEST(ModelLayersTest, TellShapesAndParameters) {
  struct Line {
    const char *name, *layer;
    ItemShape shape;
    int64_t parameters;
  };
  const std::vector<Line> expected = {
      {"encoder.0", "conv 32 4x4/2", {14, 14, 32}, 544},
      {"encoder.1", "conv 64 4x4/2", {7, 7, 64}, 32832},
      {"encoder.2", "256", {256}, 803072},
      {"encoder.mu", "20", {20}, 5140},
      {"encoder.logvar", "20", {20}, 5140},
      {"decoder.0", "256", {256}, 5376},
      {"decoder.1", "dense 7x7x64", {7, 7, 64}, 805952},
      {"decoder.2", "deconv 32 4x4/2", {14, 14, 32}, 32800},
      {"decoder.output", "deconv 1 4x4/2", {28, 28, 1}, 513},
  };
  const std::vector<ModelLayer> lines = model_layers(preset("conv-28").model);
  ASSERT_EQ(lines.size(), expected.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].name, expected[i].name);
    EXPECT_EQ(to_string(lines[i].layer), expected[i].layer) << lines[i].name;
    EXPECT_EQ(lines[i].shape, expected[i].shape) << lines[i].name;
    EXPECT_EQ(lines[i].parameters, expected[i].parameters) << lines[i].name;
  }
}

TEST(ModelLayersTest, HeadsThatMakeImagesAreConvolutions) {
  ModelConfig model = preset("conv-28").model;
  model.encoder = layers_from_string("conv 8 4x4/2, conv 8 4x4/2");
  model.heads = output_from_string("conv 1x1");
  model.latent = 2 * 49;
  model.decoder = layers_from_string("deconv 8 4x4/2");
  const std::vector<ModelLayer> lines = model_layers(model);
  EXPECT_EQ(lines[3].name, "encoder.logvar");
  EXPECT_EQ(lines[3].layer, conv(2, 1));
  EXPECT_EQ(lines[3].shape, (ItemShape{7, 7, 2}));
  EXPECT_EQ(lines[4].shape, (ItemShape{14, 14, 8}));
}

TEST(ModelLayersTest, RefusesWhatDoesNotFit) {
  ModelConfig model;
  model.encoder = {400, conv(8, 3)};
  EXPECT_THROW(model_layers(model), Error);
  model.encoder = {400};
  model.decoder = {upsample(2)};
  EXPECT_THROW(model_layers(model), Error);
}

/// What is counted from the words is what the network has.
TEST(ModelLayersTest, ParametersAreThoseOfTheNetwork) {
  std::map<std::string, ModelConfig> models;
  for (const std::string& name : preset_names()) {
    models[name] = test::with_classes(preset(name)).model;
  }
  ModelConfig& layers = models["layers beside the chains"] = models["generate"];
  layers.prior_layers = {7};
  layers.top = {6, 5};
  layers.top_latent = 3;
  for (const auto& [name, model] : models) {
    int64_t counted = 0, declared = 0;
    for (const ModelLayer& line : model_layers(model)) counted += line.parameters;
    for (const ParameterSpec& spec : parameter_specs(model)) {
      declared += spec.name == "decoder.log_variance" ? 0 : spec.shape.count();
    }
    EXPECT_EQ(counted, declared) << name;
  }
}

}  // namespace
}  // namespace vae
