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

ByteArray parse_images(const Bytes& file) { return parse_idx(file, ArrayContent::images, "f"); }

Bytes small_images() { return make_idx({2, 3, 4}, counting(24)); }

TEST(IdxTest, ReadsGreyImagesColourImagesAndLabels) {
  const ByteArray grey = parse_images(small_images());
  EXPECT_EQ(grey.dims, (std::vector<int64_t>{2, 3, 4}));
  EXPECT_EQ(grey.values, counting(24));
  const ByteArray colour = parse_images(make_idx({2, 2, 2, 3}, counting(24)));
  EXPECT_EQ(colour.dims, (std::vector<int64_t>{2, 2, 2, 3}));
  const ByteArray labels = parse_idx(make_idx({5}, counting(5)), ArrayContent::labels, "f");
  EXPECT_EQ(labels.dims, std::vector<int64_t>{5});
  EXPECT_EQ(labels.values, counting(5));
}

TEST(IdxTest, ReadsGzippedAndPlainFilesAlike) {
  test::TemporaryFolder folder;
  const Bytes file = make_idx({70, 61, 67}, counting(70 * 61 * 67));  // more than one buffer
  test::write_plainly(folder.file("plain"), file);
  test::write_plainly(folder.file("packed.gz"), make_gzip(file));
  const ByteArray plain = read_idx(folder.file("plain"), ArrayContent::images);
  const ByteArray packed = read_idx(folder.file("packed.gz"), ArrayContent::images);
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
    try {
      // Signed bytes are stored alike.
      EXPECT_EQ(parse_images(test::flip_bit(file, bit)).values, counting(24)) << bit;
      EXPECT_EQ(bit / 8, 2u) << bit;
    } catch (const Error& error) {
      // A type of one byte or a rank that IDX has makes it a whole file of another kind.
      EXPECT_TRUE(error.code() == ErrorCode::corrupt ||
                  (error.code() == ErrorCode::unsupported && bit / 8 >= 2 && bit / 8 <= 3))
          << bit << error.what();
    }
  }
}

Bytes wide(const std::vector<uint32_t>& dims, const std::vector<int32_t>& numbers, int bytes,
           int type) {
  std::vector<uint8_t> values;
  for (const int32_t number : numbers) {
    for (int byte = bytes; byte-- > 0;) values.push_back(static_cast<uint8_t>(number >> 8 * byte));
  }
  return make_idx(dims, values, type);
}

TEST(IdxTest, ReadsImagesOfAnyTypeAndRank) {
  const std::vector<uint8_t> expected = {0, 255, 128};
  // 0, 1 and 0.5 as floats of 32 bits.
  EXPECT_EQ(parse_images(wide({3, 1}, {0, 0x3f800000, 0x3f000000}, 4, 0x0D)).values, expected);
  EXPECT_EQ(parse_images(wide({1, 3, 1}, {0, 255, 128}, 2, 0x0B)).values, expected);
  EXPECT_EQ(parse_images(make_gzip(wide({1, 3, 1}, {0, 255, 128}, 4, 0x0C))).values, expected);
  EXPECT_EQ(parse_images(make_idx({2, 3}, counting(6), 0x09)).values, counting(6));
  const std::vector<uint8_t> doubles = {0x3f, 0xe0, 0, 0, 0, 0, 0, 0};  // 0.5
  EXPECT_EQ(parse_images(make_idx({1, 1}, doubles, 0x0E)).values, std::vector<uint8_t>{128});
  const ByteArray deep = parse_images(make_idx({1, 2, 1, 2, 1, 2}, counting(8)));
  EXPECT_EQ(deep.dims, (std::vector<int64_t>{1, 2, 1, 2, 1, 2}));
}

TEST(IdxTest, ReadsLabelsOfAnyWidthAndThoseOfQmnist) {
  const std::vector<uint8_t> expected = {7, 255, 0};
  for (const auto& file : {wide({3}, {7, 255, 0}, 2, 0x0B), wide({3}, {7, 255, 0}, 4, 0x0C)}) {
    const ByteArray labels = parse_idx(file, ArrayContent::labels, "f");
    EXPECT_EQ(labels.dims, std::vector<int64_t>{3});
    EXPECT_EQ(labels.values, expected);
  }
  std::vector<int32_t> rows;
  for (const uint8_t label : expected) {
    rows.insert(rows.end(), {label, 1, 2, 3, 4, 5, 6, -70'000});
  }
  const Bytes file = wide({3, 8}, rows, 4, 0x0C);
  for (const Bytes& either : {file, make_gzip(file)}) {
    const ByteArray labels = parse_idx(either, ArrayContent::labels, "f");
    EXPECT_EQ(labels.dims, std::vector<int64_t>{3});
    EXPECT_EQ(labels.values, expected);
  }
  test::expect_corrupt_when_truncated(
      file, [](const Bytes& cut) { parse_idx(cut, ArrayContent::labels, "f"); });
}

TEST(IdxTest, WholeFilesOfAnotherKindAreNotCalledDamaged) {
  struct Case {
    const char* name;
    Bytes file;
    ArrayContent content;
    std::vector<std::string> words;
  };
  const auto images = ArrayContent::images;
  const auto labels = ArrayContent::labels;
  const std::vector<Case> cases = {
      {"floats beyond 1",
       wide({1, 2, 1}, {0, 0x40000000}, 4, 0x0D),
       images,
       {"number 1 is 2", "[0, 1]", "x / 255"}},
      {"int16 beyond a byte", wide({1, 1}, {256}, 2, 0x0B), images, {"number 0 is 256", "0..255"}},
      {"labels as images", make_idx({24}, counting(24)), images, {"rank 1", "labels?"}},
      {"images as labels", small_images(), labels, {"rank 3", "images?"}},
      {"one-hot labels", make_idx({2, 10}, counting(20)), labels, {"rank 2, [2, 10]"}},
      {"float labels", wide({1}, {0x3f000000}, 4, 0x0D), labels, {"label 0 is not in 0..255"}},
      {"large label", wide({2}, {1, 256}, 2, 0x0B), labels, {"label 1 is not in 0..255"}},
      {"negative label", wide({2}, {-1, 0}, 4, 0x0C), labels, {"label 0 is not in 0..255"}}};
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    std::vector<std::string> words = each.words;
    words.push_back("data/f");
    expect_error(
        ErrorCode::unsupported, [&] { parse_idx(each.file, each.content, "data/f"); }, words);
    try {
      parse_idx(each.file, each.content, "data/f");
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("download"), std::string::npos) << error.what();
    }
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
  ArrayContent content;
  std::vector<std::string> words;
};

TEST(IdxTest, RejectsHostileHeadersWithExpectationAndFinding) {
  constexpr uint32_t kHuge = 0xFFFFFFFF;
  const auto images = ArrayContent::images;
  const auto labels = ArrayContent::labels;
  const std::vector<HostileHeader> cases = {
      {"empty", {}, images, {"found only 0"}},
      {"no type", make_idx({2, 3, 4}, counting(24), 0x0A), images, {"8, 9, 11", "found 10"}},
      {"floats by type only", make_idx({2, 3, 4}, counting(24), 0x0D), images, {"112 bytes"}},
      {"labels cut", wide({3}, {7}, 4, 0x0C), labels, {"20 bytes", "found 12"}},
      {"rank 0", make_idx({}, counting(1)), images, {"rank 0"}},
      {"rank 255",
       to_bytes(std::string("\0\0\x08\xff", 4) + std::string(2000, 1)),
       images,
       {"rank 255"}},
      {"zero items", make_idx({0, 3, 4}, {}), images, {"at least 1 at offset 4", "found 0"}},
      {"zero height", make_idx({2, 0, 4}, {}), images, {"offset 8"}},
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
  const ByteArray images = read_idx(folder + "t10k-images-idx3-ubyte.gz", ArrayContent::images);
  EXPECT_EQ(images.dims, (std::vector<int64_t>{10'000, 28, 28}));
  const ByteArray labels = read_idx(folder + "t10k-labels-idx1-ubyte.gz", ArrayContent::labels);
  EXPECT_EQ(labels.dims, std::vector<int64_t>{10'000});
  EXPECT_EQ(std::vector<uint8_t>(labels.values.begin(), labels.values.begin() + 5),
            (std::vector<uint8_t>{7, 2, 1, 0, 4}));
}

TEST(IdxTest, ReportsAMissingFileAsIo) {
  expect_error(ErrorCode::io, [] { read_idx("/no/such/file", ArrayContent::images); },
               {"/no/such/file"});
}

}  // namespace
}  // namespace vae
