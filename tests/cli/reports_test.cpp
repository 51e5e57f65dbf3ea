// SPDX-License-Identifier: MIT
//
// The verbs that report on standard output.
#include <algorithm>
#include <cmath>

#include "tests/cli/cli_test.h"

namespace vae::test {
namespace {

using nlohmann::json;

class EvalTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    run_ = trained("run");
  }

  std::string run_;
};

TEST_F(EvalTest, ReportsExactlyTheDocumentedKeys) {
  const json result =
      json_of({"eval", run_, "--data", data(), "--importance-samples", "20", "--json", "--quiet"});
  std::vector<std::string> keys;
  for (const auto& [key, value] : result.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"accuracy",
                                            "active_units",
                                            "average_precision",
                                            "average_precision_of_places",
                                            "average_precision_standard_error",
                                            "binarization",
                                            "bits_per_dimension",
                                            "checkpoint",
                                            "chosen_on",
                                            "device",
                                            "elbo",
                                            "elbo_standard_error",
                                            "epoch",
                                            "foreground_iou",
                                            "foreground_iou_standard_error",
                                            "importance_samples",
                                            "input_psnr",
                                            "kl",
                                            "kl_per_dimension",
                                            "kl_per_layer",
                                            "mean_iou",
                                            "mean_iou_standard_error",
                                            "mean_squared_error",
                                            "mean_squared_error_standard_error",
                                            "n",
                                            "nll",
                                            "nll_standard_error",
                                            "occupancy_iou",
                                            "occupancy_iou_standard_error",
                                            "psnr",
                                            "psnr_standard_error",
                                            "reconstruction",
                                            "seed",
                                            "split",
                                            "step",
                                            "threshold_foreground_iou",
                                            "threshold_mean_iou",
                                            "weights"}));
  EXPECT_EQ(result["n"], 32);
  EXPECT_EQ(result["weights"], "trained");
  EXPECT_EQ(result["binarization"], "dynamic");
  EXPECT_EQ(result["importance_samples"], 20);
  EXPECT_EQ(result["kl_per_dimension"].size(), 3u);
  EXPECT_EQ(result["split"], "test");
  EXPECT_EQ(result["chosen_on"], "test");
  EXPECT_NEAR(result["elbo"].get<double>(),
              result["reconstruction"].get<double>() - result["kl"].get<double>(), 1e-6);
  EXPECT_LT(result["nll"].get<double>(), -result["elbo"].get<double>() + 1.0);
}

TEST_F(EvalTest, HasNoNllWithoutImportanceSamples) {
  const json result =
      json_of({"eval", run_, "--data", data(), "--json", "--limit", "5", "--split", "train"});
  EXPECT_TRUE(result["nll"].is_null());
  EXPECT_EQ(result["n"], 5);
  EXPECT_EQ(result["split"], "train");
}

TEST_F(EvalTest, BothBoundsHaveAStandardErrorAndOneImageHasNone) {
  std::vector<std::string> words = {"eval", run_, "--data", data(), "--importance-samples", "5"};
  const std::string table = run_vae(words).out;
  for (const char* name : {"elbo", "nll(5)"}) {
    const std::size_t line = table.find(std::string("  ") + name);
    ASSERT_NE(line, std::string::npos) << table;
    EXPECT_TRUE(contains(table.substr(line, table.find('\n', line) - line), " +- ")) << table;
  }
  words.insert(words.end(), {"--limit", "1"});
  EXPECT_FALSE(contains(run_vae(words).out, "+-"));
  words.emplace_back("--json");
  const json one = json_of(words);
  EXPECT_TRUE(one["elbo_standard_error"].is_null());
  EXPECT_TRUE(one["nll_standard_error"].is_null());
  EXPECT_TRUE(one["nll"].is_number());
}

TEST_F(EvalTest, TakesTheProtocolOfTheTrainingUnlessTold) {
  const std::string grey = trained("grey", {"--binarization", "none"});
  EXPECT_EQ(json_of({"eval", grey, "--data", data(), "--json"})["binarization"], "none");
  EXPECT_EQ(json_of({"eval", grey, "--data", data(), "--json", "--binarization",
                     "static"})["binarization"],
            "static");
}

TEST_F(EvalTest, DrawsWithTheSeedOfTheRunUnlessTold) {
  for (const char* protocol : {"static", "dynamic"}) {
    const std::string run = trained(protocol, {"--binarization", protocol, "--seed", "7"});
    const std::vector<std::string> words = {"eval",   run,         "--data", data(),
                                            "--json", "--threads", "1"};
    const auto with_seed = [&](const char* seed) {
      std::vector<std::string> more = words;
      more.insert(more.end(), {"--seed", seed});
      return json_of(more);
    };
    const json result = json_of(words);
    EXPECT_EQ(result["seed"], 7);
    EXPECT_EQ(result["elbo"], with_seed("7")["elbo"]);
    EXPECT_NE(result["elbo"], with_seed("1")["elbo"]);
  }
}

TEST_F(EvalTest, SaysTheBitsOfLevels) {
  const std::string run =
      trained("levels", {"--likelihood", "beta-binomial", "--binarization", "none"});
  const std::vector<std::string> words = {"eval", run, "--data", data()};
  EXPECT_TRUE(contains(run_vae(words).out, "bits/dimension"));
  std::vector<std::string> more = words;
  more.emplace_back("--json");
  const json result = json_of(more);
  const double bits = -result["elbo"].get<double>() / (64 * std::log(2.0));  // 8 x 8 pixels
  EXPECT_NEAR(result["bits_per_dimension"].get<double>(), bits, 1e-9 * bits);
  EXPECT_TRUE(json_of({"eval", run_, "--data", data(), "--json"})["bits_per_dimension"].is_null());
  more = words;
  more.insert(more.end(), {"--binarization", "static"});
  expect_failure(run_vae(more), 2, {"beta-binomial", "256 levels", "binarization none"});
}

TEST_F(EvalTest, DoesNotCallAGreyLevelScoreALikelihood) {
  std::vector<std::string> words = {"eval", run_, "--data", data(), "--importance-samples", "5"};
  const std::string honest = run_vae(words).out;
  EXPECT_TRUE(contains(honest, "nll(5"));
  EXPECT_FALSE(contains(honest, "not a likelihood"));
  words.insert(words.end(), {"--binarization", "none"});
  const std::string labelled = run_vae(words).out;
  EXPECT_TRUE(contains(labelled, "not a likelihood"));
  EXPECT_FALSE(contains(labelled, "nll"));
}

TEST_F(EvalTest, OfImagesOfAnotherSizeSaysWhatTheModelTakes) {
  expect_failure(run_vae({"eval", run_, "--data", "mnist"}), 2, {"28x28x1", "8x8x1", "--data"});
}

TEST_F(EvalTest, PrintsTheSameNumbersTwice) {
  const std::vector<std::string> words = {"eval", run_, "--data", data(), "--json"};
  EXPECT_EQ(run_vae(words).out, run_vae(words).out);
}

TEST(DevicesTest, ListsTheCpuAndWhatAutoStandsFor) {
  const Outcome outcome = run_vae({"devices", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const json result = json::parse(outcome.out);
  bool has_cpu = false;
  for (const json& device : result["devices"]) {
    EXPECT_TRUE(device["usable"].get<bool>() || !device["reason"].get<std::string>().empty());
    has_cpu = has_cpu || (device["name"] == "cpu" && device["threads"].get<int>() > 0);
  }
  EXPECT_TRUE(has_cpu);
  EXPECT_TRUE(result["auto"].is_string());
  EXPECT_TRUE(contains(run_vae({"devices"}).out, "cpu"));
}

using InspectTest = CliTest;

TEST_F(InspectTest, SaysWhatAFileIsAndHolds) {
  const std::string run = trained("run");
  const std::string newest = run + "/checkpoints/" + checkpoints("run").back();
  EXPECT_EQ(json_of({"inspect", newest, "--json"})["kind"], "checkpoint");
  EXPECT_EQ(json_of({"inspect", newest, "--json"})["config"]["model"]["latent"], 3);
  const json folder = json_of({"inspect", run, "--json"});
  EXPECT_EQ(folder["kind"], "run folder");
  EXPECT_EQ(folder["epochs_done"], 2);
  EXPECT_EQ(json_of({"inspect", data() + "/t10k-images-idx3-ubyte", "--json"})["count"], 32);
  const Outcome text = run_vae({"inspect", run});
  EXPECT_TRUE(contains(text.out, "kind: run folder")) << text.out;
  EXPECT_TRUE(contains(text.out, "    latent: 3")) << text.out;
  EXPECT_TRUE(contains(run_vae({"inspect", newest}).out, "\n  encoder.mu.weight  F32  [3,16]\n"));
  expect_failure(run_vae({"inspect", path("nothing")}), 4, {"nothing"});
}

TEST_F(InspectTest, ADamagedCheckpointHasStatusThree) {
  const std::string run = trained("run");
  std::string bytes = read("run/checkpoints/" + checkpoints("run").front());
  ASSERT_GT(bytes.size(), 200u);
  bytes[bytes.size() - 100] ^= 1;
  write("broken.safetensors", bytes);
  expect_failure(run_vae({"inspect", path("broken.safetensors")}), 3, {"broken.safetensors"});
}

TEST_F(InspectTest, NamesCannotSteerTheTerminal) {
  const std::string name = "a\x1b[31m\xc2\x9b.png";
  write(name, read("data/t10k-images-idx3-ubyte"));
  const std::string out = run_vae({"inspect", path(name)}).out;
  EXPECT_TRUE(contains(out, "a\\x1b[31m")) << out;
  EXPECT_FALSE(contains(out, "\x1b")) << out;
  EXPECT_FALSE(contains(out, "\xc2\x9b")) << out;
}

class BenchTest : public CliTest {
 protected:
  static std::vector<std::string> words(const std::string& format) {
    return {"bench", "--encoder", "16",  "--decoder", "16",   "--height",
            "8",     "--width",   "8",   "--latent",  "3",    "--batch-size",
            "4,16",  "--threads", "1",   "--seconds", "0.02", "--warmup",
            "0.01",  "--device",  "cpu", "--output",  format, "--repetitions",
            "2"};
  }
};

TEST_F(BenchTest, MeasuresEveryBatchSizeAgainstTheFloor) {
  const json result = json_of(words("json"));
  ASSERT_EQ(result["results"].size(), 2u);
  EXPECT_EQ(result["results"][0]["batch_size"], 4);
  EXPECT_EQ(result["results"][1]["batch_size"], 16);
  for (const json& row : result["results"]) {
    EXPECT_EQ(row["threads"], 1);
    for (const char* key : {"samples_per_second", "gflop_per_second", "step_milliseconds",
                            "floor_milliseconds", "ratio_to_floor"}) {
      EXPECT_GT(row[key]["mean"].get<double>(), 0.0) << key;
    }
    EXPECT_FALSE(row["operations"].empty());
  }
  EXPECT_TRUE(result["build"].is_string());
  EXPECT_EQ(result["config"]["model"]["encoder"], json({16}));
  EXPECT_FALSE(result["config"]["training"].contains("batch_size")) << "it is not what was run";
  EXPECT_EQ(result["repetitions"], 2);
}

TEST_F(BenchTest, WritesCsvWithAHeaderAndARowEach) {
  const Outcome outcome = run_vae(words("csv"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out.rfind("batch_size,device,", 0), 0u) << outcome.out;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
}

TEST_F(BenchTest, WritesMarkdownTablesForPeople) {
  const Outcome outcome = run_vae(words("md"));
  EXPECT_EQ(outcome.out.rfind("| batch |", 0), 0u) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "| operation |"));
  expect_failure(run_vae({"bench", "--output", "xml"}), 2, {"--output", "md|csv|json"});
}

}  // namespace
}  // namespace vae::test
