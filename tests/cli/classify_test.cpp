// SPDX-License-Identifier: MIT
//
// Classes from few known labels.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/cli_test.h"

namespace vae::test {
namespace {

/// The data set of CliTest with labels: an image's number modulo 3, of the 32 test images.
class ClassifyTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_labels(3);
    run_ = trained("run");
  }

  std::vector<std::string> words(const std::vector<std::string>& more) const {
    std::vector<std::string> all = {"classify", run_, "--data", data()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  std::string run_;
};

TEST_F(ClassifyTest, CountsWhatIsWrongForEveryDrawBesideThePixels) {
  const nlohmann::json found =
      json_of(words({"--known", "9", "--pool", "60", "--draws", "2", "--json"}));
  EXPECT_EQ(found["images"], 32);
  EXPECT_EQ(found["pool"], 60);
  EXPECT_EQ(found["known"], 9);
  ASSERT_EQ(found["errors"].size(), 2u);
  ASSERT_EQ(found["errors_on_pixels"].size(), 2u);
  const double mean = (found["errors"][0].get<double>() + found["errors"][1].get<double>()) / 2;
  EXPECT_NEAR(found["error"].get<double>(), mean, 1e-12);
  EXPECT_EQ(json_of(words({"--known", "9", "--pool", "60", "--seed", "2", "--json"}))["error"],
            found["errors"][1])
      << "the second draw is the first one of the next seed";
}

TEST_F(ClassifyTest, WritesAClassForEachImage) {
  const nlohmann::json found = json_of(words({"--out", path("labels.csv"), "--json"}));
  EXPECT_EQ(found["known"], 100) << "all";
  std::istringstream lines(read("labels.csv"));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "image,name,class,share");
  int count = 0, wrong = 0;
  for (; std::getline(lines, line); ++count) {
    EXPECT_EQ(line.rfind(std::to_string(count) + ",,", 0), 0u) << line;
    const char label = line[line.find(",,") + 2];
    EXPECT_TRUE(label >= '0' && label <= '2') << line;
    wrong += label - '0' != count % 3;
  }
  EXPECT_EQ(count, 32);
  EXPECT_NEAR(found["error"].get<double>(), wrong / 32.0, 1e-12);
}

TEST_F(ClassifyTest, AModelThatDecodesLabelsIsAskedItself) {
  const std::string run = trained("label", {"--target", "label"});
  const nlohmann::json found =
      json_of({"classify", run, "--data", data(), "--out", path("labels.csv"), "--json"});
  const nlohmann::json evaluated =
      json_of({"eval", run, "--data", data(), "--binarization", "none", "--json"});
  EXPECT_NEAR(found["error"].get<double>(), 1.0 - evaluated["accuracy"].get<double>(), 1e-12);
  EXPECT_FALSE(found.contains("error_on_pixels"));
  const std::string table = read("labels.csv");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 33);
  EXPECT_TRUE(json_of({"classify", run, "--data", data(), "--known", "9", "--json"})
                  .contains("error_on_pixels"))
      << "its codes may be spread over, too";
}

TEST_F(ClassifyTest, CodesThatWereToldTheLabelAreRefused) {
  const std::string run = trained("told", {"--condition", "label"});
  expect_failure(run_vae({"classify", run, "--data", data()}), 2,
                 {"--condition label", "--target label"});
}

TEST_F(ClassifyTest, SaysWhatIsMissing) {
  expect_failure(run_vae(words({"--known", "101"})), 2, {"--known 101", "100 training images"});
  expect_failure(run_vae(words({"--out", path("labels.txt")})), 2, {"labels.txt", ".csv"});
  std::filesystem::remove(path("data/t10k-labels-idx1-ubyte"));
  std::filesystem::remove(path("data/train-labels-idx1-ubyte"));
  expect_failure(run_vae(words({})), 2, {"no labels to compare with", "--out"});
  expect_failure(run_vae(words({"--out", path("labels.csv")})), 2,
                 {"training images have no labels"});
}

}  // namespace
}  // namespace vae::test
