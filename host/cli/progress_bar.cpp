// SPDX-License-Identifier: MIT
#include "host/cli/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "host/cli/signals.h"

namespace vae::cli {
namespace {

constexpr int kWidestBar = 20;
constexpr int kNarrowestBar = 5;      // less shows nothing
constexpr int kColumnsForSpace = 95;  // from here on two spaces between the fields

constexpr std::size_t kEpochColumns = 79;

std::string nats(double value) {
  return std::abs(value) < 10000 ? fmt::format("{:.2f}", value) : fmt::format("{:.0f}", value);
}

std::string bar(double share, int width, bool colours) {
  const auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * width);
  const std::string done(filled, '=');
  const std::string left(static_cast<std::size_t>(width) - filled, ' ');
  if (!colours) return fmt::format("[{}{}]", done, left);
  return fmt::format("[\x1b[32m{}\x1b[0m{}]", done, left);
}

/// `head`, a bar, then as many of the fields as fit; one column stays free for the cursor. The bar
/// gets what the fields leave.
std::string compose(const std::string& head, double share, const std::vector<std::string>& fields,
                    int columns, bool colours) {
  const std::string space(columns < kColumnsForSpace ? 1 : 2, ' ');
  std::size_t room = static_cast<std::size_t>(std::max(0, columns - 1));
  const std::string shown = head.substr(0, room);
  room -= shown.size();
  std::string tail;
  for (const std::string& field : fields) {
    const std::size_t needed = space.size() + field.size();
    if (needed > room) break;
    tail += space + field;
    room -= needed;
  }
  const int width = std::min(kWidestBar, static_cast<int>(room) - 3);
  if (width < kNarrowestBar) return shown + tail;
  return fmt::format("{} {}{}", shown, bar(share, width, colours), tail);
}

/// Of a Progress or Metrics: what training raises.
template <typename Numbers>
double bound_of(const Numbers& numbers) {
  return numbers.importance_samples > 1 ? numbers.bound : numbers.elbo;
}

}  // namespace

std::string bound_name(int64_t samples) {
  return samples > 1 ? fmt::format("L_{}", samples) : "elbo";
}

std::string progress_line(const Progress& progress, int columns, bool colours) {
  const double share = progress.batches > 0 ? static_cast<double>(progress.batch) /
                                                  static_cast<double>(progress.batches)
                                            : 0.0;
  const std::string batches = fmt::format("{}", progress.batches);
  std::vector<std::string> fields = {
      fmt::format("{:>{}}/{}", progress.batch, batches.size(), batches),
      fmt::format("loss {:.2f}", progress.loss),
      fmt::format("{} {:.2f}", bound_name(progress.importance_samples), bound_of(progress))};
  if (progress.skipped_steps > 0) {
    fields.push_back(fmt::format("{} skipped", progress.skipped_steps));
  }
  fields.push_back(fmt::format("eta {}", duration_text(progress.eta_seconds)));
  fields.push_back(fmt::format("{:.0f} samples/s", progress.samples_per_second));
  return compose(fmt::format("epoch {}/{}", progress.epoch, progress.epochs), share, fields,
                 columns, colours);
}

namespace {

/// " (14.21 + 6.30)", of z and of the latents above it.
std::string kl_of_layers(const std::vector<double>& kl_per_layer) {
  std::string text;
  for (const double kl : kl_per_layer) text += (text.empty() ? " (" : " + ") + nats(kl);
  return text.empty() ? text : text + ")";
}

}  // namespace

std::string epoch_line(int64_t epochs, const Metrics& train, const Metrics* validation,
                       const Metrics& test) {
  std::string line =
      fmt::format("epoch {:>{}}/{}  {}: train {}", test.epoch, fmt::formatted_size("{}", epochs),
                  epochs, bound_name(train.importance_samples), nats(bound_of(train)));
  if (validation != nullptr) line += ", validation " + nats(bound_of(*validation));
  line += ", test " + nats(bound_of(test));
  const std::string right =
      test.mean_iou            ? fmt::format("  IoU {:.3f}", *test.mean_iou)
      : test.accuracy          ? fmt::format("  {:.2f} % right", 100.0 * *test.accuracy)
      : test.average_precision ? fmt::format("  mAP50 {:.4f}", *test.average_precision)
                               : std::string();
  const std::string decibels =
      test.psnr ? fmt::format("  PSNR {:.2f} dB", *test.psnr) : std::string();
  for (const std::string& field :
       {right, decibels, "  kl " + nats(test.kl), kl_of_layers(test.kl_per_layer),
        fmt::format("  {:.1f} s", train.seconds),
        fmt::format("  {:.0f} samples/s", train.samples_per_second)}) {
    if (line.size() + field.size() > kEpochColumns) break;
    line += field;
  }
  return line;
}

std::string share_line(const std::string& label, double share, int columns, bool colours) {
  return compose(label, share, {fmt::format("{:.0f} %", 100 * share)}, columns, colours);
}

void show_share(Terminal& terminal, const std::string& label, double share) {
  if (!terminal.due()) return;
  terminal.update(share_line(label, share, Terminal::columns(), Terminal::colours()));
}

std::function<bool(double)> share_progress(Terminal& terminal, const std::string& label) {
  return [&terminal, label](double share) {
    show_share(terminal, label, share);
    return stop_signal() == 0;
  };
}

}  // namespace vae::cli
