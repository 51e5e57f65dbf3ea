// SPDX-License-Identifier: MIT
#include "vae/device.h"

#include <charconv>

#include "kernels/backend.h"
#include "kernels/check.h"

namespace vae {

Device Device::parse(std::string_view text) {
  Device device;
  if (text == "auto") return device;
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (kind == "cpu" && colon == std::string_view::npos) {
    device.kind = DeviceKind::cpu;
    return device;
  }
  if (kind == "cuda") {
    device.kind = DeviceKind::cuda;
    if (colon == std::string_view::npos) return device;
    const std::string_view number = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), device.index);
    if (error == std::errc() && end == number.data() + number.size() && device.index >= 0) {
      return device;
    }
  }
  fail(ErrorCode::invalid_argument, "device: '", text,
       "' is none of auto, cpu, cuda, cuda:0, cuda:1, ...");
}

std::string_view to_string(Precision value) {
  switch (value) {
    case Precision::automatic:
      return "auto";
    case Precision::fp32:
      return "fp32";
    case Precision::tf32:
      return "tf32";
    case Precision::bf16:
      return "bf16";
  }
  return "";
}

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> devices = cuda_devices();
  devices.push_back(cpu_device());
  return devices;
}

namespace {

/// The CUDA device with this index, or the reason why there is none.
DeviceInfo find_cuda(int index) {
  for (DeviceInfo& info : cuda_devices()) {
    if (!info.usable || info.name == concat("cuda:", index)) return info;
  }
  DeviceInfo missing;
  missing.reason = concat("there is no CUDA device number ", index);
  return missing;
}

DeviceChoice choose_automatically(Device wanted) {
  const DeviceInfo card = find_cuda(wanted.index);
  if (card.usable) {
    wanted.kind = DeviceKind::cuda;
    return {wanted, card.name, card.description};
  }
  wanted.kind = DeviceKind::cpu;
  return {wanted, "cpu", "no CUDA device can be used: " + card.reason};
}

}  // namespace

DeviceChoice choose_device(const Device& wanted) {
  switch (wanted.kind) {
    case DeviceKind::automatic:
      return choose_automatically(wanted);
    case DeviceKind::cpu:
      return {wanted, "cpu", "asked for"};
    case DeviceKind::cuda:
      break;
  }
  const DeviceInfo card = find_cuda(wanted.index);
  if (!card.usable) {
    fail(ErrorCode::unavailable, "device cuda:", wanted.index, " cannot be used: ", card.reason,
         "; choose --device cpu or --device auto");
  }
  return {wanted, card.name, "asked for"};
}

}  // namespace vae
