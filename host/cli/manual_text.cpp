// SPDX-License-Identifier: MIT
#include "host/cli/manual_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "host/cli/exit_status.h"
#include "host/cli/help_text.h"
#include "vae/version.h"

namespace vae::cli {
namespace {

/// Plain text as man's language has it: nothing in it is a command, a '-' is one that can be typed.
std::string roff(std::string_view text) {
  std::string result;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) result += "\\&";
    line_begins = c == '\n';
    switch (c) {
      case '\\':
        result += "\\e";
        break;
      case '-':
        result += "\\-";
        break;
      case '\'':
        result += "\\(aq";
        break;
      case '`':
        result += "\\(ga";
        break;
      case '^':
        result += "\\(ha";
        break;
      case '~':
        result += "\\(ti";
        break;
      case '|':
        result += "|\\:";  // a line may end here
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string head(const std::string& name, const std::string& summary) {
  return fmt::format(
      ".\\\" Made by `vae manual`.\n"
      ".TH {} 1 \"\" \"vae {}\" \"User Commands\"\n"
      ".SH NAME\n{} \\- {}\n",
      capitals(name), version(), roff(name), roff(summary));
}

/// Lines that stay as they are.
std::string verbatim(std::string_view text) { return fmt::format(".nf\n{}\n.fi\n", roff(text)); }

/// A term and what it means.
std::string item(const std::string& term, const std::string& meaning) {
  return fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(term), roff(meaning));
}

std::string option_item(const Argument& option) {
  const std::string words = option_words(option);
  const std::size_t name = option.placeholder.empty() ? words.size() : option.name.size();
  return fmt::format(".TP\n\\fB{}\\fR\\fI{}\\fR\n{}{}\n", roff(words.substr(0, name)),
                     roff(words.substr(name)), roff(option.help),
                     option.required ? " (required)" : "");
}

std::string exit_status_section() {
  std::string text = ".SH \"EXIT STATUS\"\n";
  for (const ExitMeaning& exit : kExitMeanings) {
    text += item(std::string(exit.status), std::string(exit.meaning));
  }
  return text;
}

}  // namespace

std::string program_page(const std::vector<VerbEntry>& verbs) {
  std::string text = head("vae", "train variational autoencoders and show what they learned");
  text += ".SH SYNOPSIS\n\\fBvae\\fR \\fIVERB\\fR [\\fIoptions\\fR]\n";
  text += fmt::format(".SH DESCRIPTION\n{}\n.SH VERBS\n", roff(kAbout));
  for (const VerbEntry& entry : verbs) {
    text += item(fmt::format("vae-{}(1)", entry.name), entry.summary);
  }
  text += ".SH OPTIONS\n" + option_item(help_argument());
  text += item("--version", std::string(kVersionHelp));
  return text + exit_status_section();
}

std::string verb_page(const VerbEntry& entry) {
  std::string text = head("vae-" + entry.name, entry.summary);
  text += fmt::format(".SH SYNOPSIS\n\\fBvae {}\\fR\n", roff(synopsis(entry)));
  std::string operands;
  for (const Command::Declared& declared : entry.command.declared()) {
    const Argument& argument = declared.argument;
    if (!argument.is_option()) operands += item(argument.name, argument.help);
  }
  text += operands.empty() ? "" : ".SH ARGUMENTS\n" + operands;
  text += ".SH OPTIONS\n";
  for (const auto& [title, options] : option_groups(entry.command)) {
    text += fmt::format(".SS {}\n", roff(title));
    for (const Argument* option : options) text += option_item(*option);
  }
  const std::string& examples = entry.command.example_text();
  if (!examples.empty()) text += ".SH EXAMPLES\n" + verbatim(examples);
  return text + exit_status_section() + ".SH \"SEE ALSO\"\n\\fBvae\\fR(1)\n";
}

}  // namespace vae::cli
