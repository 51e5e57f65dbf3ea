// SPDX-License-Identifier: MIT
#include "host/report/live.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "host/text/html.h"
#include "host/text/number_text.h"
#include "host/text/shell_quote.h"

namespace vae {
namespace {

std::string progress_words(const RunRecord& run) {
  return "step " + grouped_text(run.step) + " of " + grouped_text(run.steps);
}

std::string resume_command(const RunRecord& run) {
  const std::filesystem::path folder = std::filesystem::absolute(run.folder).lexically_normal();
  return "vae train --resume --out " + shell_quoted(folder.string());
}

std::string status_words(const RunRecord& run) {
  if (run.status == "running") {
    return "Running: " + progress_words(run) + ". This page looks for news by itself. ";
  }
  if (run.status == "finished") return "Finished: " + progress_words(run) + ".";
  if (run.status == "stopped") return "Stopped after " + progress_words(run) + ". ";
  return (run.status == "diverged" ? "Diverged" : "Failed") + std::string(" after ") +
         progress_words(run) + (run.reason.empty() ? ". " : ": " + run.reason + ". ");
}

}  // namespace

int64_t patience_seconds(const RunRecord& run) {
  constexpr double kAtLeast = 300, kAtMost = 7 * 24 * 3600, kEpochs = 3;
  double seconds = 0.0;
  for (const auto* lines : {&run.train, &run.validation, &run.test}) {
    if (!lines->empty()) seconds += lines->back().seconds;
  }
  if (!std::isfinite(seconds)) return static_cast<int64_t>(kAtLeast);
  return static_cast<int64_t>(std::clamp(kEpochs * seconds, kAtLeast, kAtMost));
}

std::string status_html(const RunRecord& run) {
  if (run.status.empty()) return {};
  const bool running = run.status == "running",
             resumable = running || run.status == "stopped" || run.status == "failed";
  std::string html = "<div class=\"status " + escape_html(run.status) + "\"";
  if (running) {
    html += " data-alive=\"" + std::to_string(run.alive_at) + "\" data-patience=\"" +
            std::to_string(patience_seconds(run)) + "\"";
  }
  html += "><span class=\"words\">" + escape_html(status_words(run)) + "</span>";
  if (resumable) {
    html += std::string("<span class=\"resume\"") + (running ? " hidden" : "") + "><code>" +
            escape_html(resume_command(run)) + "</code> goes on.</span>";
  }
  if (running && run.steps > 0) {
    const double share = static_cast<double>(run.step) / static_cast<double>(run.steps);
    html += "<div class=\"bar\"><i style=\"width:" +
            fixed_text(100.0 * std::clamp(share, 0.0, 1.0), 1) + "%\"></i></div>";
  }
  return html + "</div>\n";
}

}  // namespace vae
