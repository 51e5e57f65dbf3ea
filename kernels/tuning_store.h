// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace vae {

/// Keeps what a device measured about itself from one run to the next: texts under names that are
/// safe as file names. It may forget, and may return what others wrote: who reads checks it.
class TuningStore {
 public:
  virtual ~TuningStore() = default;
  /// Empty where there is none.
  virtual std::string load(std::string_view name) = 0;
  virtual void save(std::string_view name, std::string_view text) = 0;
};

}  // namespace vae
