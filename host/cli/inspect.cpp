// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "host/cli/exit_status.h"
#include "host/cli/json_text.h"
#include "host/cli/shared_options.h"
#include "host/cli/verbs.h"
#include "vae/printable.h"
#include "vae/report.h"

namespace vae::cli {
namespace {

/// Names in a file come from anyone.
std::string shown(const Json& value) {
  return printable_line(value.is_string()
                            ? value.get<std::string>()
                            : value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// An object without further objects, such as a tensor: its values in one line.
std::string row(const Json& json) {
  std::string text;
  for (const Json& value : json) text += (text.empty() ? "" : "  ") + shown(value);
  return text;
}

/// "key: value" lines, nested objects indented.
void print(const Json& json, int depth, std::string& text) {
  const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
  for (const auto& [key, value] : json.items()) {
    if (json.is_array()) {
      text += fmt::format("{}{}\n", indent, row(value));
    } else if (value.is_object() ||
               (value.is_array() && !value.empty() && value.front().is_structured())) {
      text += fmt::format("{}{}:\n", indent, printable_line(key));
      print(value, depth + 1, text);
    } else {
      text += fmt::format("{}{}: {}\n", indent, printable_line(key), shown(value));
    }
  }
}

class Inspect : public Verb {
 public:
  void declare(Command& command) override {
    command.required_text(
        "PATH", "PATH", path_,
        "checkpoint, run folder, picture, array, or whatever train takes as --data");
    command.flag("--json", json_, "print one JSON object");
    source_.declare(command);
    config_.declare_section(command, "data");
    terminal_.declare(command, false);
    command.examples(
        "  vae inspect runs/first\n"
        "  vae inspect data/mnist/train-images-idx3-ubyte.gz\n"
        "  vae inspect photos/ --size 64");
  }

  int run() override {
    const Json json =
        Json::parse(inspect(path_, source_.load_options(config_.resolve({}).data, terminal_)));
    std::string text;
    if (!json_) print(json, 0, text);
    write_stdout(json_ ? json_text(json) : text);
    return kSuccess;
  }

 private:
  Terminal terminal_;
  ConfigOptions config_;
  SourceOptions source_;
  std::string path_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_inspect() { return std::make_unique<Inspect>(); }

}  // namespace vae::cli
