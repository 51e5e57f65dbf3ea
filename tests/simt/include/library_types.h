// SPDX-License-Identifier: MIT
//
// Element types, with the values of the toolkit's header of this name.
#pragma once

// The toolkit's guard, so that one of its own headers does not read the toolkit's types as well.
#ifdef __LIBRARY_TYPES_H__
#error "the toolkit's library_types.h was read first; tests/simt/include must come before it"
#endif
#define __LIBRARY_TYPES_H__

typedef enum cudaDataType_t {
  CUDA_R_32F = 0,
  CUDA_R_64F = 1,
  CUDA_R_16F = 2,
  CUDA_R_8I = 3,
  CUDA_R_32I = 10,
  CUDA_R_16BF = 14
} cudaDataType;
