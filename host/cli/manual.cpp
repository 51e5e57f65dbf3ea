// SPDX-License-Identifier: MIT
#include <filesystem>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/manual_text.h"
#include "host/cli/terminal.h"
#include "host/cli/verbs.h"
#include "vae/error.h"

namespace vae::cli {
namespace {

class Manual : public Verb {
 public:
  void declare(Command& command) override {
    command.optional_text("VERB", "VERB", verb_, "whose page; without one, the program's");
    command.text("--out", "FOLDER", out_, "write every page there, vae.1 and vae-VERB.1");
    command.examples(
        "  vae manual train | man -l -\n"
        "  vae manual --out ~/.local/share/man/man1");
  }

  int run() override {
    const std::vector<VerbEntry> verbs = all_verbs();
    if (!out_.empty() && !verb_.empty()) {
      throw Error(ErrorCode::invalid_argument,
                  "vae manual: --out writes every page; leave VERB out");
    }
    if (!out_.empty()) {
      write_pages(verbs);
    } else {
      write_stdout(verb_.empty() ? program_page(verbs) : verb_page(find_verb(verbs, verb_)));
    }
    return kSuccess;
  }

 private:
  void write_pages(const std::vector<VerbEntry>& verbs) const {
    std::error_code error;
    std::filesystem::create_directories(out_, error);
    if (error) throw Error(ErrorCode::io, out_ + ": cannot make the folder: " + error.message());
    write_text_file(out_ + "/vae.1", program_page(verbs));
    for (const VerbEntry& entry : verbs) {
      write_text_file(out_ + "/vae-" + entry.name + ".1", verb_page(entry));
    }
  }

  std::string verb_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Verb> make_manual() { return std::make_unique<Manual>(); }

}  // namespace vae::cli
