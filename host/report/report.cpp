// SPDX-License-Identifier: MIT
#include "vae/report.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "host/io/atomic_file.h"
#include "host/report/curves.h"
#include "host/report/live.h"
#include "host/report/network_text.h"
#include "host/report/page.h"
#include "host/report/run_pictures.h"
#include "host/report/run_record.h"
#include "host/report/settings.h"
#include "host/text/html.h"
#include "host/text/number_text.h"

namespace vae {
namespace {

constexpr size_t kMostTableRows = 200;
constexpr size_t kMostBars = 400;

std::string card(const std::string& name, const std::string& value, const std::string& unit,
                 const std::string& more) {
  return "<div class=\"card\"><div class=\"name\">" + escape_html(name) +
         "</div><div class=\"value\">" + escape_html(value) + " <span class=\"unit\">" +
         escape_html(unit) + "</span></div><div class=\"more\">" + escape_html(more) +
         "</div></div>\n";
}

/// Of Metrics::bound.
std::string bound_title(int64_t samples) {
  return samples > 1 ? "L_" + std::to_string(samples) : "ELBO";
}

/// Which weights stand for the run, and why.
std::string choice_text(const RunRecord& run) {
  const TrainConfig& training = run.config.training;
  if (!run.best_epoch) {
    const bool warming = static_cast<double>(run.test.back().epoch) < training.kl_warmup_epochs;
    return "There is no best checkpoint" +
           (warming ? " before an epoch has ended after the KL warm-up of " +
                          short_text(training.kl_warmup_epochs) + " epochs"
                    : std::string()) +
           "; the newest one is used.";
  }
  const EpochRecord& best = *run.best_epoch;
  std::string text = "The best checkpoint is that of epoch " + std::to_string(best.epoch);
  text += best.validation ? ", chosen on the validation images" : ", chosen on the test set";
  text +=
      " by the objective at its final weight, " +
      (training.importance_samples > 1 ? bound_title(training.importance_samples)
                                       : "reconstruction - " + short_text(training.beta) + " KL") +
      " = " + fixed_text(best.objective(training.beta), 2) + ".";
  if (best.validation) return text;
  return text +
         " Its test figures are therefore a little too good; --validation sets training images "
         "aside to choose by.";
}

/// "; 14.20 of z, 6.30 of z2" where there are latents above z.
std::string kl_of_layers(const Metrics& metrics) {
  std::string text;
  for (std::size_t layer = 0; layer < metrics.kl_per_layer.size(); ++layer) {
    text += (layer == 0 ? "; " : ", ") + fixed_text(metrics.kl_per_layer[layer], 2) + " of z" +
            (layer == 0 ? "" : std::to_string(layer + 1));
  }
  return text;
}

std::string cards(const RunRecord& run) {
  if (run.test.empty() || run.train.empty()) {
    return "<p class=\"note\">No epoch is finished yet.</p>\n";
  }
  const Metrics& last = run.test.back();
  const Metrics& shown = run.best() ? *run.best() : last;  // what the program uses of the run
  double seconds = 0.0, rate = 0.0;
  for (const Metrics& epoch : run.train) seconds += epoch.seconds;
  for (const Metrics& epoch : run.train) rate += epoch.samples_per_second;
  const auto epochs = static_cast<double>(run.train.size());
  const std::string nats = "nats";
  std::string html = "<div class=\"cards\">\n";
  html += card("Test " + bound_title(shown.importance_samples), fixed_text(shown.bound, 2), nats,
               "epoch " + std::to_string(shown.epoch) +
                   (shown.epoch == last.epoch ? ", the last one"
                                              : "; " + fixed_text(last.bound, 2) + " at epoch " +
                                                    std::to_string(last.epoch)));
  html += card("Reconstruction", fixed_text(shown.reconstruction, 2), nats, "E log p(x|z), test");
  html +=
      card("KL", fixed_text(shown.kl, 2), nats, "KL(q(z|x) || p(z)), test" + kl_of_layers(shown));
  html += card("Time per epoch", fixed_text(seconds / epochs, seconds / epochs < 10 ? 2 : 1), "s",
               grouped_text(static_cast<int64_t>(rate / epochs)) + " images/s");
  if (run.parameters > 0) {
    html += card("Parameters", grouped_text(run.parameters), "", network_text(run.config.model));
  }
  return html + "</div>\n<p class=\"note\">" + escape_html(choice_text(run)) + "</p>\n";
}

/// Whether the first epoch is left out of the axes: it is so far off that the later ones would be
/// one flat line.
bool fits_later_epochs(const RunRecord& run) { return run.train.size() >= 5; }

using Quantity = double Metrics::*;

std::string nats_plot(const RunRecord& run, const std::string& title, Quantity field, bool wide) {
  LinePlot drawing{title, "epoch", "nats per image", {}};
  if (fits_later_epochs(run)) drawing.fit_from = 2;
  drawing.series = {epoch_series("train", "train", run.train, field),
                    epoch_series("test", "test", run.test, field)};
  if (!run.validation.empty()) {
    drawing.series.push_back(epoch_series("validation", "validation", run.validation, field));
  }
  return plot_figure(drawing, wide);
}

bool varies(const std::vector<Metrics>& lines, Quantity field) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const Metrics& line) { return line.*field != lines.front().*field; });
}

std::string setting_plot(const RunRecord& run, const std::string& title, Quantity field) {
  if (!varies(run.train, field)) return {};
  LinePlot drawing{title + " at the end of the epoch", "epoch", "", {}};
  drawing.series = {epoch_series(title, "single", run.train, field)};
  drawing.decimals = 6;
  return plot_figure(drawing, /*wide=*/false);
}

std::string kl_plot(const RunRecord& run) {
  const auto& epoch = run.best_epoch ? run.best_epoch : run.last_epoch;
  if (!epoch) return {};
  std::vector<double> kl = epoch->kl_per_dimension;
  std::sort(kl.rbegin(), kl.rend());
  const std::string of = "; epoch " + std::to_string(epoch->epoch);
  std::string title = "KL of each latent dimension, sorted" + of;
  if (kl.size() > kMostBars) {
    title = "KL of latent dimensions, the largest " + std::to_string(kMostBars) + " of " +
            grouped_text(static_cast<int64_t>(kl.size())) + of;
    kl.resize(kMostBars);
  }
  return plot_figure(BarPlot{title, "rank", "nats", kl});
}

std::string plots(const RunRecord& run) {
  if (run.train.empty()) return {};
  std::string html = "<h2>Curves</h2>\n<div class=\"plots\">\n";
  const int64_t samples = run.train.front().importance_samples;
  html += nats_plot(run, bound_title(samples), &Metrics::bound, /*wide=*/true);
  html += nats_plot(run, "Reconstruction", &Metrics::reconstruction, false);
  html += nats_plot(run, "KL", &Metrics::kl, false);
  html += setting_plot(run, "Learning rate", &Metrics::learning_rate);
  html += setting_plot(run, "KL weight (beta)", &Metrics::beta);
  html += kl_plot(run);
  html +=
      "</div>\n<p class=\"note\">Averages over images. <b>train</b> is the running mean over the "
      "epoch while the weights moved, <b>test</b>" +
      std::string(run.validation.empty() ? " is" : " and <b>validation</b> are") +
      " measured after the epoch. The " +
      (samples > 1 ? "bound is the objective's, at its weight of the KL term."
                   : "bound is always shown at beta = 1, whatever weight the objective uses.");
  if (fits_later_epochs(run)) {
    html += " The axes fit the epochs from the second on; the table below has their numbers.";
  }
  return html + "</p>\n";
}

std::string settings(const RunRecord& run) {
  std::string html = "<h2>What was trained</h2>\n<div class=\"table\"><table class=\"settings\">\n";
  for (const Setting& setting : describe_settings(run)) {
    html += "<tr><th>" + escape_html(setting.name) + "</th><td>" + escape_html(setting.value) +
            "</td></tr>\n";
  }
  return html + "</table></div>\n<details><summary>Complete configuration</summary><div " +
         "class=\"table\"><pre>" + escape_html(config_to_json(run.config)) +
         "</pre></div></details>\n";
}

/// The epochs of the table: all of them or, of a long run, evenly spaced ones with the first, the
/// best and the last.
std::vector<const Metrics*> table_rows(const RunRecord& run, size_t distance) {
  const Metrics* best = run.best();
  std::vector<const Metrics*> rows;
  for (size_t i = 0; i < run.train.size(); ++i) {
    const Metrics& line = run.train[i];
    const bool shown = i == 0 || (i + 1) % distance == 0 || i + 1 == run.train.size() ||
                       (best && best->epoch == line.epoch);
    if (shown) rows.push_back(&line);
  }
  return rows;
}

using LinesByEpoch = std::map<int64_t, const Metrics*>;

LinesByEpoch by_epoch(const std::vector<Metrics>& lines) {
  LinesByEpoch result;
  for (const Metrics& line : lines) result.emplace(line.epoch, &line);
  return result;
}

const Metrics* line_of(const LinesByEpoch& lines, int64_t epoch) {
  const auto line = lines.find(epoch);
  return line == lines.end() ? nullptr : line->second;
}

/// `test` and `validation` are the lines of the same epoch; null where there is none.
std::string table_row(const Metrics& train, const Metrics* test, const Metrics* validation,
                      bool validated, bool best) {
  const auto cell = [](const std::string& text) { return "<td>" + text + "</td>"; };
  std::string html = best ? "<tr class=\"best\">" : "<tr>";
  html += cell(std::to_string(train.epoch));
  for (const Quantity field : {&Metrics::bound, &Metrics::reconstruction, &Metrics::kl}) {
    html += cell(test ? fixed_text(test->*field, 2) : "");
  }
  if (validated) html += cell(validation ? fixed_text(validation->bound, 2) : "");
  return html + cell(fixed_text(train.bound, 2)) + cell(fixed_text(train.seconds, 2)) +
         cell(grouped_text(static_cast<int64_t>(train.samples_per_second))) + "</tr>\n";
}

std::string epochs_table(const RunRecord& run) {
  if (run.train.empty()) return {};
  const size_t distance = (run.train.size() - 1) / kMostTableRows + 1;
  const bool validated = !run.validation.empty();
  const std::string bound = bound_title(run.train.front().importance_samples);
  std::string html = "<details><summary>" +
                     (distance == 1 ? std::string("Every epoch")
                                    : "One epoch in " + std::to_string(distance) +
                                          ", and the first, the best and the last; "
                                          "metrics.jsonl has them all") +
                     "</summary><div class=\"table\"><table class=\"numbers\">\n"
                     "<tr><th>epoch</th><th>test " +
                     bound + "</th><th>reconstruction</th><th>KL</th>" +
                     (validated ? "<th>validation " + bound + "</th>" : "") + "<th>train " + bound +
                     "</th><th>seconds</th><th>images/s</th></tr>\n";
  const auto tests = by_epoch(run.test), validations = by_epoch(run.validation);
  const Metrics* best = run.best();
  for (const Metrics* train : table_rows(run, distance)) {
    html += table_row(*train, line_of(tests, train->epoch), line_of(validations, train->epoch),
                      validated, best && best->epoch == train->epoch);
  }
  return html + "</table></div></details>\n";
}

std::string lead(const RunRecord& run) {
  const int64_t done = run.train.empty() ? 0 : run.train.back().epoch;
  std::string text =
      std::to_string(done) + " of " + std::to_string(run.config.training.epochs) + " epochs";
  if (!run.data.empty()) text += " on " + run.data;
  text += ", binarization: " + std::string(to_string(run.config.training.binarization));
  if (!run.device.empty()) text += ", " + run.device;
  return escape_html(text);
}

/// Of what `vae explore` has left beside the report.
std::string explorer_link(const RunRecord& run) {
  std::error_code missing;
  if (!std::filesystem::is_regular_file(run.folder + "/explore.html", missing)) return {};
  return "<p class=\"note\"><a href=\"explore.html\">Explore the latent space</a>: a page that "
         "decodes what you point at.</p>\n";
}

std::string page(const RunRecord& run) {
  const std::string name =
      std::filesystem::absolute(run.folder).lexically_normal().filename().string();
  const std::string title = "Variational autoencoder " + network_text(run.config.model);
  std::string html =
      "<h1>" + escape_html(title) + "</h1>\n<p class=\"lead\">" + lead(run) + "</p>\n";
  html += status_html(run) + cards(run) + explorer_link(run) + pictures_html(run) + plots(run) +
          epochs_table(run) + settings(run);
  if (!run.version.empty()) html += "<footer>" + escape_html(run.version) + "</footer>\n";
  return make_page(name.empty() ? title : name + ": " + title, html, {}, report_script());
}

}  // namespace

void write_report(const std::string& run_folder) {
  write_file_atomically(run_folder + "/report.html",
                        std::string_view(page(read_run_record(run_folder))));
}

}  // namespace vae
