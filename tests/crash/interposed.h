// SPDX-License-Identifier: MIT
//
// The C library's functions that change files and read clocks, replaced for this whole program:
// every caller is seen, the standard library's calls among them, and the code under test needs no
// seam.
#pragma once

#include <string>
#include <vector>

#include "tests/crash/file_tree.h"

namespace vae::crash {

/// While it lives, changes below `root` are recorded, and nothing waits for a disk. `root` is an
/// absolute path without links, holds `initial` and is not changed by another process. One at a
/// time.
class Recording {
 public:
  Recording(std::string root, FileTree initial);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  const std::vector<Operation>& operations() const;
  /// What the program sees. Unless it equals what lies on the disk, a change was missed.
  const FileTree& tree() const;
};

/// While it lives, the wall clock jumps by days at every reading, forwards and backwards.
class JumpingWallClock {
 public:
  JumpingWallClock();
  ~JumpingWallClock();
  JumpingWallClock(const JumpingWallClock&) = delete;
  JumpingWallClock& operator=(const JumpingWallClock&) = delete;
};

}  // namespace vae::crash
