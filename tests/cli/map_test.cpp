// SPDX-License-Identifier: MIT
//
// Pictures of the latent space that know the labels, and pages about several runs.
#include <algorithm>
#include <set>

#include "tests/cli/cli_test.h"
#include "vae/image.h"
#include "vae/latent.h"
#include "vae/model.h"

namespace vae::test {
namespace {

/// The data set of CliTest with labels: an image's number modulo 3, of the 32 test images.
class MapTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_labels(3);
    run_ = trained("run");
  }

  std::string run_;
};

TEST_F(MapTest, DrawsEveryTestImageAndSaysWhatTheAxesExplain) {
  const nlohmann::json summary =
      json_of({"map", run_, "--data", data(), "--side", "200", "--json", "--out", path("m.png")});
  EXPECT_EQ(summary["images"], 32);
  ASSERT_EQ(summary["explained"].size(), 2u) << "three dimensions are projected";
  EXPECT_GE(summary["explained"][0], summary["explained"][1]);
  EXPECT_LE(summary["explained"][0].get<double>() + summary["explained"][1].get<double>(),
            1.0 + 1e-9);
  EXPECT_EQ(summary["files"], nlohmann::json::array({path("m.png")}));
  const Image picture = load_png(path("m.png"));
  EXPECT_GT(picture.width, 200);
  EXPECT_EQ(picture.channels, 3);
}

TEST_F(MapTest, ADrawingHasADotForEachImageAndALegend) {
  json_of({"map", run_, "--data", data(), "--limit", "20", "--json", "--out", path("m.svg")});
  const std::string svg = read("m.svg");
  std::size_t dots = 0;
  for (std::size_t at = svg.find("h0"); at != std::string::npos; at = svg.find("h0", at + 1)) {
    ++dots;
  }
  EXPECT_EQ(dots, 20u);
  for (const char* part : {">0</text>", ">1</text>", ">2</text>", "principal component"}) {
    EXPECT_TRUE(contains(svg, part)) << part;
  }
}

TEST_F(MapTest, APlaneHasItsOwnAxes) {
  const std::string plane = trained("plane", {"--latent", "2"});
  const auto summary = json_of({"map", plane, "--data", data(), "--json", "--out", path("p.svg")});
  EXPECT_TRUE(summary["explained"].empty());
  EXPECT_TRUE(contains(read("p.svg"), "latent dimension 1"));
  const std::string line = trained("line", {"--latent", "1"});
  json_of({"map", line, "--data", data(), "--json", "--out", path("l.svg")});
  EXPECT_FALSE(contains(read("l.svg"), "latent dimension 1"));
}

TEST_F(MapTest, DataWithoutLabelsHaveNoLegend) {
  std::filesystem::remove(path("data/t10k-labels-idx1-ubyte"));
  std::filesystem::remove(path("data/train-labels-idx1-ubyte"));
  json_of({"map", run_, "--data", data(), "--json", "--out", path("m.svg")});
  EXPECT_FALSE(contains(read("m.svg"), "<circle"));
  expect_failure(
      run_vae({"interpolate", run_, "--data", data(), "--from-label", "1", "--out", path("i.png")}),
      2, {"--from-label 1", "no labels"});
}

TEST_F(MapTest, InterpolatesBetweenTheImagesThatStandForTheirClasses) {
  const auto by_label = json_of({"interpolate", run_, "--data", data(), "--from-label", "1",
                                 "--to-label", "2", "--json", "--out", path("a.npy")});
  Model model = Model::load(run_, Device::cpu(1));
  const ImageSet images = Dataset::load(data()).test;
  const Array codes = model.encode(images).mean;
  EXPECT_EQ(by_label["from"], *typical_code(codes, images.labels(), 1));
  EXPECT_EQ(by_label["to"], *typical_code(codes, images.labels(), 2));
  EXPECT_EQ(by_label["from"].get<int>() % 3, 1);
  json_of({"interpolate", run_, "--data", data(), "--from", by_label["from"].dump(), "--to",
           by_label["to"].dump(), "--json", "--out", path("b.npy")});
  EXPECT_EQ(read("a.npy"), read("b.npy"));
  const Outcome said = run_vae({"interpolate", run_, "--data", data(), "--from-label", "1", "--to",
                                "5", "--out", path("c.gif")});
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_TRUE(contains(said.err, "--from-label 1: image " + by_label["from"].dump())) << said.err;
}

TEST_F(MapTest, ALabelThatIsNotThereIsAUsageErrorThatListsThoseThatAre) {
  const auto words = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"interpolate", run_, "--data", data(), "--out", path("i.png")});
    return more;
  };
  expect_failure(run_vae(words({"--to-label", "3"})), 2, {"'3'", "0, 1, 2"});
  expect_failure(run_vae(words({"--to-label", "cat"})), 2, {"'cat'", "0, 1, 2"});
  expect_failure(run_vae(words({"--to-label", "1", "--to", "4"})), 2, {"--to-label, not both"});
}

TEST_F(MapTest, ClassesAreCalledLikeTheirFolders) {
  for (int i = 0; i < 40; ++i) {
    const std::string folder = i % 2 == 0 ? "photos/cat" : "photos/7";
    std::filesystem::create_directories(path(folder));
    Image image{8, 8, 1, std::vector<uint8_t>(64, 20)};
    image.pixels[static_cast<std::size_t>(i)] = 255;
    save_png(path(folder + "/" + std::to_string(i) + ".png"), image);
  }
  const std::string run = trained("photos run", {"--data", path("photos")});
  json_of(
      {"map", run, "--data", path("photos"), "--split", "train", "--json", "--out", path("m.svg")});
  EXPECT_TRUE(contains(read("m.svg"), ">cat</text>"));
  EXPECT_TRUE(contains(read("m.svg"), ">7</text>"));
  const auto summary =
      json_of({"interpolate", run, "--data", path("photos"), "--split", "train", "--from-label",
               "cat", "--to-label", "7", "--json", "--out", path("i.npy")});
  EXPECT_NE(summary["from"], summary["to"]);
  expect_failure(run_vae({"interpolate", run, "--data", path("photos"), "--split", "train",
                          "--to-label", "dog", "--out", path("i.npy")}),
                 2, {"'dog'", "7, cat"});
}

class CompareTest : public CliTest {};

TEST_F(CompareTest, PutsRunsSideBySide) {
  trained("wide", {"--encoder", "24", "--epochs", "3"});
  trained("small & plain", {"--latent", "2"});
  const auto summary = json_of({"compare", path("wide"), path("small & plain"), "--device", "cpu",
                                "--json", "--out", path("page.html")});
  EXPECT_EQ(summary["runs"].size(), 2u);
  const std::string html = read("page.html");
  for (const char* part :
       {"2 runs compared", "small &amp; plain", "3 of 3", "2 of 2", "<tr><th>encoder</th><td>[24]",
        "<tr><th>latent</th><td>3</td><td>2</td>", "curve run-0", "curve run-1", "after epoch"}) {
    EXPECT_TRUE(contains(html, part)) << part;
  }
  for (const char* part : {"<th>activation</th>", "<script", "http:", "https:", "<link", "url("}) {
    EXPECT_FALSE(contains(html, part)) << part;
  }
  std::size_t pictures = 0;
  const std::string start = "src=\"data:image/png;base64,";
  for (std::size_t at = html.find(start); at != std::string::npos; at = html.find(start, at + 1)) {
    ++pictures;
  }
  EXPECT_EQ(pictures, 2u);
}

TEST_F(CompareTest, TheSameDrawsOfTheSameWeightsAreTheSamePicture) {
  trained("a");
  std::filesystem::copy(path("a"), path("b"), std::filesystem::copy_options::recursive);
  json_of({"compare", path("a"), path("b"), "--device", "cpu", "--json", "--out", path("p.html")});
  const std::string html = read("p.html");
  EXPECT_TRUE(contains(html, "None: these are runs of one configuration."));
  const std::string start = "src=\"data:image/png;base64,";
  const std::size_t first = html.find(start), second = html.rfind(start);
  ASSERT_NE(first, second);
  const auto picture = [&](std::size_t at) { return html.substr(at, html.find('>', at) - at); };
  EXPECT_EQ(picture(first), picture(second));
}

TEST_F(CompareTest, SaysWhereBoundsDoNotCompareAndWhereThereIsNothingToShow) {
  trained("a");
  trained("b", {"--binarization", "none"});
  std::filesystem::remove_all(path("b/checkpoints"));
  json_of({"compare", path("a"), path("b"), "--device", "cpu", "--json", "--out", path("p.html")});
  const std::string html = read("p.html");
  EXPECT_TRUE(contains(html, "The bounds do not compare: the runs differ in binarization."));
  EXPECT_TRUE(contains(html, "no samples: "));
  EXPECT_FALSE(contains(html, "<tr class=\"best\">"));
}

TEST_F(CompareTest, RefusesWhatIsNoRunAndWritesNothing) {
  trained("a");
  std::filesystem::create_directory(path("empty"));
  write("file", "text");
  const auto refuse = [&](const std::string& other, int status,
                          const std::vector<std::string>& parts) {
    expect_failure(run_vae({"compare", path("a"), path(other), "--out", path("p.html")}), status,
                   parts);
  };
  refuse("missing", 4, {"missing"});
  refuse("empty", 4, {"empty", "no run folder", "config.json"});
  refuse("file", 4, {"file", "no run folder"});
  write("empty/config.json", "no JSON");
  refuse("empty", 2, {"empty/config.json"});
  expect_failure(run_vae({"compare", path("a"), "--out", path("p.html")}), 2, {"two run folders"});
  expect_failure(run_vae({"compare", path("a"), path("a"), "--out", path("p.png")}), 2, {".html"});
  EXPECT_FALSE(exists("p.html"));
}

}  // namespace
}  // namespace vae::test
