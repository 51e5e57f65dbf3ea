// SPDX-License-Identifier: MIT
//
// The program `vae`. Everything it can do it does through include/vae.
#include <fmt/format.h>

#include <exception>
#include <new>
#include <string>
#include <vector>

#include "host/cli/exit_status.h"
#include "host/cli/parser.h"
#include "host/cli/signals.h"
#include "host/cli/terminal.h"
#include "host/cli/verbs.h"

namespace vae::cli {
namespace {

int run(const std::vector<std::string>& words) {
  std::vector<VerbEntry> verbs = all_verbs();
  const Request request = parse_command_line(verbs, words);
  if (request.entry == nullptr) {
    write_stdout(request.text);
    return kSuccess;
  }
  return request.entry->verb->run();
}

/// The library cannot know how the program was called: a command in its advice begins with "vae".
std::string as_called(std::string message) {
  constexpr std::string_view kCommand = ": vae import ";
  const std::size_t at = message.rfind(kCommand);
  if (at != std::string::npos) message.replace(at + 2, 3, program_name());
  return message;
}

void complain(std::string_view message) noexcept {
  try {
    Terminal().error(as_called(std::string(message)));
  } catch (...) {
  }
}

int guarded_run(const std::vector<std::string>& words) {
  try {
    return run(words);
  } catch (const Error& error) {
    complain(error.what());
    return exit_status(error.code());
  } catch (const std::bad_alloc&) {
    complain(
        "out of memory: the images, the model and the result do not fit; end other programs, or "
        "work on fewer images or with a smaller model");
    return exit_status(ErrorCode::out_of_memory);
  } catch (const std::exception& error) {
    complain(
        fmt::format("internal error: {}; please report it with the command line", error.what()));
  } catch (...) {
    complain("internal error of unknown kind; please report it with the command line");
  }
  return kInternalError;
}

}  // namespace
}  // namespace vae::cli

int main(int argc, char** argv) {
  vae::cli::open_standard_descriptors();
  if (argc > 0) vae::cli::set_program_name(argv[0]);
  vae::cli::ignore_write_signals();
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  vae::cli::set_command_line(words);
  return vae::cli::guarded_run(words);
}
