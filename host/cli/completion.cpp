// SPDX-License-Identifier: MIT
#include "host/cli/completion_text.h"
#include "host/cli/exit_status.h"
#include "host/cli/terminal.h"
#include "host/cli/verbs.h"

namespace vae::cli {
namespace {

class Completion : public Verb {
 public:
  void declare(Command& command) override {
    command.required_word("SHELL", shell_, {"bash", "zsh", "fish"}, "bash, zsh or fish");
    command.examples(
        "  source <(vae completion bash)\n"
        "  vae completion zsh > ~/.zfunc/_vae\n"
        "  vae completion fish > ~/.config/fish/completions/vae.fish\n"
        "\n"
        "`cmake --install` puts all three where the shells look for them.");
  }

  int run() override {
    const std::vector<VerbEntry> verbs = all_verbs();
    write_stdout(shell_ == "bash"  ? bash_completion(verbs)
                 : shell_ == "zsh" ? zsh_completion(verbs)
                                   : fish_completion(verbs));
    return kSuccess;
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Verb> make_completion() { return std::make_unique<Completion>(); }

}  // namespace vae::cli
