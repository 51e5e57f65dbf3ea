// SPDX-License-Identifier: MIT
#include "vae/printable.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kernels/check.h"
#include "kernels/utf8.h"

namespace vae {
namespace {

using namespace std::string_view_literals;

TEST(PrintableTest, KeepsWhatIsSeen) {
  for (const char* text : {"", "plain text, /a/b", "Größe 数 🙂", "two\nlines", "\\x1b"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(PrintableTest, EscapesWhatDrivesATerminal) {
  EXPECT_EQ(printable("\x1b[2J\a\r\t\x7f\0"sv), "\\x1b[2J\\x07\\x0d\\x09\\x7f\\x00");
  // CSI and OSC as one C1 character each.
  EXPECT_EQ(printable("\u009b31m\u009d0;t"), "\\xc2\\x9b31m\\xc2\\x9d0;t");
}

TEST(PrintableTest, EscapesWhatHidesOrTurnsText) {
  for (const std::string text :
       {"\u00ad", "\u061c", "\u115f", "\u180e", "\u200b", "\u200c", "\u200d",     "\u200e",
        "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2060", "\u2064",     "\u2066",
        "\u2069", "\u206f", "\u3164", "\ufeff", "\ufff9", "\ufffe", "\U000e0001", "\U000e0041"}) {
    const std::string shown = printable("a" + text + "z");
    EXPECT_EQ(shown.size(), 2 + 4 * text.size()) << shown;
    EXPECT_EQ(shown.find(text), std::string::npos) << shown;
    EXPECT_EQ(nlohmann::json::parse(printable_json("\"" + text + "\"")), text);
  }
}

TEST(PrintableTest, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
}

TEST(PrintableTest, TwiceIsAsOnce) {
  const std::string once = printable_line("\x1b]0;t\a\u202e\n\xff");
  EXPECT_EQ(printable(once), once);
  EXPECT_EQ(printable_line(once), once);
}

TEST(PrintableTest, ALineHasNoLineEnd) { EXPECT_EQ(printable_line("a\nb"), "a\\x0ab"); }

TEST(PrintableTest, AJsonDocumentReadsBackAsWhatItWas) {
  const nlohmann::json json = {{"name\u009b", "\u202e\x7f\x1b ä 🙂\n\U000e0041"}};
  const std::string text = printable_json(json.dump(2));
  EXPECT_EQ(nlohmann::json::parse(text), json);
  EXPECT_EQ(printable(text), text);
}

TEST(ErrorTest, MessagesArePrintableAndBounded) {
  const Error error(ErrorCode::corrupt, "the file \x1b[2J\u202e:\n  its list");
  EXPECT_EQ(std::string(error.what()), "the file \\x1b[2J\\xe2\\x80\\xae:\n  its list");
  EXPECT_LT(std::string(Error(ErrorCode::io, std::string(1'000'000, 'x')).what()).size(), 9000u);
}

TEST(ShortenedTest, CutsBetweenCharacters) {
  EXPECT_EQ(shortened("12345678", 8), "12345678");
  EXPECT_EQ(shortened("123456789", 8), "12345678...");
  EXPECT_EQ(shortened("aé", 2), "a...");
  EXPECT_EQ(shortened("🙂🙂", 5), "🙂...");
}

TEST(IsUtf8Test, FollowsTheStandard) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\u00E9\u6570\U0001F642"));
  EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf"));
  for (const char* bad : {"\x80", "\xc1\x81", "\xc3", "\xe2\x82", "\xe0\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xed\xbf\xbf", "a\xffz"}) {
    EXPECT_FALSE(is_utf8(bad)) << printable(bad);
  }
}

}  // namespace
}  // namespace vae
