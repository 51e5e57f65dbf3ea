// SPDX-License-Identifier: MIT
#include "tests/cli/process.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace vae::test {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vae-cli-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  return pattern;
}

void redirect(int descriptor, const std::string& path) {
  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0644);
  ::dup2(file, descriptor);
  ::close(file);
}

[[noreturn]] void become(const std::vector<std::string>& words, const Environment& environment) {
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  ::execv(pointers.front(), pointers.data());
  ::_exit(127);
}

Outcome outcome_of(int raw_status) {
  Outcome outcome;
  outcome.killed = WIFSIGNALED(raw_status);
  outcome.status = outcome.killed ? 128 + WTERMSIG(raw_status) : WEXITSTATUS(raw_status);
  return outcome;
}

/// All that the other end writes until it is closed; a pseudo terminal ends with EIO.
std::string drain(int descriptor) {
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(descriptor, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace

Process::Process(const std::vector<std::string>& words, const Environment& environment)
    : folder_(make_folder()) {
  child_ = ::fork();
  if (child_ < 0) throw std::runtime_error("fork failed");
  if (child_ > 0) return;
  redirect(1, folder_ + "/out");
  redirect(2, folder_ + "/err");
  become(words, environment);
}

Process::~Process() {
  if (!ended(WNOHANG)) {
    ::kill(child_, SIGKILL);
    ended(0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

bool Process::ended(int options) {
  rusage usage{};
  if (ended_ || ::wait4(child_, &raw_status_, options, &usage) != child_) return ended_;
  peak_bytes_ = int64_t{usage.ru_maxrss} * 1024;
  ended_ = true;
  return true;
}

void Process::signal(int number) const { ::kill(child_, number); }

bool Process::wait_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (ended(WNOHANG) || std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

Outcome Process::wait() {
  ended(0);
  Outcome outcome = outcome_of(raw_status_);
  outcome.peak_bytes = peak_bytes_;
  outcome.out = read_file(folder_ + "/out");
  outcome.err = read_file(folder_ + "/err");
  return outcome;
}

Outcome run_vae(std::vector<std::string> arguments, const Environment& environment) {
  arguments.insert(arguments.begin(), VAE_PROGRAM);
  return Process(arguments, environment).wait();
}

Outcome run_shell(const std::string& command) {
  return Process({"/bin/bash", "-c", command}, {{"VAE", VAE_PROGRAM}}).wait();
}

Outcome run_on_terminal(std::vector<std::string> arguments, const Environment& environment,
                        int columns) {
  arguments.insert(arguments.begin(), VAE_PROGRAM);
  const std::string folder = make_folder();
  int ours = -1, theirs = -1;
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = 40;
  if (::openpty(&ours, &theirs, nullptr, nullptr, &size) != 0) {
    throw std::runtime_error("openpty failed");
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ours);
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
    redirect(1, folder + "/out");
    ::dup2(theirs, 2);
    ::close(theirs);
    become(arguments, environment);
  }
  ::close(theirs);
  std::string drawn = drain(ours);
  ::close(ours);
  int raw_status = 0;
  ::waitpid(child, &raw_status, 0);
  Outcome outcome = outcome_of(raw_status);
  outcome.out = read_file(folder + "/out");
  outcome.err = std::move(drawn);
  std::filesystem::remove_all(folder);
  return outcome;
}

}  // namespace vae::test
