// SPDX-License-Identifier: MIT
#pragma once

#include "vae/device.h"

namespace vae::test {

/// The simulated card.
inline Device cuda(Precision precision = Precision::fp32) {
  Device device;
  device.kind = DeviceKind::cuda;
  device.precision = precision;
  return device;
}

}  // namespace vae::test
