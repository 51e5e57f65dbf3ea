// SPDX-License-Identifier: MIT
#include "vae/dataset.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "host/io/sha256.h"
#include "tests/host/io/sample_files.h"
#include "vae/error.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

using test::expect_error;

class DatasetTest : public ::testing::Test {
 protected:
  std::string folder() const { return folder_.path(); }

  /// An IDX file of the given sizes whose values count up from `start`.
  void write_idx(const std::string& name, const std::vector<uint32_t>& dims, uint8_t start = 0) {
    size_t count = 1;
    for (const uint32_t dim : dims) count *= dim;
    std::vector<uint8_t> values(count);
    std::iota(values.begin(), values.end(), start);
    test::write_plainly(folder_.file(name), test::make_idx(dims, values));
  }

  void write_set(const std::string& prefix, const std::string& test_name, uint8_t start = 0) {
    write_idx(prefix + "train-images-idx3-ubyte", {3, 2, 4}, start);
    write_idx(prefix + "train-labels-idx1-ubyte", {3}, 7);
    write_idx(prefix + test_name + "-images-idx3-ubyte", {2, 2, 4}, start + 100);
    write_idx(prefix + test_name + "-labels-idx1-ubyte", {2}, 5);
  }

  Dataset load() {
    warnings_.clear();
    return Dataset::load(folder(), [this](LogLevel level, std::string_view line) {
      EXPECT_EQ(level, LogLevel::warning);
      warnings_.emplace_back(line);
    });
  }
  void expect_warning(const std::vector<std::string>& words) const {
    ASSERT_EQ(warnings_.size(), 1u);
    for (const std::string& word : words) {
      EXPECT_NE(warnings_[0].find(word), std::string::npos) << word << ": " << warnings_[0];
    }
  }

  test::TemporaryFolder folder_;
  std::vector<std::string> warnings_;
};

std::string sha256(std::string_view text) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hash.finish();
}

TEST(Sha256Test, AgreesWithThePublishedExamples) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, DoesNotDependOnThePieces) {
  const std::string text(200, 'x');
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(text).first(cut)));
    hash.update(std::as_bytes(std::span(text).subspan(cut)));
    EXPECT_EQ(hash.finish(), sha256(text)) << "cut at " << cut;
  }
}

TEST(ImageSetTest, SlicesShareThePixelsAndKeepTheLabels) {
  const ImageSet set(1, 2, 1, {0, 1, 2, 3, 4, 5}, {7, 8, 9});
  const ImageSet part = set.slice(1, 2);
  EXPECT_EQ(part.count(), 2);
  EXPECT_EQ(part.pixels().data(), set.pixels().data() + 2);
  EXPECT_EQ(part.labels()[0], 8);
  EXPECT_EQ(part.slice(1, 1).image(0).pixels, (std::vector<uint8_t>{4, 5}));
  EXPECT_THROW(part.slice(1, 2), Error);
  EXPECT_THROW(part.image(2), Error);
}

TEST(ImageSetTest, SlicesKnowTheirPlaceAndSplit) {
  const ImageSet set(1, 2, 1, {0, 1, 2, 3, 4, 5});
  EXPECT_EQ(set.first_index(), 0);
  EXPECT_EQ(set.split(), Split::train);
  const ImageSet part = set.as(Split::test).slice(1, 2).slice(1, 1);
  EXPECT_EQ(part.first_index(), 2);
  EXPECT_EQ(part.split(), Split::test);
  EXPECT_EQ(part.pixels()[1], 5);
  const Dataset data("by hand", set, set);
  EXPECT_EQ(data.train.split(), Split::train);
  EXPECT_EQ(data.test.split(), Split::test);
}

TEST(ImageSetTest, RefusesSizesThatDoNotFit) {
  EXPECT_THROW(ImageSet(2, 2, 1, {1, 2, 3}), Error);
  EXPECT_THROW(ImageSet(1, 1, 0, {1, 2}), Error);
  EXPECT_THROW(ImageSet(1, 1, 1, {1, 2}, {1}), Error);
  EXPECT_THROW(ImageSet(1, 1, 1, {1, 2}).with_names({"a"}, {}), Error);
  EXPECT_THROW(ImageSet(1, 1, 1, {1, 2}, {0, 1}).with_names({}, {"a"}), Error);
  EXPECT_THROW(ImageSet(0, 1, 1, {}), Error);
}

TEST(ImageSetTest, MeansAreOverTheImages) {
  const ImageSet set(1, 2, 1, {0, 255, 255, 255, 51, 0});
  EXPECT_DOUBLE_EQ(set.mean_pixels()[0], 0.4);
  EXPECT_DOUBLE_EQ(set.mean_pixels()[1], 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(set.slice(2, 1).mean_pixels()[0], 0.2);
}

TEST_F(DatasetTest, LoadsAFolderNamedLikeMnist) {
  write_set("", "t10k");
  const Dataset data = Dataset::load(folder() + "/");
  EXPECT_EQ(data.name, fs::path(folder()).filename().string());
  EXPECT_EQ(data.train.count(), 3);
  EXPECT_EQ(data.train.height(), 2);
  EXPECT_EQ(data.train.width(), 4);
  EXPECT_EQ(data.train.pixels()[23], 23);
  EXPECT_EQ(data.train.labels()[2], 9);
  EXPECT_EQ(data.test.count(), 2);
  EXPECT_EQ(data.test.pixels()[0], 100);
  EXPECT_EQ(data.train.split(), Split::train);
  EXPECT_EQ(data.test.split(), Split::test);
}

TEST_F(DatasetTest, LabelsAreOptional) {
  write_idx("train-images.idx3-ubyte", {3, 2, 2});
  write_idx("test-images.idx3-ubyte", {1, 2, 2});
  const Dataset data = Dataset::load(folder());
  EXPECT_TRUE(data.train.labels().empty());
  EXPECT_EQ(data.test.count(), 1);
}

TEST_F(DatasetTest, ReadsColourImagesOfRankFour) {
  write_idx("train-images-idx4-ubyte", {2, 3, 2, 3});
  write_idx("test-images-idx4-ubyte", {1, 3, 2, 3});
  EXPECT_EQ(Dataset::load(folder()).train.channels(), 3);
}

TEST_F(DatasetTest, OnePrefixNeedsNoChoice) {
  write_set("emnist-letters-", "test");
  EXPECT_EQ(Dataset::load(folder()).train.count(), 3);
}

TEST_F(DatasetTest, SeveralPrefixesAskForOneAndListThem) {
  write_set("emnist-letters-", "test", 0);
  write_set("emnist-digits-", "test", 50);
  expect_error(ErrorCode::invalid_argument, [&] { Dataset::load(folder()); },
               {folder() + "/emnist-letters", folder() + "/emnist-digits"});
  const Dataset data = Dataset::load(folder() + "/emnist-digits");
  EXPECT_EQ(data.name, "emnist-digits");
  EXPECT_EQ(data.train.pixels()[0], 50);
  EXPECT_EQ(Dataset::load(folder() + "/emnist-letters-").name, "emnist-letters");
}

TEST_F(DatasetTest, LitterAndCopiesAreNoDataSets) {
  write_set("", "t10k");
  for (const char* name :
       {"._train-images-idx3-ubyte", ".#train-images-idx3-ubyte", "Copy of train-images-idx3-ubyte",
        "Kopie von t10k-images-idx3-ubyte", "train-images-idx3-ubyte~",
        "train-images-idx3-ubyte (1)", "train-images-idx3-ubyte - Copy.gz",
        "x-train-images-idx3-ubyte.gz.part", ".train-images-idx3-ubyte.swp", "Thumbs.db",
        "desktop.ini", ".DS_Store", "README"}) {
    test::write_plainly(folder_.file(name), test::to_bytes("no IDX file"));
  }
  fs::create_directories(folder_.file("__MACOSX"));
  fs::create_directories(folder_.file("t10k-images-idx3-ubyte.gz"));
  const Dataset data = load();
  EXPECT_EQ(data.train.count(), 3);
  EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(DatasetTest, NamesAreReadInAnyCase) {
  write_set("", "t10k");
  const auto packed =
      test::make_gzip(test::to_bytes(test::read_plainly(folder_.file("train-images-idx3-ubyte"))));
  fs::remove(folder_.file("train-images-idx3-ubyte"));
  test::write_plainly(folder_.file("TRAIN-IMAGES-IDX3-UBYTE.GZ"), packed);
  EXPECT_EQ(load().train.count(), 3);
}

TEST_F(DatasetTest, OfTwoSpellingsTheMoreCompleteOneIsTakenWhole) {
  write_idx("train-images-idx3-ubyte", {5, 2, 4});
  write_idx("t10k-images-idx3-ubyte", {4, 2, 4});
  write_idx("train-images.idx3-ubyte", {3, 2, 4});
  write_idx("train-labels.idx1-ubyte", {3});
  write_idx("t10k-images.idx3-ubyte", {2, 2, 4});
  write_idx("t10k-labels.idx1-ubyte", {2});
  const Dataset data = load();
  EXPECT_EQ(data.train.count(), 3);
  EXPECT_EQ(data.test.count(), 2);
  expect_warning({"two spellings", "dot", "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"});
}

TEST_F(DatasetTest, TwoSpellingsWithoutAChoiceAreOneDataSet) {
  write_idx("train-images.idx3-ubyte", {3, 2, 4});
  write_idx("train-labels-idx1-ubyte", {3});
  write_idx("t10k-images-idx3-ubyte", {2, 2, 4});
  EXPECT_EQ(load().train.labels().size(), 3u);
  EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(DatasetTest, ASecondTestSetIsNotPassedOverInSilence) {
  write_set("", "t10k");
  write_idx("test-images-idx3-ubyte", {1, 2, 4});
  write_idx("test-labels-idx1-ubyte", {1});
  EXPECT_EQ(load().test.count(), 2);
  expect_warning({"two test sets", "t10k-images-idx3-ubyte", "test-images-idx3-ubyte"});
}

TEST_F(DatasetTest, LabelsThatAreNotReadAreSaid) {
  write_set("", "t10k");
  write_idx("train-labels-idx1-ubyte", {3, 10});
  const Dataset data = load();
  EXPECT_TRUE(data.train.labels().empty());
  EXPECT_EQ(data.test.labels().size(), 2u);
  expect_warning({"labels are left out", "train-labels-idx1-ubyte", "rank 2"});
}

TEST_F(DatasetTest, LabelsOfQmnistAreRead) {
  write_idx("qmnist-train-images-idx3-ubyte", {3, 2, 4});
  write_idx("qmnist-test-images-idx3-ubyte", {2, 2, 4});
  std::vector<uint8_t> rows(3 * 8 * 4);
  rows[3] = 5, rows[8 * 4 + 3] = 9;
  test::write_plainly(folder_.file("qmnist-train-labels-idx2-int"),
                      test::make_idx({3, 8}, rows, 0x0C));
  const Dataset data = load();
  ASSERT_EQ(data.train.labels().size(), 3u);
  EXPECT_EQ(data.train.labels()[1], 9);
}

TEST_F(DatasetTest, EmnistIsSaidToLieOnItsSideAndTransposeTurnsIt) {
  write_set("emnist-digits-", "test");
  const Dataset lying = load();
  expect_warning({"transposed", "--transpose"});
  LoadOptions options;
  options.data.transpose = true;
  options.log = [](LogLevel, std::string_view line) { ADD_FAILURE() << line; };
  const Dataset data = Dataset::load(folder(), options);
  EXPECT_EQ(data.train.height(), 4);
  EXPECT_EQ(data.train.image(0).pixels, (std::vector<uint8_t>{0, 4, 1, 5, 2, 6, 3, 7}));
  EXPECT_EQ(data.train.labels()[2], 9);
  EXPECT_TRUE(data.prepared.transpose);
  EXPECT_EQ(data.source_hash, lying.fingerprint());
  EXPECT_NE(data.fingerprint(), lying.fingerprint());
}

TEST_F(DatasetTest, OneFileIsHeldOutInPart) {
  write_idx("digits", {50, 2, 2});
  const Dataset data = Dataset::load(folder() + "/digits");
  EXPECT_EQ(data.name, "digits");
  EXPECT_EQ(data.train.count(), 45);
  EXPECT_EQ(data.test.count(), 5);
  EXPECT_EQ(data.test.split(), Split::test);
  EXPECT_EQ(data.prepared.test_share, 0.1);
  // From an independent implementation of Philox4x32-10: stream and key of validation, step 1.
  std::vector<int> held_out;
  for (int64_t i = 0; i < 5; ++i) held_out.push_back(data.test.image(i).pixels[0] / 4);
  EXPECT_EQ(held_out, (std::vector<int>{5, 12, 15, 21, 23}));
  LoadOptions options;
  options.data.test_share = 0.5;
  EXPECT_EQ(Dataset::load(folder() + "/digits", options).test.count(), 25);
  options.data.test_share = 0.995;
  expect_error(ErrorCode::invalid_argument, [&] { Dataset::load(folder() + "/digits", options); },
               {"50", "--test-share"});
  write_idx("one", {1, 2, 2});
  EXPECT_THROW(Dataset::load(folder() + "/one"), Error);
}

TEST_F(DatasetTest, SourcesWithTestImagesHoldNothingOut) {
  write_set("", "t10k");
  LoadOptions options;
  options.data.test_share = 0.5;
  options.data.size = {3, 3};
  const Dataset data = Dataset::load(folder(), options);
  EXPECT_EQ(data.train.count(), 3);
  EXPECT_EQ(data.test.count(), 2);
  EXPECT_EQ(data.prepared.test_share, 0.0);
  EXPECT_EQ(data.test.width(), 3);
}

TEST_F(DatasetTest, FilesOfOtherKindsAreNamed) {
  const auto expect_named = [&](const std::string& content, ErrorCode code, const char* word) {
    test::write_plainly(folder_.file("f"), test::to_bytes(content));
    expect_error(code, [&] { Dataset::load(folder() + "/f"); }, {folder() + "/f", word});
  };
  expect_named("GIF89a", ErrorCode::unsupported, "GIF picture");
  expect_named("<html>", ErrorCode::corrupt, "HTML page");
  expect_named("", ErrorCode::corrupt, "an empty file");
}

TEST_F(DatasetTest, AFolderWithoutADataSetSaysWhatIsThereAndWhatToDo) {
  const auto expect_words = [&](const std::vector<std::string>& words) {
    expect_error(
        ErrorCode::io, [&] { Dataset::load(folder()); }, words);
  };
  test::write_plainly(folder_.file("mnist.zip"), {});
  test::write_plainly(folder_.file("train-images-idx3-ubyte.gz.crdownload"), {});
  test::write_plainly(folder_.file("x_train.npy"), {});
  test::write_plainly(folder_.file("x.h5"), {});
  expect_words({"unpack mnist.zip", "train-images-idx3-ubyte.gz.crdownload", "unfinished download",
                folder() + "/x_train.npy", "x.h5 is not read", "docs/data.md"});
  fs::create_directories(folder_.file("my data/raw"));
  write_set("my data/raw/", "t10k");
  expect_words({"'" + folder() + "/my data/raw'"});
  expect_error(ErrorCode::io,
               [&] { Dataset::load(folder() + "/my data/raw/t10k-images-idx3-ubyte"); },
               {"is a file of a data set", "'" + folder() + "/my data/raw'"});
}

TEST_F(DatasetTest, NamesToChooseFromCanBeTyped) {
  fs::create_directories(folder_.file("it's"));
  write_set("it's/a-", "t10k");
  write_set("it's/b-", "t10k");
  expect_error(ErrorCode::invalid_argument, [&] { Dataset::load(folder() + "/it's"); },
               {"'" + folder() + "/it'\\''s/a'"});
}

TEST_F(DatasetTest, MissingTestImagesAreNamed) {
  write_idx("train-images-idx3-ubyte", {3, 2, 2});
  expect_error(ErrorCode::io, [&] { Dataset::load(folder()); },
               {folder(), "t10k-images-idx3-ubyte.gz", "test-images"});
}

TEST_F(DatasetTest, MissingFoldersAndPrefixesAreNamed) {
  expect_error(ErrorCode::io, [&] { Dataset::load(folder() + "/nothing/there"); },
               {"nothing/there", "mnist"});
  expect_error(ErrorCode::io, [&] { Dataset::load(folder() + "/nothing"); },
               {folder(), "'nothing'", "train-images-idx3-ubyte.gz"});
  EXPECT_THROW(Dataset::load(""), Error);
}

TEST_F(DatasetTest, LabelCountsMustMatchTheImages) {
  write_set("", "t10k");
  write_idx("t10k-labels-idx1-ubyte", {3});
  expect_error(ErrorCode::corrupt, [&] { Dataset::load(folder()); },
               {"t10k-labels-idx1-ubyte", "expected 2", "found 3"});
}

TEST_F(DatasetTest, TrainAndTestImagesMustHaveOneSize) {
  write_set("", "t10k");
  write_idx("t10k-images-idx3-ubyte", {2, 4, 2});
  expect_error(ErrorCode::corrupt, [&] { Dataset::load(folder()); },
               {"t10k-images-idx3-ubyte", "2 x 4 x 1", "4 x 2 x 1"});
}

TEST_F(DatasetTest, TheFingerprintSeesEveryPixelAndSize) {
  const auto print = [](std::vector<uint8_t> pixels, int64_t height, int64_t width) {
    Dataset data;
    data.train = ImageSet(height, width, 1, std::move(pixels));
    data.test = ImageSet(1, 1, 1, {1});
    return data.fingerprint();
  };
  const std::string original = print({1, 2, 3, 4, 5, 6}, 1, 2);
  EXPECT_EQ(original.size(), 16u);
  EXPECT_EQ(original, print({1, 2, 3, 4, 5, 6}, 1, 2));
  EXPECT_NE(original, print({1, 2, 3, 4, 5, 7}, 1, 2));
  EXPECT_NE(original, print({1, 2, 3, 4, 5, 6}, 2, 1));
  EXPECT_NE(original, print({1, 2, 3, 4, 5, 6}, 1, 3));
}

TEST_F(DatasetTest, TheBundledMnistIsTheRealOne) {
  ::setenv("VAE_DATA_DIR", VAE_SOURCE_DIR "/data", 1);
  const Dataset data = Dataset::load("mnist");
  ::unsetenv("VAE_DATA_DIR");
  EXPECT_EQ(data.name, "mnist");
  EXPECT_EQ(data.train.count(), 60000);
  EXPECT_EQ(data.test.count(), 10000);
  EXPECT_EQ(data.train.height(), 28);
  EXPECT_EQ(data.train.labels()[0], 5);
  EXPECT_EQ(data.test.labels()[0], 7);
  double mean = 0.0;
  for (const double pixel : data.train.mean_pixels()) mean += pixel / 784;
  EXPECT_NEAR(mean, 0.1306604762738429, 1e-12);  // the mean that everyone normalises MNIST by
}
TEST_F(DatasetTest, OtherDataUnderTheNameMnistIsRefusedWithBothHashes) {
  fs::create_directories(folder_.file("mnist"));
  write_set("mnist/", "t10k");
  ::setenv("VAE_DATA_DIR", folder().c_str(), 1);
  const std::string found =
      sha256(test::read_plainly(folder_.file("mnist/train-images-idx3-ubyte")));
  expect_error(ErrorCode::corrupt, [] { Dataset::load("mnist"); },
               {"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", found,
                "train-images-idx3-ubyte"});
  ::unsetenv("VAE_DATA_DIR");
}

}  // namespace
}  // namespace vae
