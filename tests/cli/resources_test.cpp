// SPDX-License-Identifier: MIT
//
// What the program takes of memory and disk, and what it says when there is not enough.
#include <algorithm>
#include <fstream>
#include <regex>

#include "tests/cli/cli_test.h"
#include "tests/support/memory_growth.h"
#include "vae/array.h"
#include "vae/model.h"

namespace vae::test {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;

class ResourcesTest : public CliTest {
 protected:
  /// A checkpoint of an untrained model.
  std::string saved(const ModelConfig& config) const {
    Model(config, Device::cpu(1)).save(path("model.safetensors"));
    return path("model.safetensors");
  }

  /// `count` images of one size as the training and the test images of a data set.
  std::string data_of(uint32_t count, uint32_t side) const {
    const auto big_endian = [](uint32_t number) {
      std::string bytes;
      for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
      return bytes;
    };
    std::string file =
        std::string("\0\0\x08\x03", 4) + big_endian(count) + big_endian(side) + big_endian(side);
    for (uint32_t i = 0; i < count * side * side; ++i) file += static_cast<char>(i * i / 97);
    std::filesystem::create_directory(path("images"));
    write("images/train-images-idx3-ubyte", file);
    write("images/t10k-images-idx3-ubyte", file);
    return path("images");
  }
};

TEST_F(ResourcesTest, ASmallerBatchSavesMemoryInAnEvaluation) {
  ModelConfig config;
  config.height = config.width = 200;
  config.encoder = config.decoder = {2};
  const std::string model = saved(config), images = data_of(130, 200);
  const auto peak = [&](const char* batch) {
    const Outcome outcome = run_vae({"eval", model, "--data", images, "--batch-size", batch,
                                     "--importance-samples", "2", "--threads", "1"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.peak_bytes;
  };
  if (!kMeasuresMemory) GTEST_SKIP() << "the sanitizers' own memory is more";
  // 128 rows of 40,000 inputs and as many outputs take 39 MiB.
  EXPECT_LT(peak("1"), peak("128") - 25 * kMebibyte);
}

TEST_F(ResourcesTest, ManySamplesAreWrittenPieceByPiece) {
  ModelConfig config;
  config.height = config.width = 64;
  config.encoder = config.decoder = {2};
  const std::string model = saved(config);
  const Outcome outcome = run_vae({"sample", model, "--count", "6144", "--out", path("many.npy"),
                                   "--seed", "3", "--threads", "1"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  if (kMeasuresMemory) {
    EXPECT_LT(outcome.peak_bytes, 170 * kMebibyte) << "the file has 96 MiB";
  }
  const Array many = load_npy(path("many.npy"));
  EXPECT_EQ(many.shape, (std::vector<int64_t>{6144, 4096}));
  const Array tail = Model::load(model, Device::cpu(1)).sample(128, 3, 6144 - 128);
  EXPECT_TRUE(std::equal(tail.values.begin(), tail.values.end(), many.row(6144 - 128)));
}

TEST_F(ResourcesTest, PicturesThatAreTooLargeAreRefusedWithTheirSize) {
  const std::string run = trained("run");
  const auto refuse = [&](std::vector<std::string> words, const std::vector<std::string>& parts) {
    words.insert(words.begin() + 1, run);
    const Outcome outcome = run_vae(words);
    expect_failure(outcome, 2, parts);
    if (kMeasuresMemory) {
      EXPECT_LT(outcome.peak_bytes, 300 * kMebibyte);
    }
  };
  refuse({"sample", "--count", "1048576", "--out", path("x.png")},
         {"x.png", "1048576 pictures", "9217 x 9217", "FILE.npy"});
  refuse({"sample", "--count", "4000", "--columns", "4000", "--scale", "2", "--out", path("x.png")},
         {"72002", "at most 65535 a side"});
  refuse({"traverse", "--steps", "1000", "--scale", "64", "--out", path("x.gif")},
         {"2000 frames", "smaller --scale"});
  refuse({"interpolate", "--steps", "4096", "--out", path("x.gif"), "--data", data()},
         {"8192 frames", "choose fewer"});
  EXPECT_FALSE(exists("x.png") || exists("x.gif"));
}

/// The address space is made so small that the whole set is no possible batch; what the message
/// advises is then tried.
TEST_F(ResourcesTest, TheBatchSizeAdvisedFits) {
  if (!kMeasuresMemory) GTEST_SKIP() << "a sanitizer needs an address space without limit";
  const std::string images = data_of(3000, 28);
  const auto train = [&](int64_t kibibytes, const std::string& batch, const std::string& run) {
    std::string command = "ulimit -v " + std::to_string(kibibytes) + "; exec $VAE";
    for (const std::string& word :
         {std::string("train"), std::string("--data"), images, std::string("--encoder"),
          std::string("600"), std::string("--decoder"), std::string("30"), std::string("--epochs"),
          std::string("1"), std::string("--threads"), std::string("1"), std::string("--batch-size"),
          batch, std::string("--out"), path(run)}) {
      command += " '" + word + "'";
    }
    return run_shell(command);
  };
  bool advised = false;
  for (int64_t mebibytes = 80; mebibytes <= 420 && !advised; mebibytes += 10) {
    const std::string run = "run" + std::to_string(mebibytes);
    const Outcome refused = train(mebibytes * 1024, "1000000", run);
    if (refused.status == 0) break;
    std::smatch match;
    if (!std::regex_search(refused.err, match, std::regex("batch_size (\\d+) would fit"))) continue;
    advised = true;
    EXPECT_EQ(refused.status, 5) << refused.err;
    EXPECT_TRUE(contains(refused.err, "batch_size 3000")) << "the set's: " << refused.err;
    const Outcome outcome = train(mebibytes * 1024, match[1], run + "again");
    EXPECT_EQ(outcome.status, 0) << match[1] << " of " << mebibytes << " MiB: " << outcome.err;
  }
  EXPECT_TRUE(advised);
}

/// The disk has room for the checkpoints and little more.
TEST_F(ResourcesTest, PicturesLeaveTheSpaceOfANearlyFullDiskToCheckpoints) {
  if (run_shell("unshare -m mount -t tmpfs -o size=1m none " + data()).status != 0) {
    GTEST_SKIP() << "no file system can be mounted here";
  }
  const std::vector<std::string> more = {"--encoder", "500", "--decoder", "500", "--epochs", "4"};
  trained("plain", more);
  const auto size = std::filesystem::file_size(path("plain/checkpoints/best.safetensors"));
  std::filesystem::create_directory(path("disk"));
  std::string train = "$VAE";
  std::vector<std::string> words = train_words("disk/run", more);
  std::erase(words, "--no-pictures");
  for (const std::string& word : words) train += " '" + word + "'";
  // Two checkpoints, the best one and the one being written; 64 KiB for everything else.
  write("script", "mount -t tmpfs -o size=" + std::to_string(4 * (size / 4096 + 1) * 4096 + 65536) +
                      " none " + path("disk") + " || exit 99\n" + train + "; status=$?\nls " +
                      path("disk/run/checkpoints") + " " + path("disk/run/images") +
                      "\nexit $status\n");
  const Outcome outcome = run_shell("unshare -m bash " + path("script"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_FALSE(contains(outcome.err, "CHECKPOINT NOT SAVED")) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "best.safetensors")) << outcome.out;
  EXPECT_FALSE(contains(outcome.out, ".png")) << outcome.out;
  const std::size_t first = outcome.err.find("cannot write the pictures");
  ASSERT_NE(first, std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("cannot write the pictures", first + 1), std::string::npos)
      << "once is enough: " << outcome.err;
}

}  // namespace
}  // namespace vae::test
