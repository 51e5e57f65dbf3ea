// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "kernels/tuning_store.h"

namespace vae {

/// Keeps measurements of devices as files of the user's cache: $XDG_CACHE_HOME/vae/<name>, or
/// ~/.cache/vae/<name> where that is unset, or the one file that VAE_GEMM_CACHE names. Without any
/// of the three nothing is kept. A file that cannot be read or written costs the time to measure
/// again and nothing else, so such errors are swallowed.
class TuningFile final : public TuningStore {
 public:
  /// Reads the environment.
  TuningFile();

  std::string load(std::string_view name) override;
  void save(std::string_view name, std::string_view text) override;

  /// Empty where nothing is kept.
  std::string path_of(std::string_view name) const;

 private:
  std::string file_;    // for every name, or
  std::string folder_;  // for a file of each name
};

}  // namespace vae
