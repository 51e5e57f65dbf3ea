// SPDX-License-Identifier: MIT
#include "host/io/npy.h"

#include <cstring>

#include "kernels/check.h"
#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::Bytes;
using test::expect_error;
using test::to_bytes;

template <typename Number>
std::string raw(const std::vector<Number>& numbers) {
  return test::to_text(std::as_bytes(std::span(numbers)));
}

Bytes make_npy(std::string_view header, std::string_view data, int major = 1) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(major);
  file += '\0';
  uint32_t length = static_cast<uint32_t>(header.size());
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i, length >>= 8) file += static_cast<char>(length);
  return to_bytes(file + std::string(header) + std::string(data));
}

std::string header_of(std::string_view descr, std::string_view shape,
                      std::string_view fortran = "False") {
  return concat("{'descr': ", descr, ", 'fortran_order': ", fortran, ", 'shape': ", shape, ", }\n");
}

Array decode(const Bytes& file) { return decode_npy(file, "z.npy"); }

TEST(NpyTest, RestoresArraysOfEveryRank) {
  const std::vector<Array> arrays = {{{}, {3.5f}},
                                     {{3}, {1, 2, 3}},
                                     {{2, 3}, {1, 2, 3, 4, 5, -6e-30f}},
                                     {{1, 2, 1, 2}, {1, 2, 3, 4}},
                                     {{0, 5}, {}}};
  for (const Array& array : arrays) {
    const Bytes file = encode_npy(array);
    const Array again = decode(file);
    EXPECT_EQ(again.shape, array.shape);
    EXPECT_EQ(again.values, array.values);
    EXPECT_EQ((file.size() - 4 * array.values.size()) % 64, 0u);
  }
}

// numpy.save of numpy.array([[1.5, -2.0]], '<f4'), numpy 1.24.
TEST(NpyTest, WritesWhatNumPyWrites) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
  const std::string expected = std::string("\x93NUMPY\x01\0v\0", 10) + header +
                               std::string(117 - header.size(), ' ') + "\n" +
                               raw<float>({1.5f, -2.0f});
  EXPECT_EQ(test::to_text(encode_npy({{1, 2}, {1.5f, -2.0f}})), expected);
}

TEST(NpyTest, ReadsDoublesAndBytesAndVersionTwo) {
  EXPECT_EQ(decode(make_npy(header_of("'<f8'", "(2,)"), raw<double>({0.5, -3.0}))).values,
            (std::vector<float>{0.5f, -3.0f}));
  EXPECT_EQ(decode(make_npy(header_of("'|u1'", "(2,)"), "\x01\xff")).values,
            (std::vector<float>{1.0f, 255.0f}));
  EXPECT_EQ(decode(make_npy(header_of("'|u1'", "(1,)"), "\x02", 2)).values,
            std::vector<float>{2.0f});
  EXPECT_EQ(decode(make_npy("{'shape':(1,),'descr':'|u1','fortran_order':False}\n", "\x02")).values,
            std::vector<float>{2.0f});
}

TEST(NpyTest, RejectsEveryTruncation) {
  test::expect_corrupt_when_truncated(encode_npy({{2, 3}, {1, 2, 3, 4, 5, 6}}), decode);
}

TEST(NpyTest, RejectsEveryFlippedBitOfTheHeader) {
  const Bytes file = encode_npy({{2, 3}, {1, 2, 3, 4, 5, 6}});
  for (size_t bit = 0; bit < (file.size() - 24) * 8; ++bit) {
    SCOPED_TRACE(bit);
    expect_error(ErrorCode::corrupt, [&] { decode(test::flip_bit(file, bit)); }, {"z.npy"});
  }
}

struct HostileNpy {
  const char* name;
  Bytes file;
  std::vector<std::string> words;
};

TEST(NpyTest, RejectsHostileFilesWithExpectationAndFinding) {
  const std::string f4 = "'<f4'", four = "1234";
  std::string deep = "(";
  for (int i = 0; i < 10'000; ++i) deep += "1, ";
  const std::vector<HostileNpy> cases = {
      {"empty", {}, {"an empty file"}},
      {"HTML", to_bytes("<html>"), {"HTML page"}},
      {"npz", to_bytes(std::string("PK\x03\x04") + std::string(40, 'x')), {"zip archive"}},
      {"version 3", make_npy(header_of(f4, "(1,)"), four, 3), {"found 3.0"}},
      {"objects", make_npy(header_of("'|O'", "(1,)"), "\x80\x04."), {"never loaded"}},
      {"structured", make_npy(header_of("[('a', '<f4')]", "(1,)"), four), {"structured"}},
      {"big-endian", make_npy(header_of("'>f4'", "(1,)"), four), {">f4"}},
      {"int64", make_npy(header_of("'<i8'", "(1,)"), four + four), {"<i8"}},
      {"Fortran order", make_npy(header_of(f4, "(1,)", "True"), four), {"Fortran order"}},
      {"code", make_npy(header_of(f4, "__import__('os').system('true')"), four), {"\"(\""}},
      {"code as descr", make_npy(header_of("eval('1')", "(1,)"), four), {"quoted word"}},
      {"huge", make_npy(header_of(f4, "(2147483647, 2147483647)"), four), {"found 4"}},
      {"overflow",
       make_npy(header_of(f4, "(9223372036854775807, 9223372036854775807)"), four),
       {"2^64"}},
      {"beyond int64", make_npy(header_of(f4, "(9223372036854775808,)"), four), {"2^63 - 1"}},
      {"negative", make_npy(header_of(f4, "(-1,)"), four), {"2^63 - 1"}},
      {"float size", make_npy(header_of(f4, "(1.0,)"), four), {"\",\""}},
      {"no tuple", make_npy(header_of(f4, "(1)"), four), {"tuple"}},
      {"rank 10000", make_npy(header_of(f4, deep + ")"), four), {"32 dimensions"}},
      {"one value less", make_npy(header_of(f4, "(2,)"), four), {"8 bytes", "found 4"}},
      {"one byte more", make_npy(header_of(f4, "(1,)"), "12345"), {"4 bytes", "found 5"}},
      {"key twice", make_npy("{'descr': '<f4', 'descr': '<f4'}\n", ""), {"each once"}},
      {"key missing", make_npy("{'descr': '<f4', 'shape': (0,)}\n", ""), {"fortran_order"}},
      {"unknown key", make_npy("{'\x1b[31m': 1}\n", ""), {"\\x1b[31m"}},
      {"behind the dict", make_npy("{'descr': '<f4'} x\n", ""), {"newline"}},
      {"no newline", make_npy("{}", ""), {"newline"}},
      {"header beyond the file", to_bytes(std::string("\x93NUMPY\x01\0\xff\xff{}", 12)), {"65535"}},
      {"header of 4 GiB",
       to_bytes(std::string("\x93NUMPY\x02\0\xff\xff\xff\xff{}", 14)),
       {"4294967295"}}};
  for (const HostileNpy& hostile : cases) {
    SCOPED_TRACE(hostile.name);
    expect_error(
        ErrorCode::corrupt, [&] { decode(hostile.file); }, hostile.words);
  }
}

TEST(NpyTest, RefusesToWriteAnArrayThatDoesNotFitItsShape) {
  expect_error(ErrorCode::invalid_argument, [] { encode_npy({{2, 2}, {1, 2, 3}}); });
}

}  // namespace
}  // namespace vae
