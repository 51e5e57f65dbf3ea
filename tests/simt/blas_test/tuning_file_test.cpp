// SPDX-License-Identifier: MIT
#include "host/machine/tuning_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace vae {
namespace {

class TuningFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::path(::testing::TempDir()) / ("vae_tuning_" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder_);
    for (const char* name : {"VAE_GEMM_CACHE", "XDG_CACHE_HOME", "HOME"}) unsetenv(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string in_folder(const char* name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

TEST_F(TuningFileTest, WhereFilesLie) {
  EXPECT_EQ(TuningFile().path_of("a.txt"), "");
  setenv("HOME", "/home/somebody", 1);
  EXPECT_EQ(TuningFile().path_of("a.txt"), "/home/somebody/.cache/vae/a.txt");
  setenv("XDG_CACHE_HOME", "relative", 1);  // the specification: to be ignored
  EXPECT_EQ(TuningFile().path_of("a.txt"), "/home/somebody/.cache/vae/a.txt");
  setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(TuningFile().path_of("a.txt"), "/cache/vae/a.txt");
  setenv("VAE_GEMM_CACHE", "my.txt", 1);
  EXPECT_EQ(TuningFile().path_of("a.txt"), std::filesystem::current_path() / "my.txt");
}

TEST_F(TuningFileTest, KeepsWhatIsSaved) {
  setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
  TuningFile files;
  EXPECT_EQ(files.load("a.txt"), "");
  files.save("a.txt", "one\n");
  files.save("b.txt", "two\n");
  files.save("a.txt", "three\n");
  EXPECT_EQ(files.load("a.txt"), "three\n");
  EXPECT_EQ(TuningFile().load("b.txt"), "two\n");
  // Replaced, not left beside temporaries.
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "vae")) {
    count += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(count, 2u);
}

TEST_F(TuningFileTest, WhatCannotBeKeptIsForgotten) {
  TuningFile nowhere;
  nowhere.save("a.txt", "one\n");
  EXPECT_EQ(nowhere.load("a.txt"), "");
  setenv("VAE_GEMM_CACHE", folder_.c_str(), 1);  // a folder is no file
  TuningFile folder;
  folder.save("a.txt", "one\n");
  EXPECT_EQ(folder.load("a.txt"), "");
  std::ofstream(in_folder("file")) << "in the way";
  setenv("VAE_GEMM_CACHE", in_folder("file/cache.txt").c_str(), 1);
  TuningFile below;
  below.save("a.txt", "one\n");
  EXPECT_EQ(below.load("a.txt"), "");
  EXPECT_TRUE(std::filesystem::is_regular_file(in_folder("file")));
}

TEST_F(TuningFileTest, HugeFilesAreNotRead) {
  std::ofstream(in_folder("huge")) << std::string((std::size_t{1} << 20) + 1, 'x');
  setenv("VAE_GEMM_CACHE", in_folder("huge").c_str(), 1);
  EXPECT_EQ(TuningFile().load("a.txt"), "");
}

}  // namespace
}  // namespace vae
