// SPDX-License-Identifier: MIT
//
// Models whose target is not their input: labels, masks, images before their corruption.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/model.h"
#include "vae/reconstructions.h"
#include "vae/trainer.h"

namespace vae {
namespace {

constexpr uint8_t kUnobserved = 255;

/// The darkest, middle and brightest pixels of each image, but for its first one.
ImageSet with_masks_of_levels(const ImageSet& images) {
  std::vector<uint8_t> masks;
  for (const uint8_t pixel : images.pixels()) {
    masks.push_back(pixel < 20 ? 0 : pixel < 120 ? 1 : 2);
  }
  for (std::size_t i = 0; i < masks.size(); i += 36) masks[i] = kUnobserved;
  return images.with_masks(masks);
}

/// Whether the brightest pixel lies in the left half.
ImageSet with_labels_of_sides(const ImageSet& images) {
  std::vector<uint8_t> labels;
  for (int64_t i = 0; i < images.count(); ++i) {
    const auto image = images.pixels().subspan(i * 36, 36);
    const auto brightest = std::max_element(image.begin(), image.end()) - image.begin();
    labels.push_back(brightest % 6 < 3 ? 0 : 1);
  }
  return images.with_labels(labels);
}

Dataset data_with(ImageSet (*add)(const ImageSet&)) {
  Dataset data = test::tiny_data();
  data.train = add(data.train);
  data.test = add(data.test);
  return data;
}

Config config_of(Target target, int64_t epochs = 2) {
  Config config = test::tiny_config(epochs);
  config.model.target = target;
  config.training.binarization = Binarization::none;
  return config;
}

Config restoring_config(const Corruption& corruption, int64_t epochs = 2) {
  Config config = test::tiny_config(epochs);
  config.training.binarization = Binarization::none;
  config.data.corrupt = corruption;
  return config;
}

/// A conditional model whose condition is one quadrant of the image.
Config told_what_is_seen(int64_t epochs = 2) {
  Config config = restoring_config({CorruptionKind::quadrants, 1}, epochs);
  config.model.condition = Condition::seen;
  config.model.prior = Prior::conditional;
  config.model.prior_layers = {5};
  return config;
}

constexpr Corruption kNoise = {CorruptionKind::noise, 0.5};
constexpr Corruption kOneQuadrant = {CorruptionKind::quadrants, 1};
constexpr Corruption kAnyQuadrant = {CorruptionKind::random_quadrants, 1};

TrainOptions quietly(const std::string& folder = {}) {
  TrainOptions options;
  options.run_folder = folder;
  options.pictures = false;
  options.device = Device::cpu(1);
  return options;
}

using test::refusal_of;

#define EXPECT_SAYS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

TEST(TargetTest, LabelsAreLearntThroughTheLatents) {
  Dataset mnist = Dataset::load("mnist");
  mnist.train = mnist.train.slice(0, 2000);
  mnist.test = mnist.test.slice(0, 200);
  Config config;
  config.model.encoder = {64};
  config.model.decoder = {};
  config.model.latent = 8;
  config.model.target = Target::label;
  config.training.epochs = 4;
  config.training.batch_size = 50;
  config.training.learning_rate = 5e-3;
  config.training.beta = 1e-2;
  Model model = train(config, mnist, quietly());
  EXPECT_EQ(model.config().target_classes, 10);
  const Evaluation found = model.evaluate(mnist.test);
  EXPECT_GT(*found.accuracy, 0.75);
  EXPECT_TRUE(found.is_likelihood);
  EXPECT_GT(found.reconstruction, -std::log(10.0)) << "better than a guess";
  const Array shares = model.reconstruct(mnist.test);
  ASSERT_EQ(shares.shape, (std::vector<int64_t>{200, 10}));
  const std::vector<uint8_t> classes = likeliest_classes(shares, 10);
  EvaluateOptions plainly;
  plainly.binarization = Binarization::none;
  const Evaluation again = model.evaluate(mnist.test, plainly);
  int64_t right = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) right += classes[i] == mnist.test.labels()[i];
  EXPECT_EQ(*again.accuracy, static_cast<double>(right) / 200.0);
  double sum = 0.0;
  for (int64_t c = 0; c < 10; ++c) sum += shares.row(3)[c];
  EXPECT_NEAR(sum, 1.0, 1e-5);
}

TEST(TargetTest, MasksAreLearntPixelByPixel) {
  const Dataset data = data_with(with_masks_of_levels);
  for (const bool by_convolution : {false, true}) {
    Config config = config_of(Target::mask, 60);
    if (by_convolution) {
      config.model.decoder = layers_from_string("dense 6x6x4");
      config.model.output = conv_output({3, 3});
    }
    Model model = train(config, data, quietly());
    EXPECT_EQ(model.config().target_classes, 3);
    const Evaluation found = model.evaluate(data.test);
    const auto masks = data.test.masks();
    const auto zeros = std::count(masks.begin(), masks.end(), 0);
    const double most = static_cast<double>(zeros) / (17.0 * 35.0);
    EXPECT_GT(*found.accuracy, most + 0.05) << by_convolution;
    EXPECT_EQ(model.reconstruct(data.test).shape, (std::vector<int64_t>{17, 36 * 3}));
    const auto rows = reconstruction_rows(model, data.test);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[1][0].channels, 3);
    EXPECT_EQ(make_bands(rows, 5).channels, 3);
  }
}

TEST(TargetTest, MasksArePaintedOnBlack) {
  const std::vector<uint8_t> classes = {0, 1, 2, 10, 10, kUnobserved};
  const Image image = class_image(classes, 2, 3, 11);
  std::vector<std::vector<uint8_t>> colours;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    colours.emplace_back(image.pixels.begin() + 3 * i, image.pixels.begin() + 3 * i + 3);
  }
  EXPECT_EQ(colours[0], (std::vector<uint8_t>{0, 0, 0})) << "the background";
  EXPECT_EQ(colours[3], colours[4]);
  std::sort(colours.begin(), colours.end());
  EXPECT_EQ(std::unique(colours.begin(), colours.end()) - colours.begin(), 5) << "each its own";
}

TEST(TargetTest, WhatWasNotObservedTeachesNothing) {
  Dataset data = data_with(with_labels_of_sides);
  const auto trained = [&](uint8_t first_label) {
    Dataset changed = data;
    std::vector<uint8_t> labels(data.train.labels().begin(), data.train.labels().end());
    labels[0] = first_label;
    changed.train = data.train.with_labels(labels);
    Config config = config_of(Target::label, 1);
    config.model.target_classes = 2;
    return train(config, changed, quietly()).reconstruct(data.test).values;
  };
  EXPECT_NE(trained(0), trained(1));
  EXPECT_NE(trained(kUnobserved), trained(0));
  EXPECT_NE(trained(kUnobserved), trained(1));
  const ImageSet none = data.test.with_labels(std::vector<uint8_t>(17, kUnobserved));
  ModelConfig model = data.train.fit(config_of(Target::label).model);
  EXPECT_EQ(model.target_classes, 2);
  Model untrained(model, Device::cpu(1));
  const Evaluation found = untrained.evaluate(none);
  EXPECT_EQ(found.reconstruction, 0.0);
  EXPECT_TRUE(std::isnan(*found.accuracy));
}

TEST(TargetTest, ImagesWithoutTargetsAreEncodedAndDecoded) {
  const Dataset data = data_with(with_masks_of_levels), plain = test::tiny_data();
  Model model(data.train.fit(config_of(Target::mask).model), Device::cpu(1));
  EXPECT_EQ(model.encode(plain.test).mean.values, model.encode(data.test).mean.values);
  EXPECT_EQ(model.reconstruct(plain.test).values, model.reconstruct(data.test).values);
  EXPECT_SAYS(refusal_of([&] { model.evaluate(plain.test); }), "no masks");
  EXPECT_SAYS(refusal_of([&] { model.targets(data.test); }), "masks() and boxes()");
}

TEST(TargetTest, LabelsAreTheClassesOfTheirNames) {
  const test::ScratchFolder folder;
  Dataset data = data_with(with_labels_of_sides);
  const auto named = [](const ImageSet& images, bool turned, std::vector<std::string> names) {
    std::vector<uint8_t> labels;
    for (const uint8_t label : images.labels()) labels.push_back(turned ? 1 - label : label);
    return images.with_labels(labels, std::move(names));
  };
  data.train = named(data.train, false, {"left", "right"});
  const ImageSet test = named(data.test, false, {"left", "right"});
  data.test = named(data.test, true, {"right", "left"});
  train(config_of(Target::label), data, quietly(folder / "run"));
  Model model = Model::load(folder / "run", Device::cpu(1));
  EXPECT_EQ(model.label_names(), (std::vector<std::string>{"left", "right"}));
  EXPECT_EQ(model.evaluate(data.test).elbo, model.evaluate(test).elbo);
  EXPECT_EQ(*model.evaluate(data.test).accuracy, *model.evaluate(test).accuracy);
  const ImageSet unknown = named(data.test, false, {"up", "down"});
  EXPECT_EQ(model.encode(unknown).mean.values, model.encode(test).mean.values);
  EXPECT_SAYS(refusal_of([&] { model.evaluate(unknown); }), "which the model was not trained with");
}

TEST(TargetTest, AStoppedTrainingGoesOnToTheSameFiles) {
  const Dataset masked = data_with(with_masks_of_levels), plain = test::tiny_data();
  Config several = config_of(Target::mask);
  several.training.importance_samples = 3;
  struct Case {
    Config config;
    Dataset data;
  };
  for (const Case& c :
       {Case{config_of(Target::mask), masked}, Case{several, masked},
        Case{restoring_config(kNoise), plain}, Case{restoring_config(kOneQuadrant), plain},
        Case{restoring_config(kAnyQuadrant), plain}, Case{told_what_is_seen(), plain}}) {
    const test::ScratchFolder folder;
    train(c.config, c.data, quietly(folder / "whole"));
    TrainOptions options = quietly(folder / "parts");
    options.on_step = [](const Progress& progress) {
      return progress.step == 4 ? Command::stop : Command::proceed;
    };
    train(c.config, c.data, options);
    options.on_step = nullptr;
    options.resume = true;
    train(c.config, c.data, options);
    for (const char* file : {"/checkpoints/best.safetensors", "/config.json"}) {
      EXPECT_EQ(test::read_text(folder / "whole" + file), test::read_text(folder / "parts" + file));
    }
    const Model loaded = Model::load(folder / "whole", Device::cpu(1));
    EXPECT_EQ(loaded.config().target, c.config.model.target);
    EXPECT_EQ(loaded.run_config().data.corrupt, c.config.data.corrupt);
    EXPECT_EQ(loaded.restores(), c.config.data.corrupt != Corruption());
    if (c.config.model.target != Target::mask) continue;
    Dataset other = c.data;
    std::vector<uint8_t> masks(c.data.train.masks().begin(), c.data.train.masks().end());
    masks[7] = masks[7] == 0 ? 1 : 0;
    other.train = c.data.train.with_masks(masks);
    EXPECT_SAYS(refusal_of([&] { train(c.config, other, options); }), "fingerprint");
  }
}

TEST(TargetTest, FieldsOfASetStayTogether) {
  std::vector<uint8_t> pixels, masks;
  for (int i = 0; i < 50; ++i) {
    pixels.insert(pixels.end(), {static_cast<uint8_t>(i), static_cast<uint8_t>(i)});
    masks.insert(masks.end(), {static_cast<uint8_t>(i), kUnobserved});
  }
  const ImageSet images = ImageSet(1, 2, 1, pixels).with_masks(masks);
  const std::vector<Field> fields = {{"images", FieldType::u8, {1, 2, 1}, FieldRole::input},
                                     {"masks", FieldType::u8, {1, 2}, FieldRole::mask}};
  EXPECT_EQ(images.fields(), fields);
  const Dataset data = Dataset("numbers", images).with_validation(7);
  for (const ImageSet& set : {data.train, data.validation, data.test, images.slice(20, 9)}) {
    ASSERT_GT(set.count(), 0);
    ASSERT_EQ(set.masks().size(), set.pixels().size());
    for (std::size_t i = 0; i < set.pixels().size(); i += 2) {
      EXPECT_EQ(set.masks()[i], set.pixels()[i]);
      EXPECT_EQ(set.masks()[i + 1], kUnobserved);
    }
  }
  EXPECT_SAYS(refusal_of([&] { images.with_masks({1, 2}); }), "50 images");
}

TEST(TargetTest, WhatIsMissingOrContradictsIsNamed) {
  const Dataset plain = test::tiny_data(), masked = data_with(with_masks_of_levels);
  const auto refused = [](const Config& config, const Dataset& data) {
    return refusal_of([&] { train(config, data, quietly()); });
  };
  EXPECT_SAYS(refused(config_of(Target::label), plain), "the training images have no labels");
  EXPECT_SAYS(refused(config_of(Target::mask), plain), "the training images have no masks");
  Config few = config_of(Target::mask);
  few.model.target_classes = 2;
  EXPECT_SAYS(refused(few, masked), "has class 2 in row");
  Config wrong = config_of(Target::mask);
  wrong.model.likelihood = Likelihood::gaussian;
  EXPECT_SAYS(refused(wrong, masked), "model.likelihood");
  wrong = config_of(Target::mask);
  wrong.model.output_bias_from_mean = true;
  EXPECT_SAYS(refused(wrong, masked), "model.output_bias_from_mean");
  wrong = config_of(Target::mask);
  wrong.model.target_classes = 256;
  EXPECT_SAYS(refused(wrong, masked), "at most 255");
  wrong = config_of(Target::label);
  wrong.model.output = conv_output({3, 3});
  EXPECT_SAYS(refused(wrong, data_with(with_labels_of_sides)), "model.output");
  wrong = config_of(Target::label);
  wrong.model.condition = Condition::label;
  EXPECT_SAYS(refused(wrong, data_with(with_labels_of_sides)), "model.condition");
  wrong = config_of(Target::image);
  wrong.model.target_classes = 3;
  EXPECT_SAYS(refused(wrong, plain), "model.target_classes");
  for (const auto kind : {CorruptionKind::quadrants, CorruptionKind::random_quadrants}) {
    EXPECT_SAYS(refused(restoring_config({kind, 4}), plain), "quadrants=4, expected 1, 2 or 3");
  }
  EXPECT_SAYS(refused(restoring_config({CorruptionKind::noise, 0.0}), plain), "data.corrupt");
  Config seen = told_what_is_seen();
  seen.data.corrupt = {};
  EXPECT_SAYS(refused(seen, plain), "--corrupt quadrants=1");
  seen = told_what_is_seen();
  seen.model.decoder = layers_from_string("9, skip 0");
  EXPECT_SAYS(refused(seen, plain), "excludes a skip");
  seen = told_what_is_seen();
  seen.model.target = Target::mask;
  EXPECT_SAYS(refused(seen, masked), "model.target (--target) is image");
  Model model(plain.train.fit(test::tiny_config().model), Device::cpu(1));
  EXPECT_SAYS(refusal_of([&] { model.set_corruption(kNoise); }), "--corrupt");
  model.set_corruption({});
}

TEST(TargetTest, CorruptionsAreWordsOfTheConfiguration) {
  Config config;
  for (const char* words :
       {"noise=0.5", "quadrants=3", "random-quadrants=2", "frames=10", "none"}) {
    set_config_value(config, "data.corrupt", words);
    EXPECT_EQ(to_string(config.data.corrupt), words);
    EXPECT_EQ(config_from_json(config_to_json(config), {}, "test"), config);
  }
  EXPECT_EQ(config_to_json(config).find("corrupt"), std::string::npos);
  for (const char* words : {"noise", "noise=", "none=1", "blur=2", "noise=0.5x", "=1", ""}) {
    EXPECT_SAYS(refusal_of([&] { set_config_value(config, "data.corrupt", words); }),
                "none, noise=SIGMA, quadrants=1, 2 or 3, random-quadrants=1, 2 or 3, or frames=N");
  }
  for (const double frames : {0.0, 2.5, 1024.0}) {
    config.data.corrupt = {CorruptionKind::frames, frames};
    EXPECT_SAYS(refusal_of([&] { validate_before_data(config); }), "a whole number of frames");
  }
  config.data.corrupt = {CorruptionKind::frames, 3};
  config.model.channels = 4;
  validate(config);
  config.model.channels = 3;
  validate_before_data(config);  // the data decide
  EXPECT_SAYS(refusal_of([&] { validate(config); }), "frames=3 shows all 3 channels");
}

TEST(TargetTest, EveryImageHasOneCorruptionWhereverItIsRead) {
  const Dataset data = test::tiny_data();
  for (const Corruption& corruption : {kNoise, kAnyQuadrant}) {
    Model model = train(restoring_config(corruption, 1), data, quietly());
    const Array all = model.inputs(data.test), clean = model.targets(data.test);
    EXPECT_NE(all.values, clean.values);
    for (const int64_t i : {0, 5, 16}) {
      EXPECT_EQ(model.inputs(data.test.slice(i, 1)).values,
                std::vector<float>(all.row(i), all.row(i + 1)));
    }
    const Evaluation whole = model.evaluate(data.test);
    EvaluateOptions in_pieces;
    in_pieces.batch_size = 3;
    EXPECT_EQ(model.evaluate(data.test, in_pieces).elbo, whole.elbo);
    EXPECT_NE(model.inputs(data.test, {}, 99).values, all.values);
    EXPECT_EQ(model.targets(data.test, {}, 99).values, clean.values);
    for (std::size_t i = 0; i < clean.values.size(); ++i) {
      ASSERT_EQ(clean.values[i], static_cast<float>(data.test.pixels()[i]) / 255.0f);
    }
    EXPECT_EQ(model.reconstruct(data.test).values,
              model.decode(model.encode(data.test).mean).values);
    model.set_corruption({});
    EXPECT_EQ(model.inputs(data.test).values, clean.values);
    EXPECT_NE(model.evaluate(data.test).elbo, whole.elbo);
  }
}

TEST(TargetTest, NoiseIsTakenOffAndPsnrTellsHowMuch) {
  const Dataset data = test::tiny_data();
  Model model = train(restoring_config(kNoise, 60), data, quietly());
  const Evaluation found = model.evaluate(data.test);
  EXPECT_GT(*found.psnr, *found.input_psnr + 3.0);
  const Array input = model.inputs(data.test), clean = model.targets(data.test);
  double error = 0.0;
  for (std::size_t i = 0; i < input.values.size(); ++i) {
    error += std::pow(double{input.values[i]} - clean.values[i], 2);
  }
  EXPECT_NEAR(*found.input_psnr,
              10.0 * std::log10(static_cast<double>(input.values.size()) / error), 1e-6);
  const auto rows = reconstruction_rows(model, data.test);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2][3], data.test.image(3));
  Model plain(data.train.fit(test::tiny_config().model), Device::cpu(1));
  EXPECT_FALSE(plain.evaluate(data.test).psnr);
}

/// Of hidden quadrants all counts, of shown ones nothing: a decoder that says 1/2 everywhere loses
/// ln 2 at each of the 27 pixels that three quadrants of 6 x 6 have.
TEST(TargetTest, OnlyHiddenQuadrantsCount) {
  const Dataset data = test::tiny_data();
  Config config = restoring_config(kOneQuadrant, 1);
  config.training.learning_rate = 1e-30;
  config.model.initialization = Initialization::he_normal;  // biases of zero
  config.model.decoder = {};
  const test::ScratchFolder folder;
  Model model = train(config, data, quietly());
  const Array at_zero = model.decode({{1, 2}, {0, 0}});
  for (const float p : at_zero.values) ASSERT_NEAR(p, 0.5, 1e-6);
  // The first latent code with no weight at all.
  const Evaluation found = model.evaluate(data.test);
  EXPECT_LT(found.reconstruction, 0.0);
  EXPECT_GT(found.reconstruction, -27.0 * 5.0);
  const Array input = model.inputs(data.test), clean = model.targets(data.test);
  for (int64_t i = 0; i < data.test.count(); ++i) {
    int64_t dark = 0;
    for (int64_t j = 0; j < 36; ++j) {
      const float value = input.row(i)[j];
      EXPECT_TRUE(value == 0.0f || value == clean.row(i)[j]);
      dark += value == 0.0f ? 1 : 0;
    }
    EXPECT_GE(dark, 27);
  }
}

}  // namespace
}  // namespace vae
