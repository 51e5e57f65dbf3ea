// SPDX-License-Identifier: MIT
#include "kernels/cuda/gemm_choice.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "vae/error.h"

namespace vae::cuda {
namespace {

GemmKey key(int64_t rows, int64_t columns, int64_t depth) {
  GemmKey key;
  key.rows = rows;
  key.columns = columns;
  key.depth = depth;
  return key;
}

TEST(GemmChoice, RuleStartsAtTwoToThe31MultiplyAdds) {
  EXPECT_FALSE(rule_gives_library(key(128, 400, 784)));
  EXPECT_TRUE(rule_gives_library(key(1024, 4096, 3072)));
  EXPECT_TRUE(rule_gives_library(key(2048, 1024, 1024)));
  EXPECT_FALSE(rule_gives_library(key(2048, 1024, 1023)));
  EXPECT_FALSE(rule_gives_library(key(2047, 1024, 1024)));
  EXPECT_FALSE(rule_gives_library(key(2048, 1023, 1024)));
  const int64_t most = std::numeric_limits<int32_t>::max();
  EXPECT_FALSE(rule_gives_library(key(most, 1, 1)));
  EXPECT_TRUE(rule_gives_library(key(most, 2, 1)));
  EXPECT_TRUE(rule_gives_library(key(1, 2, most)));
  EXPECT_TRUE(rule_gives_library(key(most, most, most)));
}

TEST(GemmChoice, ModeOfTheEnvironment) {
  unsetenv("VAE_GEMM");
  EXPECT_EQ(gemm_mode_from_environment(), GemmMode::reproducible);
  const std::pair<const char*, GemmMode> modes[] = {{"reproducible", GemmMode::reproducible},
                                                    {"autotune", GemmMode::autotune},
                                                    {"own", GemmMode::own},
                                                    {"library", GemmMode::library}};
  for (const auto& [text, mode] : modes) {
    setenv("VAE_GEMM", text, 1);
    EXPECT_EQ(gemm_mode_from_environment(), mode);
  }
  for (const char* text : {"", "Own", "fast"}) {
    setenv("VAE_GEMM", text, 1);
    EXPECT_THROW(gemm_mode_from_environment(), Error) << text;
  }
  unsetenv("VAE_GEMM");
}

TEST(GemmChoice, FileNamesHoldCardAndVersion) {
  EXPECT_EQ((GemmOrigin{"NVIDIA H100 80GB HBM3", 130100}.file_name()),
            "gemm-NVIDIA-H100-80GB-HBM3-130100.txt");
  EXPECT_EQ((GemmOrigin{"../a/b\n", 1}.file_name()), "gemm----a-b--1.txt");
}

class GemmTableTest : public ::testing::Test {
 protected:
  GemmTableTest() {
    GemmKey forward = key(4096, 8192, 4096);
    forward.operation = GemmOperation::forward;
    forward.epilogue = GemmEpilogue::relu_bias;
    forward.transpose_b = true;
    forward.precision = Precision::bf16;
    forward.capability = 90;
    GemmKey weights = key(8192, 4096, 1);
    weights.operation = GemmOperation::backward_weights;
    weights.epilogue = GemmEpilogue::bias_gradient;
    weights.transpose_a = true;
    weights.capability = 120;
    table_.set(forward, {true, {1, 2, 0xffffffffffffffff, 0x0123456789abcdef, 0, 6, 7, 8}});
    table_.set(weights, {});
    table_.set(key(1, 1, 1), {true, {}});
  }

  std::string text() const { return table_.to_text(origin_); }
  bool reads(std::string_view text) const { return bool(GemmTable::from_text(text, origin_)); }

  GemmOrigin origin_{"NVIDIA H100 80GB HBM3", 130100};
  GemmTable table_;
};

TEST_F(GemmTableTest, ComesBackFromItsText) {
  const std::optional<GemmTable> read = GemmTable::from_text(text(), origin_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->keys(), table_.keys());
  for (const GemmKey& key : table_.keys()) {
    ASSERT_NE(read->find(key), nullptr);
    EXPECT_EQ(*read->find(key), *table_.find(key));
  }
  EXPECT_EQ(read->to_text(origin_), text());
  EXPECT_TRUE(reads(GemmTable().to_text(origin_)));
}

TEST_F(GemmTableTest, TextIsAsDocumented) {
  const std::string written = text();
  EXPECT_NE(written.find("vae gemm choices 1\ncard NVIDIA H100 80GB HBM3\ncublas 130100\n"),
            std::string::npos);
  EXPECT_NE(written.find("forward relu_bias n t 4096 8192 4096 bf16 90 library "
                         "0000000000000001 0000000000000002 ffffffffffffffff 0123456789abcdef "
                         "0000000000000000 0000000000000006 0000000000000007 0000000000000008\n"),
            std::string::npos)
      << written;
  EXPECT_NE(written.find("backward_weights bias_gradient t n 8192 4096 1 fp32 120 own\n"),
            std::string::npos)
      << written;
}

TEST_F(GemmTableTest, AnotherCardOrVersionIsNotRead) {
  EXPECT_FALSE(GemmTable::from_text(text(), {origin_.card, 130101}));
  EXPECT_FALSE(GemmTable::from_text(text(), {"NVIDIA H200", 130100}));
}

TEST_F(GemmTableTest, EveryDamageIsNoticed) {
  const std::string whole = text();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(reads(std::string_view(whole).substr(0, length))) << length;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char bit : {1, 4, 32}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ bit);
      EXPECT_FALSE(reads(damaged)) << i;
    }
  }
  EXPECT_FALSE(reads(whole + "\n"));
  EXPECT_FALSE(reads(whole + whole));
}

// With a right checksum: what a later format or a stranger may write.
TEST_F(GemmTableTest, StrangeEntriesAreNotRead) {
  const GemmTable empty;
  const std::string nothing = empty.to_text(origin_);
  const std::string header = nothing.substr(0, nothing.find("end "));
  const auto with = [&](const std::string& lines) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const char c : header + lines) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    char end[32];
    std::snprintf(end, sizeof end, "end %016llx\n", static_cast<unsigned long long>(hash));
    return header + lines + end;
  };
  EXPECT_TRUE(reads(with("gemm none n n 1 2 3 tf32 90 own\n")));
  for (const char* line : {
           "gemm none n n 1 2 3 tf32 90 own",             // no end
           "gemm none n n 1 2 3 tf32 90 theirs\n",        // unknown
           "gemm none n n 1 2 3 tf64 90 own\n",           // unknown precision
           "gemm none n x 1 2 3 tf32 90 own\n",           // unknown transposition
           "gemm gelu n n 1 2 3 tf32 90 own\n",           // unknown epilogue
           "conv none n n 1 2 3 tf32 90 own\n",           // unknown operation
           "gemm none n n 0 2 3 tf32 90 own\n",           // no size
           "gemm none n n -1 2 3 tf32 90 own\n",          //
           "gemm none n n 2147483648 2 3 tf32 90 own\n",  // beyond 31 bits
           "gemm none n n 99999999999999999999 2 3 tf32 90 own\n",
           "gemm none n n 1x 2 3 tf32 90 own\n",
           "gemm none n n  1 2 3 tf32 90 own\n",
           "gemm none n n 1 2 3 tf32 90 own \n",
           "gemm none n n 1 2 3 tf32 90 library\n",
           "gemm none n n 1 2 3 tf32 90 library 1 2 3 4 5 6 7 8\n",
           "\n",
           " \n",
       }) {
    EXPECT_FALSE(reads(with(line))) << line;
  }
  std::string many;
  for (int i = 1; i <= 4097; ++i) {
    many += "gemm none n n " + std::to_string(i) + " 2 3 tf32 90 own\n";
    if (i == 4096) {
      EXPECT_TRUE(reads(with(many)));
    }
  }
  EXPECT_FALSE(reads(with(many)));
}

}  // namespace
}  // namespace vae::cuda
