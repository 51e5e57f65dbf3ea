// SPDX-License-Identifier: MIT
#include "host/io/foreign.h"

#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using namespace std::string_view_literals;

std::string describe(std::string_view text) { return describe_start(test::to_bytes(text)); }

std::string zip_with(std::string_view first_entry) {
  std::string file = "PK\x03\x04" + std::string(22, '\0');
  file += static_cast<char>(first_entry.size());
  return file + std::string(3, '\0') + std::string(first_entry) + "data";
}

TEST(DescribeStartTest, NamesKnownKinds) {
  EXPECT_EQ(describe(""), "an empty file");
  EXPECT_EQ(describe(zip_with("archive/data.pkl")), "a zip archive: a PyTorch checkpoint (.pt)");
  EXPECT_EQ(describe(zip_with("x.npy")), "a zip archive: NumPy arrays (.npz)");
  EXPECT_EQ(describe(zip_with("word/document.xml")),
            "a zip archive (PyTorch's .pt and NumPy's .npz are such)");
  EXPECT_EQ(describe("PK\x03\x04"), "a zip archive (PyTorch's .pt and NumPy's .npz are such)");
  EXPECT_EQ(describe("\x1f\x8b\x08"), "a gzip file");
  EXPECT_EQ(describe(" \n<!DOCTYPE HTML><html>"), "an HTML page (a failed download?)");
  EXPECT_EQ(describe("<html lang=\"en\">"), "an HTML page (a failed download?)");
  EXPECT_EQ(describe("\x80\x02\x8a\nl\xfc\x9c"),
            "a Python pickle, which could run code and is never loaded");
  EXPECT_EQ(describe("\x80\x04\x95"), "a Python pickle, which could run code and is never loaded");
  EXPECT_EQ(describe("\x93NUMPY\x01\x00"sv), "a NumPy array (.npy)");
  EXPECT_EQ(describe("GGUF\x03"), "a GGUF model");
  EXPECT_EQ(describe("\xFD"
                     "7zXZ\0"sv),
            "an xz file");
}

TEST(DescribeStartTest, ShowsUnknownBytesInHexadecimal) {
  EXPECT_EQ(describe("\x1b[31m\xff..longer"), "the bytes 1b 5b 33 31 6d ff 2e 2e");
}

}  // namespace
}  // namespace vae
