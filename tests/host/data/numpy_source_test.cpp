// SPDX-License-Identifier: MIT
#include "host/data/numpy_source.h"

#include <algorithm>
#include <utility>

#include "host/io/npy.h"
#include "tests/host/io/sample_files.h"
#include "tests/support/memory_growth.h"
#include "tests/support/sample_npy.h"
#include "tests/support/sample_zip.h"

namespace vae {
namespace {

using test::expect_error;
using test::make_npy_file;
using test::to_bytes;
using test::ZipEntry;

class NumpySourceTest : public ::testing::Test {
 protected:
  std::string write(const std::string& file) {
    test::write_plainly(folder_.file("data"), to_bytes(file));
    return folder_.file("data");
  }
  Dataset load(const std::vector<ZipEntry>& entries) {
    lines_.clear();
    return load_npz(write(test::make_zip(entries)), [this](LogLevel, std::string_view line) {
      lines_ += std::string(line) + "\n";
    });
  }
  void expect_said(const std::string& words) const {
    EXPECT_NE(lines_.find(words), std::string::npos) << words << ": " << lines_;
  }

  test::TemporaryFolder folder_;
  std::string lines_;
};

/// `count` images of 2 x 2 bytes that count up.
std::string images(int count, const std::string& shape) {
  std::string data;
  for (int i = 0; i < 4 * count; ++i) data += static_cast<char>(i);
  return make_npy_file("|u1", "(" + std::to_string(count) + ", " + shape + ")", data);
}

std::string labels(const std::string& numbers) {
  return make_npy_file("|u1", "(" + std::to_string(numbers.size()) + ",)", numbers);
}

TEST_F(NumpySourceTest, ReadsOneArrayOfAnyLayout) {
  for (const char* shape : {"2, 2", "2, 2, 1", "1, 2, 2", "4"}) {
    const Dataset data = load_npy_images(write(images(3, shape)));
    EXPECT_EQ(data.train.count(), 3);
    EXPECT_EQ(data.train.height(), 2) << shape;
    EXPECT_EQ(data.train.pixels()[11], 11);
    EXPECT_EQ(data.test.count(), 0);
  }
  const std::string floats("\0\0\0\0\0\0\x80\x3f", 8);
  EXPECT_EQ(load_npy_images(write(make_npy_file("<f4", "(2, 1, 1)", floats))).train.pixels()[1],
            255);
  // The same array in the other order: the first index runs fastest in the file.
  const Dataset data = load_npy_images(
      write(make_npy_file("|u1", "(2, 2, 2)", std::string("\0\4\2\6\1\5\3\7", 8), "True")));
  EXPECT_EQ(data.train.image(1).pixels, (std::vector<uint8_t>{4, 5, 6, 7}));
}

TEST_F(NumpySourceTest, TheKeysOfAnArchiveSayWhatIsWhat) {
  const Dataset keras = load({{"x_test.npy", images(1, "2, 2")},
                              {"x_train.npy", images(3, "2, 2"), true},
                              {"y_train.npy", labels("\1\2\3"), true},
                              {"y_test.npy", labels("\4")}});
  EXPECT_EQ(keras.train.count(), 3);
  EXPECT_EQ(keras.train.labels()[2], 3);
  EXPECT_EQ(keras.test.count(), 1);
  EXPECT_EQ(keras.test.labels()[0], 4);
  EXPECT_EQ(keras.test.split(), Split::test);
  EXPECT_EQ(lines_, "");
  const Dataset med = load({{"train_images.npy", images(2, "2, 2")},
                            {"train_labels.npy", make_npy_file("|u1", "(2, 1)", "\1\2")},
                            {"val_images.npy", images(5, "2, 2")},
                            {"Test-Images.npy", images(1, "2, 2")}});
  EXPECT_EQ(med.train.labels()[1], 2);
  EXPECT_EQ(med.test.count(), 1);
  EXPECT_TRUE(med.test.labels().empty());
  expect_said("not read: val_images");
  for (const char* name : {"images", "X", "data", "arr_0"}) {
    EXPECT_EQ(load({{std::string(name) + ".npy", images(2, "2, 2")}}).train.count(), 2) << name;
  }
  const Dataset simple = load({{"labels.npy", labels("\5\6")}, {"images.npy", images(2, "2, 2")}});
  EXPECT_EQ(simple.train.labels()[0], 5);
}

TEST_F(NumpySourceTest, ADataSetThatIsSavedIsTheSame) {
  const ImageSet grey = ImageSet(2, 1, 1, {1, 2, 3, 4, 5, 6}, {7, 8, 9})
                            .with_masks({0, 1, 2, 255, 4, 5})
                            .as(Split::train);
  const ImageSet colours = ImageSet(1, 2, 3, {1, 2, 3, 4, 5, 6}).as(Split::test);
  Dataset saved;
  saved.train = grey;
  saved.test = grey.slice(1, 2).as(Split::test);
  saved.save(folder_.file("a.npz"));
  const Dataset found = Dataset::load(folder_.file("a.npz"));
  EXPECT_EQ(found.fingerprint(), saved.fingerprint());
  for (const auto& [a, b] : {std::pair(found.train, saved.train), {found.test, saved.test}}) {
    EXPECT_TRUE(std::ranges::equal(a.labels(), b.labels()));
    EXPECT_TRUE(std::ranges::equal(a.masks(), b.masks()));
  }
  saved.train = colours;
  saved.test = {};
  saved.save(folder_.file("b.npz"));
  const ImageSet back = load_npz(folder_.file("b.npz"), {}).train;
  EXPECT_EQ(back.channels(), 3);
  EXPECT_TRUE(std::ranges::equal(back.pixels(), colours.pixels()));
  EXPECT_THROW(saved.save(folder_.file("none/b.npz")), Error);
}

TEST_F(NumpySourceTest, VolumesThatAreSavedAreTheSame) {
  for (const int64_t depth : {8, 5}) {  // a cube's slices are written one behind the other
    std::vector<uint8_t> voxels;
    for (int64_t i = 0; i < 2 * 8 * 8 * depth; ++i) voxels.push_back(static_cast<uint8_t>(i % 251));
    Dataset saved;
    saved.train = ImageSet(8, 8, depth, voxels, {3, 4});
    saved.test = saved.train.slice(1, 1).as(Split::test);
    saved.save(folder_.file("v.npz"));
    EXPECT_EQ(Dataset::load(folder_.file("v.npz")).fingerprint(), saved.fingerprint()) << depth;
  }
}

TEST_F(NumpySourceTest, MasksOfAnArchiveAreOfItsImages) {
  const auto masks = [](const std::string& shape, const std::string& classes) {
    return make_npy_file("|u1", "(" + shape + ")", classes);
  };
  const std::string two = "\1\2\3\4\5\6\7\xff";
  const Dataset data = load({{"x_train.npy", images(2, "2, 2")},
                             {"train_masks.npy", masks("2, 2, 2", two)},
                             {"x_test.npy", images(1, "2, 2")},
                             {"test_masks.npy", masks("1, 2, 2", "\1\1\2\2")}});
  ASSERT_EQ(data.train.masks().size(), 8u);
  EXPECT_EQ(data.train.masks()[7], 255);
  EXPECT_EQ(data.test.masks()[3], 2);
  EXPECT_EQ(load({{"images.npy", images(2, "2, 2")}, {"masks.npy", masks("2, 2, 2", two)}})
                .train.masks()[0],
            1);
  try {
    load({{"images.npy", images(2, "2, 2")}, {"masks.npy", masks("2, 4", two)}});
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::corrupt);
    EXPECT_NE(std::string(error.what()).find("expected masks [2, 2, 2]"), std::string::npos)
        << error.what();
  }
}

TEST_F(NumpySourceTest, LabelsThatAreNoneAreLeftOut) {
  const std::string one_hot = make_npy_file("|u1", "(2, 2)", std::string("\1\0\0\1", 4));
  EXPECT_TRUE(load({{"x.npy", images(2, "2, 2")}, {"y.npy", one_hot}}).train.labels().empty());
  expect_said("labels are left out");
  const std::string large = make_npy_file("<i2", "(2,)", std::string("\1\0\0\1", 4));
  EXPECT_TRUE(load({{"x.npy", images(2, "2, 2")}, {"y.npy", large}}).train.labels().empty());
  expect_said("label 1 is not in 0..255");
}

TEST_F(NumpySourceTest, WhatIsNoImagesIsNamed) {
  expect_error(ErrorCode::unsupported,
               [&] {
                 load({{"a.npy", labels("\1")}, {"b.npy", labels("\1")}});
               },
               {"holds a, b", "train_images"});
  expect_error(ErrorCode::unsupported, [&] { load({{"data.pkl", "x"}}); }, {"no arrays"});
  expect_error(ErrorCode::unsupported, [&] { load({{"x.npy", labels("\1")}}); }, {"rank 1"});
  expect_error(ErrorCode::corrupt, [&] { load({{"x.npy", "<html>"}}); }, {"x.npy", "HTML"});
  expect_error(ErrorCode::corrupt,
               [&] {
                 load({{"x_train.npy", images(2, "2, 2")}, {"x_test.npy", images(1, "1, 4")}});
               },
               {"x_test.npy", "2 x 2 x 1", "1 x 4 x 1"});
  expect_error(ErrorCode::unsupported, [&] {
    load_npy_images(write(make_npy_file("<f4", "(1, 1, 1)", std::string("\0\0\0\x40", 4))));
  });
}

TEST_F(NumpySourceTest, RejectsEveryTruncation) {
  for (const bool fortran : {false, true}) {
    const std::string file =
        make_npy_file("|u1", "(2, 2, 2)", "01234567", fortran ? "True" : "False");
    test::expect_corrupt_when_truncated(to_bytes(file), [&](const test::Bytes& cut) {
      load_npy_images(write(test::to_text(cut)));
    });
    expect_error(ErrorCode::corrupt, [&] { load_npy_images(write(file + "x")); });
  }
}

/// What decode_npy() and the reader in pieces say of a file is the same.
TEST_F(NumpySourceTest, PiecesOfAnySizeGiveTheSame) {
  const std::string file =
      make_npy_file("<u2", "(2, 1, 3)", std::string("\1\0\2\0\3\0\4\0\5\0\6\0", 12));
  for (size_t piece = 1; piece <= file.size(); ++piece) {
    NpyByteReader reader(ArrayContent::images, file.size(), "f");
    for (size_t at = 0; at < file.size(); at += piece) {
      reader.feed(to_bytes(file.substr(at, piece)));
    }
    EXPECT_EQ(reader.finish().values, (std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
  }
}

TEST_F(NumpySourceTest, AnArchiveThatLiesCostsNoMemory) {
  ZipEntry lie{"x.npy", make_npy_file("|u1", "(900000, 1, 1000)", "x"), true};
  lie.claimed_bytes = 900'000'000;
  const int64_t growth = test::memory_growth([&] { EXPECT_THROW(load({lie}), Error); });
  EXPECT_GE(growth, 0);
  EXPECT_LT(growth, int64_t{8} << 20);
}

}  // namespace
}  // namespace vae
