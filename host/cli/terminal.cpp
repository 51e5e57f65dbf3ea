// SPDX-License-Identifier: MIT
#include "host/cli/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "host/text/shell_quote.h"
#include "vae/error.h"
#include "vae/printable.h"

namespace vae::cli {
namespace {

std::string called_as = "vae";
std::string typed = "vae";

/// Returns 0 or the errno that stopped it.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// Nothing can be done about a standard error that takes nothing.
void write_stderr(const std::string& text) { (void)write_all(STDERR_FILENO, text); }

/// Further lines of a message stand to the right of its first one, so that no text of a file can
/// pass for a message of its own.
std::string indented(const std::string& message) {
  std::string text;
  for (std::size_t i = 0; i < message.size(); ++i) {
    text += message[i];
    if (message[i] == '\n' && i + 1 < message.size() && message[i + 1] != '\n') text += "  ";
  }
  return text;
}

}  // namespace

void open_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    (void)::open("/dev/null", O_RDWR);  // takes the lowest free number: this one
  }
}

void write_stdout(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == 0 || error == EPIPE) return;
  throw Error(ErrorCode::io, fmt::format("standard output: {}", std::strerror(error)));
}

void Terminal::declare(Command& command, bool progress) {
  command.group("General");
  command.flag("--quiet", quiet_, "print warnings and errors only");
  if (progress) command.flag("--no-progress", no_progress_, "draw no progress bar");
}

bool Terminal::live() const {
  if (quiet_ || no_progress_ || ::isatty(STDERR_FILENO) == 0) return false;
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && *terminal != '\0' && std::string_view(terminal) != "dumb";
}

void Terminal::info(std::string_view line) {
  if (quiet_) return;
  clear();
  write_stderr(fmt::format("{}\n", printable_line(line)));
}

void Terminal::warning(std::string_view line) {
  clear();
  write_stderr(fmt::format("vae: warning: {}\n", printable_line(line)));
}

LogCallback Terminal::log() {
  return [this](LogLevel level, std::string_view line) {
    level == LogLevel::warning ? warning(line) : info(line);
  };
}

void Terminal::error(std::string_view message) {
  clear();
  write_stderr(fmt::format("vae: error: {}\n", indented(printable(message))));
}

bool Terminal::due() const {
  return live() && std::chrono::steady_clock::now() - last_ > std::chrono::milliseconds(100);
}

void Terminal::update(std::string_view line, bool force) {
  if (!force && !due()) return;
  if (!live()) return;
  last_ = std::chrono::steady_clock::now();
  drawn_ = true;
  write_stderr(fmt::format("\r{}\x1b[K", line));
}

void Terminal::clear() {
  if (!drawn_) return;
  drawn_ = false;
  write_stderr("\r\x1b[K");
}

int Terminal::columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool Terminal::colours() {
  const char* refused = std::getenv("NO_COLOR");
  return refused == nullptr || *refused == '\0';
}

void set_program_name(const char* name) {
  if (name != nullptr && *name != '\0') called_as = shell_quoted(name);
}

const std::string& program_name() { return called_as; }

void set_command_line(const std::vector<std::string>& words) {
  typed = called_as;
  for (const std::string& word : words) typed += " " + shell_quoted(word);
}

const std::string& command_line() { return typed; }

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) return "--:--";
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  const int64_t hours = whole / 3600, minutes = whole / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

}  // namespace vae::cli
