// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace vae::test {

/// What a finished process left.
struct Outcome {
  int status = -1;  ///< Exit status; 128 + signal when a signal killed it.
  bool killed = false;
  int64_t peak_bytes = 0;  ///< The most memory it held at once.
  std::string out;
  std::string err;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

/// A started program with standard output and error in files of their own.
class Process {
 public:
  explicit Process(const std::vector<std::string>& words, const Environment& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  /// Polls until `condition` holds; false after 60 s or when the process has ended before.
  bool wait_until(const std::function<bool()>& condition);
  Outcome wait();

 private:
  /// Collects the process if it has ended; without WNOHANG in `options` waits for that.
  bool ended(int options);

  std::string folder_;
  pid_t child_ = -1;
  int raw_status_ = 0;
  int64_t peak_bytes_ = 0;
  bool ended_ = false;
};

/// Runs the program `vae` with these arguments.
Outcome run_vae(std::vector<std::string> arguments, const Environment& environment = {});

/// Runs a bash command line; $VAE is the program.
Outcome run_shell(const std::string& command);

/// Runs `vae` with standard error on a terminal; `err` is what was drawn there.
Outcome run_on_terminal(std::vector<std::string> arguments, const Environment& environment = {},
                        int columns = 100);

}  // namespace vae::test
