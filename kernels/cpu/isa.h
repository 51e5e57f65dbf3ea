// SPDX-License-Identifier: MIT
//
// For the *_isa.cpp files only, which are compiled once per instruction set: VAE_ISA is baseline,
// avx2 or avx512, and the compiler's flags say the same. They are plain loops over the branch-free
// functions of kernels/, which the compiler turns into vectors; the few it does not are written
// with the vector types below. Nothing in these files may call an inline function of the standard
// library: the linker keeps one copy of those, and it could be the one for a processor we are not
// on. For the same reason everything here is in an unnamed namespace.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define VAE_JOIN_OF(a, b) a##b
#define VAE_JOIN(a, b) VAE_JOIN_OF(a, b)
/// Each instruction set's functions live in a namespace of their own, such as isa_avx2.
#define VAE_ISA_NAMESPACE VAE_JOIN(isa_, VAE_ISA)

// Iterations are independent: outputs may be inputs, but only at the same index.
#if defined(__clang__)
#define VAE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define VAE_UNROLL _Pragma("unroll")
#else
#define VAE_INDEPENDENT _Pragma("GCC ivdep")
#define VAE_UNROLL _Pragma("GCC unroll 16")
#endif

namespace vae::cpu {

namespace {

#if defined(__AVX512F__)
constexpr int64_t kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int64_t kVectorBytes = 32;
#else
constexpr int64_t kVectorBytes = 16;
#endif
constexpr int64_t kFloats = kVectorBytes / 4;
constexpr int64_t kWides = kVectorBytes / 8;

using FloatVector = float __attribute__((vector_size(kVectorBytes)));
using DoubleVector = double __attribute__((vector_size(kVectorBytes)));
using HalfFloatVector = float __attribute__((vector_size(kVectorBytes / 2)));
using WideVector = uint64_t __attribute__((vector_size(kVectorBytes)));
using HalfWordVector = uint32_t __attribute__((vector_size(kVectorBytes / 2)));

template <typename Vector, typename T>
inline Vector load(const T* memory) {
  Vector vector;
  __builtin_memcpy(&vector, memory, sizeof vector);
  return vector;
}

template <typename Vector, typename T>
inline void store(T* memory, Vector vector) {
  __builtin_memcpy(memory, &vector, sizeof vector);
}

/// a b + c, fused where the instruction set can: only for products whose rounding may differ.
inline FloatVector multiply_add(FloatVector a, FloatVector b, FloatVector c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}

/// 64-bit products of the lower halves of 64-bit lanes.
inline WideVector multiply_lower(WideVector a, WideVector b) {
#if defined(__AVX512F__)
  // The form without a mask makes g++ 12 warn of an uninitialised variable inside its own header.
  return reinterpret_cast<WideVector>(
      _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<WideVector>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<WideVector>(
      _mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a < b ? b : a; }

constexpr int64_t kLanes = 16;   // of sums; a multiple of every vector length, so that bits agree
constexpr int64_t kTerms = 256;  // computed before they are added; a multiple of kLanes

template <typename Number>
inline Number sum_of_lanes(Number* lane) {
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t l = 0; l < width; ++l) lane[l] += lane[l + width];
  }
  return lane[0];
}

/// Sum of term(0) .. term(count - 1) in 16 interleaved lanes and a fixed tree.
template <typename Term>
inline float lane_sum(int64_t count, Term term) {
  constexpr int64_t kVectors = kLanes / kFloats;
  FloatVector sum[kVectors] = {};
  float lane[kLanes];
  float value[kTerms];
  int64_t first = 0, length = 0, whole = 0;
  for (; first < count; first += kTerms) {
    length = smaller(kTerms, count - first);
    VAE_INDEPENDENT
    for (int64_t i = 0; i < length; ++i) value[i] = term(first + i);
    whole = length / kLanes * kLanes;
    for (int64_t i = 0; i < whole; i += kLanes) {
      VAE_UNROLL
      for (int64_t v = 0; v < kVectors; ++v) {
        sum[v] += load<FloatVector>(value + i + v * kFloats);
      }
    }
  }
  for (int64_t v = 0; v < kVectors; ++v) store(lane + v * kFloats, sum[v]);
  for (int64_t i = whole; i < length; ++i) lane[i - whole] += value[i];
  return sum_of_lanes(lane);
}

}  // namespace

}  // namespace vae::cpu
