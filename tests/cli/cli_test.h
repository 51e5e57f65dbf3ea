// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/process.h"

namespace vae::test {

/// A folder of its own for each test, with a small data set of 8x8 images in data().
class CliTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string data() const { return path("data"); }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder_ / name); }
  std::string read(const std::string& name) const;
  void write(const std::string& name, const std::string& bytes) const;
  /// Labels of the data set: of image i of either split, i modulo `classes`.
  void write_labels(int classes) const;
  std::vector<std::string> checkpoints(const std::string& run) const;

  /// Words of a quick `vae train` into run `name`; options in `more` win.
  std::vector<std::string> train_words(const std::string& name,
                                       const std::vector<std::string>& more = {}) const;
  /// Trains into run `name` and returns its path.
  std::string trained(const std::string& name, const std::vector<std::string>& more = {}) const;
  /// The one JSON document on standard output of a command that must succeed.
  static nlohmann::json json_of(const std::vector<std::string>& words);

 private:
  std::filesystem::path folder_;
};

/// A failed command: its status, nothing on standard output, and the parts in its message.
void expect_failure(const Outcome& outcome, int status, const std::vector<std::string>& parts);

/// The command in a message: its line that begins with `word`.
std::string command_in(const std::string& text, const std::string& word);

/// Every verb of the program, as its help lists them.
std::vector<std::string> verbs_of_help();

bool contains(const std::string& text, const std::string& part);

}  // namespace vae::test
