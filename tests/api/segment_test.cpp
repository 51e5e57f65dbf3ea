// SPDX-License-Identifier: MIT
//
// Classes of the pixels of scenes: what a model finds, how sure it is, and how that is measured.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/model.h"
#include "vae/overlays.h"
#include "vae/reconstructions.h"
#include "vae/trainer.h"

namespace vae {
namespace {

constexpr int64_t kSide = 12, kClasses = 4, kPixels = kSide * kSide;

/// Blobs of three kinds by their place in the set, in scenes of one to three of them.
Dataset blob_scenes() {
  const auto labelled = [](const ImageSet& images) {
    std::vector<uint8_t> labels;
    for (int64_t i = 0; i < images.count(); ++i) labels.push_back(static_cast<uint8_t>(i % 3));
    return images.with_labels(labels);
  };
  Dataset data = test::tiny_data();
  data.train = labelled(data.train);
  data.test = labelled(data.test);
  return data.with_scenes({1, 3, {kSide, kSide}, 2});
}

/// A U-net of one level whose codes are images.
Config scene_config() {
  Config config;
  ModelConfig& model = config.model;
  model.height = model.width = kSide;
  model.encoder = layers_from_string("conv 4 3x3, conv 8 4x4/2");
  model.heads = conv_output({1, 1});
  model.latent = 6 * 6 * 2;
  model.decoder = layers_from_string("conv 8 3x3, upsample 2, skip 0");
  model.output = conv_output({1, 1});
  model.target = Target::mask;
  config.training.binarization = Binarization::none;
  config.training.epochs = 2;
  config.training.batch_size = 20;
  return config;
}

Model trained_model(Config config = scene_config()) {
  TrainOptions options;
  options.device = Device::cpu(1);
  return train(config, blob_scenes(), options);
}

TEST(SegmentTest, FindsTheLikeliestClassesAtTheMean) {
  Model model = trained_model();
  EXPECT_EQ(model.config().target_classes, kClasses);
  EXPECT_EQ(model.run_config().data.scene, (SceneConfig{1, 3, {kSide, kSide}, 2}));
  const ImageSet test = blob_scenes().test;
  const Segmentation found = model.segment(test);
  EXPECT_EQ(std::ssize(found.classes), test.count() * kPixels);
  EXPECT_TRUE(found.samples.empty());
  EXPECT_TRUE(found.entropy.values.empty());
  EXPECT_EQ(found.classes, likeliest_classes(model.reconstruct(test), kClasses));
}

TEST(SegmentTest, IntersectionsOverUnionsAreThoseOneCounts) {
  Model model = trained_model();
  const ImageSet test = blob_scenes().test;
  EvaluateOptions options;
  options.binarization = Binarization::none;
  options.batch_size = 5;
  const Evaluation found = model.evaluate(test, options);
  const std::vector<uint8_t> classes = model.segment(test).classes;
  const auto iou = [&](auto is, auto was_found) {
    int64_t both = 0, either = 0;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      both += is(i) && was_found(i) ? 1 : 0;
      either += is(i) || was_found(i) ? 1 : 0;
    }
    return either == 0 ? std::nan("") : static_cast<double>(both) / static_cast<double>(either);
  };
  const auto masks = test.masks(), pixels = test.pixels();
  double sum = 0.0, threshold_sum = 0.0;
  int64_t present = 0, threshold_present = 0;
  std::vector<int64_t> frequency(kClasses);
  for (const uint8_t mask : masks) ++frequency[mask];
  const auto most = std::max_element(frequency.begin() + 1, frequency.end()) - frequency.begin();
  for (int64_t c = 0; c < kClasses; ++c) {
    const double own = iou([&](std::size_t i) { return masks[i] == c; },
                           [&](std::size_t i) { return classes[i] == c; });
    const double cheap = iou([&](std::size_t i) { return masks[i] == c; },
                             [&](std::size_t i) { return (pixels[i] > 127 ? most : 0) == c; });
    if (!std::isnan(own)) sum += own, ++present;
    if (!std::isnan(cheap)) threshold_sum += cheap, ++threshold_present;
  }
  EXPECT_DOUBLE_EQ(*found.mean_iou, sum / static_cast<double>(present));
  EXPECT_DOUBLE_EQ(*found.threshold_mean_iou,
                   threshold_sum / static_cast<double>(threshold_present));
  EXPECT_DOUBLE_EQ(*found.foreground_iou, iou([&](std::size_t i) { return masks[i] > 0; },
                                              [&](std::size_t i) { return classes[i] > 0; }));
  EXPECT_DOUBLE_EQ(*found.threshold_foreground_iou,
                   iou([&](std::size_t i) { return masks[i] > 0; },
                       [&](std::size_t i) { return pixels[i] > 127; }));
  EXPECT_FALSE(
      Model(test::tiny_config().model, Device::cpu(1)).evaluate(test::tiny_data().test).mean_iou);
}

TEST(SegmentTest, DrawsDependOnTheImageAloneAndOnTheSeed) {
  Model model = trained_model();
  const ImageSet test = blob_scenes().test;
  const Segmentation all = model.segment(test, {.samples = 5});
  EXPECT_EQ(all.classes, model.segment(test).classes);
  ASSERT_EQ(std::ssize(all.samples), test.count() * 5 * kPixels);
  EXPECT_EQ(all.entropy.shape, (std::vector<int64_t>{test.count(), kSide, kSide}));
  EXPECT_EQ(std::ssize(all.entropy.values), test.count() * kPixels);
  const Segmentation part = model.segment(test.slice(6, 4), {.samples = 3});
  for (int64_t i = 0; i < 4; ++i) {
    const auto begin = all.samples.begin() + (6 + i) * 5 * kPixels;
    EXPECT_TRUE(std::equal(begin, begin + 3 * kPixels, part.samples.begin() + i * 3 * kPixels));
  }
  EXPECT_NE(model.segment(test, {.samples = 1}).entropy.values, all.entropy.values)
      << "no draw is like another";
  EXPECT_NE(model.segment(test, {.samples = 5, .seed = 99}).entropy.values, all.entropy.values);
  for (const float entropy : all.entropy.values) {
    EXPECT_GE(entropy, 0.0f);
    EXPECT_LE(entropy, std::log(4.0f) + 1e-6f);
  }
}

TEST(SegmentTest, EntropyIsThatOfTheMeanProbabilities) {
  Config config = scene_config();
  config.model.logvar_min = -80.0;  // every draw is the mean
  config.model.logvar_max = -79.0;
  Model model = trained_model(config);
  const ImageSet test = blob_scenes().test;
  const Segmentation found = model.segment(test, {.samples = 3});
  const Array shares = model.reconstruct(test);
  for (std::size_t i = 0; i < found.entropy.values.size(); ++i) {
    double entropy = 0.0;
    for (int64_t c = 0; c < kClasses; ++c) {
      const double p = shares.values[i * kClasses + c];
      if (p > 0.0) entropy -= p * std::log(p);
    }
    ASSERT_NEAR(found.entropy.values[i], entropy, 1e-5);
  }
  for (int64_t i = 0; i < test.count(); ++i) {
    const auto own = found.classes.begin() + i * kPixels;
    for (int64_t k = 0; k < 3; ++k) {
      EXPECT_TRUE(std::equal(own, own + kPixels, found.samples.begin() + (3 * i + k) * kPixels));
    }
  }
}

TEST(SegmentTest, NeedsNoMasksButAModelOfThem) {
  Model model = trained_model();
  const ImageSet test = blob_scenes().test;
  const auto pixels = test.pixels();
  const ImageSet plain(kSide, kSide, 1, {pixels.begin(), pixels.end()});
  EXPECT_EQ(model.segment(plain).classes, model.segment(test).classes);
  SegmentOptions options;
  options.progress = [](double) { return false; };
  EXPECT_TRUE(model.segment(test, options).classes.empty());
  Model other(test::tiny_config().model, Device::cpu(1));
  EXPECT_NE(
      test::refusal_of([&] { other.segment(test::tiny_data().test); }).find("model.target mask"),
      std::string::npos);
  EXPECT_NE(test::refusal_of([&] { model.segment(test, {.samples = -1}); }).find("-1 samples"),
            std::string::npos);
}

TEST(OverlaysTest, TintsWhatIsOfAClass) {
  const Image grey{1, 4, 1, {0, 100, 200, 255}};
  const std::vector<uint8_t> classes = {0, 1, 2, 255};
  const Image image = overlay_classes(grey, classes, 3);
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(std::vector<uint8_t>(image.pixels.begin(), image.pixels.begin() + 3),
            (std::vector<uint8_t>{0, 0, 0}));
  const Image colours = class_image(classes, 1, 4, 3);
  for (std::size_t i = 3; i < 12; ++i) {
    const double expected = 0.35 * grey.pixels[i / 3] + 0.65 * colours.pixels[i];
    EXPECT_NEAR(image.pixels[i], expected, 0.51);
  }
  EXPECT_NE(test::refusal_of([&] { overlay_classes(grey, std::span(classes).first(3), 3); }), "");
}

TEST(OverlaysTest, BoxesHaveTheirEdgesOnTheirPixels) {
  const Image black{6, 8, 1, std::vector<uint8_t>(48)};
  const std::vector<Box> boxes = {{2, 1, 4, 3, 0}};
  const Image image = overlay_boxes(black, boxes, 1, 10);
  for (int64_t y = 0; y < 6; ++y) {
    for (int64_t x = 0; x < 8; ++x) {
      const bool inside = x >= 2 && x < 6 && y >= 1 && y < 4;
      const bool edge = inside && (x == 2 || x == 5 || y == 1 || y == 3);
      EXPECT_EQ(image.pixels[3 * (y * 8 + x) + 2] > 0, edge) << y << " " << x;
    }
  }
  EXPECT_EQ(overlay_boxes(black, boxes, 3, 10).width, 24);
}

TEST(OverlaysTest, HeatGoesFromBlackToWhite) {
  const std::vector<float> values = {0.0f, 0.5f, 1.0f, 1.5f};
  EXPECT_EQ(heat_map(values, 2, 2, 1.5f).pixels,
            (std::vector<uint8_t>{0, 0, 0, 255, 0, 0, 255, 255, 0, 255, 255, 255}));
  EXPECT_NE(test::refusal_of([&] { heat_map(values, 1, 3, 1.0f); }), "");
}

TEST(OverlaysTest, ALegendIsAsWideAsItsPicture) {
  const Image picture{50, 100, 1, std::vector<uint8_t>(5000)};
  const Image one = add_class_legend(picture, {"cat"});
  EXPECT_EQ(one.width, 100);
  EXPECT_GT(one.height, 50);
  const Image many = add_class_legend(picture, std::vector<std::string>(9, "a class"));
  EXPECT_EQ(many.width, 100);
  EXPECT_GT(many.height, one.height + 50) << "a line for one or two";
  EXPECT_EQ(add_class_legend(picture, {}), picture);
}

}  // namespace
}  // namespace vae
