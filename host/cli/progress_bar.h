// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "host/cli/terminal.h"
#include "vae/trainer.h"

namespace vae::cli {

/// What a bound with so many importance samples is called: "elbo", "L_50".
std::string bound_name(int64_t samples);

/// The live line of a training: epoch, bar, loss, ELBO, samples/s, time left; what does not fit
/// into `columns` is left out from the right.
std::string progress_line(const Progress& progress, int columns, bool colours);

/// The line that stays of an epoch, of at most 79 characters where the numbers are of a common
/// size: ELBOs, and as much of KL, time and speed as fits. `validation` may be null.
std::string epoch_line(int64_t epochs, const Metrics& train, const Metrics* validation,
                       const Metrics& test);

/// A bar for a share done in [0, 1] with a label.
std::string share_line(const std::string& label, double share, int columns, bool colours);

/// Draws that bar where the terminal would show it now.
void show_share(Terminal& terminal, const std::string& label, double share);

/// The same as a callback of the library, which goes on until a signal asks to stop. The terminal
/// must outlive it.
std::function<bool(double)> share_progress(Terminal& terminal, const std::string& label);

}  // namespace vae::cli
