// SPDX-License-Identifier: MIT
#include "host/io/json.h"

#include <nlohmann/json.hpp>

#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::expect_error;

void expect_refused(std::string_view text, const std::vector<std::string>& words,
                    const JsonRules& rules = {}) {
  SCOPED_TRACE(std::string(text.substr(0, 60)));
  expect_error(
      rules.error, [&] { parse_json(text, "c.json", rules); }, words);
}

TEST(ParseJsonTest, ReadsEveryKindOfValue) {
  const JsonDocument document = parse_json(
      R"({"a": [1, -2, 2.5, true, false, null, "x\n\u00e9"], "b": {"c": []}, "d": {}})", "c.json");
  const nlohmann::json& json = *document;
  EXPECT_EQ(json["a"].dump(), R"([1,-2,2.5,true,false,null,"x\né"])");
  EXPECT_TRUE(json["a"][0].is_number_unsigned());
  EXPECT_TRUE(json["a"][1].is_number_integer());
  EXPECT_TRUE(json["b"]["c"].is_array());
  EXPECT_EQ(json.size(), 3u);
  EXPECT_EQ((*parse_json("18446744073709551615", "c")).get<uint64_t>(), UINT64_MAX);
}

TEST(ParseJsonTest, RefusesDuplicateKeysAndSaysWhere) {
  expect_refused("{\"a\": 1,\n \"a\": 2}", {"c.json", "\"a\" twice", "line 2"});
  expect_refused(R"({"x": {"a": 1, "b": 2, "a": 3}})", {"\"a\" twice"});
  EXPECT_EQ((*parse_json(R"([{"a": 1}, {"a": 2}])", "c")).size(), 2u);
}

TEST(ParseJsonTest, BoundsTheDepth) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_TRUE((*parse_json(nested(64), "c")).is_array());
  expect_refused(nested(65), {"nesting deeper than 64", "column 65"});
  expect_refused(std::string(1'000'000, '['), {"nesting deeper than 64"});
}

TEST(ParseJsonTest, BoundsTheNumberOfValuesAndTheSize) {
  expect_refused("[1,2,3]", {"more than 3 values"}, {.max_values = 3});
  EXPECT_EQ((*parse_json("[1,2,3]", "c", {.max_values = 4})).size(), 3u);
  expect_refused("[1,2,3]", {"at most 6 bytes", "found 7"}, {.max_bytes = 6});
}

TEST(ParseJsonTest, RefusesWhatIsNotJson) {
  const std::vector<std::string> bad = {
      "",     " ",           "{",        "}",     "[1,]", "{\"a\":}", "{\"a\" 1}", "{a: 1}",
      "'a'",  "nul",         "01",       "1.",    "+1",   "NaN",      "Infinity",  "[1] [2]",
      "[1]x", "\"\\ud800\"", "\"a\nb\"", "1e999", "-",    "\"open"};
  for (const std::string& text : bad) expect_refused(text, {"c.json", "line "});
}

TEST(ParseJsonTest, RefusesNulAndBadUtf8) {
  expect_refused(std::string("{}\0", 3), {"NUL byte", "column 3"});
  expect_refused(std::string("{}\0{\"a\": 1}", 11), {"NUL byte"});
  expect_refused("\"\xff\"", {"UTF-8"});
  expect_refused("\"\xc0\xaf\"", {"UTF-8"});
}

TEST(ParseJsonTest, SkipsCommentsOnlyWhereAllowed) {
  const std::string text = "// first\n{\"a\": /* one */ 1}";
  EXPECT_EQ((*parse_json(text, "c", {.comments = true}))["a"], 1);
  expect_refused(text, {"line 1"});
  expect_refused("{} /* open", {"comment"}, {.comments = true});
}

TEST(ParseJsonTest, EscapesWhatItQuotes) {
  expect_refused("{\"\\u001b[31m\": 1, \"\\u001b[31m\": 2}", {"\\x1b[31m"});
  expect_refused("\x1b[31m", {"c.json"});
}

TEST(ParseJsonTest, ThrowsTheCodeAskedFor) {
  expect_refused("{", {}, {.error = ErrorCode::invalid_argument});
}

TEST(ParseJsonTest, NeverCrashesOnDamagedText) {
  const test::Bytes text =
      test::to_bytes(R"({"a": [1, -2.5e3, "x\u00e9\ud83d\ude42"], "b": {"c": true}})");
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    try {
      parse_json(test::to_text(test::flip_bit(text, bit)), "c");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt);
    }
  }
  test::expect_corrupt_when_truncated(
      text, [](const test::Bytes& part) { parse_json(test::to_text(part), "c"); });
}

}  // namespace
}  // namespace vae
