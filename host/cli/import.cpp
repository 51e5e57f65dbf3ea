// SPDX-License-Identifier: MIT
#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/terminal.h"
#include "host/cli/verbs.h"
#include "vae/model.h"

namespace vae::cli {
namespace {

class Import : public Verb {
 public:
  void declare(Command& command) override {
    command.required_text("FILE", "FILE.safetensors", file_,
                          "checkpoint whose weights another program changed");
    command.group("Importing");
    out_.declare(command, {"safetensors"}, "checkpoint to write, with a right checksum");
    terminal_.declare(command, false);
    command.examples("  vae import averaged.safetensors --out model.safetensors");
  }

  int run() override {
    out_.check();
    require_input(file_);
    Model::load_unverified(file_, Device::cpu(1)).save(out_.path());
    terminal_.info("imported " + file_ + " to " + out_.path() +
                   ": weights and configuration; whether they are what was meant is not checked");
    return kSuccess;
  }

 private:
  Terminal terminal_;
  OutputFile out_;
  std::string file_;
};

}  // namespace

std::unique_ptr<Verb> make_import() { return std::make_unique<Import>(); }

}  // namespace vae::cli
