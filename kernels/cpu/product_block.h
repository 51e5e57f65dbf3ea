// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace vae::cpu {

/// c [rows, columns] = a [rows, depth] b [depth, columns], the part of a product that one thread
/// computes at a time. Columns are what the vectors run along: b and c are contiguous there, or
/// copies of them are made.
struct ProductBlock {
  int64_t rows, columns, depth;

  const float* a;  // a(i, k) = a[i * a_row + k * a_column]
  int64_t a_row, a_column;

  const float* b;  // b(k, j) = b[k * b_row + j]; or what pack_panels() made of it
  int64_t b_row;
  bool b_packed;

  float* c;  // c(i, j) = c[i * c_row + j], or c[j * c_row + i] where it is transposed
  int64_t c_row;
  bool c_transposed;

  int64_t
      part;  // depth is the rows of a batch: parts of so many, joined by the balanced tree; or 0
};

/// The sizes of the kernel that computes blocks; they change no bit.
struct ProductTile {
  int64_t rows;     // blocks are cut at multiples of these
  int64_t lanes;    // at least,
  int64_t columns;  // and better at multiples of these
};

}  // namespace vae::cpu
