// SPDX-License-Identifier: MIT
//
// A network that the caller puts together from layers, from its training to its use by another
// program, which has the file alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/tiny_run.h"
#include "vae/vae.h"

namespace vae {
namespace {

using test::blobs;
using test::ScratchFolder;

using Layers = std::vector<vae::Layer>;

constexpr int64_t kSide = 8;

Layers block(int64_t filters) {
  return {vae::conv(filters, 3), vae::residual({vae::conv(filters, 3), vae::conv(filters, 1)})};
}

/// With every kind of layer.
Config own_config() {
  Config config;
  config.model.height = config.model.width = kSide;
  config.model.encoder = vae::chain(
      {block(4), {vae::pool(2), vae::conv(6, 4, 2)}, {vae::gated_dense(12), vae::dense(10)}});
  config.model.decoder =
      vae::chain({{vae::gated_dense(2, 2, 5), vae::upsample(2)}, block(4), {vae::deconv(3, 4, 2)}});
  config.model.output = vae::conv_output(3);
  config.model.latent = 3;
  config.model.activation = vae::Activation::silu;
  config.model.likelihood = vae::Likelihood::gaussian;
  config.model.variance = vae::Variance::learned;
  config.training.binarization = vae::Binarization::none;
  config.training.epochs = 3;
  config.training.batch_size = 10;
  return config;
}

/// Images as a program has them: floats.
ImageSet images_of(int64_t count) {
  const ImageSet images = blobs(count, kSide);
  std::vector<float> values;
  for (const uint8_t byte : images.pixels()) {
    values.push_back(static_cast<float>(byte) / 255.0f);
  }
  return ImageSet::from_floats(kSide, kSide, 1, values);
}

TEST(OwnNetworkTest, FunctionsMakeWhatWordsMake) {
  EXPECT_EQ(vae::dense(256), vae::Layer(256));
  EXPECT_EQ(vae::gated_dense(7, 7, 64), vae::layer_from_string("gated dense 7x7x64"));
  EXPECT_EQ(vae::chain({{vae::conv(8, 3), 20}, {}, {vae::pool(2)}}),
            vae::layers_from_string("conv 8 3x3, 20, pool 2"));
  EXPECT_EQ(vae::chain({}), Layers());
}

TEST(OwnNetworkTest, IsListedWithTheNamesOfItsTensors) {
  const Config config = own_config();
  const std::vector<ModelLayer> layers = vae::model_layers(config.model);
  std::vector<std::string> names;
  int64_t parameters = 1;  // the variance
  for (const ModelLayer& layer : layers) {
    names.push_back(layer.name);
    parameters += layer.parameters;
  }
  EXPECT_EQ(names, (std::vector<std::string>{
                       "encoder.0", "encoder.1", "encoder.2", "encoder.3", "encoder.4", "encoder.5",
                       "encoder.mu", "encoder.logvar", "decoder.0", "decoder.1", "decoder.2",
                       "decoder.3", "decoder.4", "decoder.output"}));
  EXPECT_EQ(layers[3].layer, vae::conv(6, 4, 2));
  EXPECT_EQ(layers[3].shape, (ItemShape{2, 2, 6}));
  EXPECT_EQ(layers.back().shape, (ItemShape{kSide, kSide, 1}));
  EXPECT_EQ(Model(config.model, Device::cpu(1)).parameter_count(), parameters);
}

TEST(OwnNetworkTest, IsTrainedFromMemoryAndServedFromItsFile) {
  const ScratchFolder folder;
  const Dataset data("mine", images_of(60));
  const Config config = own_config();
  TrainOptions options;
  options.device = Device::cpu(1);
  options.run_folder = folder / "run";
  Trainer trainer(config, data, options);
  const TrainResult result = trainer.run();
  Model fresh(config.model, Device::cpu(1));
  EXPECT_GT(result.test.elbo, fresh.evaluate(data.test).elbo + 1.0) << "it learned something";
  trainer.model().save(folder / "model.safetensors");

  const Array codes = trainer.model().encode(data.test).mean;
  EXPECT_EQ(codes.shape, (std::vector<int64_t>{data.test.count(), 3}));
  const Array again = trainer.model().reconstruct(data.test);
  const Array samples = trainer.model().sample(5, 9);
  for (const std::string& where : {folder / "model.safetensors", folder / "run"}) {
    Model served = Model::load(where, Device::cpu(1));
    EXPECT_EQ(served.config(), config.model) << where;
    EXPECT_EQ(served.encode(data.test).mean.values, codes.values) << where;
    EXPECT_EQ(served.decode(codes).values, again.values) << where;
    EXPECT_EQ(served.reconstruct(data.test).values, again.values) << where;
    EXPECT_EQ(served.sample(5, 9).values, samples.values) << where;
  }
}

/// Each thread its own model, an image at a time: the same answers as of all at once.
TEST(OwnNetworkTest, ModelsOfSeveralThreadsAnswerAlike) {
  const ScratchFolder folder;
  Model model(own_config().model, Device::cpu(1));
  model.save(folder / "model.safetensors");
  const ImageSet images = images_of(6);
  const Array together = model.encode(images).mean;
  std::vector<std::vector<float>> codes(6);
  std::vector<double> bounds(6);
  std::vector<std::thread> threads;
  for (int64_t own = 0; own < 2; ++own) {
    threads.emplace_back([&, own] {
      Model served = Model::load(folder / "model.safetensors", Device::cpu(1));
      for (int64_t i = own; i < 6; i += 2) {
        codes[i] = served.encode(images.slice(i, 1)).mean.values;
        bounds[i] = served.evaluate(images.slice(i, 1)).elbo;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  double sum = 0.0;
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_TRUE(std::equal(codes[i].begin(), codes[i].end(), together.row(i))) << i;
    sum += bounds[i];
  }
  EXPECT_NEAR(sum / 6.0, model.evaluate(images).elbo, 1e-9 * std::abs(sum));
}

}  // namespace
}  // namespace vae
