// SPDX-License-Identifier: MIT
//
// The one table of configuration keys: names, flags, help, ranges and where each value lives.
// Flags, JSON, validation and documentation are all derived from it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "vae/config.h"

namespace vae::config_detail {

/// Where layers stand decides what they may be.
enum class LayersOf { decoder, encoder, vectors };

/// Allowed numbers of a key; for lists, of each entry.
struct Range {
  double low = 0.0;
  double high = 0.0;
  bool low_open = false;   ///< low itself is not allowed
  bool high_open = false;  ///< high itself is not allowed
  int64_t max_items = 0;   ///< lists: longest length
  LayersOf layers_of = LayersOf::decoder;
};

/// Where a key's value lives in a Config.
using Field =
    std::variant<int64_t*, uint64_t*, double*, bool*, std::vector<int64_t>*, std::vector<Layer>*,
                 Layer*, ImageSize*, Corruption*, SceneConfig*, Activation*, Initialization*,
                 Likelihood*, Variance*, Prior*, Binarization*, Objective*, Condition*, Target*,
                 Optimizer*, LearningRateSchedule*, Precision*>;

struct Entry {
  ConfigKey key;
  Field (*field)(Config&);
  Range range;
  bool said_always = true;  ///< Otherwise documents have the key only where it is not the default.
};

/// In the order of the documentation.
const std::vector<Entry>& table();

/// A value of an enumeration and its word in files and flags.
template <typename Enum>
struct Word {
  Enum value;
  std::string_view word;
};

std::span<const Word<Activation>> words(Activation);
std::span<const Word<Initialization>> words(Initialization);
std::span<const Word<Likelihood>> words(Likelihood);
std::span<const Word<Variance>> words(Variance);
std::span<const Word<Prior>> words(Prior);
std::span<const Word<Binarization>> words(Binarization);
std::span<const Word<Condition>> words(Condition);
std::span<const Word<Target>> words(Target);
std::span<const Word<CorruptionKind>> words(CorruptionKind);
std::span<const Word<Objective>> words(Objective);
std::span<const Word<Optimizer>> words(Optimizer);
std::span<const Word<LearningRateSchedule>> words(LearningRateSchedule);
std::span<const Word<Precision>> words(Precision);

}  // namespace vae::config_detail
