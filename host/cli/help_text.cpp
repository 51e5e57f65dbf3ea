// SPDX-License-Identifier: MIT
#include "host/cli/help_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/cli/exit_status.h"

namespace vae::cli {
namespace {

constexpr std::size_t kWidth = 79;
constexpr std::size_t kHelpColumn = 28;
constexpr std::size_t kVerbColumn = 16;

constexpr std::string_view kExamples =
    "Examples:\n"
    "  vae train --data mnist --epochs 10 --out runs/first\n"
    "  vae eval runs/first --importance-samples 500\n"
    "  vae sample runs/first --count 64 --out samples.png\n";

/// The pieces that a line may end behind: words, and parts of a word too long for any line.
std::vector<std::string_view> pieces(std::string_view text, std::size_t room) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, space);
    while (word.size() > room) {
      const std::size_t bar = word.substr(0, room).rfind('|');
      if (bar == std::string_view::npos) break;
      parts.push_back(word.substr(0, bar + 1));
      word.remove_prefix(bar + 1);
    }
    parts.push_back(text.substr(static_cast<std::size_t>(word.data() - text.data()), word.size()));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return parts;
}

/// "  left    right", the right side wrapped in its column and below where the left one is long.
std::string two_columns(const std::string& left, std::string_view right, std::size_t column) {
  std::string text = "  " + left;
  if (text.size() + 2 > column) text += "\n" + std::string(column, ' ');
  if (text.size() < column) text.resize(column, ' ');
  return text + wrapped(right, kWidth, column, column) + "\n";
}

std::string bracketed_if(bool optional, const std::string& word) {
  return optional ? "[" + word + "]" : word;
}

std::string exit_statuses() {
  std::string text = "Exit status:";
  for (const ExitMeaning& exit : kExitMeanings) {
    text += fmt::format("{} {} {}", text.back() == ':' ? "" : ",", exit.status, exit.meaning);
  }
  return wrapped(text + ".", kWidth, 0, 0) + "\n";
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent,
                    std::size_t column) {
  std::string lines;
  bool fresh = true;  // nothing stands in this line yet
  for (const std::string_view piece : pieces(text, width - indent)) {
    const bool glued = piece.data() != text.data() && piece.data()[-1] == '|';
    const std::size_t space = fresh || glued ? 0 : 1;
    if (!fresh && column + space + piece.size() > width) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
    } else {
      lines.append(space, ' ');
      column += space;
    }
    lines += piece;
    column += piece.size();
    fresh = false;
  }
  return lines;
}

std::string option_words(const Argument& argument) {
  const std::string name = argument.name == kHelpName ? "-h, --help" : argument.name;
  if (argument.placeholder.empty()) return name;
  return name + " " + bracketed_if(argument.value_optional, argument.placeholder);
}

std::string synopsis(const VerbEntry& entry) {
  std::string text = entry.name;
  for (const Command::Declared& declared : entry.command.declared()) {
    const Argument& argument = declared.argument;
    if (argument.is_option()) continue;
    text +=
        " " + bracketed_if(!argument.required, argument.name) + (argument.repeated ? "..." : "");
  }
  return text + " [options]";
}

std::vector<std::pair<std::string, std::vector<const Argument*>>> option_groups(
    const Command& command) {
  std::vector<std::pair<std::string, std::vector<const Argument*>>> groups;
  for (const Command::Declared& declared : command.declared()) {
    if (!declared.argument.is_option()) continue;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const auto& known) { return known.first == declared.group; });
    if (group == groups.end()) group = groups.insert(groups.end(), {declared.group, {}});
    group->second.push_back(&declared.argument);
  }
  std::stable_partition(groups.begin(), groups.end(),
                        [](const auto& group) { return group.first != "General"; });
  return groups;
}

std::string program_help(const std::vector<VerbEntry>& verbs) {
  std::string text = fmt::format("{}\n\nUsage: vae VERB [options]\n\nVerbs:\n", kAbout);
  for (const VerbEntry& entry : verbs) text += two_columns(entry.name, entry.summary, kVerbColumn);
  text += "\nOptions:\n";
  text += two_columns(option_words(help_argument()), help_argument().help, kVerbColumn);
  text += two_columns("--version", kVersionHelp, kVerbColumn);
  return fmt::format("{}\n{}\n`vae help VERB` explains a verb.\n{}", text, kExamples,
                     exit_statuses());
}

std::string verb_help(const VerbEntry& entry) {
  std::string text =
      fmt::format("vae {}: {}\n\nUsage: vae {}\n", entry.name, entry.summary, synopsis(entry));
  for (const Command::Declared& declared : entry.command.declared()) {
    const Argument& argument = declared.argument;
    if (!argument.is_option()) text += two_columns(argument.name, argument.help, kHelpColumn);
  }
  for (const auto& [title, arguments] : option_groups(entry.command)) {
    text += fmt::format("\n{}:\n", title);
    for (const Argument* argument : arguments) {
      const std::string required = argument->required ? " (required)" : "";
      text += two_columns(option_words(*argument), argument->help + required, kHelpColumn);
    }
  }
  const std::string& examples = entry.command.example_text();
  if (!examples.empty()) text += fmt::format("\nExamples:\n{}\n", examples);
  return text;
}

}  // namespace vae::cli
