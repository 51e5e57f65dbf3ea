// SPDX-License-Identifier: MIT
//
// Help, usage errors and standard descriptors: what holds for every verb.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/cli/cli_test.h"

namespace vae::test {
namespace {

using UsageTest = CliTest;

TEST_F(UsageTest, HelpNamesVerbsAndGoesToStandardOutput) {
  const Outcome outcome = run_vae({"--help"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
  for (const char* verb : {"train", "eval", "compress", "manual"}) {
    EXPECT_TRUE(contains(outcome.out, std::string("\n  ") + verb + " ")) << verb;
  }
}

TEST_F(UsageTest, EveryVerbExplainsItselfWithAnExample) {
  for (const std::string& verb : verbs_of_help()) {
    const Outcome outcome = run_vae({verb, "--help"});
    EXPECT_EQ(outcome.status, 0) << verb;
    EXPECT_EQ(outcome.err, "") << verb;
    EXPECT_TRUE(contains(outcome.out, "vae " + verb)) << outcome.out;
    EXPECT_TRUE(contains(outcome.out, "Examples:")) << outcome.out;
  }
}

TEST_F(UsageTest, HelpFits80Columns) {
  std::vector<std::vector<std::string>> commands = {{"--help"}};
  for (const std::string& verb : verbs_of_help()) commands.push_back({verb, "--help"});
  for (const std::vector<std::string>& words : commands) {
    std::istringstream lines(run_vae(words).out);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80u) << words.front() << ": " << line;
    }
  }
}

TEST_F(UsageTest, TheVerbHelpExplainsTheOthers) {
  for (const std::string& verb : verbs_of_help()) {
    const Outcome outcome = run_vae({"help", verb});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.out, run_vae({verb, "--help"}).out) << verb;
  }
  EXPECT_EQ(run_vae({"help"}).out, run_vae({"--help"}).out);
  expect_failure(run_vae({"help", "trian"}), 2, {"no verb 'trian'", "did you mean 'train'?"});
  expect_failure(run_vae({"help", "--table"}), 2, {"--table needs a VERB"});
}

/// A wrapped text as one line.
std::string unwrapped(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (c != ' ' && c != '\n') {
      line += c;
    } else if (!line.empty() && line.back() != ' ' && line.back() != '|') {
      line += ' ';
    }
  }
  return line;
}

TEST_F(UsageTest, HelpShowsTheDefaultOfEveryKeyOfTheConfiguration) {
  const std::string help = unwrapped(run_vae({"train", "--help"}).out);
  for (const char* text : {"skip) [400]", "gelu|silu) [relu]", "(0..1000000) [1]",
                           "(none|static|dynamic|threshold) [dynamic]", "(> 0) [0.001]",
                           "with commas) [none]", "(true|false) [false]"}) {
    EXPECT_TRUE(contains(help, text)) << text;
  }
}

TEST_F(UsageTest, VersionIsOneLine) {
  const Outcome outcome = run_vae({"--version"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out.rfind("vae ", 0), 0u) << outcome.out;
  EXPECT_EQ(outcome.out.find('\n'), outcome.out.size() - 1) << outcome.out;
}

TEST_F(UsageTest, AMistypedVerbOrOptionGetsASuggestion) {
  expect_failure(run_vae({"trian"}), 2, {"'trian'", "did you mean 'train'?"});
  expect_failure(run_vae({"train", "--bach-size", "3"}), 2, {"did you mean '--batch-size'?"});
  expect_failure(run_vae({"sample", "run", "--cuont=3"}), 2, {"did you mean '--count'?"});
  expect_failure(run_vae({"--versoin"}), 2, {"did you mean '--version'?"});
  expect_failure(run_vae({"train", "--activation", "rleu"}), 2, {"did you mean 'relu'?"});
  expect_failure(run_vae({"train", "--preset", "tutorail", "--dry-run"}), 2,
                 {"did you mean 'tutorial'?"});
}

TEST_F(UsageTest, WrongUsageHasStatusTwoAndSaysWhatIsWrong) {
  expect_failure(run_vae({}), 2, {"a verb is missing", "train"});
  expect_failure(run_vae({"train", "--resume"}), 2, {"--resume needs --out"});
  expect_failure(run_vae({"train", "--overwrite"}), 2, {"--overwrite needs --out"});
  expect_failure(run_vae({"train", "--epochs"}), 2, {"--epochs"});
  expect_failure(run_vae({"train", "mnist"}), 2, {"unexpected argument 'mnist'"});
  expect_failure(run_vae({"train", "--epochs", "many"}), 2, {"epochs", "\"many\""});
  expect_failure(run_vae({"train", "--beta", "1,5"}), 2, {"beta"});
  expect_failure(run_vae({"eval"}), 2, {"RUN is missing"});
  expect_failure(run_vae({"sample", "run"}), 2, {"--out is missing"});
  expect_failure(run_vae({"sample", "run", "--out", "s.png", "--count", "-1"}), 2, {"--count"});
  expect_failure(run_vae({"devices", "--device", "cpu"}), 2, {"--device"});
  expect_failure(run_vae({"train", "--device", "tpu", "--out", path("r")}), 2, {"tpu", "cuda"});
  EXPECT_FALSE(exists("r"));
}

TEST_F(UsageTest, TheNameOfAnOptionIsNotTheValueOfAnother) {
  const std::vector<std::pair<std::string, std::string>> options = {
      {"train", "--out"},       {"train", "--data"},   {"train", "--config"},
      {"train", "--preset"},    {"train", "--epochs"}, {"eval", "--data"},
      {"sample", "--out"},      {"sample", "--count"}, {"sample", "--device"},
      {"interpolate", "--out"}, {"encode", "--out"},   {"encode", "--images"},
      {"decode", "--out"},      {"bench", "--config"}};
  for (const auto& [verb, option] : options) {
    for (const char* next : {"--resume", "--quiet", "--no-such-option", "-h"}) {
      std::vector<std::string> words = {verb, option, next};
      if (verb != "train" && verb != "bench") words.insert(words.begin() + 1, "run");
      if (verb == "decode") words.insert(words.begin() + 2, "z.npy");
      expect_failure(run_vae(words), 2, {option + " needs a value, but '" + next + "' follows"});
    }
    EXPECT_FALSE(std::filesystem::exists("--resume")) << verb << ' ' << option;
  }
  expect_failure(run_vae({"train", "--data", data(), "--out=--resume"}), 2, {"./--resume"});
}

TEST_F(UsageTest, EveryValueOutOfItsRangeIsListedAtOnce) {
  const Outcome outcome = run_vae(
      {"train", "--out", path("r"), "--epochs", "0", "--latent", "0", "--learning-rate", "nan"});
  expect_failure(outcome, 2, {"3 problems", "--epochs", "--latent", "--learning-rate"});
  EXPECT_FALSE(exists("r"));
}

TEST_F(UsageTest, NumbersAreCheckedInTheTypeTheyEndIn) {
  expect_failure(run_vae({"train", "--out", path("r"), "--learning-rate", "1e39"}), 2,
                 {"--learning-rate", "infinite as a 32-bit float"});
  expect_failure(run_vae({"train", "--out", path("r"), "--clip-norm", "1e-60"}), 2,
                 {"--clip-norm", "0 as a 32-bit float"});
  expect_failure(run_vae({"train", "--out", path("r"), "--seed", "18446744073709551616"}), 2,
                 {"--seed"});
  expect_failure(run_vae({"traverse", "run", "--range", "1e-60", "--out", path("t.png")}), 2,
                 {"--range", "above 0"});
  expect_failure(run_vae({"sample", "run", "--count", "9223372036854775808", "--out", "s.png"}), 2,
                 {"--count"});
  EXPECT_FALSE(exists("r"));
}

TEST_F(UsageTest, ARunMayBeCalledLikeAVerb) {
  expect_failure(run_vae({"eval", "sample"}), 4, {"sample: cannot open"});
}

TEST_F(UsageTest, ClosedStandardDescriptorsAreNoProblem) {
  const std::string train = "$VAE train --data " + data() + " --out " + path("run") +
                            " --epochs 1 --encoder 4 --decoder 4 --no-pictures <&- >&- 2>&-";
  EXPECT_EQ(run_shell(train).status, 0);
  EXPECT_EQ(run_vae({"eval", path("run"), "--data", data()}).status, 0);
  // Nothing that was meant for the terminal went into a file that took its number.
  ASSERT_TRUE(exists("run/metrics.jsonl"));
  EXPECT_EQ(read("run/config.json").substr(0, 1), "{");
  EXPECT_EQ(read("run/metrics.jsonl").substr(0, 1), "{");
}

TEST_F(UsageTest, AReaderThatLeavesIsNoError) {
  const Outcome outcome = run_shell("$VAE --help | true; echo ${PIPESTATUS[0]}");
  EXPECT_EQ(outcome.out, "0\n");
}

TEST_F(UsageTest, AFullDiskUnderStandardOutputIsAFileError) {
  expect_failure(run_shell("$VAE devices > /dev/full"), 4, {"standard output"});
}

TEST_F(UsageTest, NumbersHaveADotInEveryLocale) {
  const Outcome made = run_shell("localedef -i de_DE -f UTF-8 " + path("de_DE.UTF-8"));
  if (!exists("de_DE.UTF-8")) GTEST_SKIP() << "localedef makes no German locale: " << made.err;
  const Outcome outcome =
      run_vae({"train", "--dry-run", "--data", data(), "--beta", "0.5", "--learning-rate", "1e-4"},
              {{"LOCPATH", path("")}, {"LC_ALL", "de_DE.UTF-8"}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["training"]["beta"], 0.5);
}

}  // namespace
}  // namespace vae::test
