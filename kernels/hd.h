// SPDX-License-Identifier: MIT
//
// Functions marked VAE_HD are compiled for the host and, under nvcc, for the device. Host files are
// compiled several times with different instruction sets, so such functions are `static`: no
// translation unit may lend its copy to another.
#pragma once

#ifdef __CUDACC__
#define VAE_HD __host__ __device__
#else
#define VAE_HD
#endif
