// SPDX-License-Identifier: MIT
#include "host/io/xxh64.h"

#include "host/io/atomic_file.h"
#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

std::string counting_bytes(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += static_cast<char>(i * 7 + 1);
  return text;
}

// Values of the reference library (libxxhash 0.8.1).
TEST(Xxh64Test, AgreesWithTheReferenceLibrary) {
  EXPECT_EQ(xxh64(as_bytes("")), 0xEF46DB3751D8E999u);
  EXPECT_EQ(xxh64(as_bytes("a")), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(xxh64(as_bytes("abc")), 0x44BC2CF5AD770999u);
  EXPECT_EQ(xxh64(vae::as_bytes(counting_bytes(4))), 0x22EDA2CF6AF4C124u);
  EXPECT_EQ(xxh64(vae::as_bytes(counting_bytes(12))), 0x9178B724DCE384C0u);
  EXPECT_EQ(xxh64(vae::as_bytes(counting_bytes(31))), 0x6AB1C40E29F50073u);
  EXPECT_EQ(xxh64(vae::as_bytes(counting_bytes(32))), 0x5A0756FBE9ECD3D1u);
  EXPECT_EQ(xxh64(vae::as_bytes(counting_bytes(33))), 0xDC50CDC37BB9C183u);
  EXPECT_EQ(xxh64(vae::as_bytes(counting_bytes(64))), 0x90083DA9CDB9D795u);
  EXPECT_EQ(xxh64(vae::as_bytes(counting_bytes(127))), 0xD2E4C27BD546BBA7u);
  EXPECT_EQ(xxh64(vae::as_bytes(counting_bytes(1000))), 0x6BE03ACBF959C413u);
  EXPECT_EQ(xxh64(vae::as_bytes(counting_bytes(100)), 2654435761u), 0xBCCF07579AF475CDu);
}

TEST(Xxh64Test, DoesNotDependOnThePieces) {
  const std::string text = counting_bytes(300);
  for (size_t step : {1u, 3u, 8u, 31u, 32u, 33u, 64u, 299u}) {
    Xxh64 hash;
    for (size_t at = 0; at < text.size(); at += step) {
      hash.update(as_bytes(std::string_view(text).substr(at, step)));
    }
    EXPECT_EQ(hash.digest(), xxh64(vae::as_bytes(text))) << step;
  }
}

TEST(Xxh64Test, ChangesWithEveryBit) {
  const test::Bytes content = test::to_bytes(counting_bytes(100));
  const uint64_t whole = xxh64(content);
  for (size_t bit = 0; bit < content.size() * 8; ++bit) {
    EXPECT_NE(xxh64(test::flip_bit(content, bit)), whole) << bit;
  }
}

TEST(ToHexTest, WritesSixteenLowerCaseDigits) {
  EXPECT_EQ(to_hex(0), "0000000000000000");
  EXPECT_EQ(to_hex(0x0123456789ABCDEF), "0123456789abcdef");
}

}  // namespace
}  // namespace vae
