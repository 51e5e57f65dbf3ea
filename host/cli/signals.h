// SPDX-License-Identifier: MIT
#pragma once

namespace vae::cli {

/// SIGPIPE and SIGXFSZ become errors of the write that caused them.
void ignore_write_signals();

/// From now on SIGINT, SIGTERM, SIGHUP and SIGUSR1 come to a thread that does nothing but take
/// them, so that they interrupt no computation. A verb that can stop calls this first, before
/// anything starts a thread, and stop_when_asked() once there is something to stop; until then a
/// stop signal ends the program as usual.
void watch_signals();

/// From now on SIGINT, SIGTERM and SIGHUP ask to stop; a second one ends the program at once.
void stop_when_asked();

/// The signal that asked to stop, or 0.
int stop_signal();

/// Whether SIGUSR1 asked for a checkpoint since the last call.
bool take_checkpoint_request();

}  // namespace vae::cli
