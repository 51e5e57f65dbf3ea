// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "host/cli/exit_status.h"
#include "host/cli/help_text.h"
#include "host/cli/terminal.h"
#include "host/cli/verbs.h"
#include "vae/error.h"

namespace vae::cli {
namespace {

/// For scripts: name, placeholder, values, whether the value may be left out, and help of each
/// option, with tabs between them.
std::string option_table(const VerbEntry& entry) {
  std::string text;
  for (const Command::Declared& declared : entry.command.declared()) {
    const Argument& argument = declared.argument;
    if (!argument.is_option()) continue;
    text += fmt::format("{}\t{}\t{}\t{}\t{}\n", argument.name, argument.placeholder,
                        argument.values, argument.value_optional ? "optional" : "", argument.help);
  }
  return text;
}

class Help : public Verb {
 public:
  void declare(Command& command) override {
    command.optional_text("VERB", "VERB", verb_, "which; without one, the program is explained");
    command.flag("--table", table_, "the verb's options, one a line with tabs between the fields");
    command.examples("  vae help train");
  }

  int run() override {
    const std::vector<VerbEntry> verbs = all_verbs();
    if (verb_.empty() && table_) {
      throw Error(ErrorCode::invalid_argument, "vae help: --table needs a VERB");
    }
    if (verb_.empty()) {
      write_stdout(program_help(verbs));
    } else {
      const VerbEntry& entry = find_verb(verbs, verb_);
      write_stdout(table_ ? option_table(entry) : verb_help(entry));
    }
    return kSuccess;
  }

 private:
  std::string verb_;
  bool table_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_help() { return std::make_unique<Help>(); }

}  // namespace vae::cli
