// SPDX-License-Identifier: MIT
#include "host/io/idx.h"

#include <numeric>

#include "host/io/gzip.h"
#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::Bytes;
using test::expect_error;
using test::make_gzip;
using test::make_idx;
using test::to_bytes;

std::vector<uint8_t> counting(size_t count) {
  std::vector<uint8_t> values(count);
  std::iota(values.begin(), values.end(), uint8_t{1});
  return values;
}

IdxArray parse_images(const Bytes& file) { return parse_idx(file, IdxContent::images, "f"); }

Bytes small_images() { return make_idx({2, 3, 4}, counting(24)); }

TEST(IdxTest, ReadsGreyImagesColourImagesAndLabels) {
  const IdxArray grey = parse_images(small_images());
  EXPECT_EQ(grey.dims, (std::vector<int64_t>{2, 3, 4}));
  EXPECT_EQ(grey.values, counting(24));
  const IdxArray colour = parse_images(make_idx({2, 2, 2, 3}, counting(24)));
  EXPECT_EQ(colour.dims, (std::vector<int64_t>{2, 2, 2, 3}));
  const IdxArray labels = parse_idx(make_idx({5}, counting(5)), IdxContent::labels, "f");
  EXPECT_EQ(labels.dims, std::vector<int64_t>{5});
  EXPECT_EQ(labels.values, counting(5));
}

TEST(IdxTest, ReadsGzippedAndPlainFilesAlike) {
  test::TemporaryFolder folder;
  const Bytes file = make_idx({70, 61, 67}, counting(70 * 61 * 67));  // more than one buffer
  test::write_plainly(folder.file("plain"), file);
  test::write_plainly(folder.file("packed.gz"), make_gzip(file));
  const IdxArray plain = read_idx(folder.file("plain"), IdxContent::images);
  const IdxArray packed = read_idx(folder.file("packed.gz"), IdxContent::images);
  EXPECT_EQ(plain.values, counting(70 * 61 * 67));
  EXPECT_EQ(packed.values, plain.values);
  EXPECT_EQ(packed.dims, plain.dims);
}

TEST(IdxTest, RejectsEveryTruncation) {
  test::expect_corrupt_when_truncated(small_images(), parse_images);
  test::expect_corrupt_when_truncated(make_gzip(small_images()), parse_images);
}

TEST(IdxTest, RejectsEveryFlippedBitOfTheHeader) {
  const Bytes file = small_images();
  for (size_t bit = 0; bit < 16 * 8; ++bit) {
    expect_error(ErrorCode::corrupt, [&] { parse_images(test::flip_bit(file, bit)); });
  }
}

TEST(IdxTest, NoFlippedBitOfAGzippedFileChangesTheImages) {
  const Bytes file = make_gzip(small_images());
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    try {
      EXPECT_EQ(parse_images(test::flip_bit(file, bit)).values, counting(24)) << bit;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt) << error.what();
    }
  }
}

struct HostileHeader {
  const char* name;
  Bytes file;
  IdxContent content;
  std::vector<std::string> words;
};

TEST(IdxTest, RejectsHostileHeadersWithExpectationAndFinding) {
  constexpr uint32_t kHuge = 0xFFFFFFFF;
  const auto images = IdxContent::images;
  const auto labels = IdxContent::labels;
  const std::vector<HostileHeader> cases = {
      {"empty", {}, images, {"found only 0"}},
      {"wrong type", make_idx({2, 3, 4}, counting(24), 0x0D), images, {"type 8", "type 13"}},
      {"labels as images", make_idx({24}, counting(24)), images, {"rank 3 or 4", "rank 1"}},
      {"images as labels", small_images(), labels, {"rank 1", "rank 3"}},
      {"rank 0", make_idx({}, counting(1)), images, {"rank 0"}},
      {"rank 2", make_idx({4, 6}, counting(24)), images, {"rank 2"}},
      {"rank 255",
       to_bytes(std::string("\0\0\x08\xff", 4) + std::string(2000, 1)),
       images,
       {"rank 255"}},
      {"zero items", make_idx({0, 3, 4}, {}), images, {"at least 1 at offset 4", "found 0"}},
      {"zero height", make_idx({2, 0, 4}, {}), images, {"offset 8"}},
      {"two channels",
       make_idx({2, 3, 2, 2}, counting(24)),
       images,
       {"1 or 3 channels", "found 2"}},
      {"product overflow", make_idx({kHuge, kHuge, kHuge}, counting(24)), images, {"63 bits"}},
      {"product wraps to 0", make_idx({1u << 31, 1u << 31, 1u << 2}, {}), images, {"63 bits"}},
      {"billions of images",
       make_idx({kHuge, 28, 28}, counting(24)),
       images,
       {"3367254359296 bytes", "found 40"}},
      {"one byte less", make_idx({2, 3, 4}, counting(23)), images, {"40 bytes", "found 39"}},
      {"one byte more", make_idx({2, 3, 4}, counting(25)), images, {"40 bytes", "found 41"}},
      {"gzip: lie beyond the ratio",
       make_gzip(make_idx({kHuge, 28, 28}, counting(24))),
       images,
       {"compressed file"}},
      {"gzip: one byte less", make_gzip(make_idx({2, 3, 4}, counting(23))), images, {"only 39"}},
      {"gzip: one byte more", make_gzip(make_idx({2, 3, 4}, counting(25))), images, {"more"}},
      {"gzip: bomb behind the header",
       make_gzip(make_idx({2, 3, 4}, counting(5'000'000))),
       images,
       {"40 bytes", "more"}},
      {"gzip in gzip", make_gzip(make_gzip(small_images())), images, {"a gzip file"}}};
  for (const HostileHeader& hostile : cases) {
    SCOPED_TRACE(hostile.name);
    std::vector<std::string> words = hostile.words;
    words.push_back("data/f");
    expect_error(
        ErrorCode::corrupt, [&] { parse_idx(hostile.file, hostile.content, "data/f"); }, words);
  }
}

TEST(IdxTest, NamesForeignFiles) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"<!DOCTYPE html><html>404</html>", "HTML page"},
      {"\x89PNG\r\n\x1a\n....", "PNG picture"},
      {std::string("PK\x03\x04") + std::string(40, 'x'), "zip archive"},
      {"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"}};
  for (const auto& foreign : cases) {
    expect_error(ErrorCode::corrupt, [&] { parse_images(to_bytes(foreign.first)); },
                 {foreign.second});
  }
}

TEST(IdxTest, ReadsMnist) {
  const std::string folder = VAE_SOURCE_DIR "/data/mnist/";
  const IdxArray images = read_idx(folder + "t10k-images-idx3-ubyte.gz", IdxContent::images);
  EXPECT_EQ(images.dims, (std::vector<int64_t>{10'000, 28, 28}));
  const IdxArray labels = read_idx(folder + "t10k-labels-idx1-ubyte.gz", IdxContent::labels);
  EXPECT_EQ(labels.dims, std::vector<int64_t>{10'000});
  EXPECT_EQ(std::vector<uint8_t>(labels.values.begin(), labels.values.begin() + 5),
            (std::vector<uint8_t>{7, 2, 1, 0, 4}));
}

TEST(IdxTest, ReportsAMissingFileAsIo) {
  expect_error(ErrorCode::io, [] { read_idx("/no/such/file", IdxContent::images); },
               {"/no/such/file"});
}

}  // namespace
}  // namespace vae
