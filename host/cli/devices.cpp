// SPDX-License-Identifier: MIT
#include "vae/device.h"

#include <fmt/format.h>

#include "host/cli/exit_status.h"
#include "host/cli/json_text.h"
#include "host/cli/terminal.h"
#include "host/cli/verbs.h"

namespace vae::cli {
namespace {

class Devices : public Verb {
 public:
  void declare(Command& command) override {
    command.flag("--json", json_, "print one JSON object");
    terminal_.declare(command, false);
    command.examples("  vae devices");
  }

  int run() override {
    const std::vector<DeviceInfo> devices = list_devices();
    const DeviceChoice choice = choose_device({});
    write_stdout(json_ ? json(devices, choice) : table(devices, choice));
    return kSuccess;
  }

 private:
  static std::string json(const std::vector<DeviceInfo>& devices, const DeviceChoice& choice) {
    Json list = Json::array();
    for (const DeviceInfo& device : devices) {
      list.push_back({{"name", device.name},
                      {"description", device.description},
                      {"usable", device.usable},
                      {"reason", device.reason},
                      {"threads", device.threads},
                      {"memory_bytes", device.memory_bytes}});
    }
    const CudaInfo cuda = cuda_info();
    return json_text({{"devices", list},
                      {"auto", choice.name},
                      {"auto_reason", choice.reason},
                      {"cuda",
                       {{"toolkit", cuda.toolkit},
                        {"architectures", cuda.architectures},
                        {"runtime", cuda.runtime},
                        {"driver", cuda.driver}}}});
  }

  static std::string table(const std::vector<DeviceInfo>& devices, const DeviceChoice& choice) {
    std::string text;
    for (const DeviceInfo& device : devices) {
      const std::string name = device.name.empty() ? "cuda" : device.name;
      const std::string& about = device.usable ? device.description : device.reason;
      text += fmt::format("{:<8} {:<8} {}\n", name, device.usable ? "usable" : "no", about);
    }
    text += fmt::format("auto     {:<8} {}\n", choice.name, choice.reason);
    const CudaInfo cuda = cuda_info();
    if (cuda.toolkit.empty()) return text;
    return text + fmt::format("CUDA     runtime {}, code for {}; driver {}\n", cuda.runtime,
                              cuda.architectures.empty() ? "any card" : cuda.architectures,
                              cuda.driver.empty() ? "none" : "for CUDA " + cuda.driver);
  }

  Terminal terminal_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_devices() { return std::make_unique<Devices>(); }

}  // namespace vae::cli
