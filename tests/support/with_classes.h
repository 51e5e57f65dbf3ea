// SPDX-License-Identifier: MIT
#pragma once

#include "vae/config.h"

namespace vae::test {

/// A configuration as it is for data of ten classes, where it leaves their number to the data.
inline Config with_classes(Config config) {
  constexpr int64_t kClasses = 10;
  ModelConfig& model = config.model;
  if (model.condition == Condition::label && model.classes == 0) model.classes = kClasses;
  if (model.has_class_target() && model.target_classes == 0) model.target_classes = kClasses;
  return config;
}

}  // namespace vae::test
