// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <string>
#include <vector>

namespace vae {

/// One fact about this machine and this build.
struct Finding {
  std::string topic;   ///< "processor", "threads", "driver", "cuda:0", ...
  std::string fact;    ///< What was found, one line.
  std::string advice;  ///< What to do about it; empty where all is well.
};

/// Everything that decides what this program can do here and how fast: build, processor, threads,
/// memory, CUDA toolkit and driver, every card. Never throws for what is missing.
///
///     for (const vae::Finding& finding : vae::diagnose())
///       if (!finding.advice.empty()) std::puts(finding.advice.c_str());
std::vector<Finding> diagnose();

}  // namespace vae
