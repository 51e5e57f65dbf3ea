// SPDX-License-Identifier: MIT
//
// Scenes on the command line: made of single images, looked at, learnt and segmented.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/cli_test.h"
#include "vae/array.h"
#include "vae/image.h"

namespace vae::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kScene = "digits=1-2,size=12,clutter=2";

/// Single images of four labels.
class SegmentVerbTest : public CliTest {
 protected:
  static constexpr int64_t kTrain = 100, kTest = 32;

  void SetUp() override {
    CliTest::SetUp();
    write_labels(4);
  }

  std::string trained_on_scenes(const std::string& name) const {
    return trained(name,
                   {"--scene", kScene, "--target", "mask", "--encoder", "conv 4 3x3, conv 8 4x4/2",
                    "--heads", "conv 1x1", "--latent", "36", "--decoder", "upsample 2, skip 0",
                    "--output", "conv 1x1", "--binarization", "none"});
  }
};

TEST_F(SegmentVerbTest, ARunRemembersItsScenes) {
  const std::string run = trained_on_scenes("run");
  EXPECT_TRUE(contains(read("run/config.json"), "\"scene\": \"" + kScene + "\""));
  EXPECT_TRUE(contains(read("run/config.json"), "\"target_classes\": 5"));
  EXPECT_TRUE(contains(read("run/metrics.jsonl"), "\"mean_iou\":"));
  const json found = json_of({"eval", run, "--data", data(), "--json"});
  EXPECT_EQ(found["n"], kTest);
  for (const char* key :
       {"mean_iou", "foreground_iou", "threshold_mean_iou", "threshold_foreground_iou"}) {
    EXPECT_GE(found[key], 0.0) << key;
    EXPECT_LE(found[key], 1.0) << key;
  }
  EXPECT_GT(found["mean_iou_standard_error"], 0.0);
  EXPECT_GT(found["foreground_iou_standard_error"], 0.0);
  EXPECT_GT(found["threshold_foreground_iou"], 0.3) << "what is bright is mostly no clutter";
  const std::string table = run_vae({"eval", run, "--data", data()}).out;
  EXPECT_TRUE(contains(table, "mean IoU") && contains(table, "foreground IoU")) << table;
  const Outcome resumed = run_vae({"train", "--data", data(), "--out", run, "--resume", "--epochs",
                                   "3", "--no-pictures", "--device", "cpu"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_TRUE(contains(resumed.err, " segment ")) << resumed.err;
  expect_failure(run_vae({"train", "--data", data(), "--out", run, "--resume", "--epochs", "4",
                          "--scene", "digits=1,size=12"}),
                 2, {"--scene"});
}

TEST_F(SegmentVerbTest, ScenesForTrainingAreMadeOfDrawnImages) {
  const std::string generator = trained("generator", {"--condition", "label"});
  const auto training = [&](const std::string& run, std::vector<std::string> more) {
    more.insert(more.end(),
                {"--scene", kScene, "--target", "mask", "--encoder", "8", "--decoder", "8"});
    return train_words(run, more);
  };
  const auto first_line = [&](const std::string& run) {
    const std::string text = read(run + "/metrics.jsonl");
    return text.substr(0, text.find('\n'));
  };
  const Outcome drawn = run_vae(training("drawn", {"--digits-from", generator}));
  EXPECT_EQ(drawn.status, 0) << drawn.err;
  EXPECT_TRUE(contains(drawn.err, "100 images for training are drawn from")) << drawn.err;
  EXPECT_EQ(run_vae(training("real", {})).status, 0);
  EXPECT_NE(first_line("drawn"), first_line("real"));
  const std::vector<std::string> further = {"train",    "--data",      data(),
                                            "--out",    path("drawn"), "--resume",
                                            "--epochs", "3",           "--no-pictures"};
  expect_failure(run_vae(further), 2, {"data"});
  std::vector<std::string> same = further;
  same.insert(same.end(), {"--digits-from", generator});
  EXPECT_EQ(run_vae(same).status, 0);
  expect_failure(run_vae(train_words("no", {"--digits-from", generator})), 2,
                 {"--digits-from", "--scene"});
  expect_failure(run_vae(training("no", {"--digits-from", path("none")})), 4, {"none"});
  expect_failure(run_vae(training("no", {"--digits-from", trained("untold")})), 2,
                 {"untold", "--preset generate"});
  EXPECT_FALSE(exists("no"));
}

TEST_F(SegmentVerbTest, WritesAPictureAnArrayAndAFolder) {
  const std::string run = trained_on_scenes("run");
  const auto segment = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"segment", run, "--data", data(), "--json", "--out"};
    words.insert(words.end(), more.begin(), more.end());
    return json_of(words);
  };
  const json picture = segment({path("s.png"), "--samples", "2", "--count", "3", "--scale", "1"});
  EXPECT_EQ(picture["images"], 3);
  EXPECT_EQ(picture["samples"], 2);
  EXPECT_EQ(picture["classes"], 5);
  EXPECT_EQ(picture["files"], json({path("s.png")}));
  const Image grid = load_png(path("s.png"));
  EXPECT_EQ(grid.channels, 3);
  EXPECT_EQ(grid.width, 2 * 6 * 13 + 1) << "image, mask, classes, two draws, entropy; two in a row";
  EXPECT_EQ(segment({path("s.npy")})["images"], kTest);
  const Array classes = load_npy(path("s.npy"));
  EXPECT_EQ(classes.shape, (std::vector<int64_t>{kTest, 12, 12}));
  EXPECT_TRUE(contains(read("s.npy").substr(0, 60), "'|u1'")) << "bytes";
  EXPECT_LE(*std::max_element(classes.values.begin(), classes.values.end()), 4.0f);
  segment({path("masks/"), "--count", "20"});
  for (int64_t i = 0; i < 20; ++i) {
    const Image mask =
        load_png(path("masks/000" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ".png"));
    EXPECT_EQ(mask.channels, 1);
    EXPECT_TRUE(std::equal(mask.pixels.begin(), mask.pixels.end(), classes.row(i)));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(path("masks")), {}), 20);
}

TEST_F(SegmentVerbTest, PicturesAreSegmentedAsTheyAre) {
  const std::string run = trained_on_scenes("run");
  for (const char* folder : {"photos/a", "photos/b"}) fs::create_directories(path(folder));
  for (const char* name : {"photos/a/1.png", "photos/b/1.png", "photos/b/2.png"}) {
    save_png(path(name), Image{12, 12, 1, std::vector<uint8_t>(144, 200)});
  }
  const json found = json_of({"segment", run, path("photos"), "--out", path("masks"), "--json"});
  EXPECT_EQ(found["images"], 3);
  for (const char* name : {"masks/a/1.png", "masks/b/1.png", "masks/b/2.png"}) {
    EXPECT_TRUE(exists(name)) << name;
  }
  // What was found is read as the truth.
  EXPECT_EQ(run_vae({"segment", run, path("photos"), "--masks", path("masks"), "--out",
                     path("s.png"), "--scale", "1"})
                .status,
            0);
  EXPECT_EQ(load_png(path("s.png")).width, 3 * 3 * 13 + 1) << "three images of three in a row";
  EXPECT_EQ(run_vae({"segment", run, path("photos/a/1.png"), "--out", path("one.npy")}).status, 0);
  EXPECT_EQ(load_npy(path("one.npy")).rows(), 1);
  EXPECT_EQ(read("one.names.txt"), "1.png\n");
  const Image large{14, 14, 1, std::vector<uint8_t>(196)};
  save_png(path("large.png"), large);
  expect_failure(run_vae({"segment", run, path("large.png"), "--out", path("no.png")}), 3,
                 {"large.png", "12x12"});
  EXPECT_FALSE(exists("no.png"));
}

TEST_F(SegmentVerbTest, WhatIsWrongIsSaidBeforeAnyWork) {
  const std::string run = trained_on_scenes("run");
  const auto refused = [&](const std::vector<std::string>& more, int status,
                           const std::vector<std::string>& parts) {
    std::vector<std::string> words = {"segment", run};
    words.insert(words.end(), more.begin(), more.end());
    expect_failure(run_vae(words), status, parts);
  };
  fs::create_directories(path("full"));
  write("full/there", "something");
  refused({"--data", data(), "--out", path("full")}, 4, {"full", "already"});
  EXPECT_EQ(read("full/there"), "something");
  refused({"--data", data(), "--out", path("s.gif")}, 2, {".png or .npy"});
  refused({"--data", data(), "--out", path("none/masks")}, 4, {"none"});
  refused({"--out", path("s.png"), "--data", data(), path("data")}, 2, {"not both"});
  refused({"--out", path("s.png"), "--data", data(), "--scene", "digits=9-1,size=12"}, 2,
          {"--scene", "digits=9-1"});
  refused({"--out", path("s.png"), "--data", data(), "--scene", "digits=1,size=14"}, 2,
          {"14x14", "12x12"});
  const std::string other = trained("other");
  expect_failure(run_vae({"segment", other, "--data", data(), "--out", path("s.png")}), 2,
                 {"--target image", "segment-40"});
  for (const char* name : {"s.png", "s.gif", "none"}) EXPECT_FALSE(exists(name)) << name;
  fs::remove(path("data/train-labels-idx1-ubyte"));
  fs::remove(path("data/t10k-labels-idx1-ubyte"));
  expect_failure(run_vae(train_words("no", {"--scene", kScene})), 2, {"labels", "--scene none"});
  EXPECT_FALSE(exists("no"));
}

TEST_F(SegmentVerbTest, InspectShowsScenes) {
  const json found =
      json_of({"inspect", data(), "--scene", kScene, "--picture", path("p.png"), "--json"});
  EXPECT_EQ(found["height"], 12);
  EXPECT_EQ(found["train_images"], kTrain);
  EXPECT_EQ(found["labels"], false);
  int64_t boxes = 0, pixels = 0;
  for (const auto& [name, count] : found["train"]["boxes_of_class"].items()) {
    boxes += count.get<int64_t>();
  }
  for (const auto& [name, count] : found["train"]["pixels_of_class"].items()) {
    pixels += count.get<int64_t>();
  }
  EXPECT_GE(boxes, kTrain);
  EXPECT_LE(boxes, 2 * kTrain);
  EXPECT_EQ(pixels, kTrain * 144);
  EXPECT_EQ(load_png(path("p.png")).channels, 3);
  EXPECT_NE(json_of({"inspect", data(), "--json"})["fingerprint"], found["fingerprint"]);
  expect_failure(run_vae({"inspect", data(), "--picture", path("p.gif")}), 2,
                 {"--picture", ".png"});
}

}  // namespace
}  // namespace vae::test
