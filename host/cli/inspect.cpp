// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/json_text.h"
#include "host/cli/terminal.h"
#include "host/cli/verbs.h"
#include "vae/report.h"

namespace vae::cli {
namespace {

/// Names in a file come from anyone: nothing in them may steer the terminal. Control characters,
/// those above ASCII (C2 80 .. C2 9F in UTF-8) too, become '?'.
std::string visible(std::string text) {
  unsigned char before = 0;
  for (char& letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0)) letter = '?';
    before = byte;
  }
  return text;
}

std::string shown(const Json& value) {
  return visible(value.is_string() ? value.get<std::string>()
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
      text += fmt::format("{}{}:\n", indent, visible(key));
      print(value, depth + 1, text);
    } else {
      text += fmt::format("{}{}: {}\n", indent, visible(key), shown(value));
    }
  }
}

class Inspect : public Verb {
 public:
  void declare(Command& command) override {
    command.required_text("PATH", "PATH", path_,
                          "checkpoint, run folder, IDX file (gzipped or not), .npy or PNG file");
    command.flag("--json", json_, "print one JSON object");
    terminal_.declare(command, false);
    command.examples(
        "  vae inspect runs/first\n  vae inspect data/mnist/train-images-idx3-ubyte.gz");
  }

  int run() override {
    require_input(path_);
    const Json json = Json::parse(inspect(path_));
    std::string text;
    if (!json_) print(json, 0, text);
    write_stdout(json_ ? json_text(json) : text);
    return kSuccess;
  }

 private:
  Terminal terminal_;
  std::string path_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_inspect() { return std::make_unique<Inspect>(); }

}  // namespace vae::cli
