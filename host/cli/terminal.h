// SPDX-License-Identifier: MIT
//
// Data goes to standard output, everything else to standard error.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/command.h"
#include "vae/log.h"

namespace vae::cli {

/// Opens /dev/null on closed standard descriptors, so that no file of ours gets number 0, 1 or 2.
void open_standard_descriptors();

/// Writes all of it to standard output. A reader that has left (EPIPE) is no error; anything else
/// throws Error(io).
void write_stdout(std::string_view text);

/// Messages and progress of one command, on standard error.
class Terminal {
 public:
  Terminal() = default;
  ~Terminal() { clear(); }  // before an error is printed
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// --quiet and --no-progress.
  void declare(Command& command, bool progress);

  bool quiet() const { return quiet_; }
  /// Whether a live line is drawn: a terminal that can, and nobody asked not to.
  bool live() const;

  /// One line, unless quiet. A live line is cleared first.
  void info(std::string_view line);
  /// One line, always, marked as a warning.
  void warning(std::string_view line);
  /// What the library says goes here, too. It holds as long as this object.
  LogCallback log();
  void error(std::string_view message);
  /// Replaces the live line, a few times a second at most unless `force`.
  void update(std::string_view line, bool force = false);
  /// Whether update() would draw now; saves composing a line nobody sees.
  bool due() const;
  /// Removes the live line.
  void clear();
  /// Columns of the terminal.
  static int columns();
  /// Colours are wanted: https://no-color.org
  static bool colours();

 private:
  bool quiet_ = false;
  bool no_progress_ = false;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
};

/// How the program was called: the first word of a command that is typed as it is printed.
void set_program_name(const char* name);
const std::string& program_name();

/// The whole command, as it can be typed again. Advice puts options behind it.
void set_command_line(const std::vector<std::string>& words);
const std::string& command_line();

/// "1:02:03" or "2:03".
std::string duration_text(double seconds);

}  // namespace vae::cli
