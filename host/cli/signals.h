// SPDX-License-Identifier: MIT
#pragma once

namespace vae::cli {

/// SIGPIPE and SIGXFSZ become errors of the write that caused them.
void ignore_write_signals();

/// SIGINT, SIGTERM and SIGHUP ask to stop, a second one ends the program at once; SIGUSR1 asks for
/// a checkpoint. The handlers only set flags.
void install_stop_handlers();

/// The signal that asked to stop, or 0.
int stop_signal();

/// Whether a checkpoint was asked for since the last call.
bool take_checkpoint_request();

}  // namespace vae::cli
