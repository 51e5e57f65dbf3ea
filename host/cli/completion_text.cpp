// SPDX-License-Identifier: MIT
#include "host/cli/completion_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace vae::cli {
namespace {

/// What a shell offers for the value of an option.
struct Offer {
  std::vector<std::string> words;
  bool files = false;

  bool empty() const { return words.empty() && !files; }
};

bool is_word(std::string_view part) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  return !part.empty() && part.find_first_not_of(kLetters) == std::string_view::npos;
}

/// The words of "auto|cpu|cuda[:N]"; files for what can be anything and for a part in capitals, as
/// in "mnist|PATH"; nothing for numbers.
Offer offer_for(const Argument& argument) {
  const std::string& values = argument.values;
  Offer offer;
  offer.files = values.empty();
  if (values.find('|') == std::string::npos) return offer;
  for (std::size_t begin = 0; begin < values.size();) {
    const std::size_t end = std::min(values.find('|', begin), values.size());
    const std::string part = values.substr(begin, end - begin);
    const std::string word = part.substr(0, part.find('['));
    if (is_word(word)) {
      offer.words.push_back(word);
    } else {
      offer.files = true;
    }
    begin = end + 1;
  }
  return offer;
}

Offer verb_names(const std::vector<VerbEntry>& verbs) {
  Offer offer;
  for (const VerbEntry& entry : verbs) offer.words.push_back(entry.name);
  return offer;
}

std::vector<const Argument*> options_of(const VerbEntry& entry) {
  std::vector<const Argument*> options;
  for (const Command::Declared& declared : entry.command.declared()) {
    if (declared.argument.is_option()) options.push_back(&declared.argument);
  }
  return options;
}

std::vector<const Argument*> operands_of(const VerbEntry& entry) {
  std::vector<const Argument*> operands;
  for (const Command::Declared& declared : entry.command.declared()) {
    if (!declared.argument.is_option()) operands.push_back(&declared.argument);
  }
  return operands;
}

/// What operands a verb takes, all of them together.
Offer operand_offer(const VerbEntry& entry, const std::vector<VerbEntry>& verbs) {
  Offer all;
  for (const Argument* operand : operands_of(entry)) {
    const Offer offer = operand->name == "VERB" ? verb_names(verbs) : offer_for(*operand);
    all.words.insert(all.words.end(), offer.words.begin(), offer.words.end());
    all.files = all.files || offer.files;
  }
  return all;
}

/// A text in single quotes, for all three shells.
std::string single_quoted(std::string_view text, bool fish = false) {
  std::string result = "'";
  for (const char c : text) {
    if (fish && (c == '\'' || c == '\\')) {
      result += '\\';
      result += c;
    } else if (c == '\'') {
      result += "'\\''";
    } else {
      result += c;
    }
  }
  return result + "'";
}

std::string escaped(std::string_view text, std::string_view characters) {
  std::string result;
  for (const char c : text) {
    if (characters.find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

/// Shells show one line of each option: a help text up to its first semicolon.
std::string brief(const std::string& help) { return help.substr(0, help.find(';')); }

std::string bash_offer(const Offer& offer) {
  std::string text;
  if (!offer.words.empty()) text += fmt::format(" words='{}'", fmt::join(offer.words, " "));
  if (offer.files) text += " files=yes";
  return text;
}

/// The branches of one verb: the values of its options, then its options and operands.
std::string bash_verb(const VerbEntry& entry, const std::vector<VerbEntry>& verbs) {
  std::string branches, names;
  for (const Argument* option : options_of(entry)) {
    names += (names.empty() ? "" : " ") + option->name;
    if (option->placeholder.empty()) continue;
    branches += fmt::format("    '{} {}'){} ;;\n", entry.name, option->name,
                            bash_offer(offer_for(*option)));
  }
  const Offer operands = operand_offer(entry, verbs);
  branches +=
      fmt::format("    '{} '*) options='{}'{} ;;\n", entry.name, names, bash_offer(operands));
  return branches;
}

std::string zsh_action(const Offer& offer) {
  const std::string words = fmt::format("({})", fmt::join(offer.words, " "));
  if (offer.empty()) return " ";
  if (!offer.files) return words;
  if (offer.words.empty()) return "_files";
  return fmt::format(" _vae_words_and_files {}", fmt::join(offer.words, " "));
}

std::string zsh_option(const Argument& option) {
  const std::string help = escaped(brief(option.help), "[]\\");
  if (option.name == kHelpName) return fmt::format("'(-h --help)'{{-h,--help}}'[{}]'", help);
  if (option.placeholder.empty()) return single_quoted(fmt::format("{}[{}]", option.name, help));
  return single_quoted(
      fmt::format("{}=[{}]{}{}:{}", option.name, help, option.value_optional ? "::" : ":",
                  escaped(option.placeholder, ":\\"), zsh_action(offer_for(option))));
}

std::string zsh_verb(const VerbEntry& entry, const std::vector<VerbEntry>& verbs) {
  std::string text = fmt::format("    {})\n      _arguments", entry.name);
  for (const Argument* option : options_of(entry)) text += " \\\n        " + zsh_option(*option);
  for (const Argument* operand : operands_of(entry)) {
    const Offer offer = operand->name == "VERB" ? verb_names(verbs) : offer_for(*operand);
    text += " \\\n        " + single_quoted(fmt::format("{}{}:{}",
                                                        operand->repeated   ? "*:"
                                                        : operand->required ? ":"
                                                                            : "::",
                                                        operand->name, zsh_action(offer)));
  }
  return text + "\n      ;;\n";
}

std::string fish_offer(const Offer& offer) {
  const std::string words =
      offer.words.empty() ? "" : fmt::format(" -a '{}'", fmt::join(offer.words, " "));
  return (offer.files ? " -F" : " -f") + words;
}

std::string fish_verb(const VerbEntry& entry, const std::vector<VerbEntry>& verbs) {
  const std::string when =
      fmt::format("complete -c vae -n '__fish_seen_subcommand_from {}'", entry.name);
  std::string text;
  for (const Argument* option : options_of(entry)) {
    text += fmt::format("{} -l {}", when, option->name.substr(2));
    if (option->name == kHelpName) text += " -s h";
    if (!option->placeholder.empty()) {
      text += (option->value_optional ? "" : " -r") + fish_offer(offer_for(*option));
    }
    text += fmt::format(" -d {}\n", single_quoted(brief(option->help), true));
  }
  const Offer operands = operand_offer(entry, verbs);
  if (!operands.empty()) text += when + fish_offer(operands) + "\n";
  return text;
}

}  // namespace

std::string bash_completion(const std::vector<VerbEntry>& verbs) {
  std::string text =
      "# Completion of vae for bash; made by `vae completion bash`.\n"
      "_vae() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
      "  local words='' options='' files=''\n"
      "  if [[ $word == '=' ]]; then # --name=value is three words to bash\n"
      "    word=''\n"
      "  elif [[ $before == '=' ]]; then\n"
      "    before=${COMP_WORDS[COMP_CWORD - 2]}\n"
      "  fi\n"
      "  ((COMP_CWORD > 1)) || before='' # the program itself\n"
      "  case \"${before:+${COMP_WORDS[1]} $before}\" in\n";
  text += fmt::format("    '') words='{}' options='--help --version' ;;\n",
                      fmt::join(verb_names(verbs).words, " "));
  for (const VerbEntry& entry : verbs) text += bash_verb(entry, verbs);
  text +=
      "  esac\n"
      "  [[ $word != -* ]] || words=$options files=''\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
      "  [[ $files ]] || return 0\n"
      "  compopt -o filenames\n"
      "  mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$word\")\n"
      "}\n"
      "complete -F _vae vae\n";
  return text;
}

std::string zsh_completion(const std::vector<VerbEntry>& verbs) {
  std::string text =
      "#compdef vae\n"
      "# Completion of vae for zsh; made by `vae completion zsh`.\n"
      "_vae_words_and_files() {\n"
      "  _alternative \"words:word:($*)\" 'files:file:_files'\n"
      "}\n"
      "_vae() {\n"
      "  local -a verbs=(\n";
  for (const VerbEntry& entry : verbs) {
    text += "    " + single_quoted(entry.name + ":" + escaped(entry.summary, ":\\")) + "\n";
  }
  text +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe -t verbs verb verbs\n"
      "    return\n"
      "  fi\n"
      "  local verb=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT -= 1))\n"
      "  case $verb in\n";
  for (const VerbEntry& entry : verbs) text += zsh_verb(entry, verbs);
  return text +
         "  esac\n"
         "}\n"
         "if [[ ${funcstack[1]} == _vae ]]; then\n"
         "  _vae \"$@\"\n"
         "else\n"
         "  compdef _vae vae\n"
         "fi\n";
}

std::string fish_completion(const std::vector<VerbEntry>& verbs) {
  std::string text =
      "# Completion of vae for fish; made by `vae completion fish`.\n"
      "complete -c vae -f\n";
  for (const VerbEntry& entry : verbs) {
    text += fmt::format("complete -c vae -n __fish_use_subcommand -a {} -d {}\n", entry.name,
                        single_quoted(entry.summary, true));
  }
  text += "complete -c vae -n __fish_use_subcommand -s h -l help\n";
  text += "complete -c vae -n __fish_use_subcommand -l version\n";
  for (const VerbEntry& entry : verbs) text += fish_verb(entry, verbs);
  return text;
}

}  // namespace vae::cli
