// SPDX-License-Identifier: MIT
//
// vae restore: corrupted images, hidden parts, masks of a user.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "tests/cli/cli_test.h"
#include "vae/array.h"
#include "vae/image.h"

namespace vae::test {
namespace {

using nlohmann::json;

class RestoreVerbTest : public CliTest {
 protected:
  static constexpr int64_t kTest = 32, kPixels = 64;

  void SetUp() override {
    CliTest::SetUp();
    Image mask{8, 8, 1, std::vector<uint8_t>(64, 0)};
    for (std::size_t i = 0; i < 64; ++i) mask.pixels[i] = i % 8 < 4 ? 255 : 0;
    save_png(path("left.png"), mask);
  }

  std::vector<std::string> words(const std::string& run, const std::vector<std::string>& more) {
    std::vector<std::string> all = {"restore", run, "--device", "cpu"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::vector<std::string> on_data(const std::string& run, std::vector<std::string> more) {
    more.insert(more.end(), {"--data", data()});
    return words(run, more);
  }
  std::string told_quadrants() {
    return trained("seen", {"--corrupt", "quadrants=1", "--condition", "seen", "--prior",
                            "conditional", "--prior-layers", "8", "--binarization", "none"});
  }
};

TEST_F(RestoreVerbTest, CorruptedImagesAreRestoredAndMeasured) {
  const std::string run = trained("noisy", {"--corrupt", "noise=0.5", "--binarization", "none"});
  const json found = json_of(on_data(run, {"--samples", "2", "--json", "--out", path("r.npy")}));
  EXPECT_EQ(found["images"], kTest);
  EXPECT_EQ(found["samples"], 2);
  EXPECT_EQ(found["files"].size(), 2u);
  EXPECT_EQ(load_npy(path("r.npy")).shape, (std::vector<int64_t>{kTest, kPixels}));
  EXPECT_EQ(load_npy(path("r.samples.npy")).shape, (std::vector<int64_t>{2 * kTest, kPixels}));
  const json measured = json_of({"eval", run, "--data", data(), "--json"});
  EXPECT_NEAR(found["psnr"].get<double>(), measured["psnr"].get<double>(), 1e-9);
  EXPECT_NEAR(found["input_psnr"].get<double>(), measured["input_psnr"].get<double>(), 1e-9);

  const Outcome picture =
      run_vae(on_data(run, {"--samples", "1", "--scale", "1", "--out", path("r.png")}));
  EXPECT_EQ(picture.status, 0) << picture.err;
  EXPECT_TRUE(contains(picture.out, "16 images: PSNR"));
  EXPECT_EQ(load_png(path("r.png")).height, 4 * 9 + 1) << "seen, restored, a sample, truth";
  const json as_they_are = json_of(on_data(run, {"--corrupt", "none", "--count", "3", "--scale",
                                                 "1", "--json", "--out", path("n.png")}));
  EXPECT_TRUE(as_they_are["psnr"].is_null());
  EXPECT_EQ(load_png(path("n.png")).height, 2 * 9 + 1);
}

TEST_F(RestoreVerbTest, PicturesBecomeAFolderOfPictures) {
  const std::string run = told_quadrants();
  std::filesystem::create_directories(path("photos/a"));
  for (int i = 0; i < 3; ++i) {
    save_png(path("photos/a/" + std::to_string(i) + ".png"),
             Image{8, 8, 1, std::vector<uint8_t>(64, static_cast<uint8_t>(60 * i))});
  }
  const auto into = [&](const std::string& out, std::vector<std::string> more) {
    more.insert(more.begin(), path("photos"));
    more.insert(more.end(), {"--out", path(out)});
    return run_vae(words(run, more));
  };
  const Outcome done = into("found", {"--mask", path("left.png"), "--samples", "2"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_TRUE(contains(read("found/images.names.txt"), "a/2.png"));
  for (const char* name : {"found/00000.png", "found/00001-2.png", "found/00002.png"}) {
    const Image image = load_png(path(name));
    const uint8_t level = name[10] == '2' ? 120 : name[10] == '1' ? 60 : 0;
    for (std::size_t i = 0; i < 64; ++i) {
      if (i % 8 < 4) {
        ASSERT_EQ(image.pixels[i], level) << name << " keeps what is seen";
      }
    }
  }
  EXPECT_TRUE(contains(done.out, "PSNR"));
  EXPECT_FALSE(exists("found.tmp"));
  expect_failure(into("found", {}), 4, {"found", "something already"});
  const Outcome unknown = into("other", {"--mask", path("left.png"), "--corrupt", "none"});
  EXPECT_EQ(unknown.status, 0) << unknown.err;
  EXPECT_FALSE(contains(unknown.out, "PSNR")) << "what is hidden of these is no truth";
  // A mask for each, by name.
  std::filesystem::create_directories(path("masks/a"));
  for (int i = 0; i < 3; ++i) {
    std::filesystem::copy(path("left.png"), path("masks/a/" + std::to_string(i) + ".png"));
  }
  EXPECT_EQ(into("each", {"--mask", path("masks")}).status, 0);
  EXPECT_EQ(read("each/00001.png"), read("found/00001.png"));
  std::filesystem::rename(path("masks/a/1.png"), path("masks/a/1b.png"));
  expect_failure(into("no", {"--mask", path("masks")}), 3, {"a/1.png", "a/1b.png"});
  std::filesystem::remove(path("masks/a/1b.png"));
  expect_failure(into("no", {"--mask", path("masks")}), 3, {"2 masks of 3 images"});
  EXPECT_FALSE(exists("no") || exists("no.tmp"));
}

TEST_F(RestoreVerbTest, AnyModelFillsInWhatAMaskHides) {
  const std::string run = trained("plain", {"--binarization", "none"});
  const auto filled = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> all = {"--mask", path("left.png"), "--steps", "3", "--out", path(out)};
    all.insert(all.end(), more.begin(), more.end());
    return run_vae(on_data(run, all));
  };
  const Outcome done = filled("f.npy", {"--samples", "2"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_TRUE(contains(done.out, "32 images: PSNR"));
  const Array found = load_npy(path("f.npy"));
  const std::string idx = read("data/t10k-images-idx3-ubyte");
  for (std::size_t i = 0; i < found.values.size(); ++i) {
    const float pixel = static_cast<float>(static_cast<uint8_t>(idx[16 + i])) / 255.0f;
    if (i % 8 < 4) {
      ASSERT_EQ(found.values[i], pixel);
    }
  }
  EXPECT_EQ(filled("again.npy", {"--samples", "2"}).status, 0);
  EXPECT_EQ(read("again.npy"), read("f.npy"));
  EXPECT_EQ(read("again.samples.npy"), read("f.samples.npy"));
  EXPECT_EQ(filled("f.png", {"--count", "20"}).status, 0) << "two bands";
}

TEST_F(RestoreVerbTest, WhatDoesNotFitIsNamedBeforeAnythingIsWritten) {
  const std::string run = trained("plain");
  const auto refused = [&](int status, const std::vector<std::string>& more,
                           const std::vector<std::string>& parts) {
    std::vector<std::string> all = more;
    if (std::find(more.begin(), more.end(), "--out") == more.end()) {
      all.insert(all.end(), {"--out", path("x.npy")});
    }
    expect_failure(run_vae(on_data(run, all)), status, parts);
    EXPECT_FALSE(exists("x.npy"));
  };
  refused(2, {}, {"without corruption", "--mask"});
  refused(2, {"--corrupt", "noise=0.5"}, {"without corruption"});
  refused(2, {path("left.png")}, {"IMAGES or --data"});
  refused(4, {"--mask", path("nowhere.png")}, {"nowhere.png"});
  save_png(path("large.png"), Image{9, 8, 1, std::vector<uint8_t>(72)});
  refused(3, {"--mask", path("large.png")}, {"--mask", "large.png", "8 x 8", "9"});
  write("broken.png", read("left.png").substr(0, 40));
  refused(3, {"--mask", path("broken.png")}, {"broken.png"});
  refused(2, {"--mask", path("left.png"), "--out", path("x.gif")}, {".png or .npy"});
  refused(4, {"--mask", path("left.png"), "--out", path("nowhere/x")}, {"nowhere/x"});
  const std::string seen = told_quadrants();
  expect_failure(run_vae({"sample", seen, "--out", path("s.png")}), 2, {"vae restore"});
  expect_failure(
      run_vae({"encode", seen, "--data", data(), "--corrupt", "none", "--out", path("z.npy")}), 2,
      {"restore()"});
  expect_failure(run_vae(train_words("no", {"--condition", "seen"})), 2, {"--corrupt quadrants=1"});
  EXPECT_FALSE(exists("no"));
}

TEST_F(RestoreVerbTest, ARunThatIsToldWhatIsSeenIsWholeAndSuggestsIt) {
  const Outcome outcome = run_vae(
      {"train",     "--data",      data(),    "--out",       path("run"), "--condition", "seen",
       "--corrupt", "quadrants=2", "--prior", "conditional", "--epochs",  "1",           "--latent",
       "2",         "--encoder",   "16",      "--decoder",   "16",        "--device",    "cpu"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "restore"));
  EXPECT_TRUE(contains(read("run/config.json"), "\"condition\": \"seen\""));
  EXPECT_TRUE(exists("run/images/epoch-001-samples.png"));
  EXPECT_TRUE(exists("run/images/epoch-001-reconstructions.png"));
  EXPECT_TRUE(exists("run/images/epoch-001-manifold.png"));
  EXPECT_TRUE(contains(read("run/report.html"), "what is seen of the image"));
  EXPECT_GT(json_of({"eval", path("run"), "--data", data(), "--json"})["psnr"], 0.0);
}

}  // namespace
}  // namespace vae::test
