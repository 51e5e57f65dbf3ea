// SPDX-License-Identifier: MIT
#include "host/io/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "vae/error.h"

namespace vae {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The same document in nlohmann's hands.
template <typename Json>
Json expected() {
  Json json = {{"z", -1.5e-7},
               {"count", uint64_t{18446744073709551615u}},
               {"text", "a \"quoted\"\n\u00e9 line"},
               {"none", nullptr},
               {"not a number", kNan},
               {"yes", true}};
  json["inner"]["list"] = {1.0, 0.1, kNan, 1e300};
  json["inner"]["empty"] = Json::array();
  json["inner"]["nothing"] = Json::object();
  json["last"] = 7;
  return json;
}

std::string written(JsonWriter json) {
  json.member("z", -1.5e-7)
      .member("count", uint64_t{18446744073709551615u})
      .member("text", "a \"quoted\"\n\u00e9 line")
      .member("none", nullptr)
      .member("not a number", kNan)
      .member("yes", true);
  json.begin("inner")
      .member("list", std::vector<double>{1.0, 0.1, kNan, 1e300})
      .member("empty", std::vector<double>{})
      .begin("nothing")
      .end()
      .end();
  json.member("last", 7);
  return json.text();
}

TEST(JsonWriterTest, WritesWhatNlohmannWrites) {
  using Order = JsonWriter::Order;
  EXPECT_EQ(written(JsonWriter()), expected<nlohmann::ordered_json>().dump());
  EXPECT_EQ(written(JsonWriter(Order::as_written, 2)), expected<nlohmann::ordered_json>().dump(2));
  EXPECT_EQ(written(JsonWriter(Order::by_key)), expected<nlohmann::json>().dump());
  EXPECT_EQ(written(JsonWriter(Order::by_key, 3)), expected<nlohmann::json>().dump(3));
  EXPECT_EQ(JsonWriter().text(), "{}");
}

TEST(JsonWriterTest, BytesThatAreNotUtf8AreReplaced) {
  JsonWriter json;
  json.member("na\xffme", "te\xc3xt");
  EXPECT_EQ(json.text(), "{\"na\ufffdme\":\"te\ufffdxt\"}");
}

TEST(JsonWriterTest, RefusesWhatIsNoDocument) {
  EXPECT_THROW(JsonWriter().end(), Error);
  EXPECT_THROW(JsonWriter().begin("open").text(), Error);
  EXPECT_THROW(JsonWriter().member("list", nlohmann::json{1, 2}), Error);
}

}  // namespace
}  // namespace vae
