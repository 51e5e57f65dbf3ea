// SPDX-License-Identifier: MIT
#include "tests/cli/cli_test.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace vae::test {
namespace {

constexpr int kSide = 8;

constexpr int kTrainImages = 100, kTestImages = 32;

void put_be32(std::string& bytes, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
}

/// `count` images, each a bar of this brightness whose place and tilt depend on its number.
std::string idx_images(int count, int brightness) {
  std::string bytes;
  put_be32(bytes, 0x00000803);
  for (const int size : {count, kSide, kSide}) put_be32(bytes, static_cast<uint32_t>(size));
  for (int i = 0; i < count; ++i) {
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        const bool bar = (x + (i / kSide % 2) * y) % kSide == i % kSide;
        bytes += static_cast<char>(bar ? brightness : 10);
      }
    }
  }
  return bytes;
}

}  // namespace

void CliTest::SetUp() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vae-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  folder_ = pattern;
  std::filesystem::create_directory(folder_ / "data");
  write("data/train-images-idx3-ubyte", idx_images(kTrainImages, 230));
  write("data/t10k-images-idx3-ubyte", idx_images(kTestImages, 225));
}

void CliTest::TearDown() { std::filesystem::remove_all(folder_); }

std::string CliTest::read(const std::string& name) const {
  std::ifstream file(folder_ / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void CliTest::write(const std::string& name, const std::string& bytes) const {
  std::ofstream(folder_ / name, std::ios::binary) << bytes;
}

std::vector<std::string> CliTest::checkpoints(const std::string& run) const {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_ / run / "checkpoints", missing)) {
    if (entry.path().extension() == ".safetensors") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> CliTest::train_words(const std::string& name,
                                              const std::vector<std::string>& more) const {
  std::vector<std::string> words = {"train", "--no-pictures"};
  const std::vector<std::pair<std::string, std::string>> options = {
      {"--data", data()},     {"--out", path(name)}, {"--encoder", "16"},
      {"--decoder", "16"},    {"--latent", "3"},     {"--epochs", "2"},
      {"--batch-size", "32"}, {"--device", "cpu"},   {"--threads", "1"}};
  for (const auto& [option, value] : options) {
    if (std::find(more.begin(), more.end(), option) != more.end()) continue;
    words.insert(words.end(), {option, value});
  }
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void CliTest::write_labels(int classes) const {
  const auto file_of = [&](int count) {
    std::string bytes = {0, 0, 8, 1, 0, 0, 0, static_cast<char>(count)};
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(i % classes);
    return bytes;
  };
  write("data/train-labels-idx1-ubyte", file_of(kTrainImages));
  write("data/t10k-labels-idx1-ubyte", file_of(kTestImages));
}

std::string CliTest::trained(const std::string& name, const std::vector<std::string>& more) const {
  const Outcome outcome = run_vae(train_words(name, more));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return path(name);
}

nlohmann::json CliTest::json_of(const std::vector<std::string>& words) {
  const Outcome outcome = run_vae(words);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  nlohmann::json json = nlohmann::json::parse(outcome.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << outcome.out;
  return json;
}

std::string command_in(const std::string& text, const std::string& word) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::size_t first = std::min(text.find_first_not_of(' ', begin), end);
    if (text.compare(first, word.size(), word) == 0) return text.substr(first, end - first);
    begin = end + 1;
  }
  ADD_FAILURE() << "no line begins with " << word << ": " << text;
  return "false";
}

std::vector<std::string> verbs_of_help() {
  const std::string help = run_vae({"--help"}).out;
  const std::string heading = "\nVerbs:\n";
  const std::size_t begin = help.find(heading) + heading.size();
  std::istringstream lines(help.substr(begin, help.find("\n\n", begin) - begin));
  std::vector<std::string> verbs;
  for (std::string line; std::getline(lines, line);) {
    const bool goes_on = line[2] == ' ';  // with the summary of the verb above
    if (!goes_on) verbs.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  EXPECT_GT(verbs.size(), 20u) << help;
  return verbs;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void expect_failure(const Outcome& outcome, int status, const std::vector<std::string>& parts) {
  EXPECT_EQ(outcome.status, status) << outcome.err;
  EXPECT_FALSE(outcome.killed);
  EXPECT_EQ(outcome.out, "");
  for (const std::string& part : parts) {
    EXPECT_TRUE(contains(outcome.err, part)) << "'" << part << "' is not in: " << outcome.err;
  }
}

}  // namespace vae::test
