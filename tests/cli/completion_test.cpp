// SPDX-License-Identifier: MIT
//
// Completion and manual say what the tables of options say, in the shells and formatters
// themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "tests/cli/cli_test.h"

namespace vae::test {
namespace {

using CompletionTest = CliTest;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

struct Row {
  std::string name, placeholder, values;
};

std::vector<Row> table_of(const std::string& verb) {
  std::vector<Row> rows;
  for (const std::string& line : split(run_vae({"help", verb, "--table"}).out, '\n')) {
    const std::vector<std::string> fields = split(line, '\t');
    rows.push_back({fields.at(0), fields.at(1), fields.at(2)});
  }
  return rows;
}

/// What bash offers behind each of these lines, whose last word may be empty.
std::vector<std::set<std::string>> bash_offers(const std::vector<std::string>& lines) {
  std::string script =
      "source <($VAE completion bash)\n"
      "compopt() { :; }\n"  // which works in a real completion only
      "offer() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _vae; "
      "echo \"${COMPREPLY[@]}\"; }\n";
  for (const std::string& line : lines) script += "offer " + line + "\n";
  const Outcome outcome = run_shell(script);
  EXPECT_EQ(outcome.err, "");
  std::vector<std::set<std::string>> offers;
  for (const std::string& line : split(outcome.out, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    offers.emplace_back(words.begin(), words.end());
  }
  EXPECT_EQ(offers.size(), lines.size()) << outcome.out;
  return offers;
}

TEST_F(CompletionTest, BashOffersEveryVerbAndItsOptionsAndNoOther) {
  const std::vector<std::string> verbs = verbs_of_help();
  std::vector<std::string> lines = {"vae ''"};
  for (const std::string& verb : verbs) lines.push_back("vae " + verb + " --");
  const auto offers = bash_offers(lines);
  ASSERT_EQ(offers.size(), lines.size());
  EXPECT_EQ(offers[0], std::set<std::string>(verbs.begin(), verbs.end()));
  for (std::size_t i = 0; i < verbs.size(); ++i) {
    std::set<std::string> options;
    for (const Row& row : table_of(verbs[i])) options.insert(row.name);
    EXPECT_EQ(offers[i + 1], options) << verbs[i];
  }
}

TEST_F(CompletionTest, BashOffersWordsAndFilesWhereTheyBelong) {
  write("a file.json", "{}");
  const std::string here = path("");
  const auto offers = bash_offers(
      {"vae train --binarization ''", "vae train --binarization = dyn", "vae train --preset tu",
       "vae train --device ''", "vae train --epochs ''", "vae train --data mn",
       "vae train --config " + path("a*"), "vae eval " + path("dat"), "vae help comp",
       "vae completion ''", "vae sample run --out " + path("d")});
  ASSERT_EQ(offers.size(), 11u);
  using Words = std::set<std::string>;
  EXPECT_EQ(offers[0], (Words{"none", "static", "dynamic", "threshold"}));
  EXPECT_EQ(offers[1], (Words{"dynamic"}));
  EXPECT_EQ(offers[2], (Words{"tutorial", "tutorial-conv"}));
  EXPECT_EQ(offers[3], (Words{"auto", "cpu", "cuda"}));
  EXPECT_EQ(offers[4], (Words{}));  // a number: nothing to offer, least of all files
  EXPECT_EQ(offers[5].count("mnist"), 1u);
  EXPECT_EQ(offers[6], (Words{here + "a", "file.json"}));
  EXPECT_EQ(offers[7], (Words{path("data")}));
  EXPECT_EQ(offers[8].count("completion"), 1u);
  EXPECT_EQ(offers[9], (Words{"bash", "zsh", "fish"}));
  EXPECT_EQ(offers[10], (Words{path("data")}));
}

TEST_F(CompletionTest, FishOffersTheSameOptions) {
  if (run_shell("command -v fish").status != 0) GTEST_SKIP() << "fish is not installed";
  for (const std::string verb : {"train", "decode", "help"}) {
    const Outcome outcome = run_shell("export HOME=" + path("") + "; $VAE completion fish >" +
                                      path("vae.fish") + "; fish --no-config -c 'source " +
                                      path("vae.fish") + "; complete -C \"vae " + verb + " --\"'");
    std::set<std::string> offered, options;
    for (const std::string& line : split(outcome.out, '\n')) {
      offered.insert(
          line.substr(0, line.find_first_of("=\t")));  // --name= where a value may follow
    }
    for (const Row& row : table_of(verb)) options.insert(row.name);
    EXPECT_EQ(offered, options) << outcome.err;
  }
}

TEST_F(CompletionTest, ZshTakesItsScriptAndOffersTheSameOptions) {
  if (run_shell("command -v zsh").status != 0) GTEST_SKIP() << "zsh is not installed";
  // The shell's own functions are replaced by ones that print what they are given.
  write("ask.zsh",
        "compdef() { :; }\n"
        "_arguments() { print -rl -- ${${@#\\(*\\)}%%[[=]*}; }\n"
        "source <($VAE completion zsh)\n"
        "words=(vae $1 --) CURRENT=3\n"
        "_vae\n");
  for (const std::string verb : {"train", "decode", "help"}) {
    const Outcome outcome = run_shell("export VAE; zsh -f " + path("ask.zsh") + " " + verb);
    EXPECT_EQ(outcome.err, "");
    const std::vector<std::string> given = split(outcome.out, '\n');
    const std::set<std::string> offered(given.begin(), given.end());
    for (const Row& row : table_of(verb)) EXPECT_TRUE(offered.count(row.name)) << row.name;
  }
}

TEST_F(CompletionTest, AnotherShellIsRefused) {
  expect_failure(run_vae({"completion", "bsh"}), 2, {"SHELL", "did you mean 'bash'?"});
  expect_failure(run_vae({"completion"}), 2, {"SHELL is missing"});
}

TEST_F(CompletionTest, EveryOptionStandsInItsManualPage) {
  ASSERT_EQ(run_vae({"manual", "--out", path("man")}).status, 0);
  for (const std::string& verb : verbs_of_help()) {
    const std::string page = read("man/vae-" + verb + ".1");
    EXPECT_EQ(page, run_vae({"manual", verb}).out) << verb;
    for (const Row& row : table_of(verb)) {
      std::string name = "\n\\fB";
      if (row.name == "--help") name += "\\-h, ";
      for (const char c : row.name) name += c == '-' ? "\\-" : std::string(1, c);
      EXPECT_TRUE(contains(page, name + "\\fR")) << verb << " " << row.name << page;
    }
    EXPECT_TRUE(contains(read("man/vae.1"), "vae\\-" + verb + "(1)")) << verb;
  }
  EXPECT_EQ(read("man/vae.1"), run_vae({"manual"}).out);
  expect_failure(run_vae({"manual", "trian"}), 2, {"did you mean 'train'?"});
}

TEST_F(CompletionTest, TheFormattersOfManualPagesHaveNothingToSay) {
  ASSERT_EQ(run_vae({"manual", "--out", path("man")}).status, 0);
  int formatters = 0;
  for (const std::string formatter : {"groff -man -Tutf8 -ww -z", "mandoc -T lint -W warning"}) {
    const std::string program = formatter.substr(0, formatter.find(' '));
    if (run_shell("command -v " + program).status != 0) continue;
    ++formatters;
    // A page without a date is the same whenever it was built.
    const Outcome outcome =
        run_shell(formatter + " " + path("man") + "/*.1 2>&1 | grep -v 'missing date'");
    EXPECT_EQ(outcome.out, "") << formatter;
  }
  if (formatters == 0) GTEST_SKIP() << "neither groff nor mandoc is installed";
}

}  // namespace
}  // namespace vae::test
