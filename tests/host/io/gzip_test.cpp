// SPDX-License-Identifier: MIT
#include "host/io/gzip.h"

#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::Bytes;
using test::expect_error;
using test::make_gzip;
using test::to_bytes;

constexpr uint64_t kLimit = 1 << 20;

Bytes sample() { return make_gzip(to_bytes("a small text, a small text, and its end")); }

TEST(GzipTest, RestoresContentOfAnySize) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{65'535}, size_t{65'536}, size_t{65'537}, size_t{300'000}}) {
    Bytes content(size);
    for (size_t i = 0; i < size; ++i) content[i] = std::byte(i * i >> 4 & 255);
    EXPECT_EQ(inflate_gzip(make_gzip(content), size, "x.gz"), content) << size;
  }
}

/// What `file` holds, given to the decoder `step` bytes at a time.
Bytes decoded_in_pieces(const Bytes& file, size_t step) {
  Bytes plain;
  GzipDecoder decoder("x.gz",
                      [&](auto piece) { plain.insert(plain.end(), piece.begin(), piece.end()); });
  for (size_t at = 0; at < file.size(); at += step) {
    decoder.feed(std::span(file).subspan(at, std::min(step, file.size() - at)));
  }
  decoder.finish();
  return plain;
}

TEST(GzipTest, DecodesTheSameFromAnyPieces) {
  const Bytes content(200'000, std::byte{7});  // far more output than input per piece
  const Bytes file = make_gzip(content);
  for (const size_t step : {size_t{1}, size_t{2}, size_t{17}, file.size()}) {
    EXPECT_EQ(decoded_in_pieces(file, step), content) << step;
  }
}

TEST(GzipTest, RejectsEveryTruncation) {
  test::expect_corrupt_when_truncated(
      sample(), [](const Bytes& file) { inflate_gzip(file, kLimit, "x.gz"); });
}

TEST(GzipTest, NoFlippedBitChangesTheContentUnnoticed) {
  const Bytes file = sample();
  const Bytes content = inflate_gzip(file, kLimit, "x.gz");
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    try {
      EXPECT_EQ(inflate_gzip(test::flip_bit(file, bit), kLimit, "x.gz"), content) << bit;
      // Flags, time stamp and operating system mean nothing, nor do the bits that fill up the last
      // byte before the eight of checksum and length.
      const size_t byte = bit / 8;
      EXPECT_TRUE((byte >= 3 && byte <= 9) || byte == file.size() - 9) << bit;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt) << error.what();
    }
  }
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(GzipTest, RestoresAllMembersInAnyPieces) {
  // As bgzip, pigz -i and `cat a.gz b.gz` write them; the last one of bgzip is empty.
  const Bytes file = joined({make_gzip(to_bytes("one, ")), sample(), make_gzip({})});
  const Bytes content = to_bytes("one, a small text, a small text, and its end");
  for (const size_t step : {size_t{1}, size_t{7}, file.size()}) {
    EXPECT_EQ(decoded_in_pieces(file, step), content) << step;
  }
}

TEST(GzipTest, RejectsEveryTruncationOfTheSecondMember) {
  const Bytes file = joined({sample(), sample()});
  for (size_t size = sample().size() + 1; size < file.size(); ++size) {
    expect_error(ErrorCode::corrupt, [&] {
      inflate_gzip(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)), kLimit,
                   "x.gz");
    });
  }
}

TEST(GzipTest, IgnoresZerosAtTheEnd) {
  const Bytes content = inflate_gzip(sample(), kLimit, "x.gz");
  for (const size_t zeros : {1, 2, 511, 70'000}) {
    EXPECT_EQ(inflate_gzip(joined({sample(), Bytes(zeros)}), kLimit, "x.gz"), content) << zeros;
  }
}

TEST(GzipTest, RejectsOtherBytesAtTheEnd) {
  for (const char* tail : {"x", "\x1f", "\x1fx", "\n"}) {
    expect_error(ErrorCode::corrupt,
                 [&] {
                   inflate_gzip(joined({sample(), to_bytes(tail)}), kLimit, "x.gz");
                 },
                 {"x.gz", "complete gzip file"});
    expect_error(ErrorCode::corrupt,
                 [&] {
                   inflate_gzip(joined({sample(), Bytes(3), to_bytes(tail)}), kLimit, "x.gz");
                 },
                 {"x.gz", "other bytes behind the last member"});
  }
}

TEST(GzipTest, RejectsAWrongChecksumAndLength) {
  const Bytes file = sample();
  for (size_t back = 1; back <= 8; ++back) {
    expect_error(
        ErrorCode::corrupt,
        [&] { inflate_gzip(test::flip_bit(file, 8 * (file.size() - back)), kLimit, "x.gz"); },
        {"x.gz", back > 4 ? "incorrect data check" : "incorrect length check"});
  }
}

TEST(GzipTest, RejectsPlainAndZlibData) {
  expect_error(ErrorCode::corrupt, [] { inflate_gzip(to_bytes("plain text"), kLimit, "x"); });
  expect_error(ErrorCode::corrupt, [] { inflate_gzip(to_bytes("\x78\x9c\x03"), kLimit, "x"); });
  expect_error(ErrorCode::corrupt, [] { inflate_gzip({}, kLimit, "x"); });
}

TEST(GzipTest, StopsABombAtTheLimit) {
  const Bytes bomb = make_gzip(Bytes(20'000'000));
  ASSERT_LT(bomb.size(), 25'000u);
  expect_error(ErrorCode::corrupt, [&] { inflate_gzip(bomb, 1000, "bomb.gz"); },
               {"bomb.gz", "at most 1000"});
  EXPECT_LE(20'000'000 / bomb.size(), kLargestDeflateRatio);
}

TEST(GzipTest, RecognisesTheMagicNumber) {
  EXPECT_TRUE(looks_like_gzip(sample()));
  EXPECT_FALSE(looks_like_gzip(to_bytes("\x1f")));
  EXPECT_FALSE(looks_like_gzip(to_bytes("no gzip")));
}

}  // namespace
}  // namespace vae
