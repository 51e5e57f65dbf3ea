// SPDX-License-Identifier: MIT
//
// docs/config.md and docs/cli.md say what the program does.
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "tests/cli/cli_test.h"
#include "vae/config.h"

namespace vae::test {
namespace {

std::string document(const std::string& name) {
  std::ifstream file(std::string(VAE_SOURCE_DIR) + "/docs/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The row of a key in docs/config.md; a table cell cannot hold '|'.
std::string row_of(const ConfigKey& key) {
  std::string values;
  for (const char letter : key.choices) values += letter == '|' ? ", " : std::string(1, letter);
  std::ostringstream row;
  row << "| `" << key.name << "` | `" << key.flag << "` | " << config_value({}, key) << " | "
      << values << " | " << key.help << " |\n";
  return row.str();
}

TEST(DocsTest, TheTableOfKeysIsTheConfiguration) {
  const std::string text = document("config.md");
  std::size_t rows = 0;
  for (const ConfigKey& key : config_keys()) {
    EXPECT_TRUE(contains(text, row_of(key))) << "expected " << row_of(key);
  }
  for (std::size_t at = text.find("| `--"); at != std::string::npos;
       at = text.find("| `--", at + 1)) {
    ++rows;
  }
  EXPECT_EQ(rows, config_keys().size()) << "a row for a key that is gone";
  for (const std::string& name : preset_names()) EXPECT_TRUE(contains(text, "| `" + name + "` |"));
}

/// Long options in a text: "--name" after a space or a backquote.
std::set<std::string> options_in(const std::string& text) {
  std::set<std::string> options;
  for (std::size_t at = text.find("--"); at != std::string::npos; at = text.find("--", at + 2)) {
    if (at > 0 && text[at - 1] != ' ' && text[at - 1] != '`' && text[at - 1] != '[') continue;
    std::size_t end = at + 2;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '-')) {
      ++end;
    }
    if (end > at + 2) options.insert(text.substr(at, end - at));
  }
  return options;
}

/// What `vae VERB --help` declares, without --help and the configuration's flags.
std::set<std::string> declared_options(const std::string& verb) {
  std::istringstream help(run_vae({verb, "--help"}).out);
  std::set<std::string> options;
  for (std::string line; std::getline(help, line);) {
    if (line.rfind("  --", 0) == 0)
      options.insert(*options_in(line.substr(0, line.find(' ', 2))).begin());
  }
  for (const ConfigKey& key : config_keys()) {
    if (verb == "train" || (verb == "bench" && key.name != "batch_size" && key.section != "data")) {
      options.erase(std::string(key.flag));
    }
  }
  return options;
}

TEST(DocsTest, EverySectionOfAVerbNamesItsOptions) {
  const std::string text = document("cli.md");
  for (const char* verb :
       {"train",    "eval",     "sample",   "reconstruct", "segment", "detect",  "interpolate",
        "traverse", "manifold", "map",      "classify",    "encode",  "decode",  "compare",
        "bench",    "inspect",  "import",   "devices",     "doctor",  "help",    "completion",
        "manual",   "restore",  "compress", "decompress",  "score",   "explore", "predict"}) {
    const std::string heading = std::string("\n## vae ") + verb + "\n";
    const std::size_t begin = text.find(heading);
    ASSERT_NE(begin, std::string::npos) << verb;
    const std::string section = text.substr(begin, text.find("\n## ", begin + 1) - begin);
    const std::set<std::string> documented = options_in(section);
    for (const std::string& option : declared_options(verb)) {
      EXPECT_TRUE(documented.count(option)) << verb << " " << option << " is not in docs/cli.md";
    }
  }
}

}  // namespace
}  // namespace vae::test
