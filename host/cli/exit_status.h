// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "vae/error.h"

namespace vae::cli {

/// Exit statuses of the program; docs/cli.md lists them. 128 + signal after a stop by a signal.
inline constexpr int kSuccess = 0;
inline constexpr int kInternalError = 1;
inline constexpr int kUsage = 2;
inline constexpr int kBadInput = 3;
inline constexpr int kIo = 4;
inline constexpr int kDevice = 5;
inline constexpr int kDiverged = 6;
inline constexpr int kBusy = 7;

/// For help and manual.
struct ExitMeaning {
  std::string_view status;
  std::string_view meaning;
};
inline constexpr ExitMeaning kExitMeanings[] = {
    {"0", "done"},
    {"1", "a defect of the program"},
    {"2", "wrong usage or configuration"},
    {"3", "bad input file"},
    {"4", "file error"},
    {"5", "device or memory"},
    {"6", "training diverged"},
    {"7", "run folder in use"},
    {"130 or 143", "stopped by a signal after saving"},
};

constexpr int exit_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return kUsage;
    case ErrorCode::corrupt:
    case ErrorCode::unsupported:
      return kBadInput;
    case ErrorCode::io:
      return kIo;
    case ErrorCode::unavailable:
    case ErrorCode::device:
    case ErrorCode::out_of_memory:
      return kDevice;
    case ErrorCode::diverged:
      return kDiverged;
    case ErrorCode::busy:
      return kBusy;
  }
  return kInternalError;
}

}  // namespace vae::cli
