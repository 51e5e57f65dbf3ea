// SPDX-License-Identifier: MIT
#include "host/data/cifar.h"

#include <filesystem>

#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::expect_error;
using test::to_bytes;

/// Rows whose pixels are their plane's number, shifted by the label.
std::string rows(const std::vector<std::vector<int>>& labels) {
  std::string file;
  for (const auto& row : labels) {
    for (const int label : row) file += static_cast<char>(label);
    for (int plane = 0; plane < 3; ++plane) {
      file += std::string(1024, static_cast<char>(plane + 10 * row.back()));
    }
  }
  return file;
}

class CifarTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    test::write_plainly(folder_.file(name), to_bytes(content));
  }
  test::TemporaryFolder folder_;
};

TEST_F(CifarTest, ReadsTheBatchesInOrderWithTheNamesOfTheLabels) {
  write("data_batch_2.bin", rows({{2}}));
  write("data_batch_10.bin", rows({{9}}));
  write("data_batch_1.bin", rows({{1}, {3}}));
  EXPECT_FALSE(is_cifar_folder(folder_.path()));
  write("test_batch.bin", rows({{4}}));
  EXPECT_TRUE(is_cifar_folder(folder_.path()));
  write("batches.meta.txt", "a\nb\r\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  const Dataset data = load_cifar_folder(folder_.path());
  ASSERT_EQ(data.train.count(), 4);
  EXPECT_EQ(std::vector<uint8_t>(data.train.labels().begin(), data.train.labels().end()),
            (std::vector<uint8_t>{1, 3, 2, 9}));
  EXPECT_EQ(data.train.height(), 32);
  EXPECT_EQ(data.train.channels(), 3);
  EXPECT_EQ(data.train.image(1).pixels[0], 30);
  EXPECT_EQ(data.train.image(1).pixels[5], 32);
  EXPECT_EQ(data.train.label_names()[1], "b");
  EXPECT_EQ(data.test.labels()[0], 4);
  EXPECT_EQ(data.test.split(), Split::test);
}

TEST_F(CifarTest, OfTheHundredTheFineLabelIsTaken) {
  write("train.bin", rows({{19, 99}, {0, 5}}));
  write("test.bin", rows({{3, 7}}));
  const Dataset data = load_cifar_folder(folder_.path());
  EXPECT_EQ(data.train.labels()[0], 99);
  EXPECT_EQ(data.test.image(0).pixels[1], 71);
  EXPECT_TRUE(data.train.label_names().empty());
  EXPECT_EQ(load_cifar_file(folder_.file("train.bin")).train.count(), 2);
}

TEST_F(CifarTest, OtherFilesAreRefused) {
  const std::string file = rows({{1}, {2}});
  expect_error(ErrorCode::corrupt, [&] { parse_cifar(to_bytes(file.substr(1)), "f.bin"); },
               {"f.bin", "3073", "3074", "6145"});
  expect_error(ErrorCode::corrupt, [] { parse_cifar({}, "f.bin"); }, {"0 bytes"});
  expect_error(ErrorCode::corrupt, [] { parse_cifar(to_bytes(rows({{10}})), "f.bin"); });
  expect_error(ErrorCode::corrupt, [] { parse_cifar(to_bytes(rows({{20, 1}})), "f.bin"); });
  write("data_batch_1.bin", rows({{1}}));
  write("data_batch_2.bin", rows({{1, 1}}));
  write("test_batch.bin", rows({{4}}));
  expect_error(ErrorCode::corrupt, [&] { load_cifar_folder(folder_.path()); },
               {"data_batch_2.bin", "do not belong together"});
}

}  // namespace
}  // namespace vae
