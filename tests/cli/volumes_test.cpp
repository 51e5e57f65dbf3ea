// SPDX-License-Identifier: MIT
//
// Volumes on the command line: made of pictures, read from arrays, learnt, looked at as slices and
// from all sides.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cli/cli_test.h"
#include "tests/support/sample_npy.h"
#include "vae/array.h"
#include "vae/image.h"

namespace vae::test {
namespace {

using nlohmann::json;

const std::string kVolumeScene = "digits=1,size=8,depth=10";

class VolumesTest : public CliTest {
 protected:
  std::string trained_on_volumes(const std::string& name = "run",
                                 std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--scene", kVolumeScene, "--binarization", "none"});
    return trained(name, more);
  }

  /// Frames of a film.
  int frames_of(const std::string& name) const {
    const std::string bytes = read(name);
    EXPECT_EQ(bytes.substr(0, 6), "GIF89a");
    int frames = 0;
    for (std::size_t at = bytes.find("\x21\xF9\x04"); at != std::string::npos;
         at = bytes.find("\x21\xF9\x04", at + 1)) {
      ++frames;
    }
    return frames;
  }
  /// Width and height of a film.
  std::pair<int, int> size_of_film(const std::string& name) const {
    const std::string bytes = read(name);
    const auto word = [&](std::size_t at) {
      return static_cast<unsigned char>(bytes[at]) +
             256 * static_cast<unsigned char>(bytes[at + 1]);
    };
    return {word(6), word(8)};
  }
};

TEST_F(VolumesTest, ARunOnVolumesIsMeasured) {
  write_labels(4);
  const std::string run = trained_on_volumes();
  EXPECT_TRUE(contains(read("run/config.json"), "\"scene\": \"" + kVolumeScene + "\""));
  EXPECT_TRUE(contains(read("run/config.json"), "\"channels\": 10"));
  const json found = json_of({"eval", run, "--data", data(), "--json"});
  EXPECT_GT(found["mean_squared_error"], 0.0);
  EXPECT_LT(found["mean_squared_error"], 0.5);
  EXPECT_GT(found["mean_squared_error_standard_error"], 0.0);
  EXPECT_GE(found["occupancy_iou"], 0.0);
  EXPECT_LE(found["occupancy_iou"], 1.0);
  const std::string table = run_vae({"eval", run, "--data", data()}).out;
  EXPECT_TRUE(contains(table, "squared error") && contains(table, "occupancy IoU")) << table;
  const Outcome resumed = run_vae({"train", "--data", data(), "--out", run, "--resume", "--epochs",
                                   "3", "--no-pictures", "--device", "cpu"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  expect_failure(run_vae({"train", "--data", data(), "--out", run, "--resume", "--epochs", "4",
                          "--scene", "digits=1,size=8,depth=11"}),
                 2, {"--scene"});
}

TEST_F(VolumesTest, ReconstructionsAreSlicesOrTurn) {
  const std::string run = trained_on_volumes();
  const auto reconstruct = [&](const std::string& file, const std::vector<std::string>& more) {
    std::vector<std::string> words = {"reconstruct", run,       "--data", data(),  "--count",
                                      "3",           "--scale", "2",      "--out", path(file)};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = run_vae(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  };
  reconstruct("tiles.png", {});
  EXPECT_EQ(load_png(path("tiles.png")).width, 2 * (3 * (4 * 8 + 1) + 1)) << "slices side by side";
  reconstruct("slices.gif", {});
  EXPECT_EQ(frames_of("slices.gif"), 10);
  EXPECT_EQ(size_of_film("slices.gif"), std::pair(2 * (3 * 9 + 1), 2 * (2 * 9 + 1)));
  reconstruct("turning.gif", {"--view", "turning"});
  EXPECT_EQ(frames_of("turning.gif"), 36);
  // The diagonal of 8 x 10 is 12.8, of 14 pixels as 8 is even, two a voxel.
  EXPECT_EQ(size_of_film("turning.gif"), std::pair(3 * 29 + 1, 2 * 17 + 1));
  reconstruct("still.png", {"--view", "turning"});
  EXPECT_EQ(load_png(path("still.png")).width, 3 * 29 + 1);
  EXPECT_EQ(load_png(path("still.png")).height, 2 * 17 + 1);
  reconstruct("values.npy", {"--view", "turning"});
  EXPECT_EQ(load_npy(path("values.npy")).shape, (std::vector<int64_t>{3, 640}));
}

TEST_F(VolumesTest, DrawsCodesAndPathsAreFilms) {
  write_labels(2);
  const std::string run = trained_on_volumes();
  const std::string labelled = trained_on_volumes("labelled", {"--condition", "label"});
  const auto film = [&](const std::vector<std::string>& words) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"--scale", "1", "--out", path("f.gif"), "--json"});
    EXPECT_EQ(json_of(all)["files"], json({path("f.gif")}));
    return frames_of("f.gif");
  };
  EXPECT_EQ(film({"sample", run, "--count", "4"}), 10);
  EXPECT_EQ(film({"sample", run, "--count", "4", "--view", "turning"}), 36);
  EXPECT_EQ(size_of_film("f.gif"), std::pair(2 * 15 + 1, 2 * 9 + 1));
  EXPECT_EQ(film({"sample", labelled, "--label", "all", "--count", "3", "--view", "turning"}), 36);
  save_npy(path("z.npy"), Array{{2, 3}, {0, 0, 0, 1, 1, 1}});
  EXPECT_EQ(film({"decode", run, path("z.npy"), "--view", "slices"}), 10);
  EXPECT_EQ(film({"decode", run, path("z.npy"), "--view", "turning"}), 36);
  EXPECT_EQ(film({"interpolate", run, "--data", data(), "--steps", "5"}), 8) << "there and back";
  EXPECT_EQ(size_of_film("f.gif"), std::pair(4 * 8, 3 * 8));
  EXPECT_EQ(film({"interpolate", run, "--data", data(), "--steps", "5", "--view", "turning"}), 8);
  EXPECT_EQ(size_of_film("f.gif"), std::pair(14, 8));
}

TEST_F(VolumesTest, ArraysOfVolumesGoOutAndIn) {
  write_labels(4);
  const json scenes = json_of({"inspect", data(), "--scene", "digits=1,size=8,depth=8", "--arrays",
                               path("v.npz"), "--json"});
  EXPECT_EQ(scenes["channels"], 8);
  EXPECT_EQ(scenes["labels"], true);
  const json read_back = json_of({"inspect", path("v.npz"), "--json"});
  EXPECT_EQ(read_back["fingerprint"], scenes["fingerprint"]);
  const std::string run = trained("of-arrays", {"--data", path("v.npz"), "--binarization", "none"});
  EXPECT_FALSE(contains(read("of-arrays/config.json"), "\"scene\""));
  EXPECT_EQ(run_vae({"sample", run, "--count", "12", "--out", path("d.npz")}).status, 0);
  EXPECT_EQ(json_of({"inspect", path("d.npz"), "--json"})["channels"], 8);
  // A cube of an array is [N, D, H, W]: slice 1 of each image is white.
  std::string voxels(40 * 512, '\0');
  for (std::size_t image = 0; image < 40; ++image) {
    voxels.replace(512 * image + 64, 64, std::string(64, '\xff'));
  }
  write("cubes.npy", make_npy_file("|u1", "(40, 8, 8, 8)", voxels));
  EXPECT_EQ(run_vae({"reconstruct", run, "--data", path("cubes.npy"), "--split", "train", "--out",
                     path("c.png"), "--count", "1", "--scale", "1"})
                .status,
            0);
  const Image tiles = load_png(path("c.png"));
  EXPECT_EQ(tiles.pixels[static_cast<std::size_t>(4 * tiles.width + 4)], 0) << "slice 0";
  EXPECT_EQ(tiles.pixels[static_cast<std::size_t>(4 * tiles.width + 12)], 255) << "slice 1";
}

TEST_F(VolumesTest, WhatIsWrongIsSaidBeforeAnyWork) {
  const std::string run = trained_on_volumes(), grey = trained("grey");
  const auto refused = [&](const std::vector<std::string>& words, int status,
                           const std::vector<std::string>& parts) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"--out", path("no.gif")});
    expect_failure(run_vae(all), status, parts);
    EXPECT_FALSE(exists("no.gif"));
  };
  refused({"reconstruct", grey, "--data", data()}, 2, {"no.gif", "slices", "1 channel"});
  refused({"sample", grey}, 2, {"1 channel", "FILE.png"});
  refused({"sample", grey, "--view", "turning"}, 2, {"--view turning", "1 channel"});
  refused({"interpolate", grey, "--data", data(), "--view", "turning"}, 2, {"--view turning"});
  save_npy(path("z.npy"), Array{{1, 3}, {0, 0, 0}});
  refused({"decode", grey, path("z.npy")}, 2, {"1 channel"});
  refused({"sample", run, "--view", "sideways"}, 2, {"--view", "sideways"});
  refused({"sample", run, "--count", "100000", "--view", "turning"}, 2, {"36 frames", "fewer"});
  refused({"manifold", run}, 2, {".png"});
  write_labels(2);
  const std::string classes = trained("classes", {"--target", "label"});
  refused({"reconstruct", classes, "--data", data(), "--view", "turning"}, 2, {"--target label"});
  expect_failure(run_vae({"inspect", data(), "--arrays", path("a.npy")}), 2, {"--arrays", ".npz"});
  expect_failure(run_vae(train_words("no", {"--scene", "digits=2,size=8,depth=8"})), 2,
                 {"--scene", "digits=1 and no clutter"});
  write("cubes.npy", make_npy_file("|u1", "(40, 8, 8, 8)", std::string(40 * 512, '\1')));
  expect_failure(run_vae(train_words("no", {"--data", path("cubes.npy"), "--scene", kVolumeScene})),
                 3, {"grey", "8 channels", "--scene none"});
  expect_failure(run_vae({"encode", run, "--images", path("cubes.npy"), "--out", path("n.npy")}), 3,
                 {"cubes.npy", "8 x 8 x 10", "8 x 8 x 8"});
  write("short.npy", make_npy_file("|u1", "(40, 8, 8, 8)", std::string(39 * 512, '\1')));
  expect_failure(run_vae(train_words("no", {"--data", path("short.npy")})), 3, {"short.npy"});
  EXPECT_FALSE(exists("no"));
  EXPECT_FALSE(exists("n.npy"));
}

}  // namespace
}  // namespace vae::test
