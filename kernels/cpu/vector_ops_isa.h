// SPDX-License-Identifier: MIT
//
// The functions behind the table of one instruction set, as vector_ops.h documents them.
#pragma once

#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector_ops.h"

namespace vae::cpu::VAE_ISA_NAMESPACE {

// noise_isa.cpp
void load_pixels(float* x, const uint8_t* pixels, int64_t count, Binarization binarization,
                 const PhiloxRow& noise);
void normals(float* z, int64_t begin, int64_t end, int64_t width, const NoiseRows& noise);
void reparameterize(float* z, float* log_ratio, const float* heads, int64_t begin, int64_t end,
                    int64_t width, LogvarRange range, const NoiseRows& noise);
void gaussian_backward(float* dheads, const float* dz, const float* heads, int64_t begin,
                       int64_t end, int64_t width, LogvarRange range, float kl_scale,
                       const NoiseRows& noise);

// gemm_isa.cpp
void gemm(float* c, int64_t ldc, const float* a, int64_t a_row, int64_t a_column, const float* b,
          int64_t b_row, int64_t b_column, int64_t m, int64_t n, int64_t k);

}  // namespace vae::cpu::VAE_ISA_NAMESPACE
