// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "host/cli/exit_status.h"
#include "host/cli/json_text.h"
#include "host/cli/terminal.h"
#include "host/cli/verbs.h"
#include "vae/diagnosis.h"

namespace vae::cli {
namespace {

class Doctor : public Verb {
 public:
  void declare(Command& command) override {
    command.flag("--json", json_, "print one JSON object");
    terminal_.declare(command, false);
    command.examples("  vae doctor");
  }

  int run() override {
    const std::vector<Finding> findings = diagnose();
    write_stdout(json_ ? json(findings) : page(findings));
    return kSuccess;
  }

 private:
  static std::string json(const std::vector<Finding>& findings) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
      list.push_back({{"topic", finding.topic},
                      {"fact", finding.fact},
                      {"ok", finding.advice.empty()},
                      {"advice", finding.advice}});
    }
    return json_text({{"findings", list}});
  }

  static std::string page(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& finding : findings) {
      const bool well = finding.advice.empty();
      text += fmt::format("{} {:<16} {}\n", well ? ' ' : '!', finding.topic, finding.fact);
      if (!well) text += fmt::format("{:19}-> {}\n", "", finding.advice);
    }
    return text;
  }

  Terminal terminal_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_doctor() { return std::make_unique<Doctor>(); }

}  // namespace vae::cli
