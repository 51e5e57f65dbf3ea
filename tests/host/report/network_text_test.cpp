// SPDX-License-Identifier: MIT
#include "host/report/network_text.h"

#include <gtest/gtest.h>

namespace vae {
namespace {

TEST(NetworkTextTest, WidthsAloneAreJoinedByDashes) {
  EXPECT_EQ(network_text(preset("tutorial").model), "784-256-128-2-128-784");
  ModelConfig linear;
  linear.encoder = linear.decoder = {};
  EXPECT_EQ(network_text(linear), "784-20-784");
}

TEST(NetworkTextTest, LayersWithWordsAreListed) {
  EXPECT_EQ(network_text(preset("conv-28").model),
            "28x28x1, conv 32 4x4/2, conv 64 4x4/2, 256, 20, 256, dense 7x7x64, deconv 32 4x4/2, "
            "deconv 4x4/2, 28x28x1");
}

TEST(NetworkTextTest, HeadsThatMakeImagesAreNamed) {
  ModelConfig model = preset("conv-28").model;
  model.encoder = layers_from_string("conv 8 4x4/2, conv 8 4x4/2");
  model.heads = output_from_string("conv 1x1");
  model.latent = 2 * 49;
  model.decoder = layers_from_string("deconv 8 4x4/2");
  EXPECT_EQ(network_text(model),
            "28x28x1, conv 8 4x4/2, conv 8 4x4/2, conv 1x1, 98, deconv 8 4x4/2, deconv 4x4/2, "
            "28x28x1");
}

}  // namespace
}  // namespace vae
