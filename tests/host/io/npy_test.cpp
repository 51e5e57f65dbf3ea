// SPDX-License-Identifier: MIT
#include "host/io/npy.h"

#include <cmath>
#include <cstring>
#include <limits>

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

/// One value of a type and byte order.
float decode_value(std::string_view descr, std::string bytes) {
  const Array array = decode(make_npy(header_of(concat('\'', descr, '\''), "(1,)"), bytes));
  return array.values.at(0);
}

// Bytes by numpy.array(x, descr).tobytes(), numpy 1.24.
TEST(NpyTest, ReadsEveryTypeOfNumberInEitherByteOrder) {
  using namespace std::string_literals;
  EXPECT_EQ(decode_value("|b1", "\x01"s), 1.0f);
  EXPECT_EQ(decode_value("|b1", "\0"s), 0.0f);
  EXPECT_EQ(decode_value("|i1", "\xfe"s), -2.0f);
  EXPECT_EQ(decode_value("|u1", "\xfe"s), 254.0f);
  EXPECT_EQ(decode_value("<i2", "\x00\x80"s), -32768.0f);
  EXPECT_EQ(decode_value(">i2", "\xff\xfe"s), -2.0f);
  EXPECT_EQ(decode_value("<u2", "\x00\x80"s), 32768.0f);
  EXPECT_EQ(decode_value("<i4", "\xff\xff\xff\xff"s), -1.0f);
  EXPECT_EQ(decode_value(">u4", "\x00\x00\x01\x02"s), 258.0f);
  EXPECT_EQ(decode_value("<i8", "\x03\0\0\0\0\0\0\0"s), 3.0f);
  EXPECT_EQ(decode_value("<i8", "\0\0\0\0\0\0\0\x80"s), -0x1p63f);
  EXPECT_EQ(decode_value("<u8", "\0\0\0\0\0\0\0\x80"s), 0x1p63f);
  EXPECT_EQ(decode_value(">i8", "\0\0\0\0\0\0\0\x05"s), 5.0f);
  EXPECT_EQ(decode_value(">f4", "\x3f\xc0\x00\x00"s), 1.5f);
  EXPECT_EQ(decode_value(">f8", "\xbf\xe0\0\0\0\0\0\0"s), -0.5f);
  EXPECT_EQ(decode_value("<f2", "\x00\x3e"s), 1.5f);
  EXPECT_EQ(decode_value(">f2", "\xc0\x00"s), -2.0f);
  EXPECT_EQ(decode_value("<f2", "\xff\x7b"s), 65504.0f);
  EXPECT_EQ(decode_value("<f2", "\x01\x00"s), 0x1p-24f);
  EXPECT_EQ(decode_value("<f2", "\xff\x83"s), -1023 * 0x1p-24f);
  EXPECT_EQ(decode_value("<f2", "\x00\x7c"s), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(decode_value("<f2", "\x01\x7e"s)));
}

// numpy.asfortranarray(numpy.arange(n).reshape(shape)): the first index runs fastest in the file.
TEST(NpyTest, ReadsFortranOrder) {
  const auto fortran = [](std::string_view shape, std::string_view data) {
    return decode(make_npy(header_of("'|u1'", shape, "True"), data));
  };
  using namespace std::string_view_literals;
  const Array matrix = fortran("(2, 3)", "\x00\x03\x01\x04\x02\x05"sv);
  EXPECT_EQ(matrix.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(matrix.values, (std::vector<float>{0, 1, 2, 3, 4, 5}));
  const Array cube = fortran("(2, 2, 3)", "\x00\x06\x03\x09\x01\x07\x04\x0a\x02\x08\x05\x0b"sv);
  EXPECT_EQ(cube.values, (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(fortran("(3,)", "\x05\x06\x07"sv).values, (std::vector<float>{5, 6, 7}));
  EXPECT_EQ(fortran("()", "\x05"sv).values, (std::vector<float>{5}));
  EXPECT_EQ(fortran("(0, 3)", ""sv).shape, (std::vector<int64_t>{0, 3}));
}

TEST(NpyTest, ReadsShapesOfPythonTwo) {
  EXPECT_EQ(decode(make_npy(header_of("'|u1'", "(1L, 2L)"), "ab")).shape,
            (std::vector<int64_t>{1, 2}));
}

TEST(NpyTest, NamesThePlaceOfANumberThatNoFloatHolds) {
  const std::string numbers = raw<double>({1.0, 2.0, -1e300, 4.0});
  expect_error(ErrorCode::corrupt, [&] { decode(make_npy(header_of("'<f8'", "(2, 2)"), numbers)); },
               {"z.npy", "row 1, column 0", "-1e+300"});
  expect_error(ErrorCode::corrupt,
               [&] { decode(make_npy(header_of("'<f8'", "(2, 2)", "True"), numbers)); },
               {"row 0, column 1"});
  expect_error(ErrorCode::corrupt,
               [&] { decode(make_npy(header_of("'<f8'", "(2, 1, 2)"), numbers)); }, {"[1, 0, 0]"});
  EXPECT_EQ(decode_value("<f8", raw<double>({3e38})), 3e38f);
}

TEST(NpyTest, RejectsEveryTruncation) {
  test::expect_corrupt_when_truncated(encode_npy({{2, 3}, {1, 2, 3, 4, 5, 6}}), decode);
}

TEST(NpyTest, RejectsEveryFlippedBitOfTheHeader) {
  const Bytes file = encode_npy({{2, 3}, {1, 2, 3, 4, 5, 6}});
  for (size_t bit = 0; bit < (file.size() - 24) * 8; ++bit) {
    SCOPED_TRACE(bit);
    // '<' and '>' differ in one bit, and nothing else in the file tells the byte order.
    if (test::to_text(test::flip_bit(file, bit)).find("'>f4'") != std::string::npos) continue;
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
      {"complex", make_npy(header_of("'<c8'", "(1,)"), four + four), {"<c8", "complex", "astype"}},
      {"text", make_npy(header_of("'<U1'", "(1,)"), four), {"<U1", "text", "astype"}},
      {"bfloat16", make_npy(header_of("'<V2'", "(2,)"), four), {"bfloat16", "astype"}},
      {"long double", make_npy(header_of("'<f16'", "(1,)"), four), {"<f16", "astype"}},
      {"no byte order", make_npy(header_of("'|f4'", "(1,)"), four), {"|f4"}},
      {"no type", make_npy(header_of("''", "(1,)"), four), {"astype"}},
      {"bit field", make_npy(header_of("'|i3'", "(1,)"), four), {"|i3", "unknown"}},
      {"code", make_npy(header_of(f4, "__import__('os').system('true')"), four), {"\"(\""}},
      {"code as descr", make_npy(header_of("eval('1')", "(1,)"), four), {"quoted word"}},
      {"huge", make_npy(header_of(f4, "(1000000000, 1000000000)"), four), {"found 4"}},
      {"overflow",
       make_npy(header_of(f4, "(9223372036854775807, 9223372036854775807)"), four),
       {"2^63"}},
      {"overflow beside a zero",
       make_npy(header_of(f4, "(0, 9223372036854775807, 9)", "True"), ""),
       {"2^63"}},
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
