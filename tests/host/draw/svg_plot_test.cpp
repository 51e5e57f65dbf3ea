// SPDX-License-Identifier: MIT
#include "host/draw/svg_plot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>
#include <string>

#include "host/text/html.h"
#include "host/text/number_text.h"

namespace vae {
namespace {

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string base64(std::string_view text) { return encode_base64(std::as_bytes(std::span(text))); }

TEST(NumberTextTest, WritesNumbersForPeople) {
  EXPECT_EQ(fixed_text(-104.345, 1), "-104.3");
  EXPECT_EQ(fixed_text(-0.0, 2), "0.00");
  EXPECT_EQ(short_text(0.001), "0.001");
  EXPECT_EQ(short_text(0.1 + 0.2), "0.3");
  EXPECT_EQ(short_text(-110.0), "-110");
  EXPECT_EQ(grouped_text(1234567), "1,234,567");
  EXPECT_EQ(grouped_text(999), "999");
  EXPECT_EQ(grouped_text(-1000), "-1,000");
  EXPECT_EQ(fixed_text(std::numeric_limits<double>::max(), 0).size(), 309u);
}

TEST(HtmlTest, EscapesWhatHasAMeaning) {
  EXPECT_EQ(escape_html("<a href=\"x\">Tom & 'Jerry'</a>"),
            "&lt;a href=&quot;x&quot;&gt;Tom &amp; &#39;Jerry&#39;&lt;/a&gt;");
  EXPECT_EQ(escape_html("a\nb\n"), "a\nb\n");
  EXPECT_EQ(escape_html(std::string("\x1b[31m\0", 6)).find('\x1b'), std::string::npos);
}

TEST(HtmlTest, Base64AgreesWithTheExamplesOfTheStandard) {  // RFC 4648, section 10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(AxisTicksTest, AreRoundAndWithinTheRange) {
  EXPECT_EQ(axis_ticks(0.0, 10.0, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(axis_ticks(-124.3, -103.7, 5), (std::vector<double>{-120, -115, -110, -105}));
  for (double width = 1e-9; width < 1e9; width *= 3.7) {
    const std::vector<double> ticks = axis_ticks(-0.3 * width, 0.7 * width, 6);
    EXPECT_GE(ticks.size(), 3u) << width;
    EXPECT_LE(ticks.size(), 10u) << width;
    EXPECT_GE(ticks.front(), -0.3 * width * (1 + 1e-9));
    EXPECT_LE(ticks.back(), 0.7 * width * (1 + 1e-9));
  }
}

TEST(LinePlotTest, ShowsEveryFinitePointWithATooltip) {
  LinePlot plot{"Bound <1>", "epoch", "nats", {}};
  plot.series = {{"train", "train", {1, 2, 3}, {-3, -2, std::nan("")}},
                 {"test", "test", {1, 2, 3}, {-2.5, -1.5, -1.25}}};
  const std::string svg = draw_line_plot(plot);
  EXPECT_EQ(count_of(svg, "<title>"), 5u);
  EXPECT_NE(svg.find("<title>test, epoch 3: -1.25</title>"), std::string::npos);
  EXPECT_NE(svg.find("Bound &lt;1&gt;"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(count_of(svg, "<svg"), count_of(svg, "</svg>"));
}

TEST(LinePlotTest, APointOutsideTheFrameHasNoDot) {
  LinePlot plot{"Bound", "epoch", "nats", {{"test", "test", {1, 2, 3}, {-900, -2, -1}}}};
  EXPECT_EQ(count_of(draw_line_plot(plot), "<title>"), 3u);
  plot.fit_from = 2;
  EXPECT_EQ(count_of(draw_line_plot(plot), "<title>"), 2u);
}

TEST(LinePlotTest, DrawsOneEpochAndConstants) {
  LinePlot plot{"Bound", "epoch", "nats", {{"test", "test", {1}, {0}}}};
  EXPECT_EQ(count_of(draw_line_plot(plot), "<title>"), 1u);
  plot.series.front() = {"test", "test", {1, 2}, {5, 5}};
  EXPECT_EQ(count_of(draw_line_plot(plot), "<title>"), 2u);
}

TEST(LinePlotTest, IsEmptyWithoutPoints) {
  EXPECT_EQ(draw_line_plot({"Bound", "epoch", "nats", {{"test", "test", {}, {}}}}), "");
}

TEST(LinePlotTest, ThousandsOfEpochsStaySmall) {
  LinePlot plot{"Bound", "epoch", "nats", {{"test", "test", {}, {}}}};
  for (int i = 0; i < 10000; ++i) {
    plot.series.front().x.push_back(i);
    plot.series.front().y.push_back(std::sqrt(i));
  }
  EXPECT_LT(draw_line_plot(plot).size(), 200000u);
}

TEST(LinePlotTest, OnePointAmongAHundredThousandIsSeen) {
  LinePlot plot{"Bound", "epoch", "nats", {{"test", "test", {}, {}}}};
  for (int i = 0; i < 100000; ++i) {
    plot.series.front().x.push_back(i);
    plot.series.front().y.push_back(i == 70001 ? 1.0 : 0.0);
  }
  const std::string svg = draw_line_plot(plot);
  EXPECT_LT(svg.size(), 60000u);
  const std::size_t start = svg.find("points=\"") + 8;
  std::istringstream points(svg.substr(start, svg.find('"', start) - start));
  std::map<std::string, int> heights;
  for (std::string point; points >> point;) ++heights[point.substr(point.find(',') + 1)];
  ASSERT_EQ(heights.size(), 2u);
  EXPECT_EQ(std::min(heights.begin()->second, heights.rbegin()->second), 1);
}

TEST(BarPlotTest, DrawsABarForEveryFiniteValue) {
  const std::string svg = draw_bar_plot({"KL", "rank", "nats", {3.0, 0.5, std::nan(""), 0.0}});
  EXPECT_EQ(count_of(svg, "<rect"), 3u);
  EXPECT_NE(svg.find("rank 2: 0.500"), std::string::npos);
  EXPECT_EQ(draw_bar_plot({"KL", "rank", "nats", {}}), "");
}

}  // namespace
}  // namespace vae
