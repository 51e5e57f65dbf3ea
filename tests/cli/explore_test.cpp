// SPDX-License-Identifier: MIT
//
// `vae explore`; tests/browser opens its pages.
#include <algorithm>

#include "tests/cli/cli_test.h"

namespace vae::test {
namespace {

class ExploreTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_labels(3);
  }
  nlohmann::json explored(const std::string& run, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"explore", run, "--data", data(), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return json_of(words);
  }
};

TEST_F(ExploreTest, WritesAPageOfTheRunIntoItsFolderAndSaysWhatItHolds) {
  const std::string run = trained("run <b>");
  const nlohmann::json said = explored(run);
  EXPECT_EQ(said["files"], nlohmann::json::array({run + "/explore.html"}));
  const std::string html = read("run <b>/explore.html");
  EXPECT_EQ(said["bytes"], html.size());
  EXPECT_EQ(said["images"], 32);
  EXPECT_EQ(said["latents"].size(), 3u);
  EXPECT_EQ(said["layers"], (nlohmann::json{"decoder.0: 16", "decoder.output: dense 8x8x1"}));
  EXPECT_EQ(said["weight_bits"], 16);
  EXPECT_LT(said["largest_difference"], 0.5 / 255);
  EXPECT_EQ(said["epoch"], 2);
  EXPECT_TRUE(contains(html, "<title>Explorer: run &lt;b&gt;</title>"));
  EXPECT_FALSE(exists("run <b>/report.html")) << "this run has no report";
}

TEST_F(ExploreTest, TheReportTellsOfAPageBesideIt) {
  std::vector<std::string> words = train_words("run");
  words.erase(std::find(words.begin(), words.end(), "--no-pictures"));
  ASSERT_EQ(run_vae(words).status, 0);
  const std::string run = path("run"), link = "href=\"explore.html\"";
  explored(run, {"--out", path("elsewhere.html")});
  EXPECT_FALSE(contains(read("run/report.html"), link));
  explored(run);
  EXPECT_TRUE(contains(read("run/report.html"), link));
}

TEST_F(ExploreTest, TakesSoManyImagesOfASplitAsItIsTold) {
  const std::string run = trained("run");
  const std::string out = path("page.html");
  EXPECT_EQ(explored(run, {"--split", "train", "--out", out})["images"], 100);
  EXPECT_EQ(explored(run, {"--split", "train", "--dots", "7", "--out", out})["images"], 7);
  EXPECT_EQ(explored(run, {"--limit", "5", "--out", out})["images"], 5);
  EXPECT_FALSE(exists("run/explore.html"));
}

TEST_F(ExploreTest, ACheckpointAloneNeedsAPlaceForThePage) {
  const std::string run = trained("run");
  const std::string file = run + "/checkpoints/best.safetensors";
  expect_failure(run_vae({"explore", file, "--data", data()}), 2, {"best.safetensors", "--out"});
  EXPECT_EQ(explored(file, {"--out", path("page.html")})["images"], 32);
}

TEST_F(ExploreTest, RefusesByNameWhatAPageCannotDecodeAndWritesNothing) {
  const auto refuse = [&](const std::string& run, const std::vector<std::string>& parts) {
    expect_failure(run_vae({"explore", run, "--data", data()}), 2, parts);
    EXPECT_FALSE(exists(run + "/explore.html"));
  };
  refuse(trained("skip", {"--decoder", "16, skip 0"}), {"decoder.1 (skip 0)"});
  refuse(trained("label", {"--target", "label"}), {"vae explore", "--target label"});
  const std::string run = trained("run");
  expect_failure(run_vae({"explore", run, "--data", data(), "--out", path("p.png")}), 2, {".html"});
  expect_failure(run_vae({"explore", path("none"), "--data", data()}), 4, {"none"});
  expect_failure(run_vae({"explore", run}), 2, {"28x28x1", "8x8x1"});
}

}  // namespace
}  // namespace vae::test
