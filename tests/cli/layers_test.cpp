// SPDX-License-Identifier: MIT
//
// Layers in words on the command line and in files of configuration.
#include <gtest/gtest.h>

#include "tests/cli/cli_test.h"

namespace vae::test {
namespace {

using LayersTest = CliTest;
using nlohmann::json;

/// A small convolutional network for images of 8 x 8 pixels.
std::vector<std::string> with_convolutions(std::vector<std::string> more = {}) {
  std::vector<std::string> words = {"--encoder", "conv 4 4x4/2, 16 tanh",
                                    "--decoder", "16,dense 4x4x4",
                                    "--output",  "deconv 4x4/2"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_F(LayersTest, FlagsTakeWordsAndTheDataGiveTheSize) {
  const json model = json_of(train_words("run", with_convolutions({"--dry-run"})))["model"];
  EXPECT_EQ(model["encoder"], json({"conv 4 4x4/2", "dense 16 tanh"}));
  EXPECT_EQ(model["decoder"], json({16, "dense 4x4x4"}));
  EXPECT_EQ(model["output"], "deconv 4x4/2");
  EXPECT_EQ(model["height"], 8);
}

TEST_F(LayersTest, AFaultIsShownBelowItsColumn) {
  expect_failure(run_vae(train_words("run", {"--encoder", "conv 4 4x4/2, cnov 8 3x3"})), 2,
                 {"--encoder", "column 15: expected a layer", "did you mean 'conv'?",
                  "\n        conv 4 4x4/2, cnov 8 3x3\n                      ^"});
  write("config.json", R"({"model": {"decoder": [16, "dense 4x4"]}})");
  expect_failure(run_vae({"train", "--data", data(), "--config", path("config.json")}), 2,
                 {"config.json", "model.decoder at [1], column 7: expected a width",
                  "\n        dense 4x4\n              ^"});
  EXPECT_FALSE(exists("run"));
}

TEST_F(LayersTest, ANetworkThatDoesNotFitTheImagesIsRefusedBeforeTheTraining) {
  expect_failure(run_vae(train_words("run", {"--encoder", "16, conv 4 3x3"})), 2,
                 {"model.encoder (--encoder) at [1]: \"conv 4 3x3\" needs an image"});
  expect_failure(
      run_vae(train_words("run", {"--decoder", "dense 3x3x4", "--output", "deconv 4x4/2"})), 2,
      {"model.output (--output): \"deconv 4x4/2\" makes images of 6x6 from 3x3x4, but those of the "
       "data are 8x8; end the decoder in an image of 4x4"});
  expect_failure(run_vae({"train", "--data", data(), "--preset", "conv-28", "--out", path("run")}),
                 2, {"makes images of 28x28 from 14x14x32, but those of the data are 8x8"});
  EXPECT_FALSE(exists("run"));
}

TEST_F(LayersTest, ARunWithConvolutionsIsTrainedResumedShownAndUsed) {
  const std::string run = trained("run", with_convolutions({"--epochs", "1"}));
  const Outcome resumed = run_vae(
      {"train", "--data", data(), "--out", run, "--resume", "--epochs", "2", "--threads", "1"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  const json found = json_of({"inspect", path("run/checkpoints/best.safetensors"), "--json"});
  EXPECT_EQ(found["network"],
            "8x8x1, conv 4 4x4/2, dense 16 tanh, 3, 16, dense 4x4x4, deconv 4x4/2, 8x8x1");
  int64_t parameters = 0;
  for (const json& layer : found["layers"]) parameters += layer["parameters"].get<int64_t>();
  EXPECT_EQ(found["parameters"], parameters);
  EXPECT_EQ(found["layers"][0]["shape"], json({4, 4, 4}));
  EXPECT_EQ(json_of({"eval", run, "--data", data(), "--json"})["n"], 32);
  EXPECT_EQ(run_vae({"sample", run, "--count", "4", "--out", path("s.png")}).status, 0);
}

}  // namespace
}  // namespace vae::test
