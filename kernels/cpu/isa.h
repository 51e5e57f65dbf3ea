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

#include "kernels/cpu/sums.h"

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

// Fused multiply-adds are instructions here.
#if defined(__FMA__) || defined(__aarch64__)
#define VAE_FUSES
#endif

namespace vae::cpu {

namespace {

#if defined(__AVX512F__)
constexpr int64_t kRegisterBytes = 64;
#elif defined(__AVX2__)
constexpr int64_t kRegisterBytes = 32;
#else
constexpr int64_t kRegisterBytes = 16;
#endif
// More lanes than a register has: each vector is several registers, and a machine does the
// arithmetic of one with wider registers.
#if defined(VAE_LANES)
constexpr int64_t kVectorBytes = 4 * VAE_LANES;
#else
constexpr int64_t kVectorBytes = kRegisterBytes;
#endif
constexpr int64_t kFloats = kVectorBytes / 4;
constexpr int64_t kWides = kVectorBytes / 8;
constexpr int64_t kLine = 16;  // floats of a cache line

using WideVector = uint64_t __attribute__((vector_size(kVectorBytes)));
using HalfWordVector = uint32_t __attribute__((vector_size(kVectorBytes / 2)));

// One register, for loops whose sums must stay in registers.
constexpr int64_t kRegisterFloats = kRegisterBytes / 4;
using Register = float __attribute__((vector_size(kRegisterBytes)));
using HalfRegister = float __attribute__((vector_size(kRegisterBytes / 2)));
using Doubles = double __attribute__((vector_size(kRegisterBytes)));
using DoubleBits = int64_t __attribute__((vector_size(kRegisterBytes)));

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

/// x in every lane; subtracting zero, unlike adding it, leaves -0 as it is.
inline Register broadcast(float x) { return x - Register{}; }

/// a b + c, rounded once.
#if defined(VAE_FUSES)
inline Register multiply_add(Register a, Register b, Register c) {
  Register result = c;
  VAE_UNROLL
  for (int64_t l = 0; l < kRegisterFloats; ++l) result[l] = __builtin_fmaf(a[l], b[l], c[l]);
  return result;
}
#else
/// Of half a register, whose doubles fill one: comparisons of more the compiler does one by one.
/// In binary64 the product is exact. Its sum with c is rounded to odd: towards zero, and the last
/// bit set where anything was lost, so that the second rounding, to binary32, sees which side of a
/// tie it is on. [Boldo & Melquiond 2008]
inline HalfRegister multiply_add(HalfRegister a, HalfRegister b, HalfRegister c) {
  const Doubles product = __builtin_convertvector(a, Doubles) * __builtin_convertvector(b, Doubles);
  const Doubles addend = __builtin_convertvector(c, Doubles);
  Doubles sum = product + addend;
  const Doubles rest = sum - product;
  const Doubles lost = (product - (sum - rest)) + (addend - rest);  // [Knuth's TwoSum]
  DoubleBits bits;
  __builtin_memcpy(&bits, &sum, sizeof bits);
  const DoubleBits inexact = (lost > 0.0) | (lost < 0.0);  // neither for NaN
  const DoubleBits even = (bits & 1) - 1;
  const DoubleBits step = ((lost > 0.0) ^ (sum > 0.0)) | 1;  // away from zero or towards it
  bits += step & inexact & even;
  __builtin_memcpy(&sum, &bits, sizeof sum);
  return __builtin_convertvector(sum, HalfRegister);
}

inline Register multiply_add(Register a, Register b, Register c) {
  static_assert(kRegisterFloats == 4);
  const HalfRegister low =
      multiply_add(__builtin_shufflevector(a, a, 0, 1), __builtin_shufflevector(b, b, 0, 1),
                   __builtin_shufflevector(c, c, 0, 1));
  const HalfRegister high =
      multiply_add(__builtin_shufflevector(a, a, 2, 3), __builtin_shufflevector(b, b, 2, 3),
                   __builtin_shufflevector(c, c, 2, 3));
  return __builtin_shufflevector(low, high, 0, 1, 2, 3);
}
#endif

/// 64-bit products of the lower halves of 64-bit lanes.
inline WideVector multiply_lower(WideVector a, WideVector b) {
#if defined(VAE_LANES)
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#elif defined(__AVX512F__)
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

// ---- row sums: docs/arithmetic.md, rule 5

/// Numbers of lanes, which __builtin_shufflevector wants as constants.
template <int... kLane>
struct Lanes {};
template <int kCount, int... kLane>
struct LanesUpTo : LanesUpTo<kCount - 1, kCount - 1, kLane...> {};
template <int... kLane>
struct LanesUpTo<0, kLane...> {
  using Type = Lanes<kLane...>;
};
using AllLanes = LanesUpTo<kRegisterFloats>::Type;

/// Sums of neighbours: of each four lanes two sums of `a`, then two of `b`.
template <int... kLane>
inline Register neighbours_added(Register a, Register b, Lanes<kLane...>) {
  constexpr auto first_of = [](int lane) {
    return lane / 4 * 4 + lane % 2 * 2 + (lane % 4 < 2 ? 0 : static_cast<int>(kRegisterFloats));
  };
  return __builtin_shufflevector(a, b, first_of(kLane)...) +
         __builtin_shufflevector(a, b, (first_of(kLane) + 1)...);
}

/// The sums of four neighbours each, as the balanced tree has them, of four registers.
template <int... kLane>
inline Register fours_added(const float* value, Lanes<kLane...> lanes) {
  constexpr int kFours = kRegisterFloats / 4;  // of a register
  const Register low =
      neighbours_added(load<Register>(value), load<Register>(value + kRegisterFloats), lanes);
  const Register high = neighbours_added(load<Register>(value + 2 * kRegisterFloats),
                                         load<Register>(value + 3 * kRegisterFloats), lanes);
  const Register sums = neighbours_added(low, high, lanes);  // lane 4 j + i: four j of register i
  return __builtin_shufflevector(sums, sums, (kLane % kFours * 4 + kLane / kFours)...);
}

/// One level of the balanced trees over groups: `count` sums of neighbours.
template <typename Number>
inline void add_neighbours(Number* sum, const Number* value, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) sum[i] = value[2 * i] + value[2 * i + 1];
}

constexpr int64_t kTerms = 8 * kSumGroup;  // computed before they are added
constexpr int64_t kFoursBlock = 4 * kRegisterFloats;
static_assert(kTerms % kFoursBlock == 0);

/// `sum` and the groups of term(0) .. term(count - 1). A row can be added in pieces of whole
/// groups.
template <typename Term>
inline float with_row_sum(float sum, int64_t count, Term term) {
  float value[kTerms], fours[kTerms / 4];
  for (int64_t first = 0; first < count; first += kTerms) {
    const int64_t length = smaller(kTerms, count - first);
    const int64_t groups = (length + kSumGroup - 1) / kSumGroup;
    VAE_INDEPENDENT
    for (int64_t i = 0; i < length; ++i) value[i] = term(first + i);
    for (int64_t i = length; i < groups * kSumGroup || i % kFoursBlock != 0; ++i) value[i] = 0.0f;
    for (int64_t i = 0; i < groups * kSumGroup; i += kFoursBlock) {
      store(fours + i / 4, fours_added(value + i, AllLanes()));
    }
    add_neighbours(value, fours, 4 * groups);
    add_neighbours(fours, value, 2 * groups);
    add_neighbours(value, fours, groups);
    for (int64_t group = 0; group < groups; ++group) sum += value[group];
  }
  return sum;
}

template <typename Term>
inline float row_sum(int64_t count, Term term) {
  return with_row_sum(0.0f, count, term);
}

}  // namespace

}  // namespace vae::cpu
