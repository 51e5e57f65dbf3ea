// SPDX-License-Identifier: MIT
//
// Models that decode labels, masks or images before their corruption, on the command line.
#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "tests/cli/cli_test.h"
#include "vae/array.h"
#include "vae/image.h"

namespace vae::test {
namespace {

using nlohmann::json;

/// Image i has label i % 4, and bright pixels have class 1.
class TargetVerbsTest : public CliTest {
 protected:
  static constexpr int64_t kTrain = 100, kTest = 32, kPixels = 64;

  void SetUp() override {
    CliTest::SetUp();
    write_labels(4);
    masks_ = {{kTrain + kTest, 8, 8}, {}};
    for (const char* part : {"train", "t10k"}) {
      const std::string file = read(std::string("data/") + part + "-images-idx3-ubyte");
      for (std::size_t i = 16; i < file.size(); ++i) {
        masks_.values.push_back(static_cast<uint8_t>(file[i]) >= 128 ? 1.0f : 0.0f);
      }
    }
    save_npy(path("masks.npy"), masks_);
  }

  Array masks_;
};

TEST_F(TargetVerbsTest, LabelsAreDecodedAndCounted) {
  const std::string run = trained("run", {"--target", "label"});
  EXPECT_TRUE(contains(read("run/config.json"), "\"target_classes\": 4"));
  EXPECT_TRUE(contains(read("run/metrics.jsonl"), "\"accuracy\":"));
  const json found = json_of({"eval", run, "--data", data(), "--json"});
  EXPECT_GE(found["accuracy"], 0.0);
  EXPECT_LE(found["accuracy"], 1.0);
  EXPECT_TRUE(contains(run_vae({"eval", run, "--data", data()}).out, "right classes"));
  EXPECT_EQ(run_vae({"reconstruct", run, "--data", data(), "--count", "9", "--out", path("p.npy")})
                .status,
            0);
  EXPECT_EQ(load_npy(path("p.npy")).shape, (std::vector<int64_t>{9, 4}));
  EXPECT_EQ(run_vae({"encode", run, "--data", data(), "--out", path("z.npy")}).status, 0);
  EXPECT_EQ(run_vae({"decode", run, path("z.npy"), "--out", path("d.npy")}).status, 0);
  EXPECT_EQ(load_npy(path("d.npy")).shape, (std::vector<int64_t>{kTest, 4}));
}

TEST_F(TargetVerbsTest, VerbsThatDrawImagesSayThatThereAreNone) {
  const std::string run = trained("run", {"--target", "label"});
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"sample", run, "--out", path("s.png")},
           {"interpolate", run, "--data", data(), "--out", path("s.png")},
           {"traverse", run, "--out", path("s.png")},
           {"manifold", run, "--out", path("s.png")}}) {
    expect_failure(run_vae(words), 2, {"vae " + words.front(), "--target label", "vae eval"});
  }
  expect_failure(run_vae({"reconstruct", run, "--data", data(), "--out", path("s.png")}), 2,
                 {"FILE.npy"});
  EXPECT_FALSE(exists("s.png"));
}

TEST_F(TargetVerbsTest, MasksComeFromAFile) {
  const std::string masks = path("masks.npy");
  const Outcome outcome = run_vae({"train", "--data", data(), "--out", path("run"), "--target",
                                   "mask", "--masks", masks, "--epochs", "1", "--latent", "3",
                                   "--encoder", "16", "--decoder", "16", "--device", "cpu"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "--masks")) << "what it suggests works as it is typed";
  EXPECT_EQ(load_png(path("run/images/epoch-001-reconstructions.png")).channels, 3);
  EXPECT_FALSE(exists("run/images/epoch-001-samples.png"));
  const std::string run = path("run");
  EXPECT_EQ(json_of({"eval", run, "--data", data(), "--masks", masks, "--json"})["n"], kTest);
  expect_failure(run_vae({"eval", run, "--data", data()}), 2, {"no masks", "--masks"});
  EXPECT_EQ(run_vae({"reconstruct", run, "--data", data(), "--out", path("r.png")}).status, 0);
  EXPECT_EQ(run_vae({"reconstruct", run, "--data", data(), "--out", path("r.npy")}).status, 0);
  EXPECT_EQ(load_npy(path("r.npy")).shape, (std::vector<int64_t>{16, 2 * kPixels}));
  masks_.shape = {kTrain + kTest - 1, 8, 8};
  masks_.values.resize(masks_.values.size() - kPixels);
  save_npy(path("short.npy"), masks_);
  expect_failure(run_vae(train_words("no", {"--target", "mask", "--masks", path("short.npy")})), 3,
                 {"short.npy", "expected masks [132, 8, 8]", "[131, 8, 8]"});
  expect_failure(run_vae(train_words("no", {"--target", "mask", "--masks", path("data")})), 3,
                 {"--masks", "a folder of pictures"});
  expect_failure(run_vae(train_words("no", {"--target", "mask"})), 2, {"no masks", "--masks"});
  EXPECT_FALSE(exists("no"));
}

TEST_F(TargetVerbsTest, MasksOfPicturesAreAFolderOfTheirNames) {
  const auto picture = [](uint8_t first) {
    Image image{4, 6, 1, std::vector<uint8_t>(24, 10)};
    image.pixels[0] = first;
    return image;
  };
  for (const char* folder : {"photos/a", "masks/a"})
    std::filesystem::create_directories(path(folder));
  for (int i = 0; i < 12; ++i) {
    const std::string name = "/a/" + std::to_string(i) + ".png";
    save_png(path("photos" + name), picture(static_cast<uint8_t>(20 * i)));
    Image mask = picture(static_cast<uint8_t>(i % 3));
    std::replace(mask.pixels.begin(), mask.pixels.end(), uint8_t{10}, uint8_t{0});
    save_png(path("masks" + name), mask);
  }
  const std::vector<std::string> more = {"--data",  path("photos"), "--target", "mask",
                                         "--masks", path("masks"),  "--size",   "3x2"};
  trained("run", more);
  EXPECT_TRUE(contains(read("run/config.json"), "\"target_classes\": "));
  save_png(path("masks/a/5.png"), Image{4, 5, 1, std::vector<uint8_t>(20)});
  expect_failure(run_vae(train_words("no", more)), 3, {"masks/a/5.png", "5 x 4", "6 x 4"});
  save_png(path("masks/a/5.png"), Image{4, 6, 3, std::vector<uint8_t>(72)});
  expect_failure(run_vae(train_words("no", more)), 3, {"masks/a/5.png", "8-bit grey"});
  std::filesystem::remove(path("masks/a/5.png"));
  expect_failure(run_vae(train_words("no", more)), 4, {"masks/a/5.png", "a/5.png"});
  EXPECT_FALSE(exists("no"));
}

TEST_F(TargetVerbsTest, CorruptedImagesAreRestored) {
  const std::string run = trained("run", {"--corrupt", "noise=0.5", "--binarization", "none"});
  EXPECT_TRUE(contains(read("run/config.json"), "\"corrupt\": \"noise=0.5\""));
  const json found = json_of({"eval", run, "--data", data(), "--json"});
  EXPECT_GT(found["psnr"], 0.0);
  EXPECT_GT(found["psnr_standard_error"], 0.0);
  EXPECT_GT(found["input_psnr"], 0.0);
  EXPECT_TRUE(contains(read("run/metrics.jsonl"), "\"psnr\":"));
  EXPECT_TRUE(contains(run_vae({"eval", run, "--data", data()}).out, "PSNR"));
  const auto restored = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> words = {"reconstruct", run, "--data", data(), "--out", path(out)};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(run_vae(words).status, 0);
  };
  restored("a.npy", {});
  restored("b.npy", {"--corrupt", "none"});
  restored("c.png", {});
  EXPECT_NE(load_npy(path("a.npy")).values, load_npy(path("b.npy")).values);
  const json clean = json_of({"eval", run, "--data", data(), "--corrupt", "none", "--json"});
  EXPECT_TRUE(clean["input_psnr"].is_null()) << "infinite";
  const std::string plain = trained("plain");
  expect_failure(run_vae({"eval", plain, "--data", data(), "--corrupt", "noise=0.5"}), 2,
                 {"trained without corruption"});
  expect_failure(run_vae(train_words("no", {"--corrupt", "quadrants=5"})), 2, {"1, 2 or 3"});
  expect_failure(run_vae(train_words("no", {"--corrupt", "blur=1"})), 2, {"noise=SIGMA"});
}

}  // namespace
}  // namespace vae::test
