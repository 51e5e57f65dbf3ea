// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <stdexcept>
#include <string_view>

namespace vae {

/// What kind of failure an Error reports. The program maps each code to one exit status.
enum class ErrorCode {
  invalid_argument,  ///< A caller's mistake: bad option, bad config, wrong shape. Exit status 2.
  corrupt,           ///< A file's content is not what its format promises. Exit status 3.
  unsupported,       ///< A file is well-formed, but of a kind not read here. Exit status 3.
  io,                ///< The operating system refused a read or a write. Exit status 4.
  unavailable,       ///< The requested device or feature does not exist here. Exit status 5.
  device,            ///< A device failed. Exit status 5.
  out_of_memory,     ///< Host or device memory is exhausted. Exit status 5.
  diverged,          ///< Training produced non-finite numbers too often in a row. Exit status 6.
  busy,              ///< Another process uses the run folder. Exit status 7.
};

/// The one exception type of the library, beside std::bad_alloc where not even a message has room.
/// `what()` says what failed, which file or option, why, and what to do about it. Texts of files
/// and paths stand in it as they are: the constructor makes every message printable
/// (vae/printable.h), so that none can drive a terminal.
///
///     try {
///       vae::Model model = vae::Model::load(path);
///     } catch (const vae::Error& error) {
///       if (error.code() == vae::ErrorCode::io) std::puts("no such file?");
///       std::fprintf(stderr, "%s\n", error.what());
///     }
class Error : public std::runtime_error {
 public:
  /// An error of that kind.
  Error(ErrorCode code, std::string_view message);

  /// What kind of failure it is.
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace vae
