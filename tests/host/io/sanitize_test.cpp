// SPDX-License-Identifier: MIT
#include "host/io/sanitize.h"

#include <gtest/gtest.h>

namespace vae {
namespace {

using namespace std::string_view_literals;

TEST(SanitizeForTerminalTest, KeepsPrintableText) {
  EXPECT_EQ(sanitize_for_terminal("plain text, /a/b"), "plain text, /a/b");
  EXPECT_EQ(sanitize_for_terminal("Größe 数 🙂"), "Größe 数 🙂");
}

TEST(SanitizeForTerminalTest, EscapesWhatDrivesATerminal) {
  EXPECT_EQ(sanitize_for_terminal("\x1b[2J\a\r\n\t\x7f\0"sv),
            "\\x1b[2J\\x07\\x0d\\x0a\\x09\\x7f\\x00");
  EXPECT_EQ(sanitize_for_terminal("\xC2\x9B"
                                  "31m"),
            "\\xc2\\x9b"
            "31m");  // CSI as one C1 character
  EXPECT_EQ(sanitize_for_terminal("\u202Etxt.exe"), "\\xe2\\x80\\xaetxt.exe");
}

TEST(SanitizeForTerminalTest, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(sanitize_for_terminal("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(sanitize_for_terminal("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(sanitize_for_terminal("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
}

TEST(SanitizeForTerminalTest, CutsLongText) {
  EXPECT_EQ(sanitize_for_terminal(std::string(1'000'000, 'x'), 8), "xxxxxxxx...");
  EXPECT_EQ(sanitize_for_terminal("12345678", 8), "12345678");
}

TEST(IsUtf8Test, FollowsTheStandard) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\u00E9\u6570\U0001F642"));
  EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf"));
  for (const char* bad : {"\x80", "\xc1\x81", "\xc3", "\xe2\x82", "\xe0\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xed\xbf\xbf", "a\xffz"}) {
    EXPECT_FALSE(is_utf8(bad)) << sanitize_for_terminal(bad);
  }
}

}  // namespace
}  // namespace vae
