// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "host/draw/palette.h"
#include "host/io/atomic_file.h"
#include "host/io/json.h"
#include "host/io/png.h"
#include "host/report/curves.h"
#include "host/report/page.h"
#include "host/report/run_pictures.h"
#include "host/report/run_record.h"
#include "host/run/pictures.h"
#include "host/text/html.h"
#include "host/text/number_text.h"
#include "kernels/check.h"
#include "vae/model.h"
#include "vae/report.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostCompared = 64;
constexpr int64_t kComparedColumns = 8, kComparedRows = 6;

/// A run as every part of the page shows it.
struct Contestant {
  RunRecord record;
  std::string name;
  std::string style;  // CSS class of its curves

  bool measured() const { return !record.train.empty() && !record.test.empty(); }
  /// The numbers of the epoch that stands for the run.
  const Metrics& shown() const { return record.best() ? *record.best() : record.test.back(); }
};

RunRecord read_contestant(const std::string& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored) || !fs::exists(folder + "/config.json", ignored)) {
    fail(ErrorCode::io, folder, ": no run folder",
         fs::exists(folder, ignored) ? " (there is no config.json in it)" : " (it does not exist)",
         "; give folders that `vae train` wrote");
  }
  return read_run_record(folder);
}

/// The folders' names, or, where two are alike, their whole paths.
std::vector<Contestant> read_contestants(const std::vector<std::string>& folders) {
  std::vector<Contestant> all;
  std::set<std::string> names;
  for (const std::string& folder : folders) {
    Contestant& run = all.emplace_back();
    run.record = read_contestant(folder);
    const fs::path path = fs::absolute(folder).lexically_normal();
    run.name = (path.has_filename() ? path : path.parent_path()).filename().string();
    run.style = "run-" + std::to_string(all.size() - 1);
    names.insert(run.name);
  }
  if (names.size() == all.size()) return all;
  for (size_t i = 0; i < all.size(); ++i) all[i].name = folders[i];
  return all;
}

std::string run_colours(const std::vector<Contestant>& runs) {
  std::string css;
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::string colour =
        css_text(class_colour(static_cast<int64_t>(i), static_cast<int64_t>(runs.size())));
    css += ".curve." + runs[i].style + " { stroke: " + colour + "; } .dot." + runs[i].style +
           ", .swatch." + runs[i].style + " { fill: " + colour + "; }\n";
  }
  return css;
}

std::string run_label(const Contestant& run) {
  return "<span class=\"key\"><svg viewBox=\"0 0 22 8\"><rect class=\"swatch " + run.style +
         "\" x=\"7\" width=\"8\" height=\"8\" rx=\"2\"/></svg>" + escape_html(run.name) + "</span>";
}

std::string results_row(const Contestant& run, bool best) {
  const auto cell = [](const std::string& text) { return "<td>" + text + "</td>"; };
  const RunRecord& record = run.record;
  std::string html =
      std::string(best ? "<tr class=\"best\">" : "<tr>") + "<th>" + run_label(run) + "</th>";
  const int64_t done = record.train.empty() ? 0 : record.train.back().epoch;
  html += cell(std::to_string(done) + " of " + std::to_string(record.config.training.epochs));
  if (!run.measured())
    return html + "<td class=\"missing\" colspan=\"6\">no epoch is finished yet</td></tr>\n";
  const Metrics& shown = run.shown();
  double seconds = 0.0;
  for (const Metrics& epoch : record.train) seconds += epoch.seconds;
  html += cell(std::to_string(shown.epoch));
  for (const auto field : {&Metrics::elbo, &Metrics::reconstruction, &Metrics::kl}) {
    html += cell(fixed_text(shown.*field, 2));
  }
  html += cell(fixed_text(seconds / static_cast<double>(record.train.size()), 2));
  return html + cell(record.parameters > 0 ? grouped_text(record.parameters) : "") + "</tr>\n";
}

/// What has to be one for the bounds to be compared, in words; empty where it is.
std::string incomparable(const std::vector<Contestant>& runs) {
  std::set<std::string> data, binarizations, likelihoods;
  for (const Contestant& run : runs) {
    data.insert(run.record.data_fingerprint);
    binarizations.insert(std::string(to_string(run.record.config.training.binarization)));
    likelihoods.insert(std::string(to_string(run.record.config.model.likelihood)));
  }
  std::string list;
  const auto add = [&](const std::set<std::string>& values, const char* what) {
    if (values.size() > 1) list += (list.empty() ? "" : ", ") + std::string(what);
  };
  add(data, "data");
  add(binarizations, "binarization");
  add(likelihoods, "likelihood");
  return list;
}

std::string results(const std::vector<Contestant>& runs) {
  const std::string differs = incomparable(runs);
  const Contestant* best = nullptr;
  for (const Contestant& run : runs) {
    if (run.measured() && (!best || run.shown().elbo > best->shown().elbo)) best = &run;
  }
  std::string html =
      "<div class=\"table\"><table class=\"numbers compared\">\n<tr><th>run</th><th>epochs</th>"
      "<th>at epoch</th><th>test ELBO</th><th>reconstruction</th><th>KL</th><th>s per epoch</th>"
      "<th>parameters</th></tr>\n";
  for (const Contestant& run : runs) {
    html += results_row(run, differs.empty() && runs.size() > 1 && &run == best);
  }
  html +=
      "</table></div>\n<p class=\"note\">Nats per test image, at the epoch of the best "
      "checkpoint, or at the last one where there is none.";
  if (!differs.empty()) {
    html += " <b>The bounds do not compare: the runs differ in " + differs + ".</b>";
  }
  return html + "</p>\n";
}

/// Whether the first epochs are left out of the axes, as in the report of a run.
bool all_have_later_epochs(const std::vector<Contestant>& runs) {
  return std::all_of(runs.begin(), runs.end(), [](const Contestant& run) {
    return run.record.train.empty() || run.record.train.size() >= 5;
  });
}

std::string overlaid(const std::vector<Contestant>& runs, const std::string& title,
                     std::vector<Metrics> RunRecord::*lines, double Metrics::*field, bool wide) {
  LinePlot plot{title, "epoch", "nats per image", {}};
  if (all_have_later_epochs(runs)) plot.fit_from = 2;
  for (const Contestant& run : runs) {
    plot.series.push_back(epoch_series(run.name, run.style, run.record.*lines, field));
  }
  return plot_figure(plot, wide);
}

std::string curves(const std::vector<Contestant>& runs) {
  std::string html = overlaid(runs, "Test ELBO", &RunRecord::test, &Metrics::elbo, true);
  if (html.empty()) return html;
  html += overlaid(runs, "Reconstruction, test", &RunRecord::test, &Metrics::reconstruction, false);
  html += overlaid(runs, "KL, test", &RunRecord::test, &Metrics::kl, false);
  html += overlaid(runs, "ELBO, training", &RunRecord::train, &Metrics::elbo, false);
  html += overlaid(runs, "ELBO, validation", &RunRecord::validation, &Metrics::elbo, false);
  return "<h2>Curves</h2>\n<div class=\"plots\">\n" + html + "</div>\n";
}

struct Difference {
  std::string name;
  std::vector<std::string> values;  // of each run

  bool differs() const {
    return std::any_of(values.begin(), values.end(),
                       [&](const std::string& value) { return value != values.front(); });
  }
};

/// A section where everything is as usual is not written, nor is a key of it.
std::string value_text(const nlohmann::json& config, const ConfigKey& key) {
  const auto section = config.find(std::string(key.section));
  if (section == config.end() || !section->contains(std::string(key.name))) return "-";
  return section->at(std::string(key.name)).dump();
}

std::vector<Difference> find_differences(const std::vector<Contestant>& runs) {
  std::vector<Difference> all = {{"data", {}}, {"device", {}}, {"version", {}}};
  for (const Contestant& run : runs) {
    all[0].values.push_back(run.record.data + (run.record.data_fingerprint.empty()
                                                   ? ""
                                                   : " (" + run.record.data_fingerprint + ")"));
    all[1].values.push_back(run.record.device);
    all[2].values.push_back(run.record.version);
  }
  std::vector<JsonDocument> configs;
  for (const Contestant& run : runs) {
    configs.push_back(parse_json(config_to_json(run.record.config), run.name));
  }
  for (const ConfigKey& key : config_keys()) {
    Difference difference{std::string(key.name), {}};
    for (const JsonDocument& config : configs) {
      difference.values.push_back(value_text(*config, key));
    }
    all.push_back(std::move(difference));
  }
  std::erase_if(all, [](const Difference& each) { return !each.differs(); });
  return all;
}

std::string differences_table(const std::vector<Contestant>& runs) {
  const std::vector<Difference> found = find_differences(runs);
  std::string html = "<h2>Settings that differ</h2>\n";
  if (found.empty()) return html + "<p>None: these are runs of one configuration.</p>\n";
  html += "<div class=\"table\"><table class=\"compared\">\n<tr><th></th>";
  for (const Contestant& run : runs) html += "<th>" + run_label(run) + "</th>";
  html += "</tr>\n";
  for (const Difference& each : found) {
    html += "<tr><th>" + escape_html(each.name) + "</th>";
    for (const std::string& value : each.values) html += "<td>" + escape_html(value) + "</td>";
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

/// Prior samples of the checkpoint that stands for the run, or why there are none.
std::string samples_figure(const Contestant& run, const ComparisonOptions& options) {
  const std::string begin = "<figure class=\"picture\"><figcaption>" + run_label(run);
  try {
    Model model = Model::load(run.record.folder, options.device);
    if (model.config().condition == Condition::side) {
      return begin + " no samples: the model takes a side vector of each</figcaption></figure>\n";
    }
    if (model.config().condition == Condition::seen) {
      return begin + " no samples: the model restores images</figcaption></figure>\n";
    }
    if (model.config().has_class_target()) {
      return begin + " no samples: the model decodes classes</figcaption></figure>\n";
    }
    if (model.config().decodes_with_image()) {
      return begin +
             " no samples: the decoder reads the encoder of an image</figcaption></figure>\n";
    }
    const Image picture = sample_picture(model, options.seed, kComparedColumns, kComparedRows);
    const std::optional<int64_t> epoch = model.checkpoint()->epoch;
    return begin + (epoch ? " after epoch " + std::to_string(*epoch) : std::string()) +
           "</figcaption><img alt=\"samples\" src=\"" +
           embedded_png(encode_png(picture), run.name) + "\"></figure>\n";
  } catch (const Error& error) {
    if (error.code() != ErrorCode::io && error.code() != ErrorCode::corrupt) throw;
    return begin + " no samples: " + escape_html(error.what()) + "</figcaption></figure>\n";
  }
}

}  // namespace

void write_comparison(const std::string& path, const std::vector<std::string>& run_folders,
                      const ComparisonOptions& options) {
  VAE_CHECK(!run_folders.empty() && run_folders.size() <= kMostCompared, "a comparison of ",
            run_folders.size(), " runs; choose 1 to ", kMostCompared);
  const std::vector<Contestant> runs = read_contestants(run_folders);
  const std::string title = std::to_string(runs.size()) + " runs compared";
  std::string html = "<h1>" + title + "</h1>\n<p class=\"lead\">";
  for (const Contestant& run : runs) html += run_label(run) + " ";
  html += "</p>\n<h2>Results</h2>\n" + results(runs) + curves(runs) + differences_table(runs) +
          "<h2>Samples from the prior</h2>\n<p class=\"note\">The same draws for every run (seed " +
          std::to_string(options.seed) +
          "): where two have as many latent dimensions, a place holds the same code.</p>\n"
          "<div class=\"pair\">\n";
  for (const Contestant& run : runs) html += samples_figure(run, options);
  html += "</div>\n";
  write_file_atomically(path, std::string_view(make_page(title, html, run_colours(runs))));
}

}  // namespace vae
