// SPDX-License-Identifier: MIT
#include "vae/image.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "tests/host/io/sample_files.h"
#include "tests/support/memory_growth.h"
#include "vae/dataset.h"

namespace vae {
namespace {

using test::expect_error;

Image plain(int64_t height, int64_t width, int64_t channels, uint8_t value) {
  return {height, width, channels, std::vector<uint8_t>(height * width * channels, value)};
}

Image counting(int64_t height, int64_t width, int64_t channels) {
  Image image = plain(height, width, channels, 0);
  std::iota(image.pixels.begin(), image.pixels.end(), uint8_t{0});
  return image;
}

TEST(ToImagesTest, RoundsAndClipsToBytes) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Array values{{2, 4}, {0.0f, 1.0f, 0.5f, 0.2f, -3.0f, 7.0f, nan, 1e-9f}};
  const std::vector<Image> images = to_images(values, 2, 2, 1);
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].pixels, (std::vector<uint8_t>{0, 255, 128, 51}));
  EXPECT_EQ(images[1].pixels, (std::vector<uint8_t>{0, 255, 0, 0}));
}

TEST(ToImagesTest, RefusesRowsOfAnotherSize) {
  const Array values{{1, 5}, {0, 0, 0, 0, 0}};
  expect_error(ErrorCode::invalid_argument, [&] { to_images(values, 2, 2, 1); }, {"5", "2 x 2"});
}

TEST(ToImagesTest, ShowsChannelsSideBySideWhereTheyAreNoColours) {
  EXPECT_EQ(to_image(std::vector<uint8_t>{1, 2, 3, 4, 5, 6}, 1, 2, 3),
            (Image{1, 2, 3, {1, 2, 3, 4, 5, 6}}));
  EXPECT_EQ(to_image(std::vector<uint8_t>{1, 11, 2, 12, 3, 13}, 1, 3, 2),
            (Image{1, 6, 1, {1, 2, 3, 11, 12, 13}}));
  // Pixels 1 to 2 of channels 10 to 50, in two rows of three, the last place empty.
  const Image five =
      to_image(std::vector<uint8_t>{11, 21, 31, 41, 51, 12, 22, 32, 42, 52}, 1, 2, 5);
  EXPECT_EQ(five, (Image{2, 6, 1, {11, 12, 21, 22, 31, 32, 41, 42, 51, 52, 0, 0}}));
  EXPECT_EQ(picture_size(5, 7, 12), std::pair(int64_t{15}, int64_t{28}));
  EXPECT_EQ(picture_size(5, 7, 3), std::pair(int64_t{5}, int64_t{7}));
  const std::vector<Image> drawn = to_images({{1, 4}, {0.0f, 1.0f, 0.5f, 0.2f}}, 1, 1, 4);
  EXPECT_EQ(drawn.at(0), (Image{2, 2, 1, {0, 255, 128, 51}}));
  EXPECT_EQ(ImageSet(1, 1, 4, {1, 2, 3, 4}).image(0), (Image{2, 2, 1, {1, 2, 3, 4}}));
  expect_error(ErrorCode::invalid_argument, [] { to_image({}, 1, 1, 2); }, {"1 x 1 x 2"});
  expect_error(ErrorCode::invalid_argument, [] { picture_size(1, 1, 0); }, {"1 x 1 x 0"});
}

TEST(MakeGridTest, SeparatesPicturesByOneLightLine) {
  const Image grid = make_grid({plain(2, 2, 1, 0), plain(2, 2, 1, 9), plain(2, 2, 1, 7)});
  EXPECT_EQ(grid.height, 7);
  EXPECT_EQ(grid.width, 7);
  const auto at = [&](int64_t y, int64_t x) { return int{grid.pixels[y * grid.width + x]}; };
  for (int64_t i = 0; i < 7; ++i) {
    for (const int64_t line : {0, 3, 6}) {
      EXPECT_GT(at(line, i), 150);
      EXPECT_GT(at(i, line), 150);
    }
  }
  EXPECT_EQ(at(1, 1), 0);
  EXPECT_EQ(at(2, 5), 9);
  EXPECT_EQ(at(5, 1), 7);
  EXPECT_EQ(at(5, 5), at(0, 0)) << "a missing picture leaves the background";
}

TEST(MakeGridTest, PutsColumnsInARow) {
  const std::vector<Image> five(5, plain(3, 2, 3, 1));
  const Image grid = make_grid(five, 2);
  EXPECT_EQ(grid.width, 2 * 3 + 1);
  EXPECT_EQ(grid.height, 3 * 4 + 1);
  EXPECT_EQ(grid.channels, 3);
  EXPECT_EQ(make_grid(five, 100).width, 5 * 3 + 1);
}

TEST(MakeGridTest, KeepsColours) {
  const Image grid = make_grid({counting(1, 2, 3)});
  const auto start = grid.pixels.begin() + (grid.width + 1) * 3;
  EXPECT_EQ(std::vector<uint8_t>(start, start + 6), (std::vector<uint8_t>{0, 1, 2, 3, 4, 5}));
}

TEST(MakeGridTest, RefusesWhatDoesNotFit) {
  EXPECT_THROW(make_grid({}), Error);
  EXPECT_THROW(make_grid({plain(2, 2, 1, 0)}, -1), Error);
  expect_error(ErrorCode::invalid_argument,
               [] {
                 make_grid({plain(2, 2, 1, 0), plain(2, 3, 1, 0)});
               },
               {"2 x 3", "2 x 2"});
  EXPECT_THROW(make_grid({Image{2, 2, 1, {1, 2, 3}}}), Error);
}

TEST(EnlargeTest, RepeatsEveryPixel) {
  const Image large = enlarge({1, 2, 3, {1, 2, 3, 4, 5, 6}}, 2);
  EXPECT_EQ(large.height, 2);
  EXPECT_EQ(large.width, 4);
  const std::vector<uint8_t> row = {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6};
  std::vector<uint8_t> both = row;
  both.insert(both.end(), row.begin(), row.end());
  EXPECT_EQ(large.pixels, both);
  EXPECT_THROW(enlarge(large, 0), Error);
}

TEST(ShrinkTest, AveragesBlocksAndWhatIsLeftOver) {
  const Image small = shrink({3, 3, 1, {0, 10, 7, 20, 31, 8, 100, 101, 9}}, 2);
  EXPECT_EQ(small, (Image{2, 2, 1, {15, 8, 101, 9}})) << "15.25, 7.5, 100.5 and 9, rounded";
  EXPECT_EQ(shrink({1, 2, 3, {1, 2, 3, 5, 6, 7}}, 2), (Image{1, 1, 3, {3, 4, 5}}));
  EXPECT_EQ(shrink(small, 1), small);
  EXPECT_EQ(shrink(small, 1000).pixels.size(), 1u);
  EXPECT_THROW(shrink(small, 0), Error);
}

TEST(GridSizeTest, IsThatOfTheGrid) {
  for (const int64_t count : {1, 2, 5, 12}) {
    for (const int64_t columns : {0, 1, 3, 100}) {
      const Image grid = make_grid(std::vector<Image>(count, plain(2, 3, 1, 0)), columns);
      EXPECT_EQ(grid_size(count, columns, 2, 3), std::pair(grid.height, grid.width));
    }
  }
}

TEST(ImageFileTest, PngKeepsEveryPixel) {
  const test::TemporaryFolder folder;
  for (const int64_t channels : {1, 3}) {
    const Image image = counting(5, 7, channels);
    save_png(folder.file("x.png"), image);
    EXPECT_EQ(load_png(folder.file("x.png")), image);
  }
}

TEST(ImageFileTest, GifIsAnAnimation) {
  const test::TemporaryFolder folder;
  save_gif(folder.file("x.gif"), {counting(4, 4, 1), plain(4, 4, 1, 3)}, 100);
  const std::string content = test::read_plainly(folder.file("x.gif"));
  EXPECT_EQ(content.substr(0, 6), "GIF89a");
  EXPECT_NE(content.find("NETSCAPE2.0"), std::string::npos);
  EXPECT_THROW(save_gif(folder.file("y.gif"), {}), Error);
}

TEST(ImageFileTest, MissingFoldersAreIoErrors) {
  expect_error(ErrorCode::io, [] { save_png("/nonexistent/x.png", plain(1, 1, 1, 0)); },
               {"/nonexistent/x.png"});
  expect_error(ErrorCode::io, [] { load_png("/nonexistent/x.png"); }, {"/nonexistent/x.png"});
}

ModelConfig sized(int64_t height, int64_t width, int64_t channels) {
  ModelConfig model;
  model.height = height;
  model.width = width;
  model.channels = channels;
  return model;
}

TEST(LoadImagesTest, ReadsAFolderOfPngsInNameOrder) {
  const test::TemporaryFolder folder;
  save_png(folder.file("b.png"), plain(2, 3, 1, 2));
  save_png(folder.file("a.PNG"), plain(2, 3, 1, 1));
  save_png(folder.file("c.png"), plain(2, 3, 1, 3));
  test::write_plainly(folder.file("notes.txt"), test::to_bytes("ignored"));
  const ImageSet images = load_images(folder.path(), sized(2, 3, 1));
  ASSERT_EQ(images.count(), 3);
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(images.image(i).pixels[0], i + 1);
}

TEST(LoadImagesTest, ReadsOnePngAndIdxFiles) {
  const test::TemporaryFolder folder;
  save_png(folder.file("one.png"), counting(2, 2, 3));
  EXPECT_EQ(load_images(folder.file("one.png"), sized(2, 2, 3)).image(0), counting(2, 2, 3));
  const std::vector<uint8_t> values = {1, 2, 3, 4, 5, 6, 7, 8};
  test::write_plainly(folder.file("plain"), test::make_idx({2, 2, 2}, values));
  test::write_plainly(folder.file("zipped"), test::make_gzip(test::make_idx({2, 2, 2}, values)));
  for (const char* name : {"plain", "zipped"}) {
    const ImageSet images = load_images(folder.file(name), sized(2, 2, 1));
    EXPECT_EQ(images.count(), 2);
    EXPECT_EQ(images.image(1).pixels, (std::vector<uint8_t>{5, 6, 7, 8}));
  }
}

TEST(LoadImagesTest, NamesFileExpectationAndFindingOfAnotherSize) {
  const test::TemporaryFolder folder;
  save_png(folder.file("a.png"), plain(2, 2, 1, 0));
  save_png(folder.file("wide.png"), plain(2, 5, 3, 0));
  expect_error(ErrorCode::unsupported, [&] { load_images(folder.path(), sized(2, 2, 1)); },
               {"the model takes 2 x 2 pixels in grey", "2 x 2 (a.png) to 5 x 2 (wide.png)",
                "add --size 2x2 --grey"});
  test::write_plainly(folder.file("x.idx"), test::make_idx({1, 1, 2}, std::vector<uint8_t>{1, 2}));
  expect_error(ErrorCode::unsupported, [&] { load_images(folder.file("x.idx"), sized(2, 2, 1)); },
               {"x.idx", "2 x 2 x 1", "1 x 2 x 1", "add --size 2x2"});
  LoadOptions options;
  options.data.size = {2, 2};
  options.data.grey = true;
  EXPECT_EQ(load_images(folder.path(), sized(2, 2, 1), options).count(), 2);
  EXPECT_EQ(load_images(folder.file("wide.png"), sized(2, 2, 1), options).names()[0], "wide.png");
  EXPECT_EQ(load_images(folder.file("x.idx"), sized(2, 2, 1), options).count(), 1);
}

TEST(LoadTestImagesTest, AreThoseForTestingWhereThereAreSomeElseAll) {
  const test::TemporaryFolder folder;
  const std::vector<uint8_t> values = {1, 2, 3, 4, 5, 6, 7, 8};
  test::write_plainly(folder.file("train-images-idx3-ubyte"), test::make_idx({2, 2, 2}, values));
  const ImageSet all = load_test_images(folder.file("train-images-idx3-ubyte"), sized(2, 2, 1));
  EXPECT_EQ(all.count(), 2);
  EXPECT_EQ(all.split(), Split::test);
  test::write_plainly(folder.file("t10k-images-idx3-ubyte"),
                      test::make_idx({1, 2, 2}, std::vector<uint8_t>{9, 8, 7, 6}));
  const ImageSet own = load_test_images(folder.path(), sized(2, 2, 1));
  ASSERT_EQ(own.count(), 1);
  EXPECT_EQ(own.image(0).pixels, (std::vector<uint8_t>{9, 8, 7, 6}));
  expect_error(ErrorCode::unsupported, [&] { load_test_images(folder.path(), sized(3, 2, 1)); },
               {"add --size"});
  expect_error(ErrorCode::invalid_argument, [&] { load_images(folder.path(), sized(2, 2, 1)); },
               {"training and test images"});
}

/// A small file that decodes to 25 million pixels.
TEST(LoadImagesTest, APictureOfAnotherSizeIsNotDecoded) {
  const test::TemporaryFolder folder;
  save_png(folder.file("huge.png"), Image{5000, 5000, 1, std::vector<uint8_t>(5000 * 5000)});
  const int64_t growth = test::memory_growth(
      [&] { EXPECT_THROW(load_images(folder.file("huge.png"), sized(28, 28, 1)), Error); });
  EXPECT_GE(growth, 0);
  EXPECT_LT(growth, int64_t{12} << 20);
}

TEST(LoadImagesTest, NamesWhatIsMissing) {
  const test::TemporaryFolder folder;
  expect_error(ErrorCode::io, [&] { load_images(folder.path(), sized(2, 2, 1)); },
               {folder.path(), "PNG"});
  expect_error(ErrorCode::io, [&] { load_images(folder.file("none"), sized(2, 2, 1)); }, {"none"});
}

}  // namespace
}  // namespace vae
