// SPDX-License-Identifier: MIT
//
// `./run mnist` checks the options of `vae train` before there is a program: with a table that the
// program prints, and a script that refuses nothing the program takes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/cli/cli_test.h"
#include "tests/support/effort.h"

namespace vae::test {
namespace {

const std::string kTable = VAE_SOURCE_DIR "/host/cli/train_options.tsv";

/// The words as a shell reads them.
Outcome check_before_build(const std::string& words) {
  return run_shell("awk -f " VAE_SOURCE_DIR "/host/cli/train_options.awk " + kTable + " " + words);
}

using OptionsBeforeBuildTest = CliTest;

TEST_F(OptionsBeforeBuildTest, TheTableIsThatOfTheProgram) {
  std::ifstream file(kTable);
  const std::string kept{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(kept, run_vae({"help", "train", "--table"}).out)
      << "bring it up to date: build/release/vae help train --table >host/cli/train_options.tsv";
}

TEST_F(OptionsBeforeBuildTest, RefusesWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--epoch 3", "unknown option '--epoch'; did you mean '--epochs'?"},
      {"--bach-size=3", "did you mean '--batch-size'?"},
      {"mnist", "unexpected argument 'mnist'"},
      {"--epochs", "--epochs needs a value"},
      {"--epochs --quiet", "--epochs needs a value, but '--quiet' follows"},
      {"--epochs 0", "--epochs cannot be '0': expected a whole number 1..1000000"},
      {"--epochs=1.5", "--epochs cannot be '1.5'"},
      {"--epochs many", "--epochs cannot be 'many'"},
      {"--threads 1025", "0..1024"},
      {"--learning-rate 0", "> 0"},
      {"--adam-beta1 1", "(1 itself excluded)"},
      {"--encoder 400,zero", "--encoder cannot be '400,zero'"},
      {"--encoder 'conv 32 4x4/2, desne 256'", "did you mean 'dense'?"},
      {"--step-epochs 4,zero", "--step-epochs cannot be '4,zero'"},
      {"--activation rleu", "did you mean 'relu'?"},
      {"--preset tutorail", "did you mean 'tutorial'?"},
      {"--output-bias-from-mean perhaps", "'perhaps'"},
      {"--data cats", "vae train --data"}};
  for (const auto& [words, message] : cases) {
    const Outcome outcome = check_before_build(words);
    EXPECT_EQ(outcome.status, 2) << words;
    EXPECT_EQ(outcome.err.rfind("run: ", 0), 0u) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, message)) << outcome.err;
  }
}

TEST_F(OptionsBeforeBuildTest, LetsPassWhatIsRight) {
  for (const char* words : {"",
                            "--epochs 50 --latent 2",
                            "--epochs=50 --latent=2 --quiet",
                            "--encoder 256,128",
                            "--decoder none",
                            "--encoder 'conv 32 4x4/2, 256'",
                            "--encoder 400,200",
                            "--decoder='256 tanh,residual(conv 8 3x3), gated dense 7'",
                            "--output 'deconv 4x4/2'",
                            "--beta 1e-3",
                            "--learning-rate .5",
                            "--logvar-min -30",
                            "--output-bias-from-mean --json",
                            "--output-bias-from-mean=false",
                            "--output-bias-from-mean true --epochs 3",
                            "--device cuda:1",
                            "--out 'a folder'",
                            "--resume --out runs/x",
                            "--seed 18446744073709551615",
                            "--validation 0.1"}) {
    const Outcome outcome = check_before_build(words);
    EXPECT_EQ(outcome.status, 0) << words << outcome.err;
    EXPECT_EQ(outcome.out + outcome.err, "") << words;
  }
}

TEST_F(OptionsBeforeBuildTest, RefusesNothingThatTheProgramTakes) {
  std::istringstream table(run_vae({"help", "train", "--table"}).out);
  std::string words;
  for (std::string row; std::getline(table, row);) {
    const std::string name = row.substr(0, row.find('\t'));
    if (name == "--data" || name == "--help") continue;
    for (const char* value : {"0", "-1", "0.5", "1,2", "x"}) {
      if (kSanitized && value != std::string("x")) continue;
      words += " " + name + "=" + value;
    }
  }
  // Beside the word in question nothing is wrong, so that the program can refuse only this.
  const Outcome outcome =
      run_shell("for word in" + words + "; do\n" +
                "  awk -f " VAE_SOURCE_DIR "/host/cli/train_options.awk " + kTable +
                " \"$word\" 2>/dev/null && continue\n"
                "  $VAE train --dry-run --data " +
                data() +
                " \"$word\" >/dev/null 2>&1\n"
                "  echo \"$word $?\"\n"
                "done");
  std::istringstream refused(outcome.out);
  std::string word;
  for (int status = 0; refused >> word >> status;) EXPECT_EQ(status, 2) << word;
  for (const char* some : {"--epochs=x ", "--encoder=x ", "--beta=x ", "--precision=x "}) {
    EXPECT_TRUE(contains(outcome.out, some)) << some;
  }
}

TEST_F(OptionsBeforeBuildTest, ExplainsEveryOptionIn80Columns) {
  const Outcome outcome = check_before_build("--epochs 3 -h");
  EXPECT_EQ(outcome.status, 3);
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  for (const char* text : {"--epochs N", "--binarization WORD", "passes over the training set"}) {
    EXPECT_TRUE(contains(outcome.out, text)) << outcome.out;
  }
}

}  // namespace
}  // namespace vae::test
