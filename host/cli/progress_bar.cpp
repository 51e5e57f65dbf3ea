// SPDX-License-Identifier: MIT
#include "host/cli/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "host/cli/terminal.h"

namespace vae::cli {
namespace {

constexpr int kBarWidth = 20;

std::string bar(double share, bool colours) {
  const double clipped = std::clamp(share, 0.0, 1.0);
  const int filled = static_cast<int>(clipped * kBarWidth);
  const std::string done(static_cast<std::size_t>(filled), '=');
  const std::string left(static_cast<std::size_t>(kBarWidth - filled), ' ');
  if (!colours) return fmt::format("[{}{}]", done, left);
  return fmt::format("[\x1b[32m{}\x1b[0m{}]", done, left);
}

/// `head`, the bar, then as many of the fields as fit; one column stays free for the cursor.
std::string compose(const std::string& head, double share, const std::vector<std::string>& fields,
                    int columns, bool colours) {
  std::string line = head.substr(0, static_cast<std::size_t>(std::max(0, columns - 1)));
  int width = static_cast<int>(line.size());
  if (width + kBarWidth + 4 < columns) {
    line += fmt::format(" {}", bar(share, colours));
    width += kBarWidth + 3;
  }
  for (const std::string& field : fields) {
    const int needed = static_cast<int>(field.size()) + 2;
    if (width + needed >= columns) break;
    line += fmt::format("  {}", field);
    width += needed;
  }
  return line;
}

}  // namespace

std::string progress_line(const Progress& progress, int columns, bool colours) {
  const double share = progress.batches > 0 ? static_cast<double>(progress.batch) /
                                                  static_cast<double>(progress.batches)
                                            : 0.0;
  return compose(
      fmt::format("epoch {}/{}", progress.epoch, progress.epochs), share,
      {fmt::format("{}/{}", progress.batch, progress.batches),
       fmt::format("loss {:.2f}", progress.loss), fmt::format("elbo {:.2f}", progress.elbo),
       fmt::format("eta {}", duration_text(progress.eta_seconds)),
       fmt::format("{:.0f} samples/s", progress.samples_per_second)},
      columns, colours);
}

std::string share_line(const std::string& label, double share, int columns, bool colours) {
  return compose(label, share, {fmt::format("{:.0f} %", 100 * share)}, columns, colours);
}

}  // namespace vae::cli
