// SPDX-License-Identifier: MIT
#include "vae/diagnosis.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string_view>

#include "kernels/backend.h"
#include "kernels/check.h"
#include "vae/device.h"
#include "vae/version.h"

namespace vae {

namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

Finding processor(const DeviceInfo& cpu) {
  Finding finding{"processor", cpu.description, {}};
  if (contains(cpu.description, ", baseline,")) {
    finding.advice =
        "the processor has no AVX2: training is several times slower than on one from 2013 or "
        "later";
  }
  return finding;
}

Finding threads(const DeviceInfo& cpu) {
  const int64_t online = sysconf(_SC_NPROCESSORS_ONLN);
  Finding finding{"threads", concat(cpu.threads, " of ", online, " CPUs"), {}};
  if (const std::string quota = first_line("/sys/fs/cgroup/cpu.max"); !quota.empty()) {
    finding.fact += concat(", cgroup quota ", quota);
  }
  double load = 0.0;
  if (getloadavg(&load, 1) == 1) {
    finding.fact += concat(", load ", static_cast<int64_t>(load + 0.5));
    if (load > 1.5 * static_cast<double>(online)) {
      finding.advice = "other programs use the CPUs: training with fewer --threads may be faster";
    }
  }
  if (finding.advice.empty() && cpu.threads < online) {
    finding.advice =
        "the affinity mask or the cgroup quota keeps the other CPUs from this process; "
        "taskset, docker run --cpus or the batch system change that";
  }
  return finding;
}

Finding cuda_build(const CudaInfo& info) {
  if (info.toolkit.empty()) {
    return {"CUDA build", "no CUDA backend",
            "to use an NVIDIA GPU put nvcc of CUDA 12 or later on PATH and build with "
            "VAE_WITH_CUDA=ON"};
  }
  return {"CUDA build",
          concat("toolkit ", info.toolkit, ", runtime ", info.runtime, ", code for ",
                 info.architectures.empty() ? "the simulated card" : info.architectures),
          {}};
}

Finding driver(const CudaInfo& info) {
  if (!info.driver.empty()) return {"NVIDIA driver", concat("for CUDA ", info.driver), {}};
  return {"NVIDIA driver", "not found", {}};  // the card's line says what to do
}

Finding card(const DeviceInfo& info) {
  const std::string about = info.description.empty() ? "NVIDIA GPU" : info.description;
  if (info.usable) return {info.name, about + ": can be used", {}};
  return {info.name, about + ": cannot be used", info.reason};
}

/// Variables that change what the CUDA backend does; they are for debugging.
void add_variables(std::vector<Finding>& findings) {
  if (const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES")) {
    findings.push_back({"environment", concat("CUDA_VISIBLE_DEVICES=", visible), {}});
  }
  for (const char* name : {"VAE_CUDA_SYNC", "VAE_CUDA_EAGER"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || std::string_view(value) != "1") continue;
    findings.push_back(
        {"environment", concat(name, "=1"), "slows the GPU down; unset it after debugging"});
  }
}

}  // namespace

std::vector<Finding> diagnose() {
  const DeviceInfo cpu = cpu_device();
  std::vector<Finding> findings = {
      {"build", build_description(), {}},
      processor(cpu),
      threads(cpu),
      {"memory", concat(cpu.memory_bytes >> 20, " MiB"), {}},
  };
  const CudaInfo cuda = cuda_info();
  findings.push_back(cuda_build(cuda));
  if (!cuda.toolkit.empty()) {
    findings.push_back(driver(cuda));
    const std::vector<DeviceInfo> cards = cuda_devices();
    for (std::size_t i = 0; i < cards.size(); ++i) {  // a busy one is found out by opening it only
      findings.push_back(card(cards[i].usable ? cuda_device(static_cast<int>(i)) : cards[i]));
    }
    add_variables(findings);
  }
  const DeviceChoice choice = choose_device({});
  findings.push_back({"device auto", choice.name, {}});
  return findings;
}

}  // namespace vae
