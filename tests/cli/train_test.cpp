// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/cli/cli_test.h"
#include "tests/support/effort.h"

namespace vae::test {
namespace {

using nlohmann::json;
using TrainTest = CliTest;

TEST_F(TrainTest, LeavesARunFolderAndReportsEachEpochOnStandardError) {
  const Outcome outcome = run_vae(train_words("run"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  for (const char* file : {"run/config.json", "run/metrics.jsonl", "run/checkpoints"}) {
    EXPECT_TRUE(exists(file)) << file;
  }
  EXPECT_TRUE(contains(outcome.err, "epoch 1/2")) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "epoch 2/2"));
  EXPECT_TRUE(contains(outcome.out, "8 steps")) << outcome.out;
}

TEST_F(TrainTest, LinesOfEpochsFit80Columns) {
  const Outcome outcome = run_vae(train_words("run", {"--epochs", "10", "--validation", "30"}));
  std::istringstream lines(outcome.err);
  int epochs = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("epoch ", 0) != 0) continue;
    ++epochs;
    EXPECT_LE(line.size(), 80u) << line;
    for (const char* part : {"/10  elbo: train -", ", validation -", ", test -", "  kl "}) {
      EXPECT_TRUE(contains(line, part)) << part << " is not in: " << line;
    }
  }
  EXPECT_EQ(epochs, 10);
}

TEST_F(TrainTest, AMachineWithoutACardIsSaidInOneShortLine) {
  if (std::filesystem::exists("/proc/driver/nvidia/version")) GTEST_SKIP() << "has a driver";
  const Outcome outcome = run_vae({"train", "--dry-run", "--data", data()});
  std::istringstream lines(outcome.err);
  std::string first;
  std::getline(lines, first);
  EXPECT_EQ(first.rfind("device: cpu (no CUDA device: ", 0), 0u) << outcome.err;
  EXPECT_LE(first.size(), 80u);
  EXPECT_FALSE(contains(outcome.err, "warning")) << outcome.err;
}

TEST_F(TrainTest, WithoutANameItMakesAFolderOfItsOwn) {
  const std::string command = " $VAE train --epochs 1 --encoder 4 --decoder 4 --no-pictures";
  const Outcome outcome =
      run_shell("cd " + path("") + "; mkdir 'My photos'; cp data/* My*;" + command +
                " --data data 2>one &" + command + " --data data 2>two & wait;" + command +
                " --data 'My photos/' --preset tutorial --json");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path("runs"))) {
    names.push_back(entry.path().filename());
    EXPECT_TRUE(std::filesystem::exists(entry.path() / "config.json")) << entry.path();
  }
  std::sort(names.begin(), names.end());
  ASSERT_EQ(names.size(), 3u) << outcome.out << outcome.err << read("one") << read("two");
  EXPECT_EQ(names[0].rfind("My_photos-tutorial-20", 0), 0u) << names[0];
  EXPECT_EQ(names[1].rfind("data-20", 0), 0u) << names[1];
  EXPECT_EQ(names[2].rfind("data-20", 0), 0u) << names[2];
  EXPECT_TRUE(contains(read("one"), "run: runs/data-20")) << read("one");
  EXPECT_TRUE(contains(outcome.out, "\"run\":\"runs/My_photos-tutorial-20") ||
              contains(outcome.out, "\"run\": \"runs/My_photos-tutorial-20"))
      << outcome.out;
}

TEST_F(TrainTest, EndsWithThreeCommandsThatWork) {
  for (const std::string latent : {"2", "3"}) {
    std::vector<std::string> words = train_words("a run " + latent, {"--latent", latent});
    const Outcome outcome = run_vae(words);
    std::string commands = outcome.err.substr(outcome.err.find("\ntry:\n") + 6);
    EXPECT_EQ(std::count(commands.begin(), commands.end(), '\n'), 3) << outcome.err;
    const Outcome tried = run_shell("cd " + path("") + "; set -e\n" + commands);
    EXPECT_EQ(tried.status, 0) << commands << tried.err;
    EXPECT_TRUE(exists("samples.png"));
    EXPECT_TRUE(exists(latent == "2" ? "manifold.png" : "traversal.gif")) << commands;
  }
  EXPECT_FALSE(contains(run_vae(train_words("quiet", {"--quiet"})).err, "try:"));
  EXPECT_FALSE(contains(run_vae(train_words("json", {"--json"})).err, "try:"));
}

TEST_F(TrainTest, DrawsNoControlCodesIntoAFile) {
  const Outcome outcome = run_vae(train_words("run"), {{"TERM", "xterm"}});
  EXPECT_TRUE(contains(outcome.err, "epoch"));
  EXPECT_EQ(outcome.err.find('\r'), std::string::npos);
  EXPECT_EQ(outcome.err.find('\x1b'), std::string::npos);
}

TEST_F(TrainTest, DrawsABarOnATerminal) {
  const Outcome outcome =
      run_on_terminal(train_words("run", {"--epochs", std::to_string(repetitions(300, 300, 60))}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  for (const char* part : {"\r", "loss", "elbo", "eta", "samples/s", "\x1b[32m"}) {
    EXPECT_TRUE(contains(outcome.err, part)) << part;
  }
}

TEST_F(TrainTest, TheBarHasEveryFieldOnAnOrdinaryTerminalAndStaysInItsLine) {
  for (const int columns : {80, 100, 30}) {
    const std::string drawn =
        run_on_terminal(train_words("run" + std::to_string(columns)), {{"NO_COLOR", "1"}}, columns)
            .err;
    const std::size_t begin = drawn.find("\repoch");
    ASSERT_NE(begin, std::string::npos) << drawn;
    const std::string line = drawn.substr(begin + 1, drawn.find("\x1b[K", begin) - begin - 1);
    EXPECT_LT(line.size(), static_cast<std::size_t>(columns)) << line;
    for (const char* part : {"epoch 1/2 ", "[", "]", " 1/4", "loss", "elbo", "eta", "samples/s"}) {
      EXPECT_TRUE(columns < 80 || contains(line, part)) << part << " is not in: " << line;
    }
  }
}

TEST_F(TrainTest, HonoursNoColorDumbTerminalsAndNoProgress) {
  const auto words = [&](const char* run) { return train_words(run, {"--epochs", "20"}); };
  const std::string plain = run_on_terminal(words("a"), {{"NO_COLOR", "1"}}).err;
  EXPECT_TRUE(contains(plain, "\x1b[K"));
  EXPECT_FALSE(contains(plain, "\x1b[32m"));
  EXPECT_FALSE(contains(run_on_terminal(words("b"), {{"TERM", "dumb"}}).err, "\x1b"));
  std::vector<std::string> without = words("c");
  without.push_back("--no-progress");
  EXPECT_FALSE(contains(run_on_terminal(without).err, "\x1b"));
}

TEST_F(TrainTest, QuietPrintsNothing) {
  const Outcome outcome = run_vae(train_words("run", {"--quiet"}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out + outcome.err, "");
}

TEST_F(TrainTest, TheJsonSummaryIsOneObject) {
  const json summary = json_of(train_words("run", {"--json"}));
  EXPECT_EQ(summary["run"], path("run"));
  EXPECT_EQ(summary["finished"], true);
  EXPECT_EQ(summary["steps"], 8);  // 100 images in batches of 32: the short batch is used
  EXPECT_EQ(summary["epochs"], 2);
  EXPECT_EQ(summary["device"], "cpu");
  EXPECT_EQ(summary["train"]["images"], 100);
  EXPECT_EQ(summary["test"]["images"], 32);
  EXPECT_LT(summary["test"]["elbo"].get<double>(), 0.0);
  EXPECT_GT(summary["seconds"].get<double>(), 0.0);
}

TEST_F(TrainTest, ADryRunPrintsTheConfigurationAndTouchesNothing) {
  const Outcome outcome = run_vae(train_words("run", {"--dry-run"}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const json config = json::parse(outcome.out);
  EXPECT_EQ(config["model"]["height"], 8);  // from the data
  EXPECT_EQ(config["model"]["encoder"], json::array({16}));
  EXPECT_TRUE(contains(outcome.err, "100 training and 32 test images"));
  EXPECT_FALSE(exists("run"));
}

TEST_F(TrainTest, FlagsWinOverTheFileAndTheFileOverThePreset) {
  write("config.json", R"({"preset": "tutorial", // comment
                           "model": {"latent": 7}, "training": {"beta": 2.5, "epochs": 3}})");
  const json config = json_of({"train", "--dry-run", "--data", data(), "--config",
                               path("config.json"), "--epochs", "4", "--output-bias-from-mean"});
  EXPECT_EQ(config["model"]["encoder"], json::array({256, 128}));
  EXPECT_EQ(config["model"]["latent"], 7);
  EXPECT_EQ(config["model"]["output_bias_from_mean"], true);
  EXPECT_EQ(config["training"]["beta"], 2.5);
  EXPECT_EQ(config["training"]["epochs"], 4);
  expect_failure(run_vae({"train", "--dry-run", "--data", data(), "--config", path("config.json"),
                          "--preset", "iwae-1"}),
                 2, {"both name a preset"});
}

TEST_F(TrainTest, ASwitchOfTheConfigurationCanBeTurnedOffAgain) {
  const json config = json_of({"train", "--dry-run", "--data", data(), "--preset", "iwae-1",
                               "--output-bias-from-mean=false"});
  EXPECT_EQ(config["model"]["output_bias_from_mean"], false);
  EXPECT_EQ(config["model"]["activation"], "tanh");
}

TEST_F(TrainTest, AnUnknownKeyInTheFileIsAnErrorWithASuggestion) {
  write("config.json", R"({"training": {"epoch": 3}})");
  expect_failure(run_vae({"train", "--dry-run", "--config", path("config.json")}), 2,
                 {"config.json", "did you mean 'epochs'?"});
  expect_failure(run_vae({"train", "--dry-run", "--config", path("none.json")}), 4, {"none.json"});
}

TEST_F(TrainTest, AnImageSizeThatContradictsTheDataIsRefused) {
  expect_failure(run_vae(train_words("run", {"--height", "28"})), 2,
                 {"8x8x1", "28x8x1", "leave the options out"});
}

TEST_F(TrainTest, RefusesAFolderThatHoldsARunUnlessToldToOverwrite) {
  trained("run");
  expect_failure(run_vae(train_words("run")), 2, {path("run"), "resume", "overwrite"});
  EXPECT_EQ(run_vae(train_words("run", {"--overwrite"})).status, 0);
  expect_failure(run_vae(train_words("run", {"--overwrite", "--resume"})), 2, {"exclude"});
}

TEST_F(TrainTest, AFolderThatCannotBeMadeIsAFileError) {
  write("file", "");
  expect_failure(run_vae(train_words("file/run")), 4, {path("file")});
}

TEST_F(TrainTest, MissingAndBrokenDataHaveTheirOwnStatus) {
  expect_failure(run_vae(train_words("run", {"--data", path("nothing")})), 4,
                 {"there is no folder", "nothing"});
  expect_failure(run_vae(train_words("run", {"--data", "mnits"})), 4, {"did you mean 'mnist'?"});
  write("data/t10k-images-idx3-ubyte", read("data/t10k-images-idx3-ubyte").substr(0, 100));
  expect_failure(run_vae(train_words("run")), 3, {"t10k-images-idx3-ubyte"});
  EXPECT_FALSE(exists("run"));
}

TEST_F(TrainTest, OnMnistTakesLessThan300Megabytes) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer has its own needs";
  const Outcome outcome =
      run_vae({"train", "--data", "mnist", "--epochs", "1", "--out", path("r")});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_GT(outcome.peak_bytes, 55'000'000) << "the images alone are more";
  EXPECT_LT(outcome.peak_bytes, 300'000'000);
}

TEST_F(TrainTest, AutoSaysWhatItChoseAndWhy) {
  const Outcome outcome = run_vae(train_words("run", {"--device", "auto"}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err.rfind("device: ", 0), 0u) << outcome.err;
  EXPECT_FALSE(contains(run_vae(train_words("cpu")).err, "device: "));
}

TEST_F(TrainTest, ADeviceThatIsNotThereIsAnError) {
  expect_failure(run_vae(train_words("run", {"--device", "cuda:97"})), 5,
                 {"cuda:97", "--device cpu"});
  EXPECT_FALSE(exists("run"));
}

TEST_F(TrainTest, ADivergedTrainingHasStatusSix) {
  expect_failure(
      run_vae(train_words("run", {"--learning-rate", "1e30", "--max-nonfinite-steps", "2"})), 6,
      {"step"});
}

}  // namespace
}  // namespace vae::test
