// SPDX-License-Identifier: MIT
#include "host/data/picture_folder.h"

#include <algorithm>
#include <filesystem>

#include "host/data/file_names.h"
#include "tests/host/io/sample_files.h"
#include "tests/support/sample_jpeg.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

using test::expect_error;

Image flat_picture(int64_t width, int64_t height, int64_t channels, uint8_t value) {
  return {height, width, channels,
          std::vector<uint8_t>(static_cast<size_t>(height * width * channels), value)};
}

class PictureFolderTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name = "") const { return folder_.file(name); }
  void write(const std::string& name, const std::string& content) {
    fs::create_directories(fs::path(path(name)).parent_path());
    test::write_plainly(path(name), test::to_bytes(content));
  }
  void png(const std::string& name, const Image& image) {
    write(name, "");
    save_png(path(name), image);
  }
  void jpeg(const std::string& name, const Image& image) { write(name, test::make_jpeg(image)); }

  Dataset load() {
    lines_.clear();
    options_.log = [this](LogLevel, std::string_view line) { lines_ += std::string(line) + "\n"; };
    return load_picture_folder(folder_.path(), options_);
  }
  void expect_said(const std::string& words) const {
    EXPECT_NE(lines_.find(words), std::string::npos) << words << ": " << lines_;
  }

  test::TemporaryFolder folder_;
  LoadOptions options_;
  std::string lines_;
};

std::vector<std::string> names_of(const ImageSet& images) {
  return {images.names().begin(), images.names().end()};
}

TEST_F(PictureFolderTest, SubfoldersAreLabelsAndNamesAreInNaturalOrder) {
  png("dog 10/1.png", flat_picture(3, 2, 1, 40));
  jpeg("dog 2/10.JPG", flat_picture(3, 2, 1, 30));
  png("dog 2/9.png", flat_picture(3, 2, 1, 20));
  png("dog 2/deep/er/1.png", flat_picture(3, 2, 1, 35));
  png("cat/a.png", flat_picture(3, 2, 1, 10));
  for (const char* litter : {"cat/._a.png", "cat/Thumbs.db", "cat/notes.txt", ".git/x.png"}) {
    write(litter, "no picture");
  }
  write("cat/b.gif", "GIF89a");
  EXPECT_TRUE(holds_pictures(folder_.path()));
  const Dataset data = load();
  EXPECT_EQ(names_of(data.train),
            (std::vector<std::string>{"cat/a.png", "dog 2/9.png", "dog 2/10.JPG",
                                      "dog 2/deep/er/1.png", "dog 10/1.png"}));
  const auto labels = data.train.labels();
  EXPECT_EQ(std::vector<uint8_t>(labels.begin(), labels.end()),
            (std::vector<uint8_t>{0, 1, 1, 1, 2}));
  EXPECT_EQ(data.train.label_names()[1], "dog 2");
  EXPECT_EQ(data.train.width(), 3);
  EXPECT_EQ(data.train.image(1).pixels[0], 20);
  EXPECT_NEAR(data.train.image(2).pixels[0], 30, 1);
  EXPECT_EQ(data.test.count(), 0);
  expect_said("neither PNG nor JPEG are left out, such as cat/b.gif");
}

TEST_F(PictureFolderTest, ManyPicturesKeepTheirOrder) {
  for (int i = 0; i < 200; ++i) {
    png(std::to_string(i) + ".png", flat_picture(2, 2, 1, static_cast<uint8_t>(i)));
  }
  const Dataset data = load();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(data.train.image(i).pixels[0], i);
  EXPECT_TRUE(data.train.labels().empty());
}

TEST_F(PictureFolderTest, TrainAndTestFoldersAreTheSets) {
  png("Train/b/1.png", flat_picture(2, 2, 1, 1));
  png("Train/a/1.png", flat_picture(2, 2, 1, 2));
  png("test/b/1.png", flat_picture(2, 2, 1, 3));
  png("val/b/1.png", flat_picture(2, 2, 1, 3));
  const Dataset data = load();
  EXPECT_EQ(names_of(data.train), (std::vector<std::string>{"Train/a/1.png", "Train/b/1.png"}));
  EXPECT_EQ(names_of(data.test), (std::vector<std::string>{"test/b/1.png"}));
  EXPECT_EQ(data.test.labels()[0], 1);
  expect_said("val is not read");
}

TEST_F(PictureFolderTest, PicturesBesideTheLabelFoldersCostTheLabels) {
  png("a/1.png", flat_picture(2, 2, 1, 1));
  png("0.png", flat_picture(2, 2, 1, 2));
  EXPECT_TRUE(load().train.labels().empty());
  expect_said("1 pictures lie beside");
}

TEST_F(PictureFolderTest, SizesAndColoursAreConvertedWhenAsked) {
  png("1.png", flat_picture(40, 20, 3, 100));
  jpeg("2.jpg", flat_picture(30, 50, 1, 100));
  options_.data.size = {16, 8};
  options_.data.grey = true;
  const Dataset data = load();
  EXPECT_EQ(data.train.width(), 16);
  EXPECT_EQ(data.train.height(), 8);
  EXPECT_EQ(data.train.channels(), 1);
  for (const uint8_t pixel : data.train.pixels()) EXPECT_NEAR(pixel, 100, 1);
  options_.data.grey = false;
  options_.data.rgb = true;
  EXPECT_EQ(load().train.channels(), 3);
}

TEST_F(PictureFolderTest, MixedSizesAreRefusedWithTheCommandThatConvertsThem) {
  png("a/1.png", flat_picture(40, 20, 3, 0));
  png("a/2.png", flat_picture(100, 90, 1, 0));
  jpeg("b/3.jpg", flat_picture(70, 80, 3, 0));
  options_.command = "vae train --data photos --out r";
  expect_error(
      ErrorCode::unsupported, [&] { load(); },
      {"3 sizes, from 40 x 20 (a/1.png) to 100 x 90 (a/2.png)", "1 in grey and 2 in colour",
       "\n  vae train --data photos --out r --size 20 --rgb"});
  options_.data.size = {8, 8};
  options_.command.clear();
  expect_error(ErrorCode::unsupported, [&] { load(); }, {"8 x 8", "; to convert them add --rgb"});
  options_.data.rgb = true;
  EXPECT_EQ(load().train.count(), 3);
}

TEST_F(PictureFolderTest, OneBadPictureIsNamedOrLeftOutAndCounted) {
  for (int i = 0; i < 30; ++i) {
    png("x/" + std::to_string(i) + ".png", flat_picture(2, 2, 1, static_cast<uint8_t>(i)));
  }
  const std::string whole = load().source_hash;
  write("x/0.png", "not a picture");
  write("x/17.png", test::read_plainly(path("x/18.png")).substr(0, 40));
  expect_error(ErrorCode::corrupt, [&] { load(); }, {"x/0.png", "--skip-bad"});
  options_.skip_bad = true;
  const Dataset data = load();
  EXPECT_EQ(data.skipped, 2);
  EXPECT_EQ(data.train.count(), 28);
  EXPECT_EQ(data.train.labels().size(), 28u);
  EXPECT_EQ(data.train.image(16).pixels[0], 18);
  EXPECT_EQ(data.train.names()[16], "x/18.png");
  expect_said("left out: " + path("x/17.png"));
  expect_said("2 bad pictures left out");
  EXPECT_NE(data.source_hash, whole);
  for (int i = 0; i < 30; ++i) write("x/" + std::to_string(i) + ".png", "bad");
  expect_error(ErrorCode::corrupt, [&] { load(); }, {"none of 30 pictures"});
}

TEST_F(PictureFolderTest, TheHashCoversFilesAndNames) {
  png("a/1.png", flat_picture(2, 2, 1, 1));
  png("a/2.png", flat_picture(2, 2, 1, 2));
  const std::string before = load().source_hash;
  EXPECT_EQ(load().source_hash, before);
  fs::rename(path("a/2.png"), path("a/3.png"));
  const std::string renamed = load().source_hash;
  EXPECT_NE(renamed, before);
  write("a/3.png", test::read_plainly(path("a/3.png")) + "\n");  // the same picture
  EXPECT_NE(load().source_hash, renamed);
}

TEST_F(PictureFolderTest, LinksAreFollowedButNotInCircles) {
  png("a/1.png", flat_picture(2, 2, 1, 1));
  fs::create_directory_symlink(path(), path("a/up"));
  fs::create_directory_symlink(path("a"), path("b"));
  EXPECT_EQ(names_of(load().train), (std::vector<std::string>{"a/1.png", "b/1.png"}));
}

TEST_F(PictureFolderTest, AFolderWithoutPicturesSaysSo) {
  write("notes.txt", "x");
  EXPECT_FALSE(holds_pictures(folder_.path()));
  expect_error(ErrorCode::io, [&] { load(); }, {folder_.path(), "no PNG or JPEG"});
}

TEST(FileNamesTest, DigitsCountAsNumbers) {
  std::vector<std::string> names = {"b", "a10", "a2", "a02", "a", "a1b", "a1"};
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "a1", "a1b", "a02", "a2", "a10", "b"}));
}

}  // namespace
}  // namespace vae
