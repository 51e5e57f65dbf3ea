// SPDX-License-Identifier: MIT
//
// operator new of the whole test program, the matrix library's calls among them: counted, and
// failing on demand.
#pragma once

#include <cstdint>

namespace vae::test {

/// Calls of operator new so far.
int64_t allocation_count();

/// Blocks of operator new that are not deleted yet.
int64_t live_allocations();

/// From start() until stop() the k-th operator new of any thread throws std::bad_alloc, and with
/// `for_good` all behind it, too.
class FailingNew {
 public:
  FailingNew(int64_t k, bool for_good);
  ~FailingNew() { stop(); }
  FailingNew(const FailingNew&) = delete;
  FailingNew& operator=(const FailingNew&) = delete;

  void start();
  void stop();
  /// Whether the k-th call came.
  bool reached() const;

 private:
  const int64_t k_;
};

}  // namespace vae::test
