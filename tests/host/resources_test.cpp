// SPDX-License-Identifier: MIT
//
// Memory follows what data and model need, whatever the options say.
#include <gtest/gtest.h>

#include <filesystem>

#include "host/model/network.h"
#include "host/run/picture_names.h"
#include "tests/support/memory_growth.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/image.h"
#include "vae/model.h"
#include "vae/report.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::memory_growth;
using test::ScratchFolder;

constexpr int64_t kMebibyte = int64_t{1} << 20;

/// Six colour images.
Dataset large_images(int64_t height, int64_t width) {
  constexpr int64_t kChannels = 3, kCount = 6;
  std::vector<uint8_t> pixels(height * width * kChannels * kCount);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * i / 977);
  const ImageSet images(height, width, kChannels, std::move(pixels));
  return {"large", images, images};
}

Config large_config(int64_t height, int64_t width) {
  Config config;
  config.model.height = height;
  config.model.width = width;
  config.model.channels = 3;
  config.model.encoder = config.model.decoder = {2};
  config.model.latent = 2;
  config.training.epochs = 1;
  return config;
}

TrainOptions in_memory() {
  TrainOptions options;
  options.device = Device::cpu(1);
  return options;
}

TEST(ResourcesTest, ABatchLargerThanTheSetCostsNoMore) {
  Config config = test::tiny_config(1);
  config.training.batch_size = 1 << 20;
  const int64_t growth =
      memory_growth([&] { Trainer(config, test::tiny_data(), in_memory()).run(); });
  EXPECT_GE(growth, 0);
  EXPECT_LT(growth, 64 * kMebibyte);
}

TEST(ResourcesTest, ASmallerBatchTakesLessMemoryInTrainingAndItsEvaluation) {
  const Dataset data = large_images(300, 450);  // a row of activations takes 3 MB
  const auto growth_of = [&](int64_t batch_size) {
    Config config = large_config(300, 450);
    config.training.batch_size = batch_size;
    return memory_growth([&] { Trainer(config, data, in_memory()).run(); });
  };
  const int64_t one = growth_of(1), six = growth_of(6);
  EXPECT_GE(one, 0);
  if (!test::kMeasuresMemory) return;
  EXPECT_LT(one, six - 12 * kMebibyte) << "five rows of 3 MB less";
  EXPECT_LT(six, 160 * kMebibyte) << "not the 128 rows of an option's default";
}

TEST(ResourcesTest, AnEvaluationTakesTheBatchItIsGiven) {
  const auto backend = make_backend(Device::cpu(1));
  Network network(*backend, test::tiny_config().model, {});
  network.reserve(3, 5);
  EXPECT_EQ(network.input(3).rows(), 3);
  EXPECT_EQ(network.latent(5).rows(), 5);
  EXPECT_THROW(network.input(4), Error);
  EXPECT_THROW(network.latent(6), Error);
  network.reserve(2, 9);  // never less than before
  EXPECT_EQ(network.input(3).rows(), 3);
  EXPECT_EQ(network.latent(9).rows(), 9);
  EXPECT_LT(network.activation_bytes(1, 1), network.activation_bytes(128, 128) / 32);
}

TEST(ResourcesTest, ANetworkWithRecordingsDoesNotMove) {
  const auto backend = make_backend(Device::cpu(1));
  Network network(*backend, test::tiny_config().model, {4, 1, true});
  const float* const place = network.input(1).data;
  {
    const Network::Pin pin(network);
    EXPECT_EQ(network.most_rows(), 4);
    network.reserve(4, 4);
    EXPECT_EQ(network.input(1).data, place);
    EXPECT_THROW(network.reserve(5, 5), Error);
  }
  network.reserve(5, 5);
  EXPECT_EQ(network.input(5).rows(), 5);
}

TEST(ResourcesTest, ATrainedModelIsNotTiedToItsBatchSize) {
  Config config = test::tiny_config(1);
  config.training.batch_size = 1;
  Model model = train(config, test::tiny_data(), in_memory());
  EXPECT_EQ(model.sample(200).rows(), 200);
  EXPECT_EQ(model.evaluate(test::tiny_data().test).images, 17);
}

TEST(ResourcesTest, DrawsCanBeHadPieceByPiece) {
  Model model(test::tiny_config().model, Device::cpu(1), 4);
  const Array all = model.sample(300, 9), tail = model.sample(44, 9, 256);
  EXPECT_TRUE(std::equal(tail.values.begin(), tail.values.end(), all.row(256)));
  EXPECT_THROW(model.sample(2, 9, (int64_t{1} << 32) - 1), Error);
}

TEST(ResourcesTest, PicturesOfLargeImagesAreSmallAndTakeLittleMemory) {
  const ScratchFolder folder;
  const Dataset data = large_images(150, 200);
  const int64_t growth = memory_growth([&] {
    Model model(large_config(150, 200).model, Device::cpu(1));
    write_epoch_pictures(folder / "run", model, data, 1);
  });
  EXPECT_GE(growth, 0);
  EXPECT_LT(growth, 190 * kMebibyte) << "400 decoded cells and their pictures take 240 MB";
  EXPECT_LT(
      std::filesystem::file_size(folder / ("run/images/" + picture_name(1, PictureKind::map))),
      std::size_t{100} << 10);
  for (const PictureKind kind : kPictureKinds) {
    if (kind == PictureKind::map) continue;
    const Image picture = load_png(folder / ("run/images/" + picture_name(1, kind)));
    EXPECT_LE(picture.width, 1100);
    EXPECT_LE(picture.height, 1100);
    EXPECT_GE(picture.width, 400) << "two images beside each other";
  }
}

TEST(ResourcesTest, PicturesOfSomeDozensOfEpochsStay) {
  int64_t kept = 0;
  for (int64_t epoch = 1; epoch <= 1000; ++epoch) kept += keeps_pictures(epoch);
  EXPECT_EQ(kept, 63);
  for (const int64_t epoch : {1, 2, 16, 18, 100 - 4, 512, 1 << 20}) {
    EXPECT_TRUE(keeps_pictures(epoch)) << epoch;
  }
  for (const int64_t epoch : {17, 99, 100, 1000}) EXPECT_FALSE(keeps_pictures(epoch)) << epoch;
}

TEST(ResourcesTest, ALongRunKeepsTheFirstTheNewestAndSomePicturesBetween) {
  const ScratchFolder folder;
  TrainOptions options = in_memory();
  options.run_folder = folder / "run";
  Config config = test::tiny_config(45);
  config.training.batch_size = 45;
  Trainer(config, test::tiny_data(), options).run();
  config.training.epochs = 47;
  options.resume = true;
  Trainer(config, test::tiny_data(), options).run();
  std::vector<int64_t> expected;
  for (int64_t epoch = 1; epoch <= 47; ++epoch) {
    if (keeps_pictures(epoch) || epoch == 47) expected.push_back(epoch);
  }
  for (const PictureKind kind : kPictureKinds) {
    std::vector<int64_t> found;
    for (const auto& [epoch, path] : find_pictures(folder / "run", kind)) found.push_back(epoch);
    EXPECT_EQ(found, expected);
  }
  const std::string html = test::read_text(folder / "run/report.html");
  EXPECT_NE(html.find("after epoch 47"), std::string::npos);
  EXPECT_NE(html.find("after epoch 1<"), std::string::npos);
}

TEST(ResourcesTest, WhatAKilledProcessDidNotShowIsShownByTheNext) {
  const ScratchFolder folder;
  TrainOptions options = in_memory();
  options.run_folder = folder / "run";
  Trainer(test::tiny_config(2), test::tiny_data(), options).run();
  const auto whole = test::comparable_files(folder / "run");
  std::filesystem::remove(folder / "run/report.html");
  for (const PictureKind kind : kPictureKinds) {
    std::filesystem::remove(folder / ("run/images/" + picture_name(2, kind)));
  }
  options.resume = true;
  Trainer(test::tiny_config(2), test::tiny_data(), options).run();
  EXPECT_EQ(test::comparable_files(folder / "run"), whole);
  EXPECT_TRUE(std::filesystem::exists(folder / "run/report.html"));
}

}  // namespace
}  // namespace vae
