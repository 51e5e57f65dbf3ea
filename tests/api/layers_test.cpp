// SPDX-License-Identifier: MIT
//
// Networks of layers as a user writes them.
#include <gtest/gtest.h>

#include <type_traits>

#include "vae/vae.h"

namespace vae {
namespace {

static_assert(std::is_convertible_v<int64_t, Layer>, "`encoder = {400}` compiles");

TEST(LayersTest, FunctionsAndWordsMakeTheSameModel) {
  vae::Config config;
  config.model.encoder = {vae::conv(32, {4, 4}, 2), vae::conv(64, {4, 4}, 2), 256};
  config.model.decoder = vae::layers_from_string("256, dense 7x7x64, deconv 32 4x4/2");
  config.model.output = vae::deconv_output({4, 4}, 2);
  EXPECT_NO_THROW(vae::validate(config));
  EXPECT_EQ(config, vae::preset("conv-28"));
  EXPECT_EQ(config.model.decoder_shapes().back(), (vae::ItemShape{14, 14, 32}));
}

TEST(LayersTest, ShapesOfTheCallersOwnAreInferred) {
  const vae::Layer layer = vae::conv(8, {3, 5}, {2, 1}).padded({0, 2}).with(vae::Activation::elu);
  EXPECT_EQ(vae::to_string(layer), "conv 8 3x5/2x1 pad 0x2 elu");
  EXPECT_EQ(vae::output_shape(layer, {9, 9, 2}), (vae::ItemShape{4, 9, 8}));
  EXPECT_EQ(vae::parameter_count(layer, {9, 9, 2}), 8 * (3 * 5 * 2 + 1));
  EXPECT_THROW(vae::output_shape(layer, {9}), vae::Error);
}

TEST(LayersTest, AModelRefusesLayersThatDoNotFit) {
  vae::ModelConfig model;
  model.encoder = {400, vae::conv(8, 3)};
  EXPECT_THROW(vae::Model(model, vae::Device::cpu(1)), vae::Error);
}

}  // namespace
}  // namespace vae
