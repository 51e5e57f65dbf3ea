// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/cli/command.h"
#include "host/cli/json_text.h"
#include "vae/model.h"

namespace vae::cli {

/// What an object of --json says of the model's checkpoint: checkpoint, epoch, step, chosen_on,
/// and which weights were taken.
Json checkpoint_json(const Model& model);

/// --json of a verb that writes files: one object on standard output that names the checkpoint, the
/// device and the files.
class SummaryOption {
 public:
  void declare(Command& command);
  bool is_json() const { return json_; }
  /// Nothing without --json. `more` is an object of what the verb alone has to say.
  void print(const Model& model, const std::vector<std::string>& files,
             const Json& more = Json::object()) const;

 private:
  bool json_ = false;
};

}  // namespace vae::cli
