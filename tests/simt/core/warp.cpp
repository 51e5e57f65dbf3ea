// SPDX-License-Identifier: MIT
#include <simt/warp.h>

#include <cstring>
#include <memory>
#include <string>

#include "tests/simt/core/machine.h"
#include "tests/simt/core/sanitizers.h"

namespace simt {

namespace {

void check_mask(const Warp& warp, const Thread& thread, std::uint32_t mask, const char* name,
                Location where) {
  if ((mask >> thread.lane & 1u) == 0) {
    fail(std::string(name) + ": the mask does not name the calling lane", where);
  }
  if ((mask & ~warp.exists) != 0) {
    fail(std::string(name) + ": the mask names lanes that the block does not have", where);
  }
  if ((mask & ~warp.live) != 0) {
    fail(std::string(name) + ": the mask names lanes that have returned", where);
  }
}

/// The meeting of this mask. Lanes may wait in meetings of different masks, unless they wait for
/// each other.
Meeting& find_meeting(Warp& warp, const Thread& thread, std::uint32_t mask, const char* name,
                      Location where) {
  Meeting* found = nullptr;
  for (const auto& meeting : warp.meetings) {
    if (meeting->mask == mask) {
      found = meeting.get();
    } else if ((meeting->mask >> thread.lane & 1u) != 0 && (meeting->arrived & mask) != 0) {
      fail(std::string(name) + ": lanes of one warp meet with different masks, others wait at " +
               meeting->name + " " + place_text(meeting->where),
           where);
    }
  }
  if (found == nullptr) {
    found = warp.meetings.emplace_back(std::make_unique<Meeting>()).get();
    found->mask = mask;
  }
  if (found->arrived == 0) {
    found->name = name;
    found->where = where;
  } else if (!same_place(found->where, where) ||
             (found->name != name && std::strcmp(found->name, name) != 0)) {
    fail(std::string(name) + ": divergent warp, other lanes wait at " + found->name + " " +
             place_text(found->where),
         where);
  }
  return *found;
}

}  // namespace

void warp_meet(std::uint32_t mask, void* operand, WarpFunction compute, const char* name,
               MeetKind kind, Location where) {
  const Quiet quiet;
  Thread& thread = this_thread(name, where);
  Warp& warp = *thread.warp;
  check_mask(warp, thread, mask, name, where);
  Meeting& meeting = find_meeting(warp, thread, mask, name, where);
  const void* order = meeting.order.current();
  if (kind == MeetKind::kOrdersMemory) release(order);
  meeting.operands[thread.lane] = operand;
  meeting.lanes[thread.lane] = &thread;
  meeting.arrived |= 1u << thread.lane;
  if (meeting.arrived != mask) {
    wait_for_others(thread, name, where);
  } else {
    compute(mask, meeting.operands.data());
    meeting.arrived = 0;
    meeting.order.next();
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      if (lane != thread.lane && (mask >> lane & 1u) != 0) make_ready(*meeting.lanes[lane]);
    }
    maybe_yield(thread);
  }
  if (kind == MeetKind::kOrdersMemory) acquire(order);
}

int lane_index() { return static_cast<int>(g_thread->lane); }

namespace detail {

std::uint32_t ballot(std::uint32_t mask, bool predicate, const char* name, Location where) {
  struct Operand {
    bool predicate;
    std::uint32_t result;
  } operand{predicate, 0};
  warp_meet(
      mask, &operand,
      [](std::uint32_t lanes, void* const* operands) {
        std::uint32_t votes = 0;
        for (unsigned lane = 0; lane < kWarpSize; ++lane) {
          if ((lanes >> lane & 1u) == 0) continue;
          if (static_cast<const Operand*>(operands[lane])->predicate) votes |= 1u << lane;
        }
        for (unsigned lane = 0; lane < kWarpSize; ++lane) {
          if ((lanes >> lane & 1u) != 0) static_cast<Operand*>(operands[lane])->result = votes;
        }
      },
      name, MeetKind::kExchangesOnly, where);
  return operand.result;
}

}  // namespace detail
}  // namespace simt

void __syncwarp(std::uint32_t mask, simt::Location where) {
  simt::warp_meet(
      mask, nullptr, [](std::uint32_t, void* const*) {}, "__syncwarp",
      simt::MeetKind::kOrdersMemory, where);
}
