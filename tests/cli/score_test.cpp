// SPDX-License-Identifier: MIT
//
// How odd images are.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/cli_test.h"
#include "vae/anomaly.h"
#include "vae/array.h"
#include "vae/image.h"
#include "vae/model.h"
#include "vae/roc.h"

namespace vae::test {
namespace {

constexpr int64_t kOthers = 20;

/// The bars of CliTest, and other images: of scattered bright pixels.
class ScoreTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    run_ = trained("run");
    std::vector<uint8_t> pixels;
    for (int64_t i = 0; i < kOthers * 64; ++i) {
      pixels.push_back(static_cast<uint8_t>(i * i * 7 % 253 * (i % 3)));
    }
    save_npy(path("other.npy"), {kOthers, 8, 8}, pixels);
  }

  std::vector<std::string> words(const std::vector<std::string>& more) const {
    std::vector<std::string> all = {"score", run_, "--data", data()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// The lines of a .csv file but the first, by their fields.
  std::vector<std::vector<std::string>> rows_of(const std::string& name) const {
    std::istringstream lines(read(name));
    std::vector<std::vector<std::string>> rows;
    for (std::string line; std::getline(lines, line);) {
      rows.emplace_back();
      std::istringstream fields(line);
      for (std::string field; std::getline(fields, field, ',');) rows.back().push_back(field);
    }
    EXPECT_EQ(rows.front(),
              (std::vector<std::string>{"set", "image", "name", "score", "p_value",
                                        "reconstruction", "kl", "squared_error", "zlib"}));
    rows.erase(rows.begin());
    return rows;
  }

  std::string run_;
};

TEST_F(ScoreTest, WritesTheLibrarysNumbersOfEachImage) {
  const nlohmann::json summary = json_of(
      words({"--against", path("other.npy"), "--samples", "2", "--out", path("s.csv"), "--json"}));
  EXPECT_EQ(summary["images"], 32);
  EXPECT_EQ(summary["against"], kOthers);
  EXPECT_EQ(summary["calibrated_on"], "train");
  EXPECT_EQ(summary["calibration_images"], 100);
  EXPECT_EQ(summary["files"], nlohmann::json::array({path("s.csv")}));

  Model model = Model::load(run_, Device::cpu(1));
  const Dataset bars = Dataset::load(data());
  const AnomalyOptions options{2, {}, {}, {}};
  const AnomalyDetector detector(anomaly_features(model, calibration_images(bars), options));
  const std::map<std::string, ImageSet> sets = {
      {"data", bars.test}, {"against", load_images(path("other.npy"), model.config())}};
  const auto rows = rows_of("s.csv");
  ASSERT_EQ(rows.size(), 32u + kOthers);
  for (const auto& [set, images] : sets) {
    const AnomalyFeatures features = anomaly_features(model, images, options);
    const AnomalyScores scores = detector.score(features);
    const std::size_t before = set == "data" ? 0 : 32;
    for (std::size_t i = 0; i < scores.distances.size(); ++i) {
      const std::vector<std::string>& row = rows[before + i];
      ASSERT_EQ(row.size(), 9u);
      EXPECT_EQ(row[0], set);
      EXPECT_EQ(row[1], std::to_string(i));
      EXPECT_NEAR(std::stod(row[3]), scores.distances[i], 1e-4 * scores.distances[i]);
      EXPECT_NEAR(std::stod(row[4]), scores.p_values[i], 1e-5);
      for (std::size_t j = 0; j < 4; ++j) {
        const double value = features.values.row(static_cast<int64_t>(i))[j];
        EXPECT_NEAR(std::stod(row[5 + j]), value, 1e-4 * (1.0 + value)) << j;
      }
    }
  }
}

TEST_F(ScoreTest, MeasuresHowWellTheSetsAreToldApart) {
  const nlohmann::json summary =
      json_of(words({"--against", path("other.npy"), "--out", path("s.csv"), "--json"}));
  std::map<std::string, std::vector<std::vector<double>>> columns;
  for (const auto& row : rows_of("s.csv")) {
    auto& own = columns[row[0]];
    own.resize(4);
    own[0].push_back(std::stod(row[3]));
    own[1].push_back(std::stod(row[8]));
    own[2].push_back(-std::stod(row[8]));
    own[3].push_back(std::stod(row[5]) + std::stod(row[6]));
  }
  int at = 0;
  for (const char* key : {"auroc", "auroc_zlib", "auroc_zlib_turned", "auroc_likelihood"}) {
    const auto index = static_cast<std::size_t>(at++);
    const RocCurve expected = roc_curve(columns["data"][index], columns["against"][index]);
    EXPECT_NEAR(summary[key].get<double>(), expected.area, 2e-3) << key;
    EXPECT_NEAR(summary[std::string(key) + "_standard_error"].get<double>(),
                expected.standard_error, 2e-3)
        << key;
  }
  EXPECT_GT(summary["auroc"], 0.95) << "scattered pixels are no bars";
  EXPECT_GT(summary["alarms_against"], 0.9);
  EXPECT_LT(summary["alarms"], 0.5);
}

TEST_F(ScoreTest, PrintsTheLikelihoodAsRefusedAndDrawsTheCurves) {
  const Outcome said = run_vae(words({"--against", path("other.npy"), "--roc", path("roc.png")}));
  EXPECT_EQ(said.status, 0) << said.err;
  for (const char* part : {"calibrated on 100 train images", "the score", "zlib, short ones odd",
                           "refused as a score"}) {
    EXPECT_TRUE(contains(said.out, part)) << part << " is not in: " << said.out;
  }
  EXPECT_EQ(load_png(path("roc.png")).channels, 3);
}

TEST_F(ScoreTest, OfASourceWithTestImagesTheseAreOthers) {
  const nlohmann::json summary = json_of(words({"--against", data(), "--json"}));
  EXPECT_EQ(summary["against"], 32);
  EXPECT_EQ(summary["auroc"], 0.5) << "the same images";
  EXPECT_EQ(json_of(words({"--against", data(), "--limit", "7", "--json"}))["against"], 7);
}

TEST_F(ScoreTest, CalibratesOnImagesThatWereSetAside) {
  const std::string run = trained("validated", {"--validation", "30"});
  const std::vector<std::string> start = {"score", run, "--data", data(), "--out", path("s.csv")};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), start.begin(), start.end());
    return more;
  };
  const nlohmann::json summary = json_of(with({"--json"}));
  EXPECT_EQ(summary["calibrated_on"], "validation");
  EXPECT_EQ(summary["calibration_images"], 30);
  EXPECT_TRUE(summary["against"].is_null());
  EXPECT_TRUE(contains(run_vae(with({"--split", "validation"})).err, "calibrated on, too"));
  EXPECT_FALSE(contains(run_vae(with({"--split", "train"})).err, "calibrated on, too"));
  EXPECT_TRUE(contains(run_vae(words({"--split", "train", "--out", path("s.csv")})).err,
                       "calibrated on, too"));
}

TEST_F(ScoreTest, PicturesHaveTheirNames) {
  std::filesystem::create_directory(path("pictures"));
  for (const char* name : {"a,b.png", "c.png"}) {
    save_png(path(std::string("pictures/") + name), {8, 8, 1, std::vector<uint8_t>(64, 90)});
  }
  json_of(words({"--images", path("pictures"), "--out", path("s.csv"), "--json"}));
  const std::string table = read("s.csv");
  EXPECT_TRUE(contains(table, "data,0,\"a,b.png\",")) << table;
  EXPECT_TRUE(contains(table, "data,1,c.png,")) << table;
}

TEST_F(ScoreTest, ALikelihoodIsRefusedWithTheReason) {
  expect_failure(run_vae(words({"--by", "likelihood", "--out", path("s.csv")})), 2,
                 {"--by likelihood", "short code under every model", "0.28"});
  EXPECT_FALSE(exists("s.csv"));
}

TEST_F(ScoreTest, ModelsThatSayNothingOfOddnessAreRefused) {
  write_labels(3);
  const auto refused = [&](const std::string& name, const std::vector<std::string>& more,
                           const std::string& part) {
    const std::string run = trained(name, more);
    expect_failure(run_vae({"score", run, "--data", data(), "--out", path("s.csv")}), 2, {part});
  };
  refused("labels", {"--target", "label"}, "--target label");
  refused("told", {"--condition", "label"}, "--condition label");
  refused("noise", {"--corrupt", "noise=0.5"}, "--corrupt");
  EXPECT_FALSE(exists("s.csv"));
}

TEST_F(ScoreTest, SaysWhatIsMissingOrWrong) {
  expect_failure(run_vae(words({})), 2, {"--out", "--against"});
  expect_failure(run_vae(words({"--out", path("s.csv"), "--roc", path("r.png")})), 2,
                 {"--roc", "--against PATH"});
  expect_failure(run_vae(words({"--out", path("s.txt")})), 2, {"s.txt", ".csv"});
  expect_failure(run_vae(words({"--against", path("no")})), 4, {path("no")});
  save_npy(path("large.npy"), {2, 9, 9}, std::vector<uint8_t>(162));
  expect_failure(run_vae(words({"--against", path("large.npy"), "--out", path("s.csv")})), 3,
                 {"large.npy", "8 x 8", "--size 8x8"});
  const std::string few = trained("few", {"--validation", "19"});
  expect_failure(run_vae({"score", few, "--data", data(), "--out", path("s.csv")}), 2,
                 {"19 images to calibrate on"});
  EXPECT_FALSE(exists("s.csv"));
}

}  // namespace
}  // namespace vae::test
