// SPDX-License-Identifier: MIT
#include "host/cli/parser.h"

#include <CLI/CLI.hpp>
#include <deque>

#include <fmt/format.h>

#include "host/cli/help_text.h"
#include "host/cli/terminal.h"
#include "host/text/suggest.h"
#include "vae/error.h"
#include "vae/version.h"

namespace vae::cli {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message);
}

/// One declared argument and the text the parser library puts there.
struct Bound {
  const Argument* argument = nullptr;
  CLI::Option* option = nullptr;
  std::string text;
  std::vector<std::string> texts;  // of a repeated one
};

struct BoundVerb {
  VerbEntry* entry = nullptr;
  CLI::App* app = nullptr;
  std::deque<Bound> bound;
};

void bind_argument(BoundVerb& verb, const Command::Declared& declared) {
  const Argument& argument = declared.argument;
  if (argument.name == kHelpName) return;  // set_help_flag
  Bound& bound = verb.bound.emplace_back();
  bound.argument = &argument;
  if (argument.placeholder.empty()) {
    bound.option = verb.app->add_flag(argument.name);
  } else if (argument.repeated) {
    bound.option = verb.app->add_option(argument.name, bound.texts);
  } else {
    bound.option = verb.app->add_option(argument.name, bound.text);
    if (argument.value_optional) bound.option->expected(0, 1);
  }
}

void bind_verb(CLI::App& app, VerbEntry& entry, BoundVerb& verb) {
  verb.entry = &entry;
  verb.app = app.add_subcommand(entry.name);
  verb.app->allow_extras();
  verb.app->set_help_flag("-h,--help");
  for (const Command::Declared& declared : entry.command.declared()) bind_argument(verb, declared);
}

std::vector<std::string> long_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

/// "vae train" as a command that can be typed: the program may lie outside of PATH.
std::string help_command(const std::string& prefix) {
  return program_name() + prefix.substr(std::string_view("vae").size()) + " --help";
}

/// Explains the first word that nothing took.
[[noreturn]] void refuse_extra(const CLI::App& app, const std::string& prefix,
                               const std::string& word) {
  const std::string shown = word.substr(0, 80);
  if (word.size() > 1 && word[0] == '-') {
    const std::string name = word.substr(0, word.find('='));
    refuse(fmt::format("{}: unknown option '{}'{} (`{}` lists all)", prefix,
                       shown.substr(0, shown.find('=')), did_you_mean(name, long_names(app)),
                       help_command(prefix)));
  }
  refuse(fmt::format("{}: unexpected argument '{}' (`{}` shows the usage)", prefix, shown,
                     help_command(prefix)));
}

void check_extras(const CLI::App& app, const std::vector<VerbEntry>& verbs) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return;
  if (extras.front()[0] == '-') refuse_extra(app, "vae", extras.front());
  find_verb(verbs, extras.front());  // which refuses it
}

/// A forgotten value: the parser library takes the next word for it, whatever that is, and a run
/// would be written to a folder called "--resume".
void refuse_option_as_value(const BoundVerb& verb, const Bound& bound) {
  const std::string& name = bound.argument->name;
  const bool is_option = bound.text.starts_with("--") || bound.text == "-h";
  if (!bound.argument->is_option() || !is_option) return;
  const std::string shown = bound.text.substr(0, 80);
  refuse(
      fmt::format("vae {}: {} needs a value, but '{}' follows; a file or folder of that name "
                  "is written ./{}",
                  verb.entry->name, name, shown, shown));
}

/// Hands the parsed texts to the verb, after everything unknown has been refused.
void set_arguments(const BoundVerb& verb) {
  const std::string prefix = "vae " + verb.entry->name;
  const std::vector<std::string> extras = verb.app->remaining();
  if (!extras.empty()) refuse_extra(*verb.app, prefix, extras.front());
  for (const Bound& bound : verb.bound) {
    if (bound.option->count() == 0) {
      if (!bound.argument->required) continue;
      refuse(fmt::format("{}: {} is missing (`{}` shows the usage)", prefix, bound.argument->name,
                         help_command(prefix)));
    }
    refuse_option_as_value(verb, bound);
    try {
      for (const std::string& text : bound.texts) bound.argument->set(text);
      if (bound.argument->repeated) continue;
      const bool bare = bound.argument->value_optional && bound.text.empty();
      bound.argument->set(bare ? "true" : bound.text);
    } catch (const Error& error) {
      refuse(fmt::format("{}: {}", prefix, error.what()));
    }
  }
}

/// The text that --help asks for, of the verb it follows.
std::string help_of(const std::deque<BoundVerb>& bound, const std::vector<VerbEntry>& verbs) {
  for (const BoundVerb& verb : bound) {
    if (verb.app->get_help_ptr()->count() > 0) return verb_help(*verb.entry);
  }
  return program_help(verbs);
}

}  // namespace

Request parse_command_line(std::vector<VerbEntry>& verbs, const std::vector<std::string>& words) {
  CLI::App app("", "vae");
  app.set_help_flag("-h,--help");
  app.set_version_flag("--version", build_description());
  app.require_subcommand(0, 1);  // a run folder may be called like a verb
  app.allow_extras();
  std::deque<BoundVerb> bound;
  for (VerbEntry& entry : verbs) bind_verb(app, entry, bound.emplace_back());

  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return {nullptr, help_of(bound, verbs)};
  } catch (const CLI::CallForVersion&) {
    return {nullptr, build_description() + "\n"};
  } catch (const CLI::ParseError& error) {
    refuse(error.what());
  }
  check_extras(app, verbs);
  for (const BoundVerb& verb : bound) {
    if (!verb.app->parsed()) continue;
    set_arguments(verb);
    return {verb.entry, {}};
  }
  refuse("a verb is missing\n\n" + program_help(verbs));
}

}  // namespace vae::cli
