// SPDX-License-Identifier: MIT
#include "host/cli/summary.h"

#include "host/cli/terminal.h"

namespace vae::cli {
namespace {

Json number_or_null(const std::optional<int64_t>& number) {
  return number ? Json(*number) : Json();
}

}  // namespace

Json checkpoint_json(const Model& model) {
  const CheckpointInfo& checkpoint = *model.checkpoint();
  Json json = {{"checkpoint", checkpoint.file},
               {"epoch", number_or_null(checkpoint.epoch)},
               {"step", number_or_null(checkpoint.step)},
               {"chosen_on", nullptr},
               {"weights", checkpoint.averaged ? "averaged" : "trained"}};
  if (!checkpoint.chosen_on.empty()) json["chosen_on"] = checkpoint.chosen_on;
  return json;
}

void SummaryOption::declare(Command& command) {
  command.group("General");
  command.flag("--json", json_, "print one JSON object: checkpoint, epoch, device, files");
}

void SummaryOption::print(const Model& model, const std::vector<std::string>& files,
                          const Json& more) const {
  if (!json_) return;
  Json json = checkpoint_json(model);
  json["device"] = model.device_name();
  json["files"] = files;
  json.update(more);
  write_stdout(json_text(json));
}

}  // namespace vae::cli
