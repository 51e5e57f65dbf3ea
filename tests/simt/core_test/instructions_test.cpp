// SPDX-License-Identifier: MIT
//
// The host twins of instructions and of CUDA's functions against plain formulas.
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <string>

#include "tests/simt/core_test/cuda_cases.h"
#include "tests/simt/core_test/function_cases.h"
#include "tests/simt/core_test/host_device.h"
#include "tests/simt/core_test/instruction_cases.h"

namespace vae::cuda {
namespace {

using Case = std::string (*)(HostDevice&);

struct NamedCase {
  const char* name;
  Case run;
};

class TwinTest : public SimtTest, public ::testing::WithParamInterface<NamedCase> {};

TEST_P(TwinTest, GivesWhatTheFormulaSays) {
  for (const std::uint64_t seed : {0, 1, 2, 3}) {
    simt::options().seed = seed;
    HostDevice device;
    EXPECT_EQ(GetParam().run(device), "") << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Simt, TwinTest,
    ::testing::Values(
        NamedCase{"Conversions", cases::conversions}, NamedCase{"MmaTf32", cases::mma_tf32_product},
        NamedCase{"MmaBf16", cases::mma_bf16_product}, NamedCase{"LoadMatrix", cases::load_matrix},
        NamedCase{"CopyAsync", cases::copies}, NamedCase{"Shuffles", cases::shuffles},
        NamedCase{"Votes", cases::votes}, NamedCase{"Atomics", cases::atomics},
        NamedCase{"Scalars", cases::scalars}, NamedCase{"SharedPieces", cases::shared_pieces},
        NamedCase{"LastBlock", cases::last_block}, NamedCase{"GridBarrier", cases::grid_barrier},
        NamedCase{"Functions", cases::functions}),
    [](const auto& info) { return std::string(info.param.name); });

// Corner values by name; the case above has thousands more.
TEST(TwinConversionTest, Tf32RoundsToNearestTiesAwayFromZero) {
  EXPECT_EQ(to_tf32(1.0f), 0x3f800000u);
  EXPECT_EQ(to_tf32(1.0f + 0x1p-11f), 0x3f802000u);   // half a unit up
  EXPECT_EQ(to_tf32(-1.0f - 0x1p-11f), 0xbf802000u);  // and away from zero
  EXPECT_EQ(to_tf32(1.0f + 0x0.fffp-11f), 0x3f800000u);
  EXPECT_EQ(to_tf32(3.4028234e38f), 0x7f800000u);
  EXPECT_EQ(to_tf32(INFINITY), 0x7f800000u);
  EXPECT_EQ(to_tf32(-0.0f), 0x80000000u);
}

// What the instructions that ptxas makes of it do, bit for bit.
TEST(TwinConversionTest, Tf32CutsTheLowerBitsOffANan) {
  const auto tf32 = [](uint32_t bits) { return to_tf32(std::bit_cast<float>(bits)); };
  EXPECT_EQ(tf32(0x7f800001u), 0x7f800000u);  // nothing is left of the payload
  EXPECT_EQ(tf32(0xff800001u), 0xff800000u);
  EXPECT_EQ(tf32(0x7f801fffu), 0x7f800000u);  // not rounded up
  EXPECT_EQ(tf32(0x7f802000u), 0x7f802000u);
  EXPECT_EQ(tf32(0xff803fffu), 0xff802000u);
  EXPECT_EQ(tf32(0x7fffffffu), 0x7fffe000u);  // no carry into the sign
  EXPECT_EQ(tf32(0xffffffffu), 0xffffe000u);
  EXPECT_EQ(tf32(0x7fc00000u), 0x7fc00000u);
}

TEST(TwinConversionTest, Bf16RoundsToNearestTiesToEvenLowHalfFirst) {
  EXPECT_EQ(to_bf16x2(1.0f, 2.0f), 0x40003f80u);
  EXPECT_EQ(to_bf16x2(1.0f + 0x1p-8f, 1.0f + 0x3p-8f), 0x3f823f80u);
  EXPECT_EQ(to_bf16x2(3.4028234e38f, -INFINITY), 0xff807f80u);
  EXPECT_EQ(to_bf16x2(__uint_as_float(0x7f800001u), -NAN), 0x7fff7fffu);
  EXPECT_EQ(to_bf16x2(-0.0f, 0x1p-149f), 0x00008000u);
}

// mma_tf32 must not see the 13 bits that to_tf32 rounds away.
__global__ void low_bits_kernel(float* d) {
  const uint32_t a[4] = {0x3f801fffu, 0x3f801fffu, 0x3f801fffu, 0x3f801fffu};
  const uint32_t b[2] = {0x3f801fffu, 0x3f801fffu};
  float own[4] = {};
  mma_tf32(own, a, b);
  d[threadIdx.x] = own[0] + own[3];
}

TEST_F(SimtTest, MmaTf32IgnoresTheBitsBelowTheFraction) {
  HostDevice device;
  float* d = device.upload(std::vector<float>(32));
  device.launch({1, 32}, low_bits_kernel, d);
  EXPECT_EQ(device.download(d, 32), std::vector<float>(32, 16.0f));
}

}  // namespace
}  // namespace vae::cuda
