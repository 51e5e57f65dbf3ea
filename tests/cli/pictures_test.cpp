// SPDX-License-Identifier: MIT
//
// A stranger's own pictures and arrays, from the first command to the codes.
#include <algorithm>

#include "tests/cli/cli_test.h"
#include "tests/support/sample_jpeg.h"
#include "tests/support/sample_npy.h"
#include "tests/support/sample_zip.h"
#include "vae/array.h"
#include "vae/image.h"

namespace vae::test {
namespace {

using nlohmann::json;

class PicturesTest : public CliTest {
 protected:
  /// `count` pictures of different sizes, PNG and JPEG in turn, in two label folders.
  void write_photos(int count) const {
    for (const char* label : {"cat", "dog"}) {
      std::filesystem::create_directories(path(std::string("photos/") + label));
    }
    for (int i = 0; i < count; ++i) {
      const Image image = photo(20 + i % 7, 16 + i % 5, i);
      const std::string name = std::string("photos/") + (i % 2 == 0 ? "cat/" : "dog/") +
                               std::to_string(i) + (i % 3 == 0 ? ".png" : ".jpg");
      i % 3 == 0 ? save_png(path(name), image) : write(name, make_jpeg(image));
    }
  }

  static Image photo(int64_t width, int64_t height, int number) {
    Image image{height, width, 3, {}};
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        for (const int64_t tone : {x * (number % 4), y * 9, 100 + 2 * x}) {
          image.pixels.push_back(static_cast<uint8_t>(tone));
        }
      }
    }
    return image;
  }

  std::vector<std::string> words(const std::string& run,
                                 const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"--data", path("photos")};
    all.insert(all.end(), more.begin(), more.end());
    return train_words(run, all);
  }
  json document(const std::string& name) const { return json::parse(read(name)); }
  static Outcome shell(const std::string& command) {
    Process process({"/bin/bash", "-c", command});
    return process.wait();
  }
};

TEST_F(PicturesTest, AFolderOfPhotographsBecomesAModelAndCodes) {
  write_photos(40);
  const Outcome refused = run_vae(words("run"));
  expect_failure(refused, 3, {"sizes, from", "to convert them:", "--size 16"});
  const Outcome trained = shell(command_in(refused.err, VAE_PROGRAM));
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_TRUE(contains(trained.err, "4 of 40 images are held out for testing")) << trained.err;
  const json config = document("run/config.json");
  EXPECT_EQ(config["data"], json({{"size", "16x16"},
                                  {"grey", false},
                                  {"rgb", false},
                                  {"transpose", false},
                                  {"test_share", 0.1}}));
  EXPECT_EQ(config["model"]["channels"], 3);
  EXPECT_EQ(json_of({"eval", path("run"), "--data", path("photos"), "--json"})["n"], 4);
  ASSERT_EQ(
      run_vae({"encode", path("run"), "--data", path("photos"), "--out", path("z.npy")}).status, 0);
  const std::string names = read("z.names.txt");
  EXPECT_EQ(load_npy(path("z.npy")).rows(), 4);
  EXPECT_EQ(std::count(names.begin(), names.end(), '\n'), 4);
  EXPECT_TRUE(contains(names, "cat/") || contains(names, "dog/")) << names;
  // All of them, in natural order.
  ASSERT_EQ(
      run_vae({"encode", path("run"), "--images", path("photos"), "--out", path("a.npy")}).status,
      0);
  EXPECT_EQ(load_npy(path("a.npy")).rows(), 40);
  EXPECT_EQ(read("a.names.txt").substr(0, 32), "cat/0.png\ncat/2.jpg\ncat/4.jpg\nca");
  ASSERT_EQ(run_vae({"reconstruct", path("run"), "--data", path("photos"), "--out", path("r.png")})
                .status,
            0);
  const json found = json_of({"inspect", path("photos"), "--size", "16", "--json"});
  EXPECT_EQ(found["label_names"], json({"cat", "dog"}));
  EXPECT_EQ(found["train_images"], 36);
  EXPECT_EQ(json_of({"inspect", path("photos/dog/1.jpg"), "--json"})["kind"], "jpeg");
}

TEST_F(PicturesTest, AResumedRunMeansTheSameImages) {
  write_photos(20);
  ASSERT_EQ(run_vae(words("run", {"--size", "8", "--grey"})).status, 0);
  const auto resume = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = {"train",  "--resume",     "--out",        path("run"),
                                    "--data", path("photos"), "--no-pictures"};
    all.insert(all.end(), more.begin(), more.end());
    return run_vae(all);
  };
  EXPECT_EQ(resume({"--epochs", "3"}).status, 0);
  expect_failure(resume({"--size", "9"}), 2, {"--size: the run has \"8x8\", asked for \"9x9\""});
  expect_failure(resume({"--test-share", "0.2"}), 2, {"--test-share: the run has 0.1"});
  // The same pixels from a file that changed: the fingerprint covers the source.
  write("photos/cat/0.png", read("photos/cat/0.png") + "\n");
  expect_failure(resume({}), 2, {"was trained on photos (fingerprint"});
}

TEST_F(PicturesTest, ABadPictureIsNamedAndSkippedOnRequest) {
  write_photos(20);
  write("photos/dog/5.jpg", "not a picture");
  const std::vector<std::string> size = {"--size", "8"};
  const Outcome refused = run_vae(words("run", size));
  expect_failure(refused, 3, {"photos/dog/5.jpg", "--skip-bad"});
  const Outcome skipped = shell(command_in(refused.err, VAE_PROGRAM));
  EXPECT_EQ(skipped.status, 0) << skipped.err;
  EXPECT_TRUE(contains(skipped.err, "1 bad pictures left out")) << skipped.err;
  EXPECT_EQ(document("run/run.json")["skipped_pictures"], 1);
  expect_failure(run_vae({"eval", path("run"), "--data", path("photos")}), 3, {"dog/5.jpg"});
  EXPECT_EQ(run_vae({"eval", path("run"), "--data", path("photos"), "--skip-bad"}).status, 0);
}

TEST_F(PicturesTest, APhotographIsReadByAModelOfGreyDigits) {
  const std::string run = trained("run");  // of 8 x 8 grey pixels
  write("photo.jpg", make_jpeg(photo(30, 20, 1)));
  const Outcome refused =
      run_vae({"encode", run, "--images", path("photo.jpg"), "--out", path("z.npy")});
  expect_failure(refused, 3, {"8 x 8 pixels in grey", "--size 8x8 --grey"});
  EXPECT_EQ(shell(command_in(refused.err, VAE_PROGRAM)).status, 0);
  EXPECT_EQ(load_npy(path("z.npy")).rows(), 1);
}

TEST_F(PicturesTest, ArraysOfPythonAreADataSet) {
  std::string pixels;
  for (int i = 0; i < 40 * 36; ++i) pixels += static_cast<char>(i * 37 % 251);
  write("x.npy", make_npy_file("|u1", "(40, 1, 6, 6)", pixels));
  ASSERT_EQ(run_vae(train_words("a", {"--data", path("x.npy")})).status, 0);
  EXPECT_EQ(document("a/config.json")["data"]["test_share"], 0.1);
  EXPECT_EQ(json_of({"eval", path("a"), "--data", path("x.npy"), "--json"})["n"], 4);
  const std::string labels = make_npy_file("|u1", "(40,)", std::string(40, '\1'));
  write("d.npz", make_zip({{"x_train.npy", read("x.npy"), true},
                           {"y_train.npy", labels},
                           {"x_test.npy", read("x.npy")}}));
  ASSERT_EQ(run_vae(train_words("b", {"--data", path("d.npz")})).status, 0);
  EXPECT_FALSE(document("b/config.json").contains("data"));
  const json found = json_of({"inspect", path("d.npz"), "--json"});
  EXPECT_EQ(found["test_images"], 40);
  EXPECT_EQ(found["train"]["images_of_label"]["1"], 40);
  EXPECT_EQ(json_of({"inspect", path("x.npy"), "--json"})["shape"], json({40, 1, 6, 6}));
}

}  // namespace
}  // namespace vae::test
