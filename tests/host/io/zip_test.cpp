// SPDX-License-Identifier: MIT
#include "host/io/zip.h"

#include <zlib.h>

#include "tests/host/io/sample_files.h"
#include "tests/support/effort.h"
#include "tests/support/sample_zip.h"

namespace vae {
namespace {

using test::Bytes;
using test::expect_error;
using test::make_zip;
using test::to_bytes;
using test::ZipEntry;

class ZipTest : public ::testing::Test {
 protected:
  /// The contents by name, in the directory's order.
  std::vector<std::pair<std::string, std::string>> read(const Bytes& file) {
    test::write_plainly(folder_.file("f.zip"), file);
    ZipFile zip(folder_.file("f.zip"));
    std::vector<std::pair<std::string, std::string>> contents;
    for (const ZipMember& member : zip.members()) {
      std::string content;
      zip.read(member, [&](std::span<const std::byte> piece) { content += test::to_text(piece); });
      contents.emplace_back(member.name, content);
    }
    return contents;
  }
  std::vector<std::pair<std::string, std::string>> read(const std::string& file) {
    return read(to_bytes(file));
  }

  test::TemporaryFolder folder_;
};

TEST_F(ZipTest, ReadsStoredAndDeflatedMembers) {
  const std::string large(300'000, 'x');
  const auto contents = read(make_zip({{"a", "one"}, {"b/c", large, true}, {"empty", "", true}}));
  ASSERT_EQ(contents.size(), 3u);
  EXPECT_EQ(contents[0], (std::pair<std::string, std::string>("a", "one")));
  EXPECT_EQ(contents[1].second, large);
  EXPECT_EQ(contents[2].second, "");
  EXPECT_TRUE(read(make_zip({})).empty());
}

/// numpy.savez writes such headers, and files beyond 4 GiB need them.
TEST_F(ZipTest, ReadsSizesOf64Bits) {
  for (const bool deflated : {false, true}) {
    const auto contents = read(make_zip({{"a", "content", deflated}}, /*wide=*/true));
    ASSERT_EQ(contents.size(), 1u);
    EXPECT_EQ(contents[0].second, "content");
  }
}

TEST_F(ZipTest, ACommentAtTheEndIsSkipped) {
  std::string file = make_zip({{"a", "one"}});
  file[file.size() - 2] = 5;
  EXPECT_EQ(read(file + "hello").size(), 1u);
}

TEST_F(ZipTest, RejectsEveryTruncation) {
  for (const bool deflated : {false, true}) {
    test::expect_corrupt_when_truncated(to_bytes(make_zip({{"name", "some content", deflated}})),
                                        [&](const Bytes& cut) { read(cut); });
  }
}

TEST_F(ZipTest, NoFlippedBitChangesAContent) {
  for (const bool wide : {false, true}) {
    const Bytes file = to_bytes(make_zip({{"name", "some content content", true}}, wide));
    const auto stride = static_cast<size_t>(test::repetitions(1, 1, 5));
    for (size_t bit = 0; bit < file.size() * 8; bit += stride) {
      try {
        for (const auto& [name, content] : read(test::flip_bit(file, bit))) {
          EXPECT_EQ(content, "some content content") << bit;
        }
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::corrupt || error.code() == ErrorCode::unsupported)
            << error.what();
      }
    }
  }
}

TEST_F(ZipTest, RejectsLiesAndNamesThem) {
  ZipEntry bomb{"bomb", "x", true};
  bomb.claimed_bytes = 0xFFFFFFF0;
  expect_error(ErrorCode::corrupt, [&] { read(make_zip({bomb})); }, {"bomb", "4294967280"});
  ZipEntry longer{"longer", std::string(5000, 'x'), true};
  longer.claimed_bytes = 100;
  expect_error(ErrorCode::corrupt, [&] { read(make_zip({longer})); }, {"100 bytes", "more"});
  ZipEntry shorter{"shorter", std::string(50, 'x'), true};
  shorter.claimed_bytes = 51;
  expect_error(ErrorCode::corrupt, [&] { read(make_zip({shorter})); }, {"51 bytes", "50"});
  ZipEntry stored{"stored", "content"};
  stored.claimed_bytes = 8;
  expect_error(ErrorCode::corrupt, [&] { read(make_zip({stored})); }, {"stored"});
  ZipEntry secret{"secret", "content"};
  secret.flags = 1;
  expect_error(ErrorCode::unsupported, [&] { read(make_zip({secret})); }, {"encrypted"});
  ZipEntry other{"other", "content"};
  other.method = 12;
  expect_error(ErrorCode::unsupported, [&] { read(make_zip({other})); }, {"method 12"});
  expect_error(ErrorCode::corrupt, [&] { read(std::string()); }, {"an empty file"});
  expect_error(ErrorCode::corrupt, [&] { read(std::string("<html>")); }, {"HTML"});
}

}  // namespace
}  // namespace vae
