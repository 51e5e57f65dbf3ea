// SPDX-License-Identifier: MIT
#include "host/report/html.h"

#include <cstdint>

#include "vae/printable.h"

namespace vae {
namespace {

void append_escaped(std::string_view line, std::string& html) {
  for (const char c : printable_line(line)) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string html;
  for (;;) {
    const size_t end = text.find('\n');
    append_escaped(text.substr(0, end), html);
    if (end == std::string_view::npos) return html;
    html += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string encode_base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? std::to_integer<uint32_t>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += k <= count ? kAlphabet[group >> (18 - 6 * k) & 0x3f] : '=';
    }
  }
  return text;
}

std::string_view report_style() {
  return R"css(
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #16191d; --quiet: #626b76; --rule: #e3e6ea;
  --train: #8a94a3; --validation: #d9730d; --test: #2f6fed; --bar: #2f6fed;
  --shadow: 0 1px 2px rgba(16, 24, 40, .06);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101317; --card: #181c22; --text: #e7eaee; --quiet: #98a2ae; --rule: #2a3038;
    --train: #7d8896; --validation: #f0a35e; --test: #6fa1ff; --bar: #6fa1ff;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { margin: 0 0 4px; font-size: 28px; line-height: 1.2; letter-spacing: -.015em; }
h2 { margin: 44px 0 14px; font-size: 18px; letter-spacing: -.01em; }
p { margin: 0; }
.lead, .note, figcaption { color: var(--quiet); }
.note { margin-top: 12px; font-size: 13.5px; max-width: 75ch; }
.cards { display: grid; gap: 12px; margin-top: 28px;
  grid-template-columns: repeat(auto-fit, minmax(158px, 1fr)); }
.card, .plot, figure, .table { background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; box-shadow: var(--shadow); }
.card { padding: 14px 16px; }
.card .name { color: var(--quiet); font-size: 13px; }
.card .value { font-size: 25px; font-weight: 620; letter-spacing: -.02em; line-height: 1.35; }
.card .unit { color: var(--quiet); font-size: 13px; font-weight: 400; letter-spacing: 0; }
.card .more { color: var(--quiet); font-size: 12.5px; }
.plots { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); }
.plot { padding: 14px 12px 8px; }
.wide { grid-column: 1 / -1; }
.plot > svg { display: block; width: 100%; height: auto; font-family: inherit; }
.plot > svg > svg { overflow: hidden; }
svg text { fill: var(--quiet); font-size: 12px; }
svg .plot-title { fill: var(--text); font-size: 14px; font-weight: 600; }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .axis { stroke: var(--quiet); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.curve.train { stroke: var(--train); stroke-dasharray: 5 4; }
.curve.validation { stroke: var(--validation); } .dot.validation { fill: var(--validation); }
.curve.test, .curve.single { stroke: var(--test); }
.dot.train { fill: var(--train); } .dot.test, .dot.single { fill: var(--test); }
.target { fill: transparent; } .target:hover { fill: var(--test); fill-opacity: .25; }
.bar { fill: var(--bar); } .bar:hover { opacity: .7; }
figure { margin: 0 0 14px; padding: 12px; }
figure img { display: block; width: 100%; height: auto; border-radius: 4px; }
figcaption { padding: 0 2px 10px; font-size: 13.5px; }
figcaption b { color: var(--text); font-weight: 600; }
.pair { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); }
.half { max-width: 620px; }
.table { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 8px 16px; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
tr:last-child > * { border-bottom: 0; }
th { color: var(--quiet); font-weight: 500; white-space: nowrap; }
.settings th { width: 190px; }
.numbers th, .numbers td { text-align: right; white-space: nowrap; }
.numbers tr.best { font-weight: 650; }
details { margin-top: 14px; }
summary { cursor: pointer; color: var(--quiet); padding: 6px 0; }
pre { margin: 0; padding: 14px 16px; overflow-x: auto; font: 13px/1.5 ui-monospace, "SF Mono",
  Menlo, Consolas, "DejaVu Sans Mono", monospace; }
footer { margin-top: 44px; color: var(--quiet); font-size: 13px; }
.plot.wide { overflow-x: auto; } .plot.wide > svg { min-width: 560px; }
@media (max-width: 520px) {
  .plots, .pair { grid-template-columns: 1fr; } main { padding: 24px 14px; }
}
)css";
}

}  // namespace vae
