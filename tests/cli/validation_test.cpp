// SPDX-License-Identifier: MIT
//
// Which checkpoint the verbs use, and the images set aside to choose it by.
#include <algorithm>
#include <sstream>

#include "tests/cli/cli_test.h"
#include "vae/array.h"

namespace vae::test {
namespace {

using nlohmann::json;

class ValidationShareTest : public CliTest {
 protected:
  static std::size_t longest_line(const std::string& text) {
    std::istringstream lines(text);
    std::size_t longest = 0;
    for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
    return longest;
  }
  /// The lines of one split in a run's log.
  std::vector<json> lines(const std::string& run, const std::string& split) const {
    std::istringstream text(read(run + "/metrics.jsonl"));
    std::vector<json> found;
    for (std::string line; std::getline(text, line);) {
      json object = json::parse(line);
      if (object["split"] == split) found.push_back(std::move(object));
    }
    return found;
  }
  std::vector<std::string> eval(const std::string& run, const std::string& split) const {
    return {"eval", path(run), "--data", data(), "--split", split, "--json", "--quiet"};
  }
};

TEST_F(ValidationShareTest, IsTakenFromTheTrainingImagesAndShownEverywhere) {
  const Outcome outcome = run_vae(train_words("run", {"--validation", "0.1"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, ", validation -")) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "validation  elbo ")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "chosen on the validation images\n")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "\n                 reconstruction - 1 kl = -")) << outcome.out;
  EXPECT_LE(longest_line(outcome.out), 80u) << outcome.out;
  ASSERT_EQ(lines("run", "validation").size(), 2u);
  EXPECT_EQ(lines("run", "validation")[0]["images"], 10);
  EXPECT_EQ(lines("run", "train")[0]["images"], 90);
  EXPECT_EQ(json::parse(read("run/config.json"))["training"]["validation"], 0.1);
  const Outcome dry = run_vae(train_words("dry", {"--validation", "25", "--dry-run"}));
  EXPECT_TRUE(contains(dry.err, "75 training, 25 validation and 32 test images")) << dry.err;
}

TEST_F(ValidationShareTest, IsFoundAgainByEvalWhateverTheSeedOfTheTraining) {
  for (const char* seed : {"1", "2"}) {
    const std::string run = std::string("run") + seed;
    const json summary =
        json_of(train_words(run, {"--validation", "10", "--seed", seed, "--json"}));
    EXPECT_EQ(summary["best"]["chosen_on"], "validation");
    EXPECT_EQ(summary["validation"]["images"], 10);
    std::vector<std::string> words = eval(run, "validation");
    words.insert(words.end(), {"--seed", seed});
    EXPECT_EQ(json_of(words)["n"], 10);
    EXPECT_EQ(json_of(eval(run, "train"))["n"], 90) << "what it was trained on";
    EXPECT_EQ(json_of(eval(run, "test"))["n"], 32);
  }
  const json best = json::parse(read("run1/run.json"))["best"];
  EXPECT_EQ(json_of(eval("run1", "validation"))["elbo"], best["validation"]["elbo"]);
  EXPECT_EQ(json_of(eval("run1", "test"))["elbo"], best["test"]["elbo"]);
  EXPECT_EQ(json_of(eval("run1", "test"))["kl_per_dimension"], best["test"]["kl_per_dimension"]);
}

TEST_F(ValidationShareTest, IsAUsageErrorWhereThereIsNone) {
  trained("run");
  expect_failure(run_vae({"eval", path("run"), "--data", data(), "--split", "validation"}), 2,
                 {"trained without --validation"});
  expect_failure(run_vae(train_words("x", {"--validation", "100"})), 2,
                 {"--validation", "100 of the 100 training images"});
  expect_failure(run_vae(train_words("x", {"--validation", "2.5"})), 2, {"share below 1"});
  expect_failure(run_vae(train_words("x", {"--validation", "-1"})), 2, {"--validation"});
  expect_failure(run_vae(train_words("x", {"--validation", "10%"})), 2, {"validation"});
  EXPECT_FALSE(exists("x"));
}

TEST_F(ValidationShareTest, IsKeptByAResume) {
  trained("run", {"--validation", "10"});
  const json summary =
      json_of({"train", "--data", data(), "--out", path("run"), "--resume", "--epochs", "3",
               "--json", "--no-pictures", "--threads", "1", "--device", "cpu"});
  EXPECT_EQ(summary["validation"]["images"], 10);
  EXPECT_EQ(lines("run", "validation").size(), 3u);
  expect_failure(
      run_vae({"train", "--data", data(), "--out", path("run"), "--resume", "--validation", "9"}),
      2, {"--validation: the run has 10, asked for 9"});
}

using CheckpointChoiceTest = CliTest;

TEST_F(CheckpointChoiceTest, EveryVerbNamesTheFileItReadAndItsEpoch) {
  const std::string run = trained("run", {"--latent", "2"});
  const std::string best = run + "/checkpoints/best.safetensors";
  save_npy(path("z.npy"), {{1, 2}, {0.0f, 0.5f}});
  const std::vector<std::vector<std::string>> verbs = {
      {"eval", run, "--data", data()},
      {"sample", run, "--count", "2", "--out", path("s.png")},
      {"reconstruct", run, "--data", data(), "--out", path("r.npy")},
      {"interpolate", run, "--data", data(), "--out", path("i.png")},
      {"traverse", run, "--data", data(), "--out", path("t.png")},
      {"manifold", run, "--side", "2", "--out", path("m.png")},
      {"encode", run, "--data", data(), "--limit", "2", "--out", path("e.npy")},
      {"decode", run, path("z.npy"), "--out", path("d.png")}};
  for (std::vector<std::string> words : verbs) {
    SCOPED_TRACE(words.front());
    words.insert(words.end(), {"--device", "cpu"});
    EXPECT_TRUE(
        contains(run_vae(words).err, "checkpoint: " + best + ", epoch 2, chosen on the test set\n"))
        << run_vae(words).err;
    words.emplace_back("--json");
    const json result = json_of(words);
    EXPECT_EQ(result["checkpoint"], best);
    EXPECT_EQ(result["epoch"], 2);
    EXPECT_EQ(result["step"], 8);
    EXPECT_EQ(result["chosen_on"], "test");
    for (const json& file : result.value("files", json::array())) {
      EXPECT_TRUE(std::filesystem::exists(file)) << file;
    }
    words.emplace_back("--quiet");
    EXPECT_EQ(run_vae(words).err, "");
  }
}

TEST_F(CheckpointChoiceTest, AFileThatWasNamedIsNotChosen) {
  const std::string run = trained("run");
  const std::string file = run + "/checkpoints/" + checkpoints("run").back();
  const std::vector<std::string> words = {"eval", file, "--data", data(), "--device", "cpu"};
  EXPECT_TRUE(contains(run_vae(words).err, "checkpoint: " + file + ", epoch 2, step 8\n"))
      << run_vae(words).err;
}

TEST_F(CheckpointChoiceTest, ARunThatEndsWithinTheWarmUpIsSaidToHaveNoBestCheckpoint) {
  const Outcome outcome = run_vae(train_words("run", {"--kl-warmup-epochs", "6"}));
  EXPECT_TRUE(contains(outcome.out, "no best checkpoint: no epoch has ended after the KL warm-up"))
      << outcome.out;
  const Outcome eval = run_vae({"eval", path("run"), "--data", data()});
  EXPECT_TRUE(contains(eval.err,
                       "step-00000008.safetensors, epoch 2, step 8, the newest: no epoch "
                       "has ended after the KL warm-up of 6 epochs yet"))
      << eval.err;
}

}  // namespace
}  // namespace vae::test
