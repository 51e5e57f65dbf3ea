// SPDX-License-Identifier: MIT
//
// Messages: what rule was broken, where in the source, by which thread of which block, under which
// seed.
#include <simt/location.h>

#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "tests/simt/core/machine.h"
#include "tests/simt/core/sanitizers.h"

namespace simt {

namespace {

std::string text(const uint3& index) {
  return "(" + std::to_string(index.x) + "," + std::to_string(index.y) + "," +
         std::to_string(index.z) + ")";
}

}  // namespace

bool same_place(Location a, Location b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

std::string place_text(Location where) {
  std::string file = where.file;
  if (const std::size_t slash = file.rfind('/'); slash != std::string::npos) {
    file.erase(0, slash + 1);
  }
  return file + ":" + std::to_string(where.line);
}

std::string thread_text(const Thread& thread) {
  return "thread " + text(thread.index) + " of block " + text(thread.block->index);
}

std::string launch_text() {
  return "launch at " + place_text(g_launch.shape->where) + ", seed " +
         std::to_string(g_launch.seed);
}

void fail(const std::string& message, Location where) {
  const Quiet quiet;
  std::string text = "simt: " + message + " [" + place_text(where) + "]";
  if (g_thread != nullptr) text += " by " + thread_text(*g_thread) + " (" + launch_text() + ")";
  throw Error(text);
}

std::string describe_deadlock() {
  std::map<std::string, std::pair<std::size_t, const Thread*>> groups;  // how many, an example
  for (const auto& block : g_launch.blocks) {
    for (const Thread& thread : block->threads) {
      std::string doing = "returned";
      if (thread.state != Thread::State::kReturned) {
        doing = std::string("waits at ") + thread.waits_at + " " + place_text(thread.where);
      }
      auto& [count, example] = groups[doing];
      if (count++ == 0) example = &thread;
    }
  }
  std::string text =
      "simt: deadlock, a barrier is not reached by every thread (" + launch_text() + "):";
  for (const auto& [doing, group] : groups) {
    text += "\n  " + std::to_string(group.first) + " thread(s): " + doing + ", such as " +
            thread_text(*group.second);
  }
  return text;
}

}  // namespace simt
