// SPDX-License-Identifier: MIT
//
// cp.async. A copy lands at once or only when the thread waits for its group; which, is drawn for
// each copy, so that reading too early and overwriting too early both show.
#pragma once

#include <simt/location.h>

namespace simt {

void async_copy(void* shared, const void* global, int bytes, bool valid, Location where);
void async_commit();
void async_wait(int pending_groups);

}  // namespace simt
