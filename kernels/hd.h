// SPDX-License-Identifier: MIT
//
// Functions marked VAE_HD are compiled for the host and, under nvcc, for the device. Host files are
// compiled several times with different instruction sets, so such functions are `static`, or
// members of types in an unnamed namespace: no translation unit may lend its copy to another.
//
// VAE_HD_CALLS_BACK stands before a template that calls what it is given, on the side it is itself
// called on.
#pragma once

#ifdef __CUDACC__
#define VAE_HD __host__ __device__
#define VAE_HD_CALLS_BACK _Pragma("nv_exec_check_disable")
#else
#define VAE_HD
#define VAE_HD_CALLS_BACK
#endif
