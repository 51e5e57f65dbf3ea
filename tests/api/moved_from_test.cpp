// SPDX-License-Identifier: MIT
//
// An object that was moved from holds nothing. Whoever uses it gets an error, not a crash.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::tiny_config;
using test::tiny_data;

/// Each call must throw Error(invalid_argument) that names the class.
void expect_refusals(const std::string& name,
                     const std::map<std::string, std::function<void()>>& calls) {
  for (const auto& [method, call] : calls) {
    try {
      call();
      ADD_FAILURE() << method << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << method;
      EXPECT_NE(std::string(error.what()).find(name + " was moved from"), std::string::npos)
          << method << ": " << error.what();
    }
  }
}

TEST(MovedFromTest, EveryMethodOfAModelThrows) {
  Model model(tiny_config().model, Device::cpu(1));
  Model other = std::move(model);
  const ImageSet images = tiny_data().test;
  const test::ScratchFolder scratch;
  expect_refusals("vae::Model", {{"save", [&] { model.save(scratch / "model.safetensors"); }},
                                 {"config", [&] { model.config(); }},
                                 {"run_config", [&] { model.run_config(); }},
                                 {"parameter_count", [&] { model.parameter_count(); }},
                                 {"device_name", [&] { model.device_name(); }},
                                 {"encode", [&] { model.encode(images); }},
                                 {"decode",
                                  [&] {
                                    model.decode({{1, 2}, {0.0f, 0.0f}});
                                  }},
                                 {"reconstruct", [&] { model.reconstruct(images); }},
                                 {"sample", [&] { model.sample(1); }},
                                 {"evaluate", [&] { model.evaluate(images); }},
                                 {"inputs", [&] { model.inputs(images, Binarization::none); }},
                                 {"impl", [&] { model.impl(); }},
                                 {"impl const", [&] { std::as_const(model).impl(); }}});
  EXPECT_EQ(other.sample(1).rows(), 1);
  model = std::move(other);
  EXPECT_EQ(model.sample(1).rows(), 1) << "assignment brings it back to life";
}

TEST(MovedFromTest, EveryMethodOfATrainerThrows) {
  TrainOptions options;
  options.device = Device::cpu(1);
  Trainer trainer(tiny_config(1), tiny_data(), options);
  Trainer other = std::move(trainer);
  expect_refusals("vae::Trainer", {{"run", [&] { trainer.run(); }},
                                   {"model", [&] { trainer.model(); }},
                                   {"config", [&] { trainer.config(); }}});
  EXPECT_TRUE(other.run().finished);
  trainer = Trainer(tiny_config(1), tiny_data(), options);
  EXPECT_TRUE(trainer.run().finished);
}

TEST(MovedFromTest, ATrainerMayOutliveTheModelThatWasTakenOutOfIt) {
  TrainOptions options;
  options.device = Device::cpu(1);
  Trainer trainer(tiny_config(1), tiny_data(), options);
  trainer.run();
  { const Model taken = std::move(trainer.model()); }
  expect_refusals("vae::Model",
                  {{"run", [&] { trainer.run(); }}, {"model", [&] { trainer.model().sample(1); }}});
}

TEST(MovedFromTest, ImagesStayUsable) {
  ImageSet images = tiny_data().test;
  const ImageSet other = std::move(images);
  EXPECT_EQ(images.count(), other.count());
  EXPECT_EQ(images.image(3), other.image(3));
  EXPECT_EQ(images.slice(1, 2).mean_pixels(), other.slice(1, 2).mean_pixels());
}

}  // namespace
}  // namespace vae
