// SPDX-License-Identifier: MIT
#include <filesystem>
#include <optional>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/terminal.h"
#include "host/cli/verbs.h"
#include "vae/config.h"
#include "vae/error.h"
#include "vae/model.h"

namespace vae::cli {
namespace {

class Import : public Verb {
 public:
  void declare(Command& command) override {
    command.required_text("FILE", "FILE.safetensors", file_,
                          "weights that another program saved, named as in docs/checkpoint.md");
    command.group("Importing");
    out_.declare(command, {"safetensors"}, "checkpoint to write, with a right checksum");
    command.text("--config", "FILE", config_,
                 "configuration of the model, where FILE.safetensors has none or another one");
    terminal_.declare(command, false);
    command.examples(
        "  vae import averaged.safetensors --out model.safetensors\n"
        "  vae import torch.safetensors --config runs/a/config.json --out a.safetensors");
  }

  int run() override {
    out_.check();
    require_input(file_);
    if (std::filesystem::is_directory(file_)) {
      throw Error(ErrorCode::invalid_argument,
                  file_ + " is a folder; import takes one file of weights, FILE.safetensors");
    }
    std::optional<Config> config;
    if (!config_.empty()) config = config_from_json(read_text_file(config_), {}, config_);
    Model::load_unverified(file_, config, Device::cpu(1)).save(out_.path());
    terminal_.info("imported " + file_ + " to " + out_.path() +
                   ": weights and configuration; whether they are what was meant is not checked");
    return kSuccess;
  }

 private:
  Terminal terminal_;
  OutputFile out_;
  std::string file_, config_;
};

}  // namespace

std::unique_ptr<Verb> make_import() { return std::make_unique<Import>(); }

}  // namespace vae::cli
