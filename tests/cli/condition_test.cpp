// SPDX-License-Identifier: MIT
//
// Models that are told labels or side vectors, on the command line.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/cli/cli_test.h"
#include "vae/array.h"
#include "vae/dataset.h"
#include "vae/image.h"

namespace vae::test {
namespace {

using nlohmann::json;

/// The data set with labels: image i has i % 4.
class ConditionVerbsTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_labels(4);
  }
};

TEST_F(ConditionVerbsTest, AClassIsSampledAndAllOfThemAreAGrid) {
  const std::string run = trained("run", {"--condition", "label"});
  EXPECT_TRUE(contains(read("run/config.json"), "\"condition\": \"label\""));
  const json model = json_of({"inspect", path("run/checkpoints/best.safetensors"), "--json"});
  constexpr int64_t kFour = 4;
  EXPECT_EQ(model["config"]["model"]["classes"], kFour);
  const auto sample = [&](const std::string& label, const std::string& count,
                          const std::string& out) {
    EXPECT_EQ(
        run_vae({"sample", run, "--label", label, "--count", count, "--out", path(out)}).status, 0);
  };
  sample("all", "4", "all.npy");
  sample("1", "4", "one.npy");
  const Array all = load_npy(path("all.npy")), one = load_npy(path("one.npy"));
  EXPECT_EQ(all.rows(), 4 * kFour);
  EXPECT_EQ(one.values, std::vector<float>(all.row(4), all.row(8)));
  sample("all", "4", "all.npz");
  const Dataset drawn = Dataset::load(path("all.npz"));
  ASSERT_EQ(drawn.train.count() + drawn.test.count(), 4 * kFour) << "all of it, in two splits";
  for (int64_t i = 0; i < drawn.train.count(); ++i) {
    // A data set without test images gives some away: the others are found by their pixels.
    const auto pixels = drawn.train.slice(i, 1).pixels();
    const auto is_row = [&](int64_t row) {
      return std::equal(pixels.begin(), pixels.end(), all.row(row), [](uint8_t byte, float value) {
        return std::abs(byte / 255.0f - value) <= 1.0f / 509.0f;
      });
    };
    const int64_t first = 4 * drawn.train.labels()[static_cast<std::size_t>(i)];
    EXPECT_TRUE(is_row(first) || is_row(first + 1) || is_row(first + 2) || is_row(first + 3)) << i;
  }
  sample("all", "4", "all.png");
  const Image grid = load_png(path("all.png"));
  EXPECT_GT(grid.height, 0);
  EXPECT_NE(
      run_vae({"sample", run, "--label", "all", "--columns", "2", "--out", path("no.png")}).status,
      0);
}

TEST_F(ConditionVerbsTest, VerbsTakeTheLabelsOfTheDataOrAnOption) {
  const std::string run = trained("run", {"--condition", "label"});
  EXPECT_EQ(json_of({"eval", run, "--data", data(), "--json"})["n"], 32);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"encode", run, "--data", data(), "--out", path("z.npy")},
           {"decode", run, path("z.npy"), "--label", "1", "--out", path("d.png")},
           {"reconstruct", run, "--data", data(), "--out", path("r.png")},
           {"interpolate", run, "--data", data(), "--out", path("i.png")},
           {"traverse", run, "--label", "0", "--out", path("t.png")},
           {"traverse", run, "--data", data(), "--index", "2", "--out", path("u.png")},
           {"map", run, "--data", data(), "--out", path("m.png")}}) {
    const Outcome outcome = run_vae(words);
    EXPECT_EQ(outcome.status, 0) << words.front() << ": " << outcome.err;
  }
}

TEST_F(ConditionVerbsTest, WhatTheModelIsToldMustBeThere) {
  const std::string run = trained("run", {"--condition", "label"});
  expect_failure(run_vae({"sample", run, "--out", path("s.png")}), 2,
                 {"told a label", "--label (0 to 3)"});
  expect_failure(run_vae({"sample", run, "--label", "horse", "--out", path("s.png")}), 2,
                 {"--label horse", "no such class"});
  expect_failure(run_vae({"traverse", run, "--out", path("s.png")}), 2, {"--label"});
  const std::string plain = trained("plain");
  expect_failure(run_vae({"sample", plain, "--label", "1", "--out", path("s.png")}), 2,
                 {"trained without labels"});
  expect_failure(run_vae(train_words("few", {"--condition", "label", "--classes", "1"})), 2,
                 {"the label of image", "--classes"});
  expect_failure(run_vae(train_words("few", {"--classes", "4"})), 2, {"--condition label"});
  EXPECT_FALSE(exists("s.png"));
}

TEST_F(ConditionVerbsTest, SideVectorsComeFromAFile) {
  constexpr int64_t kAll = 132;
  Array side{{kAll, 2}, {}};
  for (int64_t i = 0; i < 2 * kAll; ++i) side.values.push_back(static_cast<float>(i % 3));
  save_npy(path("side.npy"), side);
  const std::string run =
      trained("run", {"--condition", "side", "--side-vectors", path("side.npy")});
  EXPECT_TRUE(contains(read("run/config.json"), "\"side_size\": 2"));
  EXPECT_EQ(
      json_of({"eval", run, "--data", data(), "--side-vectors", path("side.npy"), "--json"})["n"],
      32);
  expect_failure(run_vae({"eval", run, "--data", data()}), 2, {"--side-vectors"});
  side.shape = {kAll - 1, 2};
  side.values.resize(side.values.size() - 2);
  save_npy(path("short.npy"), side);
  expect_failure(
      run_vae(train_words("no", {"--condition", "side", "--side-vectors", path("short.npy")})), 3,
      {"short.npy", "expected an array ["});
  EXPECT_FALSE(exists("no"));
}

}  // namespace
}  // namespace vae::test
