// SPDX-License-Identifier: MIT
//
// Matrix products against a scalar reading of docs/arithmetic.md, for equality: every instruction
// set, several threads, the card in fp32, shapes on both sides of every cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/cpu/vector_ops.h"
#include "tests/support/backend_test.h"
#include "tests/support/canonical_product.h"

namespace vae::testing {
namespace {

/// How many values differ in a bit; a NaN is a NaN.
int64_t differences(const std::vector<float>& found, const std::vector<float>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  int64_t count = 0;
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    const bool both_nan = std::isnan(found[i]) && std::isnan(expected[i]);
    count += !both_nan && std::memcmp(&found[i], &expected[i], sizeof(float)) != 0;
  }
  return count;
}

// ---- blocks -------------------------------------------------------------------------------------

/// A product of one block with every stride and order it may have.
struct BlockCase {
  int64_t rows, columns, depth;
  bool a_transposed, b_packed, c_transposed, over_batch;
};

void PrintTo(const BlockCase& c, std::ostream* out) {
  *out << c.rows << 'x' << c.columns << 'x' << c.depth << (c.a_transposed ? ", a transposed" : "")
       << (c.b_packed ? ", b packed" : "") << (c.c_transposed ? ", c transposed" : "")
       << (c.over_batch ? ", over a batch" : "");
}

std::vector<BlockCase> block_cases() {
  std::vector<BlockCase> cases;
  const auto add = [&](int64_t rows, int64_t columns, int64_t depth) {
    for (int bits = 0; bits < 16; ++bits) {
      cases.push_back({rows, columns, depth, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0,
                       (bits & 8) != 0});
    }
  };
  for (const int64_t depth : {0, 1, 3, 127, 128, 129, 300}) {
    add(5, 3, depth);
    add(9, 25, depth);
  }
  for (const int64_t columns : {1, 7, 8, 16, 17, 24, 31, 33, 40, 48, 49, 56, 72, 73, 97}) {
    add(7, columns, 9);
  }
  for (const int64_t rows : {1, 2, 3, 4, 6, 8, 11, 12, 13, 23}) add(rows, 20, 9);
  for (const int64_t depth : {257, 512, 640, 700, 900, 1023, 1024, 1025, 1153, 2200}) {
    add(9, 17, depth);
  }
  add(70, 20, 1100);  // two blocks of rows
  add(20, 200, 70);   // many panels
  add(30, 50, 1100);
  return cases;
}

/// The factors of every case of one size and their product, computed once for all.
struct Known {
  std::vector<float> a, b, product;
};

const Known& known_product(const BlockCase& c) {
  static std::map<std::tuple<int64_t, int64_t, int64_t, bool>, Known> all;
  Known& known = all[{c.rows, c.columns, c.depth, c.over_batch}];
  if (!known.product.empty()) return known;
  known.a = random_values(c.rows * c.depth, 1);
  known.b = random_values(c.depth * c.columns, 2);
  for (float& value : known.a) value = value < -0.9f ? 0.0f : value;
  known.product = canonical_product({known.a.data(), c.depth, 1}, {known.b.data(), c.columns, 1},
                                    c.rows, c.columns, c.depth, c.over_batch);
  return known;
}

/// A matrix, or its transpose, among rubbish: a gap behind each row in memory, and what is not only
/// read has more before and behind. Behind a factor there is nothing, as an address sanitizer
/// knows.
class Padded {
 public:
  Padded(const std::vector<float>& values, int64_t rows, int64_t columns, bool transposed,
         int64_t gap)
      : rows_(rows), columns_(columns), transposed_(transposed) {
    const int64_t lines = transposed ? columns : rows, width = transposed ? rows : columns;
    stride_ = width + gap;
    const int64_t behind = values.empty() ? kPadding + gap : 0;
    memory_.assign(kPadding + std::max<int64_t>(0, lines - 1) * stride_ + width + behind, kRubbish);
    for (std::size_t i = 0; i < values.size(); ++i) *at(i / columns, i % columns) = values[i];
  }
  Padded(int64_t rows, int64_t columns, bool transposed, int64_t gap)
      : Padded({}, rows, columns, transposed, gap) {}

  float* data() { return memory_.data() + kPadding; }
  int64_t stride() const { return stride_; }
  /// The matrix, which is replaced by rubbish.
  std::vector<float> take() {
    std::vector<float> values;
    for (int64_t i = 0; i < rows_ * columns_; ++i) {
      values.push_back(std::exchange(*at(i / columns_, i % columns_), kRubbish));
    }
    return values;
  }
  bool holds_rubbish_only() const {
    return std::count(memory_.begin(), memory_.end(), kRubbish) ==
           static_cast<int64_t>(memory_.size());
  }

 private:
  static constexpr int64_t kPadding = 32;
  static constexpr float kRubbish = 113.0f;

  float* at(int64_t i, int64_t j) {
    return data() + (transposed_ ? j * stride_ + i : i * stride_ + j);
  }

  int64_t rows_, columns_, stride_;
  bool transposed_;
  std::vector<float> memory_;
};

void check_block(const cpu::VectorOps& ops, const BlockCase& c) {
  SCOPED_TRACE(::testing::PrintToString(c));
  const Known& known = known_product(c);
  // A power of two between a's columns, where they lie in memory as rows: copied, not read there.
  const int64_t a_gap = c.a_transposed && c.depth > 250 ? 512 - c.rows % 512 : 5;
  Padded a(known.a, c.rows, c.depth, c.a_transposed, a_gap);
  Padded b(known.b, c.depth, c.columns, c.b_packed, 3);
  Padded product(c.rows, c.columns, c.c_transposed, 7);
  cpu::ProductBlock block = {};
  block.rows = c.rows;
  block.columns = c.columns;
  block.depth = c.depth;
  block.a = a.data();
  block.a_row = c.a_transposed ? 1 : a.stride();
  block.a_column = c.a_transposed ? a.stride() : 1;
  block.b = b.data();
  block.b_row = b.stride();
  std::vector<float> panels;
  if (c.b_packed) {
    panels.resize(static_cast<std::size_t>((c.columns + 16) * c.depth));
    ops.pack_panels(panels.data(), b.data(), b.stride(), c.depth, c.columns);
    block.b = panels.data();
    block.b_packed = true;
  }
  block.c = product.data();
  block.c_row = product.stride();
  block.c_transposed = c.c_transposed;
  block.part = c.over_batch ? kChainLength : 0;
  std::vector<float> scratch(static_cast<std::size_t>(ops.product_scratch(block)) + 1, 113.0f);
  ops.multiply(block, scratch.data());
  EXPECT_EQ(scratch.back(), 113.0f) << "more scratch memory than was asked for";
  EXPECT_EQ(differences(product.take(), known.product), 0);
  EXPECT_TRUE(product.holds_rubbish_only()) << "written beside the product";
}

class ProductBlockTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  const cpu::VectorOps& ops() const { return cpu::vector_ops(GetParam()); }
};

TEST_P(ProductBlockTest, EqualsTheScalarChains) {
  for (const BlockCase& c : block_cases()) check_block(ops(), c);
}

/// a(0, 0) b(0, j) + 1 c_j for many j: the second product of a chain adds what the first one made.
std::vector<float> fused(const cpu::VectorOps& ops, const std::vector<float>& a,
                         const std::vector<float>& b, const std::vector<float>& c) {
  std::vector<float> result(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float left[2] = {1.0f, a[i]}, right[2] = {c[i], b[i]};
    cpu::ProductBlock block = {1, 1, 2, left, 2, 1, right, 1, false, &result[i], 1, false, 0};
    std::vector<float> scratch(static_cast<std::size_t>(ops.product_scratch(block)));
    ops.multiply(block, scratch.data());
  }
  return result;
}

/// Sums whose rounding to binary64 falls on a tie of binary32, with something beyond it.
TEST_P(ProductBlockTest, RoundsOnceWhereTwiceWouldDiffer) {
  std::vector<float> a, b, c, expected;
  const auto add = [&](float x, float y, float z) {
    a.push_back(x);
    b.push_back(y);
    c.push_back(z);
    expected.push_back(std::fma(x, y, z));
  };
  std::mt19937 generator(1);
  for (int i = 0; i < 200; ++i) {
    const float e = std::ldexp(1.0f, -12 - i % 11), sign = i % 3 == 0 ? -1.0f : 1.0f;
    const float scale = std::ldexp(sign, -24),
                even = 1.0f + std::ldexp(float(generator() % 4096), -22);
    for (const float start : {even, even + std::ldexp(1.0f, -23), -even, 2.0f * even}) {
      add((1.0f + e) * scale, 1.0f - e, start);
      add((1.0f + e) * scale, 1.0f + e, start);
    }
    add(std::ldexp(1.0f + e, -75), std::ldexp(1.0f - e, -75), std::ldexp(float(i), -149));
    add(std::ldexp(1.0f + e, -40), std::ldexp(1.0f - e, -110), 0.0f);
  }
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> special = {0.0f,    -0.0f,   1.0f,        -1.5f,     1e-40f,
                                      -1e-45f, 3.4e38f, -3.4e38f,    infinity,  -infinity,
                                      1e-20f,  -3e-23f, 16777216.0f, 0.333333f, std::nanf("")};
  for (const float x : special) {
    for (const float y : special) {
      for (const float z : special) add(x, y, z);
    }
  }
  for (std::size_t i = 0; i < c.size(); ++i) {
    // What the chain adds to is 1 c + 0, which is +0 for -0.
    expected[i] = std::fma(a[i], b[i], std::fma(1.0f, c[i], 0.0f));
  }
  EXPECT_EQ(differences(fused(ops(), a, b, c), expected), 0);
}

INSTANTIATE_TEST_SUITE_P(Isa, ProductBlockTest, ::testing::ValuesIn(cpu::available_isas()),
                         [](const auto& info) { return std::string(info.param); });

// ---- whole products -----------------------------------------------------------------------------

struct ProductCase {
  int64_t rows, in, out;
  auto operator<=>(const ProductCase&) const = default;
};

std::vector<ProductCase> product_cases() {
  if (test::kRaceDetector) return {{1, 1, 1}, {20, 130, 41}, {61, 701, 99}, {129, 260, 131}};
  return {{1, 1, 1},
          {3, 20, 33},
          {20, 130, 41},
          {33, 9, 300},
          {129, 40, 7},
          {257, 33, 20},
          {97, 300, 64},
          {400, 12, 129},
          {700, 5, 24},
          // The card's: products split along slices and along parts, tiles of every size.
          {5, 257, 3},
          {61, 701, 99},
          {129, 260, 131},
          {1100, 9, 7}};
}

/// The factors of a case and what is expected of them, computed once for all devices.
struct Expected {
  std::vector<float> x, w, b, dy, y, dx, dw, db;
};

const Expected& expected_of(const ProductCase& c) {
  static std::map<ProductCase, Expected> known;
  Expected& e = known[c];
  if (!e.x.empty()) return e;
  e.x = random_values(c.rows * c.in, 1);
  e.w = random_values(c.out * c.in, 2);
  e.b = random_values(c.out, 3);
  e.dy = random_values(c.rows * c.out, 4);
  const Elements x{e.x.data(), c.in, 1}, w{e.w.data(), c.in, 1}, dy{e.dy.data(), c.out, 1};
  e.y = canonical_product(x, {w.data, 1, c.in}, c.rows, c.out, c.in);
  for (std::size_t i = 0; i < e.y.size(); ++i) {
    const float pre = e.y[i] + e.b[i % e.b.size()];
    e.y[i] = pre < 0.0f ? 0.0f : pre;
  }
  e.dx = canonical_product(dy, w, c.rows, c.in, c.out);
  for (std::size_t i = 0; i < e.dx.size(); ++i) e.dx[i] *= e.x[i] > 0.0f ? 1.0f : 0.0f;
  e.dw = canonical_product({dy.data, 1, c.out}, x, c.out, c.in, c.rows, true);
  e.db = canonical_column_sums(e.dy, c.rows, c.out);
  return e;
}

class ProductTest : public BackendTest {};

TEST_P(ProductTest, LayersEqualTheScalarChains) {
  for (const ProductCase& c : product_cases()) {
    SCOPED_TRACE(::testing::Message() << c.rows << 'x' << c.in << 'x' << c.out);
    const Expected& e = expected_of(c);
    const FloatTensor x(backend(), {c.rows, c.in}, e.x), w(backend(), {c.out, c.in}, e.w);
    const FloatTensor dy(backend(), {c.rows, c.out}, e.dy), b(backend(), {c.out}, e.b);
    const FloatTensor y(backend(), {c.rows, c.out}), dx(backend(), {c.rows, c.in});
    const FloatTensor dw(backend(), {c.out, c.in}), db(backend(), {c.out});
    backend().issue(DenseForwardArgs{y.view(), {}, x.view(), w.view(), b.view(), Activation::relu});
    backend().issue(
        DenseBackwardInputArgs{dx.view(), dy.view(), w.view(), x.view(), {}, Activation::relu});
    backend().issue(DenseBackwardWeightsArgs{dw.view(), db.view(), dy.view(), x.view()});
    EXPECT_EQ(differences(y.values(), e.y), 0);
    EXPECT_EQ(differences(dx.values(), e.dx), 0);
    EXPECT_EQ(differences(dw.values(), e.dw), 0);
    EXPECT_EQ(differences(db.values(), e.db), 0);
  }
}

TEST_P(ProductTest, AccumulatedGradientsAreFinishedFirst) {
  for (const ProductCase& c : {ProductCase{3, 20, 33}, ProductCase{129, 40, 7}}) {
    SCOPED_TRACE(::testing::Message() << c.rows << 'x' << c.in << 'x' << c.out);
    const Expected& e = expected_of(c);
    const auto sum = [](std::vector<float> old, const std::vector<float>& gradient) {
      for (std::size_t i = 0; i < old.size(); ++i) old[i] += gradient[i];
      return old;
    };
    const auto old_dx = random_values(c.rows * c.in, 5), old_dw = random_values(c.out * c.in, 6);
    const auto old_db = random_values(c.out, 7);
    const FloatTensor x(backend(), {c.rows, c.in}, e.x), w(backend(), {c.out, c.in}, e.w);
    const FloatTensor dy(backend(), {c.rows, c.out}, e.dy), dx(backend(), {c.rows, c.in}, old_dx);
    const FloatTensor dw(backend(), {c.out, c.in}, old_dw), db(backend(), {c.out}, old_db);
    backend().issue(DenseBackwardInputArgs{
        dx.view(), dy.view(), w.view(), x.view(), {}, Activation::relu, true});
    backend().issue(DenseBackwardWeightsArgs{dw.view(), db.view(), dy.view(), x.view(), true});
    EXPECT_EQ(differences(dx.values(), sum(old_dx, e.dx)), 0);
    EXPECT_EQ(differences(dw.values(), sum(old_dw, e.dw)), 0);
    EXPECT_EQ(differences(db.values(), sum(old_db, e.db)), 0);
  }
}

TEST_P(ProductTest, PlainProductsEqualTheScalarChains) {
  const int64_t m = 61, n = 43, k = 270;
  const auto a = random_values(m * k, 9), b = random_values(k * n, 10);
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      const FloatTensor of_a(backend(), ta ? Shape{k, m} : Shape{m, k}, a);
      const FloatTensor of_b(backend(), tb ? Shape{n, k} : Shape{k, n}, b);
      const FloatTensor product(backend(), {m, n});
      backend().issue(GemmArgs{product.view(), of_a.view(), of_b.view(), ta, tb});
      const Elements left = ta ? Elements{a.data(), 1, m} : Elements{a.data(), k, 1};
      const Elements right = tb ? Elements{b.data(), 1, k} : Elements{b.data(), n, 1};
      EXPECT_EQ(differences(product.values(), canonical_product(left, right, m, n, k)), 0)
          << ta << tb;
    }
  }
}

// A sum that underflows is a negative zero; tiles of zeros behind its end must not change it.
TEST_P(ProductTest, NegativeZerosSurvive) {
  for (const int64_t k : {1, 3, 127, 129, 257}) {
    const std::vector<float> tiny(k, 1e-30f), negative(k, -1e-30f);
    const FloatTensor a(backend(), {1, k}, tiny), b(backend(), {1, k}, negative);
    const FloatTensor product(backend(), {1, 1}), dw(backend(), {1, 1}), db(backend(), {1});
    backend().issue(GemmArgs{product.view(), a.view(), b.view(), false, true});
    EXPECT_TRUE(std::signbit(product.values()[0])) << k;
    const FloatTensor dy(backend(), {k, 1}, tiny), x(backend(), {k, 1}, negative);
    backend().issue(DenseBackwardWeightsArgs{dw.view(), db.view(), dy.view(), x.view()});
    EXPECT_TRUE(std::signbit(dw.values()[0])) << k;
  }
}

VAE_INSTANTIATE_BACKENDS(ProductTest);

}  // namespace
}  // namespace vae::testing
