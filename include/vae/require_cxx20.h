// SPDX-License-Identifier: MIT
//
// First in every public header: an older language gives one clear error above all others.
#pragma once

#if __cplusplus < 202002L
#error vae needs C++20: compile with -std=c++20 (in CMake CXX_STANDARD 20; for .cu see README.md)
#endif
