// SPDX-License-Identifier: MIT
//
// CUDA's names for a C++ compiler: kernels run on the CPU, each CUDA thread as a fiber of one OS
// thread. Kernels reach it through "kernels/cuda/simt.h" only. tests/simt/README.md says what it
// models and what it finds.
#pragma once

#include <simt/async_copy.h>
#include <simt/atomics.h>
#include <simt/barriers.h>
#include <simt/builtins.h>
#include <simt/launch.h>
#include <simt/location.h>
#include <simt/shared_memory.h>
#include <simt/vectors.h>
#include <simt/warp.h>
