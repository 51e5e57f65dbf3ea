// SPDX-License-Identifier: MIT
#include "vae/device.h"

#include <charconv>
#include <utility>

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

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> devices = cuda_devices();
  devices.push_back(cpu_device());
  return devices;
}

namespace {

/// The first card that can be used and is not busy, or why there is none.
DeviceInfo first_usable_card(Device& device) {
  const std::vector<DeviceInfo> cards = cuda_devices();
  DeviceInfo first = cards.front();
  for (std::size_t index = 0; index < cards.size(); ++index) {
    if (!cards[index].usable) continue;
    device.index = static_cast<int>(index);
    const DeviceInfo card = cuda_device(device.index);
    if (card.usable) return card;
    if (first.usable) first = card;
  }
  return first;
}

DeviceChoice choose_cpu(Device wanted, std::string reason) {
  wanted.kind = DeviceKind::cpu;
  if (wanted.precision == Precision::tf32 || wanted.precision == Precision::bf16) {
    fail(ErrorCode::invalid_argument, "precision ", to_string(wanted.precision),
         " needs a GPU; the CPU (", reason, ") computes in fp32: choose precision auto or fp32");
  }
  return {wanted, "cpu", std::move(reason)};
}

DeviceChoice choose_automatically(Device wanted) {
  const DeviceInfo card = first_usable_card(wanted);
  if (!card.usable) {
    const std::string name = card.name == "cuda" ? "" : card.name + ": ";
    return choose_cpu(wanted, "no CUDA device: " + name + card.reason);
  }
  wanted.kind = DeviceKind::cuda;
  return {wanted, card.name, card.description};
}

}  // namespace

DeviceChoice choose_device(const Device& wanted) {
  switch (wanted.kind) {
    case DeviceKind::automatic:
      return choose_automatically(wanted);
    case DeviceKind::cpu:
      return choose_cpu(wanted, "asked for");
    case DeviceKind::cuda:
      break;
  }
  const DeviceInfo card = cuda_device(wanted.index);
  if (!card.usable) {
    fail(ErrorCode::unavailable, "device ", card.name, " cannot be used: ", card.reason,
         "; choose --device cpu or --device auto");
  }
  return {wanted, card.name, "asked for"};
}

}  // namespace vae
