// SPDX-License-Identifier: MIT
//
// What the lanes of a warp do together: every lane deposits a pointer to its operand and waits;
// the last one to come computes for all.
#pragma once

#include <cstdint>
#include <type_traits>

#include <simt/location.h>

/// For loops over fragments, which read what the lanes deposited: sanitizers would slow them
/// several times over and find nothing.
#define SIMT_UNINSTRUMENTED __attribute__((no_sanitize("address", "thread", "undefined")))

namespace simt {

inline constexpr int kWarpSize = 32;
inline constexpr std::uint32_t kFullMask = 0xffffffffu;

/// operands[lane] is valid for the lanes in `mask`.
using WarpFunction = void (*)(std::uint32_t mask, void* const* operands);

/// Lanes of `mask` meet and `compute` runs once. kOrdersMemory: what a lane wrote before is seen by
/// the others after (__syncwarp); the other collectives promise nothing of the kind.
enum class MeetKind { kOrdersMemory, kExchangesOnly };
void warp_meet(std::uint32_t mask, void* operand, WarpFunction compute, const char* name,
               MeetKind kind, Location where);

/// The index of the calling thread in its warp.
int lane_index();

/// All 32 lanes deposit an operand of type T; `kCompute(T* const* lanes)` runs once.
template <typename T, void (*kCompute)(T* const* lanes)>
void full_warp(T& operand, const char* name, Location where) {
  warp_meet(
      kFullMask, &operand,
      [](std::uint32_t, void* const* operands) {
        T* lanes[kWarpSize];
        for (int lane = 0; lane < kWarpSize; ++lane) lanes[lane] = static_cast<T*>(operands[lane]);
        kCompute(lanes);
      },
      name, MeetKind::kExchangesOnly, where);
}

namespace detail {

enum class Shuffle { kIndex, kUp, kDown, kXor };

template <typename T>
struct ShuffleOperand {
  T value;
  T result;
  int argument;
  int width;
  bool source_is_missing;
};

/// The lane that `lane` reads from; its own one if that lies outside its segment of `width` lanes.
constexpr int shuffle_source(Shuffle kind, int lane, int argument, int width) {
  argument &= 31;  // as the instruction does
  const int first = lane / width * width;
  const int end = first + width;
  switch (kind) {
    case Shuffle::kIndex:
      return first + (argument & (width - 1));
    case Shuffle::kUp:
      return lane - argument >= first ? lane - argument : lane;
    case Shuffle::kDown:
      return lane + argument < end ? lane + argument : lane;
    case Shuffle::kXor:
      return (lane ^ argument) < end ? lane ^ argument : lane;
  }
  return lane;
}

template <Shuffle kKind, typename T>
void shuffle_lanes(std::uint32_t mask, void* const* operands) {
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    auto& own = *static_cast<ShuffleOperand<T>*>(operands[lane]);
    const int source = shuffle_source(kKind, lane, own.argument, own.width);
    own.source_is_missing = (mask >> source & 1u) == 0;
    if (!own.source_is_missing) {
      own.result = static_cast<const ShuffleOperand<T>*>(operands[source])->value;
    }
  }
}

template <Shuffle kKind, typename T>
T shuffle(std::uint32_t mask, T value, int argument, int width, const char* name, Location where) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8),
                "CUDA shuffles 4 and 8 bytes");
  if (width < 1 || width > kWarpSize || (width & (width - 1)) != 0) {
    fail(std::string(name) + ": the width is not a power of two up to 32", where);
  }
  ShuffleOperand<T> operand{value, value, argument, width, false};
  warp_meet(mask, &operand, &shuffle_lanes<kKind, T>, name, MeetKind::kExchangesOnly, where);
  if (operand.source_is_missing) {
    fail(std::string(name) + ": reads a lane that the mask does not name", where);
  }
  return operand.result;
}

/// The mask of lanes whose predicate holds.
std::uint32_t ballot(std::uint32_t mask, bool predicate, const char* name, Location where);

}  // namespace detail
}  // namespace simt

// ---- CUDA's spelling

void __syncwarp(std::uint32_t mask = simt::kFullMask,
                simt::Location where = simt::Location::current());

template <typename T>
T __shfl_sync(std::uint32_t mask, T value, int lane, int width = simt::kWarpSize,
              simt::Location where = simt::Location::current()) {
  return simt::detail::shuffle<simt::detail::Shuffle::kIndex>(mask, value, lane, width,
                                                              "__shfl_sync", where);
}

template <typename T>
T __shfl_up_sync(std::uint32_t mask, T value, unsigned delta, int width = simt::kWarpSize,
                 simt::Location where = simt::Location::current()) {
  return simt::detail::shuffle<simt::detail::Shuffle::kUp>(mask, value, static_cast<int>(delta),
                                                           width, "__shfl_up_sync", where);
}

template <typename T>
T __shfl_down_sync(std::uint32_t mask, T value, unsigned delta, int width = simt::kWarpSize,
                   simt::Location where = simt::Location::current()) {
  return simt::detail::shuffle<simt::detail::Shuffle::kDown>(mask, value, static_cast<int>(delta),
                                                             width, "__shfl_down_sync", where);
}

template <typename T>
T __shfl_xor_sync(std::uint32_t mask, T value, int lane_mask, int width = simt::kWarpSize,
                  simt::Location where = simt::Location::current()) {
  return simt::detail::shuffle<simt::detail::Shuffle::kXor>(mask, value, lane_mask, width,
                                                            "__shfl_xor_sync", where);
}

inline std::uint32_t __ballot_sync(std::uint32_t mask, int predicate,
                                   simt::Location where = simt::Location::current()) {
  return simt::detail::ballot(mask, predicate != 0, "__ballot_sync", where);
}

inline int __any_sync(std::uint32_t mask, int predicate,
                      simt::Location where = simt::Location::current()) {
  return simt::detail::ballot(mask, predicate != 0, "__any_sync", where) != 0;
}

inline int __all_sync(std::uint32_t mask, int predicate,
                      simt::Location where = simt::Location::current()) {
  return simt::detail::ballot(mask, predicate != 0, "__all_sync", where) == mask;
}
