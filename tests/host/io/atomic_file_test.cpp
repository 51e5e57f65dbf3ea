// SPDX-License-Identifier: MIT
#include "host/io/atomic_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::expect_error;
using test::read_plainly;
using test::TemporaryFolder;
using test::write_plainly;

TEST(WriteFileAtomicallyTest, CreatesAndReplacesAndLeavesNothingElse) {
  TemporaryFolder folder;
  write_file_atomically(folder.file("a"), "first");
  EXPECT_EQ(read_plainly(folder.file("a")), "first");
  write_file_atomically(folder.file("a"), "second, longer");
  EXPECT_EQ(read_plainly(folder.file("a")), "second, longer");
  write_file_atomically(folder.file("a"), "");
  EXPECT_EQ(read_plainly(folder.file("a")), "");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(WriteFileAtomicallyTest, KeepsBinaryContentOfSeveralMegabytes) {
  TemporaryFolder folder;
  std::vector<std::byte> content(5'000'001);
  for (size_t i = 0; i < content.size(); ++i) content[i] = std::byte(i * 31 >> 3 & 255);
  write_file_atomically(folder.file("big"), content);
  EXPECT_EQ(read_file(folder.file("big"), content.size()), content);
}

TEST(WriteFileAtomicallyTest, ObeysTheUmask) {
  TemporaryFolder folder;
  const mode_t before = ::umask(027);
  write_file_atomically(folder.file("a"), "x");
  ::umask(before);
  struct stat status = {};
  ASSERT_EQ(::stat(folder.file("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(WriteFileAtomicallyTest, ReplacesALinkAndNotItsTarget) {
  TemporaryFolder folder;
  write_plainly(folder.file("target"), as_bytes("precious"));
  std::filesystem::create_symlink("target", folder.file("link"));
  write_file_atomically(folder.file("link"), "new");
  EXPECT_EQ(read_plainly(folder.file("target")), "precious");
  EXPECT_FALSE(std::filesystem::is_symlink(folder.file("link")));
}

TEST(WriteFileAtomicallyTest, AcceptsTheLongestNameOfAFileSystem) {
  TemporaryFolder folder;
  const std::string name(255, 'n');
  write_file_atomically(folder.file(name), "x");
  EXPECT_EQ(folder.names(), std::vector<std::string>{name});
}

TEST(WriteFileAtomicallyTest, NamesPathReasonAndAdvice) {
  TemporaryFolder folder;
  expect_error(ErrorCode::io, [&] { write_file_atomically(folder.file("no/such/file"), "x"); },
               {folder.file("no/such/file"), "No such file or directory", "check the path"});
  expect_error(ErrorCode::io, [&] { write_file_atomically(folder.path(), "x"); }, {folder.path()});
  expect_error(ErrorCode::io, [&] { write_file_atomically(folder.path() + "/", "x"); });
  expect_error(ErrorCode::io, [&] { write_file_atomically("", "x"); });
  expect_error(ErrorCode::io,
               [&] {
                 write_file_atomically(folder.file("\x1b[31mred"), "x" + std::string());
                 write_file_atomically(folder.file("\x1b[31mred/x"), "x");
               },
               {"\\x1b[31mred"});
}

TEST(WriteFileAtomicallyTest, RefusesDevicesAndPipes) {
  TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  expect_error(ErrorCode::io, [&] { write_file_atomically(folder.file("pipe"), "x"); },
               {"regular file"});
  expect_error(ErrorCode::io, [] { write_file_atomically("/dev/null", "x"); }, {"regular file"});
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

/// Lets writes beyond `bytes` fail with EFBIG, as a quota would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_ = {};
  void (*handler_)(int);
};

TEST(WriteFileAtomicallyTest, KeepsTheOldFileAndRemovesTheTemporaryWhenSpaceRunsOut) {
  TemporaryFolder folder;
  write_file_atomically(folder.file("a"), "old");
  {
    FileSizeLimit limit(1000);
    expect_error(ErrorCode::io,
                 [&] { write_file_atomically(folder.file("a"), std::string(5000, 'x')); },
                 {folder.file("a"), "File too large"});
  }
  EXPECT_EQ(read_plainly(folder.file("a")), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(ReadFileTest, ChecksTheLimitBeforeReading) {
  TemporaryFolder folder;
  write_plainly(folder.file("a"), as_bytes("12345"));
  EXPECT_EQ(test::to_text(read_file(folder.file("a"), 5)), "12345");
  expect_error(ErrorCode::corrupt, [&] { read_file(folder.file("a"), 4); },
               {folder.file("a"), "at most 4", "found 5"});
  // A sparse file of a terabyte takes no space on disk and must take none in memory.
  std::filesystem::resize_file(folder.file("a"), uint64_t{1} << 40);
  expect_error(ErrorCode::corrupt, [&] { read_file(folder.file("a"), 1 << 20); });
}

TEST(ReadFileTest, ReadsAnEmptyFile) {
  TemporaryFolder folder;
  write_plainly(folder.file("a"), {});
  EXPECT_TRUE(read_file(folder.file("a"), 10).empty());
}

TEST(ReadFileTest, RefusesWhatIsNoRegularFileWithoutHanging) {
  TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  expect_error(ErrorCode::io, [&] { read_file(folder.file("pipe"), 10); }, {"regular file"});
  expect_error(ErrorCode::io, [&] { read_file(folder.path(), 10); }, {"Is a directory"});
  expect_error(ErrorCode::io, [&] { read_file(folder.file("absent"), 10); },
               {folder.file("absent"), "No such file"});
}

TEST(RemoveStaleTemporariesTest, DeletesOnlyTemporaries) {
  TemporaryFolder folder;
  for (const char* name : {".tmp-a-1-2", ".tmp-b", "a", ".lock", "tmp-c"}) {
    write_plainly(folder.file(name), as_bytes("x"));
  }
  EXPECT_EQ(remove_stale_temporaries(folder.path()), 2);
  EXPECT_EQ(folder.names(), (std::vector<std::string>{".lock", "a", "tmp-c"}));
  EXPECT_EQ(remove_stale_temporaries(folder.path()), 0);
  expect_error(ErrorCode::io, [&] { remove_stale_temporaries(folder.file("absent")); });
}

TEST(AppendLineTest, AddsLinesInOrder) {
  TemporaryFolder folder;
  append_line(folder.file("log"), "one");
  append_line(folder.file("log"), "two", /*sync=*/true);
  EXPECT_EQ(read_plainly(folder.file("log")), "one\ntwo\n");
}

TEST(AppendLineTest, TakesBackAHalfLine) {
  TemporaryFolder folder;
  append_line(folder.file("log"), "one");
  {
    FileSizeLimit limit(10);
    expect_error(ErrorCode::io, [&] { append_line(folder.file("log"), std::string(50, 'x')); },
                 {folder.file("log")});
  }
  EXPECT_EQ(read_plainly(folder.file("log")), "one\n");
}

TEST(AppendLineTest, ReportsAFullDisk) {
  expect_error(ErrorCode::io, [] { append_line("/dev/full", "x"); },
               {"No space left on device", "free some disk space"});
}

TEST(TruncateAfterLastNewlineTest, CutsTheHalfLineOnly) {
  TemporaryFolder folder;
  const std::string path = folder.file("log");
  const std::string long_tail(10'000, 't');  // longer than the block it searches by
  const std::vector<std::pair<std::string, std::string>> cases = {{"", ""},
                                                                  {"a\n", "a\n"},
                                                                  {"a\nb", "a\n"},
                                                                  {"no newline", ""},
                                                                  {"a\n" + long_tail, "a\n"},
                                                                  {long_tail, ""},
                                                                  {"\n", "\n"},
                                                                  {"a\n\nb\nc", "a\n\nb\n"}};
  for (const auto& [before, after] : cases) {
    write_plainly(path, vae::as_bytes(before));
    EXPECT_EQ(truncate_after_last_newline(path), before.size() - after.size());
    EXPECT_EQ(read_plainly(path), after);
  }
  EXPECT_EQ(truncate_after_last_newline(folder.file("absent")), 0u);
}

/// The kernel's own files claim a size that their content does not have: as when another process
/// writes to a file, or cuts it, between its size and its bytes.
TEST(ReadFileTest, AFileThatGrowsOrShrinksWhileItIsReadIsAnError) {
  const std::string grows = "/proc/self/status",
                    shrinks = "/sys/kernel/mm/transparent_hugepage/enabled";
  for (const std::string& path : {grows, shrinks}) {
    if (!std::filesystem::exists(path)) continue;
    expect_error(ErrorCode::corrupt, [&] { read_file(path, 1 << 20); },
                 {path, "changed while it was read"});
  }
}

}  // namespace
}  // namespace vae
