// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/cli_test.h"
#include "tests/support/effort.h"
#include "vae/array.h"
#include "vae/image.h"

namespace vae::test {
namespace {

using nlohmann::json;

/// 32 test images of 8x8.
class CompressVerbTest : public CliTest {
 protected:
  static constexpr int64_t kTest = 32;

  std::vector<std::string> words(const std::string& run, std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"compress", run, "--data", data(), "--out", path("f.vaez")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

TEST_F(CompressVerbTest, BlackAndWhiteImagesComeBack) {
  const std::string run = trained("run", {"--binarization", "threshold"});
  const json made = json_of(words(run, {"--json"}));
  EXPECT_EQ(made["images"], kTest);
  EXPECT_EQ(made["binarization"], "threshold");
  EXPECT_EQ(made["files"], json({path("f.vaez")}));
  EXPECT_EQ(made["bytes"], read("f.vaez").size());
  EXPECT_NEAR(made["bits_per_dimension"], 8.0 * read("f.vaez").size() / (kTest * 64), 1e-12);
  EXPECT_GT(made["bound_bits_per_dimension"], 0.0);
  EXPECT_GT(made["images_per_second"], 0.0);
  EXPECT_TRUE(made["xz_bytes"].is_null() || made["xz_bytes"] > 0);
  const json read_back =
      json_of({"decompress", run, path("f.vaez"), "--out", path("x.npy"), "--json"});
  EXPECT_EQ(read_back["images"], kTest);
  EXPECT_EQ(read_back["binarization"], "threshold");
  const Array pixels = load_npy(path("x.npy"));
  EXPECT_EQ(pixels.shape, (std::vector<int64_t>{kTest, 8, 8}));
  EXPECT_TRUE(contains(read("x.npy").substr(0, 60), "'|u1'")) << "bytes";
  const Outcome again = run_vae({"compress", run, "--images", path("x.npy"), "--out",
                                 path("g.vaez"), "--no-comparison", "--threads", "3"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(read("g.vaez"), read("f.vaez")) << "what came back is what was kept";
}

TEST_F(CompressVerbTest, GreyImagesBecomePicturesThatAreTheSame) {
  const std::string run =
      trained("run", {"--likelihood", "beta-binomial", "--binarization", "none"});
  const Outcome made = run_vae(words(run));
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_TRUE(contains(made.out, "32 images, all 256 levels")) << made.out;
  for (const char* row : {"this file", "the model's bound", "xz -9", "bzip2 -9"}) {
    EXPECT_TRUE(contains(made.out, row)) << made.out;
  }
  EXPECT_EQ(
      run_vae({"decompress", run, path("f.vaez"), "--out", path("pictures"), "--threads", "2"})
          .status,
      0);
  EXPECT_EQ(run_vae({"decompress", run, path("f.vaez"), "--out", path("x.npy")}).status, 0);
  const Array pixels = load_npy(path("x.npy"));
  for (int64_t i = 0; i < kTest; ++i) {
    const Image picture = load_png(
        path("pictures/000" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ".png"));
    EXPECT_TRUE(std::equal(picture.pixels.begin(), picture.pixels.end(), pixels.row(i))) << i;
  }
  const Outcome again = run_vae(
      {"compress", run, "--images", path("x.npy"), "--out", path("g.vaez"), "--no-comparison"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_FALSE(contains(again.out, "xz")) << again.out;
  EXPECT_EQ(read("g.vaez"), read("f.vaez"));
}

/// And the disk is waited for once, not for each picture.
TEST_F(CompressVerbTest, AFolderOfPicturesIsOnDiskBeforeItAppears) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers need ptrace for themselves";
  if (run_shell("strace -o /dev/null -e trace=/fsync true").status != 0) {
    GTEST_SKIP() << "strace is missing or not permitted here";
  }
  const std::string run = trained("run", {"--binarization", "threshold"});
  ASSERT_EQ(run_vae(words(run, {"--no-comparison"})).status, 0);
  const Outcome made = run_shell("strace -f -o '" + path("calls") +
                                 "' -e trace=/sync,/rename \"$VAE\" decompress '" + run + "' '" +
                                 path("f.vaez") + "' --threads 1 --out '" + path("pictures") + "'");
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_TRUE(exists("pictures/00031.png"));
  const std::string calls = read("calls");
  const std::size_t all = calls.find("syncfs("), appears = calls.find("/pictures\"");
  const std::size_t folder = calls.find("fsync(");
  ASSERT_NE(all, std::string::npos) << calls;
  ASSERT_NE(appears, std::string::npos) << calls;
  EXPECT_LT(all, appears) << calls;
  EXPECT_GT(folder, appears) << "no picture by itself\n" << calls;
  EXPECT_NE(folder, std::string::npos) << "the name is on disk, too\n" << calls;
}

TEST_F(CompressVerbTest, MeansComeBackAsWhatTheyDecodeTo) {
  const std::string run = trained("run", {"--likelihood", "gaussian", "--binarization", "none"});
  const json made = json_of(words(run, {"--lossy", "--quality", "90", "--json"}));
  EXPECT_TRUE(made["binarization"].is_null());
  EXPECT_TRUE(made["bound_bits_per_dimension"].is_null());
  EXPECT_GT(made["psnr"], 3.0);
  const json read_back =
      json_of({"decompress", run, path("f.vaez"), "--out", path("x.npy"), "--json"});
  EXPECT_TRUE(read_back["binarization"].is_null());
  EXPECT_EQ(load_npy(path("x.npy")).rows(), kTest);
  const Outcome table = run_vae(words(run, {"--lossy"}));
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_TRUE(contains(table.out, "posterior means") && contains(table.out, " dB")) << table.out;
  expect_failure(run_vae(words(run)), 2, {"densities", "--lossy"});
  expect_failure(run_vae(words(run, {"--quality", "50"})), 2, {"--lossy"});
}

TEST_F(CompressVerbTest, TheLowestQualityIsNotTheUsualOne) {
  const std::string run = trained("run", {"--likelihood", "gaussian", "--binarization", "none"});
  const auto file_of = [&](const std::vector<std::string>& quality) {
    std::vector<std::string> more = {"--lossy"};
    more.insert(more.end(), quality.begin(), quality.end());
    const Outcome made = run_vae(words(run, more));
    EXPECT_EQ(made.status, 0) << made.err;
    return read("f.vaez");
  };
  const std::string usual = file_of({});
  EXPECT_EQ(file_of({"--quality", "75"}), usual);
  const std::string lowest = file_of({"--quality", "0"});
  EXPECT_NE(lowest, usual);
  EXPECT_LE(lowest.size(), usual.size());
  expect_failure(run_vae(words(run, {"--quality", "0"})), 2, {"--quality is of --lossy"});
  for (const char* wrong : {"-1", "100.5", "nan", "x"}) {
    expect_failure(run_vae(words(run, {"--lossy", std::string("--quality=") + wrong})), 2,
                   {"--quality", wrong, "0 to 100"});
  }
}

TEST_F(CompressVerbTest, SamplesBringTheFileToTheirBound) {
  const std::string run = trained("run", {"--binarization", "threshold"});
  const json one = json_of(words(run, {"--json"}));
  const json four = json_of(words(run, {"--samples", "4", "--json"}));
  EXPECT_LT(four["bound_bits_per_dimension"], one["bound_bits_per_dimension"]);
  EXPECT_EQ(run_vae({"decompress", run, path("f.vaez"), "--out", path("x.npy")}).status, 0);
  EXPECT_EQ(load_npy(path("x.npy")).rows(), kTest);
  expect_failure(run_vae(words(run, {"--samples", "3"})), 2, {"3 samples", "1, 2, 4, 8 or 16"});
  expect_failure(run_vae(words(run, {"--samples", "4", "--lossy"})), 2, {"--samples", "--lossy"});
}

TEST_F(CompressVerbTest, ProgramsThatAreNotThereAreSaidSo) {
  const std::string run = trained("run", {"--binarization", "threshold"});
  const Outcome made = run_vae(words(run), {{"PATH", path("nothing")}});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_TRUE(contains(made.out, "not installed")) << made.out;
}

TEST_F(CompressVerbTest, NothingIsWrittenWhereAnythingIsWrong) {
  const std::string run = trained("run", {"--binarization", "threshold"});
  const std::string other = trained("other", {"--binarization", "threshold", "--seed", "2"});
  const std::string dynamic = trained("dynamic");
  expect_failure(run_vae({"compress", dynamic, "--data", data(), "--out", path("no.vaez")}), 2,
                 {"trained with dynamic", "--binarization threshold"});
  expect_failure(run_vae({"compress", run, "--data", data(), "--out", path("no.zip")}), 2,
                 {".vaez"});
  expect_failure(run_vae(words(run, {"--images", path("data")})), 2, {"not both"});
  ASSERT_EQ(run_vae(words(run, {"--no-comparison"})).status, 0);
  const auto refused = [&](const std::string& from, const std::string& file, int status,
                           const std::vector<std::string>& parts) {
    for (const char* out : {"no.npy", "pictures"}) {
      expect_failure(run_vae({"decompress", from, path(file), "--out", path(out)}), status, parts);
      EXPECT_FALSE(exists(out));
    }
  };
  refused(other, "f.vaez", 3, {"f.vaez", "another model"});
  std::string bytes = read("f.vaez");
  bytes.back() = static_cast<char>(bytes.back() ^ 4);
  write("changed.vaez", bytes);
  refused(run, "changed.vaez", 3, {"changed.vaez", "damaged"});
  write("cut.vaez", bytes.substr(0, bytes.size() - 1));
  refused(run, "cut.vaez", 3, {"cut.vaez", "the end"});
  refused(run, "none.vaez", 4, {"none.vaez"});
  expect_failure(run_vae({"decompress", run, path("f.vaez"), "--out", path("no.jpg")}), 2,
                 {".npy"});
  for (const char* name : {"no.vaez", "no.zip", "no.npy"}) EXPECT_FALSE(exists(name)) << name;
}

}  // namespace
}  // namespace vae::test
