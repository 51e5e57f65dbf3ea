// SPDX-License-Identifier: MIT
#include "host/cli/parser.h"

#include <CLI/CLI.hpp>
#include <deque>
#include <sstream>

#include <fmt/format.h>

#include "host/cli/suggest.h"
#include "host/cli/terminal.h"
#include "vae/error.h"
#include "vae/version.h"

namespace vae::cli {
namespace {

constexpr const char* kAbout =
    "Trains variational autoencoders and shows what they learned.\n"
    "A run is a folder that `vae train` writes; every other verb reads one.";
constexpr const char* kExamples =
    "Examples:\n"
    "  vae train --data mnist --epochs 10 --out runs/first\n"
    "  vae eval runs/first --importance-samples 500\n"
    "  vae sample runs/first --count 64 --out samples.png\n"
    "\n"
    "`vae VERB --help` explains a verb. Exit status: 0 done, 2 wrong usage or configuration,\n"
    "3 bad input file, 4 file error, 5 device, 6 training diverged, 7 run folder in use,\n"
    "130 or 143 stopped by a signal after saving.";

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message);
}

/// One declared argument and the text the parser library puts there.
struct Bound {
  const Argument* argument = nullptr;
  CLI::Option* option = nullptr;
  std::string text;
};

struct BoundVerb {
  VerbEntry* entry = nullptr;
  CLI::App* app = nullptr;
  Command command;
  std::deque<Bound> bound;
};

void bind_argument(BoundVerb& verb, const Command::Declared& declared) {
  const Argument& argument = declared.argument;
  Bound& bound = verb.bound.emplace_back();
  bound.argument = &argument;
  if (argument.placeholder.empty()) {
    bound.option = verb.app->add_flag(argument.name, argument.help);
  } else {
    bound.option = verb.app->add_option(argument.name, bound.text, argument.help);
    bound.option->type_name(argument.name[0] == '-' ? argument.placeholder : "");
    if (argument.value_optional) bound.option->expected(0, 1);
  }
  if (argument.name[0] == '-') bound.option->group(declared.group);
}

void bind_verb(CLI::App& app, VerbEntry& entry, BoundVerb& verb) {
  verb.entry = &entry;
  verb.app = app.add_subcommand(entry.name, entry.summary);
  verb.app->allow_extras();
  verb.app->set_help_flag("-h,--help", "print this text and exit");
  verb.app->get_help_ptr()->group("General");
  entry.verb->declare(verb.command);
  for (const Command::Declared& declared : verb.command.declared()) bind_argument(verb, declared);
  if (!verb.command.example_text().empty()) {
    verb.app->footer("Examples:\n" + verb.command.example_text());
  }
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
  std::vector<std::string> names;
  for (const VerbEntry& verb : verbs) names.push_back(verb.name);
  refuse(fmt::format("there is no verb '{}'{} (`{}` lists all)", extras.front().substr(0, 80),
                     did_you_mean(extras.front(), names), help_command("vae")));
}

/// A forgotten value: the parser library takes the next word for it, whatever that is, and a run
/// would be written to a folder called "--resume".
void refuse_option_as_value(const BoundVerb& verb, const Bound& bound) {
  const std::string& name = bound.argument->name;
  const bool is_option = bound.text.starts_with("--") || bound.text == "-h";
  if (name[0] != '-' || !is_option) return;
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
      const bool bare = bound.argument->value_optional && bound.text.empty();
      bound.argument->set(bare ? "true" : bound.text);
    } catch (const Error& error) {
      refuse(fmt::format("{}: {}", prefix, error.what()));
    }
  }
}

/// For the help text only: an option that the parser library itself requires would be complained
/// about before a mistyped one is.
void show_required(BoundVerb& verb) {
  for (Bound& bound : verb.bound) bound.option->required(bound.argument->required);
}

std::string program_version() { return build_description(); }

}  // namespace

Request parse_command_line(std::vector<VerbEntry>& verbs, const std::vector<std::string>& words) {
  CLI::App app(kAbout, "vae");
  app.footer(kExamples);
  app.set_help_flag("-h,--help", "print this text and exit");
  app.set_version_flag("--version", program_version(), "print version and build, and exit");
  app.require_subcommand(0, 1);  // a run folder may be called like a verb
  app.allow_extras();
  app.get_formatter()->column_width(32);
  std::deque<BoundVerb> bound;
  for (VerbEntry& entry : verbs) bind_verb(app, entry, bound.emplace_back());

  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::Success& success) {  // --help and --version
    for (BoundVerb& verb : bound) show_required(verb);
    std::ostringstream out, ignored;
    app.exit(success, out, ignored);
    return {nullptr, out.str()};
  } catch (const CLI::ParseError& error) {
    refuse(error.what());
  }
  check_extras(app, verbs);
  for (const BoundVerb& verb : bound) {
    if (!verb.app->parsed()) continue;
    set_arguments(verb);
    return {verb.entry, {}};
  }
  refuse("a verb is missing\n\n" + app.help());
}

}  // namespace vae::cli
