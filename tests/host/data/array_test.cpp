// SPDX-License-Identifier: MIT
#include "vae/array.h"

#include <gtest/gtest.h>

#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

TEST(ArrayTest, NpyFilesKeepShapeAndValues) {
  const test::TemporaryFolder folder;
  const Array array{{2, 3}, {1.0f, -2.5f, 3e-30f, 4.0f, 0.1f, 6.0f}};
  save_npy(folder.file("x.npy"), array);
  const Array read = load_npy(folder.file("x.npy"));
  EXPECT_EQ(read.shape, array.shape);
  EXPECT_EQ(read.values, array.values);
  EXPECT_EQ(read.row(1)[2], 6.0f);
}

TEST(ArrayTest, RefusesAShapeThatLies) {
  const test::TemporaryFolder folder;
  test::expect_error(ErrorCode::invalid_argument,
                     [&] {
                       save_npy(folder.file("x.npy"), Array{{2, 2}, {1.0f}});
                     },
                     {"4", "1"});
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace vae
