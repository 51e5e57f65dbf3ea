// SPDX-License-Identifier: MIT
//
// Boxes on the command line: pictures with a file in COCO's format, a run on them, its measures,
// and what `vae detect` writes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/cli/cli_test.h"
#include "tests/support/boxed_images.h"
#include "vae/array.h"
#include "vae/detection.h"
#include "vae/image.h"

namespace vae::test {
namespace {

using nlohmann::json;

class DetectTest : public CliTest {
 protected:
  static constexpr int64_t kTrain = 40, kTest = 10;

  void SetUp() override {
    CliTest::SetUp();
    truth_ = {{"categories", {{{"id", 30}, {"name", "hollow"}}, {{"id", 20}, {"name", "full"}}}},
              {"images", json::array()},
              {"annotations", json::array()}};
    add_pictures("train", boxed_images(kTrain, 1));
    add_pictures("test", boxed_images(kTest, 2));
    write("boxes.json", truth_.dump());
  }

  /// Image i has the id 100 + i, counted through both folders.
  void add_pictures(const std::string& folder, const ImageSet& images) {
    std::filesystem::create_directories(path("pictures/" + folder));
    for (int64_t i = 0; i < images.count(); ++i) {
      const std::string name = folder + "/" + std::to_string(i) + ".png";
      save_png(path("pictures/" + name), images.image(i));
      const std::size_t id = 100 + truth_["images"].size();
      truth_["images"].push_back({{"id", id}, {"file_name", name}, {"width", 16}, {"height", 16}});
      for (const Box& box : images.boxes(i)) {
        truth_["annotations"].push_back({{"id", truth_["annotations"].size()},
                                         {"image_id", id},
                                         {"category_id", box.class_ == 0 ? 20 : 30},
                                         {"bbox", {box.x, box.y, box.width, box.height}}});
      }
    }
  }

  /// The words of a short training on the pictures, into run `name`.
  std::vector<std::string> boxes_train_words(const std::string& name) const {
    return {"train",
            "--data",
            path("pictures"),
            "--boxes",
            path("boxes.json"),
            "--out",
            path(name),
            "--target",
            "boxes",
            "--grid",
            "4x4",
            "--encoder",
            "conv 8 4x4/2, conv 8 4x4/2",
            "--heads",
            "conv 1x1",
            "--latent",
            "32",
            "--decoder",
            "skip 1, conv 16 3x3",
            "--output",
            "conv 1x1",
            "--binarization",
            "none",
            "--epochs",
            "3",
            "--batch-size",
            "8",
            "--learning-rate",
            "0.01",
            "--beta",
            "0.01",
            "--quiet",
            "--no-pictures"};
  }

  std::string trained_run() const {
    EXPECT_EQ(run_vae(boxes_train_words("run")).status, 0);
    return path("run");
  }
  std::vector<std::string> with_data(std::vector<std::string> words) const {
    for (const std::string& word : {std::string("--data"), path("pictures"), std::string("--boxes"),
                                    path("boxes.json"), std::string("--quiet")}) {
      words.push_back(word);
    }
    return words;
  }

  json truth_;
};

TEST_F(DetectTest, FindsMeasuresAndDraws) {
  const std::string run = trained_run();
  EXPECT_TRUE(contains(read("run/config.json"), "\"grid\": \"4x4\""));
  EXPECT_TRUE(contains(read("run/config.json"), "\"target_classes\": 2"));
  EXPECT_TRUE(contains(read("run/metrics.jsonl"), "\"average_precision\":"));
  const json measured = json_of(with_data({"eval", run, "--json"}));
  EXPECT_GE(measured["average_precision"], 0.0);
  EXPECT_LE(measured["average_precision"], 1.0);
  EXPECT_GT(measured["average_precision_standard_error"], 0.0);
  EXPECT_GT(measured["average_precision_of_places"], 0.0);
  EXPECT_TRUE(measured["accuracy"].is_null());
  EXPECT_TRUE(contains(run_vae(with_data({"eval", run})).out, "mAP50"));

  const json summary = json_of(
      with_data({"detect", run, "--min-score", "0.001", "--out", path("found.json"), "--json"}));
  const json found = json::parse(read("found.json"));
  ASSERT_TRUE(found.is_array());
  EXPECT_EQ(found.size(), summary["boxes"]);
  EXPECT_EQ(summary["images"], kTest);
  ASSERT_GT(found.size(), 10u);
  for (const json& box : found) {
    ASSERT_EQ(box["bbox"].size(), 4u);
    ASSERT_EQ(box["deviation"].size(), 4u);
    ASSERT_GE(box["score"], 0.001);
    ASSERT_TRUE(box["category_id"] == 20 || box["category_id"] == 30);
    const std::size_t image = box["image_id"].get<std::size_t>() - 100;
    ASSERT_GE(image, static_cast<std::size_t>(kTrain));
    ASSERT_EQ(truth_["images"].at(image)["file_name"], box["file_name"]);
  }
  EXPECT_EQ(run_vae(with_data({"detect", run, "--out", path("found.png"), "--count", "9"})).status,
            0);
  const Image drawn = load_png(path("found.png"));
  EXPECT_EQ(drawn.channels, 3);
  EXPECT_GT(drawn.width, 8 * 16 * 12);
}

TEST_F(DetectTest, PicturesThatAreNamedAreTakenAsTheyAre) {
  write_labels(3);
  const std::string run = trained("scenes", {"--scene", "digits=1-1,size=12", "--target", "boxes",
                                             "--grid", "3x3", "--binarization", "none"});
  save_npy(path("pictures.npy"), Array{{2, 12, 12}, std::vector<float>(288, 0.5f)});
  const json found = json_of(
      {"detect", run, "--images", path("pictures.npy"), "--out", path("found.json"), "--json"});
  EXPECT_EQ(found["images"], 2) << "as they are, without labels";
}

TEST_F(DetectTest, WithoutKnownBoxesNumbersArePlaces) {
  const std::string run = trained_run();
  const auto detect = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"detect", run, "--min-score", "0.001", "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return run_vae(words);
  };
  EXPECT_EQ(detect({"--images", path("pictures/test"), "--out", path("a.json")}).status, 0);
  const json found = json::parse(read("a.json"));
  EXPECT_EQ(found.back()["image_id"], kTest - 1);
  EXPECT_TRUE(found[0]["category_id"] == 0 || found[0]["category_id"] == 1);
  EXPECT_EQ(detect({"--images", path("pictures/test/3.png"), "--out", path("b.png")}).status, 0);
  EXPECT_NEAR(load_png(path("b.png")).width, 16 * 12, 4) << "about 200 pixels";
  EXPECT_EQ(
      detect({"--images", path("pictures/test"), "--count", "1", "--out", path("c.json")}).status,
      0);
  for (const json& box : json::parse(read("c.json"))) EXPECT_EQ(box["image_id"], 0);
}

TEST_F(DetectTest, BadBoxesAreNamedBeforeAnythingIsWritten) {
  const auto refused = [&](const std::vector<std::string>& parts) {
    write("boxes.json", truth_.dump());
    expect_failure(run_vae(boxes_train_words("none")), 3, parts);
    EXPECT_FALSE(exists("none"));
  };
  const json whole = truth_;
  truth_["annotations"][5]["bbox"] = {12, 12, 5, 3};
  refused({"boxes.json", "annotation 5", "leaves the image at the right"});
  truth_ = whole;
  truth_["annotations"][5]["category_id"] = 5;
  refused({"annotation 5", "no category with the id 5"});
  truth_ = whole;
  truth_["images"].erase(truth_["images"].begin());
  truth_["annotations"] = json::array();
  refused({"\"train/0.png\"", "every picture"});
  write("boxes.json", "{\"images\": [");
  expect_failure(run_vae(boxes_train_words("none")), 3, {"boxes.json", "JSON"});
  std::filesystem::remove(path("boxes.json"));
  EXPECT_NE(run_vae(boxes_train_words("none")).status, 0);
}

TEST_F(DetectTest, OtherModelsAndDataAreRefused) {
  expect_failure(run_vae({"train", "--data", data(), "--target", "boxes", "--grid", "4x4", "--out",
                          path("none"), "--quiet"}),
                 2, {"has no boxes", "--boxes"});
  expect_failure(run_vae({"train", "--data", data(), "--boxes", path("boxes.json"), "--target",
                          "boxes", "--grid", "4x4", "--out", path("none"), "--quiet"}),
                 3, {"folder of pictures"});
  const std::string run = trained("plain");
  expect_failure(run_vae({"detect", run, "--data", data(), "--out", path("x.json"), "--quiet"}), 2,
                 {"decodes no boxes (--target image)", "--target boxes"});
  expect_failure(run_vae({"detect", run, "--out", path("x.txt"), "--quiet"}), 2, {".json or .png"});
  const std::string boxes = trained_run();
  expect_failure(run_vae(with_data({"reconstruct", boxes, "--out", path("r.png")})), 2,
                 {"vae detect"});
  expect_failure(run_vae({"sample", boxes, "--out", path("s.png"), "--quiet"}), 2, {});
  EXPECT_EQ(run_vae(with_data({"reconstruct", boxes, "--out", path("r.npy")})).status, 0);
  expect_failure(run_vae(with_data({"detect", boxes, "--images", path("pictures/test"), "--out",
                                    path("x.json")})),
                 2, {"not both"});
  expect_failure(
      run_vae(with_data({"detect", boxes, "--min-score", "1.5", "--out", path("x.json")})), 2,
      {"--min-score"});
  expect_failure(run_vae({"eval", boxes, "--data", path("pictures"), "--boxes",
                          path("nowhere.json"), "--quiet"}),
                 4, {"nowhere.json"});
  EXPECT_FALSE(exists("x.json"));
}

}  // namespace
}  // namespace vae::test
