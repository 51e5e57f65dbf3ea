// SPDX-License-Identifier: MIT
//
// vae predict: clips made, learnt, and gone on with.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/cli/cli_test.h"
#include "vae/array.h"
#include "vae/image.h"

namespace vae::test {
namespace {

using nlohmann::json;

class PredictVerbTest : public CliTest {
 protected:
  static constexpr int64_t kTest = 32;

  /// Sees three frames of 12 x 12 and predicts two.
  std::string trained_to_predict(const std::string& name = "run") const {
    return trained(name, {"--scene", "digits=1,size=12,frames=5,speed=1-2,count=40", "--corrupt",
                          "frames=3", "--binarization", "none", "--validation", "5"});
  }
  std::vector<std::string> words(const std::string& run, std::vector<std::string> more) const {
    std::vector<std::string> all = {"predict", run, "--device", "cpu"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::vector<std::string> on_data(const std::string& run, std::vector<std::string> more) const {
    more.insert(more.end(), {"--data", data()});
    return words(run, more);
  }
  /// A file of clips in which a bright column moves to the right, a pixel a frame.
  std::string clip_file(const std::string& name, std::vector<int64_t> shape) const {
    std::vector<uint8_t> bytes;
    const int64_t clips = shape.size() == 4 ? shape[0] : 1, frames = shape[shape.size() - 3];
    for (int64_t frame = 0; frame < clips * frames; ++frame) {
      for (int64_t pixel = 0; pixel < 144; ++pixel) {
        bytes.push_back(pixel % 12 == frame % 12 ? 200 : 0);
      }
    }
    save_npy(path(name), shape, bytes);
    return path(name);
  }
};

TEST_F(PredictVerbTest, ClipsOfTheDataAreMeasured) {
  const std::string run = trained_to_predict();
  EXPECT_TRUE(contains(read("run/config.json"),
                       "\"scene\": \"digits=1,size=12,frames=5,speed=1-2,count=40\""));
  EXPECT_TRUE(contains(read("run/config.json"), "\"channels\": 5"));
  const json found = json_of(on_data(run, {"--frames", "7", "--json", "--out", path("p.npy")}));
  EXPECT_EQ(found["clips"], kTest);
  EXPECT_EQ(found["seen"], 3);
  EXPECT_EQ(found["frames"], 7);
  EXPECT_EQ(found["mse_by_frame"].size(), 7u);
  EXPECT_EQ(found["files"], json::array({path("p.npy")}));
  double mean = 0.0;
  for (const json& frame : found["mse_by_frame"]) mean += frame.get<double>() / 7.0;
  EXPECT_NEAR(found["mse"].get<double>(), mean, 1e-9);
  double best = 1.0;
  for (const auto& [name, mse] : found["guesses"].items()) best = std::min(best, mse.get<double>());
  EXPECT_EQ(found["guesses"].size(), 4u);
  EXPECT_EQ(found["guesses"][found["best_guess"].get<std::string>()].get<double>(), best);
  EXPECT_NEAR(found["ratio"].get<double>(), mean / best, 1e-9);
  EXPECT_EQ(load_npy(path("p.npy")).shape, (std::vector<int64_t>{kTest, 7, 12, 12}));

  // The first ones of them, alone.
  const json few = json_of(on_data(run, {"--frames", "7", "--count", "3", "--json", "--threads",
                                         "2", "--out", path("few.npy")}));
  EXPECT_EQ(few["clips"], 3);
  const Array all = load_npy(path("p.npy")), three = load_npy(path("few.npy"));
  EXPECT_EQ(three.values, std::vector<float>(all.row(0), all.row(3)));
  const Outcome measured = run_vae(on_data(run, {"--frames", "2"}));
  EXPECT_EQ(measured.status, 0) << measured.err;
  EXPECT_TRUE(contains(measured.out, "32 clips, 2 frames ahead: MSE 0."));
  EXPECT_TRUE(contains(measured.out, "of the best guess ("));
  EXPECT_EQ(run_vae(on_data(run, {"--split", "validation", "--count", "4"})).status, 0);
}

TEST_F(PredictVerbTest, FilmsAndPicturesShowWhatIsSeenAndWhatComesNext) {
  const std::string run = trained_to_predict();
  const Outcome film = run_vae(on_data(run, {"--frames", "4", "--out", path("f.gif")}));
  EXPECT_EQ(film.status, 0) << film.err;
  EXPECT_TRUE(contains(film.out, "8 clips, 4 frames ahead"));
  EXPECT_EQ(read("f.gif").substr(0, 6), "GIF89a");
  const std::vector<std::string> sheet = {"--frames", "4", "--scale", "2",
                                          "--count",  "2", "--out",   path("s.png")};
  EXPECT_EQ(run_vae(on_data(run, sheet)).status, 0);
  const Image picture = load_png(path("s.png"));
  // Two clips of two rows of 3 + 4 frames with borders, lines between, twice as large.
  EXPECT_EQ(picture.height, 2 * (4 * 15 + 1));
  EXPECT_GE(picture.width, 2 * (7 * 15 + 1));
  // The border of the first frame, which was seen, is dim, and that of the last one bright.
  const int64_t left = picture.width - 2 * (7 * 15 + 1);
  const auto border = [&](int64_t column) {
    return picture.pixels[static_cast<std::size_t>(
        (2 * picture.width + left + 2 * (15 * column + 1)) * picture.channels)];
  };
  EXPECT_EQ(border(2), 80);
  EXPECT_EQ(border(3), 255);
}

TEST_F(PredictVerbTest, AClipGoesOn) {
  const std::string run = trained_to_predict();
  const std::string one = clip_file("one.npy", {6, 12, 12});
  const json on = json_of(words(run, {one, "--frames", "5", "--json", "--out", path("on.npy")}));
  EXPECT_EQ(on["seen"], 6);
  for (const char* key : {"mse", "mse_by_frame", "best_guess", "ratio"}) {
    EXPECT_TRUE(on[key].is_null()) << key;
  }
  EXPECT_EQ(load_npy(path("on.npy")).shape, (std::vector<int64_t>{1, 5, 12, 12}));
  const json known =
      json_of(words(run, {one, "--frames", "5", "--seen", "4", "--json", "--out", path("k.npy")}));
  EXPECT_EQ(known["mse_by_frame"].size(), 2u) << "of six frames two are left";
  EXPECT_TRUE(known["mse_standard_error"].is_null()) << "one clip";
  const std::string many = clip_file("many.npy", {3, 6, 12, 12});
  const json of_many = json_of(words(run, {many, "--seen", "3", "--frames", "3", "--json"}));
  EXPECT_EQ(of_many["clips"], 3);
  EXPECT_FALSE(of_many["mse_standard_error"].is_null());
  // A film without a truth.
  EXPECT_EQ(run_vae(words(run, {one, "--out", path("f.gif")})).status, 0);
  EXPECT_EQ(run_vae(words(run, {one, "--out", path("f.png")})).status, 0);
}

TEST_F(PredictVerbTest, BadInputIsRefusedAndNothingIsWritten) {
  const std::string run = trained_to_predict();
  const std::string out = path("f.gif");
  const auto refused = [&](const std::vector<std::string>& more, int status,
                           const std::vector<std::string>& parts) {
    expect_failure(run_vae(words(run, more)), status, parts);
    EXPECT_FALSE(exists("f.gif"));
  };
  refused({clip_file("short.npy", {2, 12, 12}), "--out", out}, 3, {"short.npy", "2 frames", "3"});
  refused({clip_file("turned.npy", {6, 9, 16}), "--out", out}, 3, {"turned.npy", "12 x 12"});
  refused({clip_file("flat.npy", {1, 1, 144}), "--out", out}, 3, {"flat.npy", "12 x 12"});
  write("page.npy", "<html>");
  refused({path("page.npy"), "--out", out}, 3, {"page.npy"});
  refused({path("none.npy"), "--out", out}, 4, {"none.npy"});
  const std::string clip = clip_file("clip.npy", {6, 12, 12});
  refused({clip, "--out", out, "--seen", "2"}, 2, {"--seen 2", "3 frames"});
  refused({clip, "--out", out, "--seen", "7"}, 3, {"clip.npy", "6 frames", "7"});
  refused({clip, "--out", out, "--frames", "0"}, 2, {"--frames"});
  refused({clip, "--out", out, "--data", data()}, 2, {"CLIP or --data"});
  refused({clip, "--out", out, "--grey"}, 2, {"leave --grey out"});
  refused({clip, "--out", out, "--corrupt", "none"}, 2, {"--seen"});
  refused({clip, "--out", path("f.jpg")}, 2, {".gif", ".npy"});
  refused({clip}, 2, {"give --out, or --seen"});
  refused({clip, "--out", out, "--scale", "64", "--frames", "1000"}, 2, {"f.gif", "--scale"});
  const std::string plain = trained("plain");
  expect_failure(run_vae(words(plain, {clip, "--out", out})), 2, {"--preset predict"});
  expect_failure(run_vae(train_words("no", {"--corrupt", "frames=1"})), 2,
                 {"--corrupt", "--scene"});
  EXPECT_FALSE(exists("no"));
}

/// A frame's values alone are read of an array with data, whose clips are images of channels.
TEST_F(PredictVerbTest, ArraysOfClipsAreData) {
  const std::string clips = clip_file("clips.npy", {40, 5, 12, 12});
  const std::string run =
      trained("own", {"--data", clips, "--corrupt", "frames=3", "--binarization", "none"});
  const json found = json_of(words(run, {"--data", clips, "--json", "--frames", "4"}));
  EXPECT_EQ(found["clips"], 4) << "a tenth is held out";
  EXPECT_EQ(found["mse_by_frame"].size(), 2u);
}

}  // namespace
}  // namespace vae::test
