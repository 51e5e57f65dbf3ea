// SPDX-License-Identifier: MIT
//
// Models that are told the label of an image, or a vector, in both halves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/model.h"
#include "vae/trainer.h"

namespace vae {
namespace {

constexpr int64_t kClasses = 3;

std::vector<uint8_t> labels_in_turn(int64_t count) {
  std::vector<uint8_t> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(static_cast<uint8_t>(i % kClasses));
  return labels;
}

Dataset labelled_data(const std::vector<std::string>& names = {}) {
  Dataset data = test::tiny_data();
  data.train = data.train.with_labels(labels_in_turn(data.train.count()), names);
  data.test = data.test.with_labels(labels_in_turn(data.test.count()), names);
  return data;
}

/// The same with the label's one-hot vector as a side vector.
ImageSet with_side_of_labels(const ImageSet& images) {
  std::vector<float> side;
  for (const uint8_t label : images.labels()) {
    for (int64_t c = 0; c < kClasses; ++c) side.push_back(c == label ? 1.0f : 0.0f);
  }
  return images.with_side(kClasses, side);
}

Config label_config(int64_t epochs = 2) {
  Config config = test::tiny_config(epochs);
  config.model.condition = Condition::label;
  return config;
}

TrainOptions on_one_thread(const std::string& folder = {}) {
  TrainOptions options;
  options.run_folder = folder;
  options.pictures = false;
  options.device = Device::cpu(1);
  return options;
}

using test::refusal_of;

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

double distance(const float* a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// Mean pixels of the images of each label.
std::vector<std::vector<double>> means_of_classes(const ImageSet& images, int64_t classes) {
  const auto size = static_cast<std::size_t>(images.image_size());
  std::vector<std::vector<double>> means(static_cast<std::size_t>(classes),
                                         std::vector<double>(size));
  std::vector<double> counts(means.size());
  for (std::size_t i = 0; i < images.labels().size(); ++i) {
    const std::size_t label = images.labels()[i];
    counts[label] += 1.0;
    for (std::size_t j = 0; j < size; ++j) means[label][j] += images.pixels()[i * size + j] / 255.0;
  }
  for (std::size_t label = 0; label < means.size(); ++label) {
    for (double& value : means[label]) value /= counts[label];
  }
  return means;
}

TEST(ConditionTest, SamplesOfADigitLookLikeIt) {
  Dataset mnist = Dataset::load("mnist");
  mnist.train = mnist.train.slice(0, 2000);
  mnist.test = mnist.test.slice(0, 100);
  Config config;
  config.model.encoder = {64};
  config.model.decoder = {64};
  config.model.latent = 2;
  config.model.condition = Condition::label;
  config.training.epochs = 5;
  config.training.batch_size = 20;
  config.training.learning_rate = 1e-2;
  Model model = train(config, mnist, on_one_thread());
  EXPECT_EQ(model.config().classes, 10);
  const auto means = means_of_classes(mnist.train, 10);
  for (uint8_t digit = 0; digit < 10; ++digit) {
    constexpr int64_t kDraws = 200;
    const Array samples = model.sample(model.conditions(std::vector<uint8_t>(kDraws, digit)));
    std::vector<float> mean(784);
    for (int64_t i = 0; i < kDraws; ++i) {
      for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += samples.row(i)[j] / kDraws;
    }
    const auto nearest = std::min_element(means.begin(), means.end(), [&](auto& a, auto& b) {
      return distance(mean.data(), a) < distance(mean.data(), b);
    });
    EXPECT_EQ(nearest - means.begin(), digit);
  }
}

TEST(ConditionTest, BothHalvesAreToldTheLabel) {
  const Dataset data = labelled_data();
  Model model(data.train.fit(label_config().model), Device::cpu(1));
  const ImageSet zeros = data.test.with_labels(std::vector<uint8_t>(17, 0));
  const ImageSet ones = data.test.with_labels(std::vector<uint8_t>(17, 1));
  EXPECT_NE(model.encode(zeros).mean.values, model.encode(ones).mean.values);
  EXPECT_NE(model.encode(zeros).logvar.values, model.encode(ones).logvar.values);
  const Array codes{{1, 2}, {0.5f, -0.5f}};
  const auto told = [&](uint8_t label) {
    return model.decode(codes, model.conditions(std::vector<uint8_t>{label})).values;
  };
  EXPECT_NE(told(0), told(1));
  EXPECT_NE(told(1), told(2));
  const Array mixed = model.decode(codes, {{1, 3}, {0.5f, 0.5f, 0.0f}});
  EXPECT_NE(mixed.values, told(0)) << "conditions between two classes are allowed";
}

TEST(ConditionTest, EveryImageIsReadWithItsOwnLabel) {
  const Dataset data = labelled_data();
  Model model(data.train.fit(label_config().model), Device::cpu(1));
  const Array codes = model.encode(data.train).mean;
  const Array again = model.reconstruct(data.train);
  for (int64_t i = 0; i < data.train.count(); ++i) {
    const ImageSet one = data.train.slice(i, 1);
    const Array code = model.encode(one).mean;
    EXPECT_EQ(code.values, std::vector<float>(codes.row(i), codes.row(i + 1))) << i;
    EXPECT_EQ(model.decode(code, model.conditions(one)).values,
              std::vector<float>(again.row(i), again.row(i + 1)));
  }
}

TEST(ConditionTest, DrawsDependOnNothingButTheirNumber) {
  const Dataset data = labelled_data();
  Model model(data.train.fit(label_config().model), Device::cpu(1));
  const Array all = model.sample(model.conditions(labels_in_turn(200)), 5);
  for (const int64_t i : {0, 3, 127, 128, 199}) {
    const std::vector<uint8_t> label = {static_cast<uint8_t>(i % kClasses)};
    EXPECT_EQ(model.sample(model.conditions(label), 5, i).values,
              std::vector<float>(all.row(i), all.row(i + 1)));
  }
}

/// A side vector that says what the label says trains the same weights: labels of other rows, or
/// vectors of other rows, would not.
TEST(ConditionTest, ASideVectorThatIsTheLabelTrainsTheSameModel) {
  Dataset data = labelled_data();
  Model of_labels = train(label_config(), data, on_one_thread());
  data.train = with_side_of_labels(data.train);
  data.test = with_side_of_labels(data.test);
  Config config = label_config();
  config.model.condition = Condition::side;
  Model of_vectors = train(config, data, on_one_thread());
  EXPECT_EQ(of_vectors.config().side_size, kClasses);
  const Array told = of_labels.conditions(data.test);
  EXPECT_EQ(told.values, of_vectors.conditions(data.test).values);
  EXPECT_EQ(of_labels.sample(told).values, of_vectors.sample(told).values);
  EXPECT_EQ(of_labels.evaluate(data.test).elbo, of_vectors.evaluate(data.test).elbo);
  const Model untold = train(test::tiny_config(2), data, on_one_thread());
  EXPECT_GT(of_labels.parameter_count(), untold.parameter_count());
}

TEST(ConditionTest, AStoppedTrainingGoesOnToTheSameFiles) {
  const test::ScratchFolder folder;
  const Dataset data = labelled_data({"one", "two", "three"});
  train(label_config(), data, on_one_thread(folder / "whole"));
  TrainOptions options = on_one_thread(folder / "parts");
  options.on_step = [](const Progress& progress) {
    return progress.step == 4 ? Command::stop : Command::proceed;
  };
  train(label_config(), data, options);
  options.on_step = nullptr;
  options.resume = true;
  train(label_config(), data, options);
  for (const char* file : {"/checkpoints/best.safetensors", "/config.json"}) {
    EXPECT_EQ(test::read_text(folder / "whole" + file), test::read_text(folder / "parts" + file));
  }
  Dataset other = data;
  std::vector<uint8_t> labels = labels_in_turn(45);
  std::swap(labels[0], labels[1]);
  other.train = data.train.with_labels(labels, {"one", "two", "three"});
  EXPECT_TRUE(says(refusal_of([&] { train(label_config(), other, options); }), "fingerprint"));
}

TEST(ConditionTest, NamesOfLabelsAreKeptAndMeanTheSameElsewhere) {
  const test::ScratchFolder folder;
  const std::string hostile = "b\x1b[2J";
  const Dataset data = labelled_data({"a", hostile, "c"});
  Model trained = train(label_config(), data, on_one_thread());
  trained.save(folder / "m.safetensors");
  Model model = Model::load(folder / "m.safetensors", Device::cpu(1));
  EXPECT_EQ(model.label_names(), (std::vector<std::string>{"a", "b\\x1b[2J", "c"}));
  Config averaged = label_config();
  averaged.training.ema = 0.9;
  EXPECT_EQ(train(averaged, data, on_one_thread()).label_names(), model.label_names());
  EXPECT_EQ(model.config().classes, kClasses);
  const Array codes = model.encode(data.test).mean;
  EXPECT_EQ(codes.values, trained.encode(data.test).mean.values);
  // The same labels by other numbers, as in a folder without pictures of one of them.
  std::vector<uint8_t> turned;
  for (const uint8_t label : data.test.labels()) turned.push_back(label == 0 ? 2 : label - 1);
  const ImageSet elsewhere = data.test.with_labels(turned, {hostile, "c", "a"});
  EXPECT_EQ(model.encode(elsewhere).mean.values, codes.values);
  EXPECT_EQ(model.conditions(elsewhere).values, model.conditions(data.test).values);
  EXPECT_EQ(model.evaluate(elsewhere).elbo, model.evaluate(data.test).elbo);
  EXPECT_EQ(model.encode(elsewhere.slice(5, 3)).mean.values,
            std::vector<float>(codes.row(5), codes.row(8)));
  const ImageSet unknown = data.test.with_labels(turned, {"b", "c", "d"});
  EXPECT_TRUE(says(refusal_of([&] { model.encode(unknown); }), "the label 'd'"));
}

TEST(ConditionTest, WhatIsMissingIsNamed) {
  const Dataset labelled = labelled_data(), plain = test::tiny_data();
  const auto refused = [](const Config& config, const Dataset& data) {
    return refusal_of([&] { train(config, data, on_one_thread()); });
  };
  EXPECT_TRUE(says(refused(label_config(), plain), "blobs: the training images have no labels"));
  Dataset half = labelled;
  half.test = plain.test;
  EXPECT_TRUE(says(refused(label_config(), half), "blobs: the test images have no labels"));
  Config few = label_config();
  few.model.classes = 2;
  EXPECT_TRUE(says(refused(few, labelled),
                   "the label of image 2 is 2, but the model knows the classes 0 to 1"));
  Config side = label_config();
  side.model.condition = Condition::side;
  EXPECT_TRUE(says(refused(side, labelled), "the training images have no side vectors"));
  Config both = label_config();
  both.model.side_size = 4;
  EXPECT_TRUE(says(refused(both, labelled), "model.condition side"));

  Model model(labelled.train.fit(label_config().model), Device::cpu(1));
  const Array code{{1, 2}, {0, 0}};
  const std::vector<uint8_t> beyond = {3};
  EXPECT_TRUE(says(refusal_of([&] { model.decode(code); }), "conditioned on labels"));
  EXPECT_TRUE(says(refusal_of([&] { model.sample(3); }), "conditioned on labels"));
  EXPECT_TRUE(says(refusal_of([&] { model.conditions(beyond); }), "label 3"));
  EXPECT_TRUE(says(refusal_of([&] { model.encode(plain.test); }), "no labels"));
  EXPECT_TRUE(says(refusal_of([&] { model.evaluate(plain.test); }), "no labels"));
  EXPECT_TRUE(says(refusal_of([&] { model.decode(code, {{1, 2}, {1, 0}}); }), "[1, 3]"));
  Model untold(plain.train.fit(test::tiny_config().model), Device::cpu(1));
  EXPECT_TRUE(says(refusal_of([&] { untold.decode(code, {{1, 3}, {1, 0, 0}}); }), "no condition"));
}

TEST(ConditionTest, FieldsOfASetStayTogether) {
  std::vector<uint8_t> pixels, labels;
  std::vector<float> side;
  for (int i = 0; i < 50; ++i) {
    pixels.push_back(static_cast<uint8_t>(i));
    labels.push_back(static_cast<uint8_t>(i));
    side.insert(side.end(), {static_cast<float>(i), -1.0f});
  }
  const ImageSet images = ImageSet(1, 1, 1, pixels, labels).with_side(2, side);
  const std::vector<Field> fields = {{"images", FieldType::u8, {1, 1, 1}, FieldRole::input},
                                     {"labels", FieldType::u8, {}, FieldRole::label},
                                     {"side", FieldType::f32, {2}, FieldRole::side}};
  EXPECT_EQ(images.fields(), fields);
  const Dataset data = Dataset("numbers", images).with_validation(7);
  for (const ImageSet& set : {data.train, data.validation, data.test, images.slice(20, 9)}) {
    ASSERT_GT(set.count(), 0);
    for (std::size_t i = 0; i < set.pixels().size(); ++i) {
      EXPECT_EQ(set.labels()[i], set.pixels()[i]);
      EXPECT_EQ(set.side()[2 * i], static_cast<float>(set.pixels()[i]));
    }
  }
  EXPECT_TRUE(says(refusal_of([&] { images.with_side(3, side); }), "side vectors of 3"));
  side[41] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(says(refusal_of([&] { images.with_side(2, side); }), "image 20"));
}

}  // namespace
}  // namespace vae
