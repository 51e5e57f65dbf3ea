// SPDX-License-Identifier: MIT
#include "host/data/file_names.h"

#include <algorithm>
#include <array>
#include <utility>

#include "host/io/ascii.h"

namespace vae {
namespace {

constexpr std::array<std::string_view, 8> kUnfinishedEnds = {
    ".part", ".partial", ".crdownload", ".download", ".aria2", ".!ut", ".opdownload", ".filepart"};
constexpr std::array<std::string_view, 7> kLitterEnds = {"~",    ".bak", ".swp", ".swo",
                                                         ".tmp", ".lnk", ".orig"};
constexpr std::array<std::string_view, 5> kLitterNames = {"thumbs.db", "desktop.ini", "__macosx",
                                                          "$recycle.bin", "icon\r"};

template <typename Ends>
bool has_end(std::string_view text, const Ends& ends) {
  return std::any_of(ends.begin(), ends.end(),
                     [&](std::string_view end) { return text.ends_with(end); });
}

}  // namespace

bool is_unfinished_download(const std::string& name) {
  return has_end(lower_case(name), kUnfinishedEnds);
}

bool is_litter(const std::string& name) {
  const std::string text = lower_case(name);
  return text.starts_with('.') || text.starts_with("~$") || has_end(text, kLitterEnds) ||
         has_end(text, kUnfinishedEnds) ||
         std::find(kLitterNames.begin(), kLitterNames.end(), text) != kLitterNames.end();
}

bool natural_less(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto take_number = [&](std::string_view& text) {
    const size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    std::string_view number = text.substr(0, end);
    text.remove_prefix(end);
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
    return number;
  };
  const std::pair whole(a, b);
  while (!a.empty() && !b.empty()) {
    if (is_digit(a[0]) && is_digit(b[0])) {
      const std::string_view left = take_number(a), right = take_number(b);
      if (left.size() != right.size()) return left.size() < right.size();
      if (left != right) return left < right;
    } else {
      if (a[0] != b[0]) return a[0] < b[0];
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole.first < whole.second;  // 01 and 1
}

}  // namespace vae
