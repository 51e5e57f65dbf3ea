// SPDX-License-Identifier: MIT
#include "host/cli/command.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "host/text/suggest.h"
#include "vae/error.h"

namespace vae::cli {
namespace {

constexpr const char* kSeeds = "0..18446744073709551615";

[[noreturn]] void refuse(const std::string& name, const std::string& text,
                         const std::string& expectation) {
  throw Error(ErrorCode::invalid_argument,
              fmt::format("{} cannot be '{}': expected {}", name, text.substr(0, 80), expectation));
}

template <typename T>
bool parse_number(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
}

uint64_t parse_seed(const std::string& text) {
  uint64_t seed = 0;
  if (!parse_number(text, seed)) refuse("--seed", text, fmt::format("a whole number {}", kSeeds));
  return seed;
}

Setter word_setter(const std::string& name, std::string& value,
                   const std::vector<std::string>& words) {
  return [=, &value](const std::string& text) {
    if (std::find(words.begin(), words.end(), text) == words.end()) {
      refuse(name, text,
             fmt::format("one of {}{}", fmt::join(words, "|"), did_you_mean(text, words)));
    }
    value = text;
  };
}

}  // namespace

Argument help_argument() {
  return {std::string(kHelpName), "", "print this text and exit", [](const std::string&) {}};
}

int64_t parse_integer(const std::string& name, const std::string& text, int64_t low, int64_t high) {
  int64_t value = 0;
  if (!parse_number(text, value) || value < low || value > high) {
    refuse(name, text, fmt::format("a whole number {}..{}", low, high));
  }
  return value;
}

void Command::argument(Argument argument) { declared_.push_back({std::move(argument), title_}); }

void Command::flag(const std::string& name, bool& value, const std::string& help) {
  argument({name, "", help, [&value](const std::string&) { value = true; }});
}

void Command::text(const std::string& name, const std::string& placeholder, std::string& value,
                   const std::string& help) {
  const std::string start = value.empty() ? "" : fmt::format(" [{}]", value);
  const bool has_words = placeholder.find('|') != std::string::npos;
  argument({name, placeholder, help + start, [&value](const std::string& text) { value = text; },
            false, false, has_words ? placeholder : ""});
}

void Command::required_text(const std::string& name, const std::string& placeholder,
                            std::string& value, const std::string& help) {
  argument({name, placeholder, help, [&value](const std::string& text) { value = text; }, true});
}

void Command::optional_text(const std::string& name, const std::string& placeholder,
                            std::string& value, const std::string& help) {
  argument({name, placeholder, help, [&value](const std::string& text) { value = text; }});
}

void Command::required_texts(const std::string& name, std::vector<std::string>& values,
                             const std::string& help) {
  Argument words{name, name, help, [&values](const std::string& text) { values.push_back(text); },
                 true};
  words.repeated = true;
  argument(std::move(words));
}

void Command::integer(const std::string& name, int64_t& value, int64_t low, int64_t high,
                      const std::string& help) {
  const auto set = [=, &value](const std::string& text) {
    value = parse_integer(name, text, low, high);
  };
  argument({name, "N", fmt::format("{} [{}]", help, value), set, false, false,
            fmt::format("{}..{}", low, high)});
}

void Command::seed(uint64_t& value, const std::string& help) {
  argument({"--seed", "N", fmt::format("{} [{}]", help, value),
            [&value](const std::string& text) { value = parse_seed(text); }, false, false, kSeeds});
}

void Command::seed(std::optional<uint64_t>& value, const std::string& otherwise,
                   const std::string& help) {
  argument({"--seed", "N", fmt::format("{} [{}]", help, otherwise),
            [&value](const std::string& text) { value = parse_seed(text); }, false, false, kSeeds});
}

void Command::real(const std::string& name, double& value, double low, double high,
                   const std::string& help) {
  const auto set = [=, &value](const std::string& text) {
    const bool read = parse_number(text, value);
    // As a float too, which it may become.
    if (!read || !(static_cast<float>(value) > low) || !(value <= high)) {
      refuse(name, text, fmt::format("a number above {} up to {}", low, high));
    }
  };
  argument({name, "X", fmt::format("{} [{}]", help, value), set, false, false,
            fmt::format("{}..{} ({} itself excluded)", low, high, low)});
}

void Command::real(const std::string& name, std::optional<double>& value, double low, double high,
                   const std::string& otherwise, const std::string& help) {
  const auto set = [=, &value](const std::string& text) {
    double number = 0.0;
    if (!parse_number(text, number) || !(number >= low && number <= high)) {
      refuse(name, text, fmt::format("a number {} to {}", low, high));
    }
    value = number;
  };
  argument({name, "X", fmt::format("{} [{}]", help, otherwise), set, false, false,
            fmt::format("{}..{}", low, high)});
}

void Command::integers(const std::string& name, std::vector<int64_t>& values, int64_t low,
                       int64_t high, const std::string& help) {
  const auto set = [=, &values](const std::string& text) {
    values.clear();
    std::size_t begin = 0;
    while (true) {
      const std::size_t comma = std::min(text.find(',', begin), text.size());
      values.push_back(parse_integer(name, text.substr(begin, comma - begin), low, high));
      if (comma == text.size()) return;
      begin = comma + 1;
    }
  };
  argument({name, "N,N,...", help, set, false, false,
            fmt::format("numbers {}..{} with commas", low, high)});
}

void Command::word(const std::string& name, std::string& value,
                   const std::vector<std::string>& words, const std::string& help) {
  const std::string choices = fmt::format("{}", fmt::join(words, "|"));
  const std::string start = value.empty() ? "" : fmt::format(" [{}]", value);
  argument({name, choices, help + start, word_setter(name, value, words), false, false, choices});
}

void Command::required_word(const std::string& name, std::string& value,
                            const std::vector<std::string>& words, const std::string& help) {
  const std::string choices = fmt::format("{}", fmt::join(words, "|"));
  argument({name, choices, help, word_setter(name, value, words), true, false, choices});
}

}  // namespace vae::cli
