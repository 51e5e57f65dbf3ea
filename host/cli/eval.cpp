// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "host/cli/exit_status.h"
#include "host/cli/json_text.h"
#include "host/cli/progress_bar.h"
#include "host/cli/shared_options.h"
#include "host/cli/signals.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"

namespace vae::cli {
namespace {

/// " +- 0.123" behind a number; nothing where one image gave it.
std::string error_text(double standard_error, int places = 3) {
  return std::isfinite(standard_error) ? fmt::format(" +- {:.{}f}", standard_error, places) : "";
}

/// What was not measured is null, and so is NaN, which JSON does not have.
Json finite_or_null(std::optional<double> number) {
  return number && std::isfinite(*number) ? Json(*number) : Json();
}

class Eval : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  EvaluateOptions options();
  std::string json(const Evaluation& result, const Model& model) const;
  std::string table(const Evaluation& result, const Model& model) const;

  Terminal terminal_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  int64_t samples_ = 0, batch_size_ = 128;
  bool json_ = false;
};

void Eval::declare(Command& command) {
  model_.declare(command);
  data_.declare(command, true);
  command.group("Evaluation");
  command.integer("--importance-samples", samples_, 0, 1000000,
                  "K of the bound L_K, reported as nll; 0: no nll");
  input_.declare(command, "as in training");
  command.integer("--batch-size", batch_size_, 1, 1 << 20, "images at a time; changes no number");
  command.flag("--json", json_, "print one JSON object");
  terminal_.declare(command, true);
  command.examples(
      "  vae eval runs/first\n"
      "  vae eval runs/first --data mnist --importance-samples 500 --json");
}

int Eval::run() {
  watch_signals();
  Model model = model_.load(terminal_);
  const ImageSet images = data_.load(model, terminal_);
  stop_when_asked();
  const Evaluation result = model.evaluate(images, options());
  terminal_.clear();
  if (stop_signal() != 0) return 128 + stop_signal();
  write_stdout(json_ ? json(result, model) : table(result, model));
  return kSuccess;
}

EvaluateOptions Eval::options() {
  EvaluateOptions options;
  options.importance_samples = samples_;
  options.binarization = input_.binarization();
  options.seed = input_.seed();
  options.batch_size = batch_size_;
  options.reconstructions = true;
  options.progress = share_progress(terminal_, "evaluating");
  return options;
}

std::string Eval::json(const Evaluation& result, const Model& model) const {
  Json json = {
      {"elbo", result.elbo},
      {"elbo_standard_error", finite_or_null(result.elbo_standard_error)},
      {"reconstruction", result.reconstruction},
      {"kl", result.kl},
      {"nll", finite_or_null(result.nll)},
      {"nll_standard_error", finite_or_null(result.nll_standard_error)},
      {"importance_samples", result.importance_samples},
      {"active_units", result.active_units},
      {"kl_per_dimension", result.kl_per_dimension},
      {"kl_per_layer", result.kl_per_layer},
      {"bits_per_dimension", finite_or_null(result.bits_per_dimension)},
      {"accuracy", finite_or_null(result.accuracy)},
      {"mean_iou", finite_or_null(result.mean_iou)},
      {"mean_iou_standard_error", finite_or_null(result.mean_iou_standard_error)},
      {"foreground_iou", finite_or_null(result.foreground_iou)},
      {"foreground_iou_standard_error", finite_or_null(result.foreground_iou_standard_error)},
      {"threshold_mean_iou", finite_or_null(result.threshold_mean_iou)},
      {"threshold_foreground_iou", finite_or_null(result.threshold_foreground_iou)},
      {"average_precision", finite_or_null(result.average_precision)},
      {"average_precision_standard_error", finite_or_null(result.average_precision_standard_error)},
      {"average_precision_of_places", finite_or_null(result.average_precision_of_places)},
      {"psnr", finite_or_null(result.psnr)},
      {"psnr_standard_error", finite_or_null(result.psnr_standard_error)},
      {"input_psnr", finite_or_null(result.input_psnr)},
      {"mean_squared_error", finite_or_null(result.mean_squared_error)},
      {"mean_squared_error_standard_error",
       finite_or_null(result.mean_squared_error_standard_error)},
      {"occupancy_iou", finite_or_null(result.occupancy_iou)},
      {"occupancy_iou_standard_error", finite_or_null(result.occupancy_iou_standard_error)},
      {"binarization", to_string(result.binarization)},
      {"n", result.images},
      {"split", data_.split()},
      {"seed", result.seed},
      {"device", result.device}};
  json.update(checkpoint_json(model));
  return json_text(json);
}

/// For people. Grey levels under a Bernoulli are no draws from it, so nothing here may pass as a
/// likelihood.
std::string Eval::table(const Evaluation& result, const Model& model) const {
  std::string text =
      fmt::format("{} {} images, binarization {}, {}; nats per image\n", result.images,
                  data_.split(), to_string(result.binarization), result.device);
  text += fmt::format("  elbo            {:10.3f}{}{}\n", result.elbo,
                      error_text(result.elbo_standard_error),
                      result.is_likelihood ? "" : "   not a likelihood");
  text += fmt::format("  reconstruction  {:10.3f}\n", result.reconstruction);
  text += fmt::format("  kl              {:10.3f}\n", result.kl);
  for (std::size_t layer = 0; layer < result.kl_per_layer.size() && result.kl_per_layer.size() > 1;
       ++layer) {
    text += fmt::format("    of z{:<11}{:10.3f}\n", layer == 0 ? "" : std::to_string(layer + 1),
                        result.kl_per_layer[layer]);
  }
  if (result.nll && result.is_likelihood) {
    text += fmt::format("  {:<15} {:10.3f}{}\n", fmt::format("nll({})", result.importance_samples),
                        *result.nll, error_text(result.nll_standard_error));
  } else if (result.nll) {
    text += fmt::format(
        "  {:<15} {:10.3f}{}   not a likelihood: importance-weighted\n"
        "                   bound on the grey-level cross-entropy\n",
        fmt::format("-L_{}", result.importance_samples), *result.nll,
        error_text(result.nll_standard_error));
  }
  if (result.bits_per_dimension) {
    text += fmt::format("  bits/dimension  {:10.4f}   -elbo in bits a pixel value\n",
                        *result.bits_per_dimension);
  }
  if (result.psnr) {
    text +=
        fmt::format("  PSNR            {:10.2f} dB{}   of E[x|z = mu]; of its inputs {:.2f} dB\n",
                    *result.psnr, error_text(*result.psnr_standard_error), *result.input_psnr);
  }
  if (result.mean_squared_error) {
    text += fmt::format("  squared error   {:10.5f}{}   of E[x|z = mu], mean over the values\n",
                        *result.mean_squared_error,
                        error_text(*result.mean_squared_error_standard_error, 5));
  }
  if (result.occupancy_iou && std::isfinite(*result.occupancy_iou)) {
    text += fmt::format("  occupancy IoU   {:10.4f}{}   of the values above 0.5\n",
                        *result.occupancy_iou, error_text(*result.occupancy_iou_standard_error, 4));
  }
  if (result.accuracy && std::isfinite(*result.accuracy)) {
    text +=
        fmt::format("  right classes   {:10.2f} %   of {} at z = mu\n", 100.0 * *result.accuracy,
                    model.config().target == Target::mask ? "the pixels" : "the images");
  }
  if (result.mean_iou && std::isfinite(*result.mean_iou)) {
    text += fmt::format("  mean IoU        {:10.3f}{}   over classes; of a threshold {:.3f}\n",
                        *result.mean_iou, error_text(*result.mean_iou_standard_error),
                        *result.threshold_mean_iou);
    text +=
        fmt::format("  foreground IoU  {:10.3f}{}   of all but class 0; of a threshold {:.3f}\n",
                    *result.foreground_iou, error_text(*result.foreground_iou_standard_error),
                    *result.threshold_foreground_iou);
  }
  if (result.average_precision && std::isfinite(*result.average_precision)) {
    text +=
        fmt::format("  mAP50           {:10.4f}{}   of boxes at z = mu; of places alone {:.4f}\n",
                    *result.average_precision, error_text(*result.average_precision_standard_error),
                    *result.average_precision_of_places);
  }
  text += fmt::format("  active units    {:>6} of {}\n", result.active_units,
                      model.config().all_latents());
  if (!result.is_likelihood) {
    text +=
        "  Grey levels were scored by a Bernoulli: the numbers compare runs of this setting\n"
        "  only. --binarization dynamic gives a likelihood of binary images.\n";
  }
  return text;
}

}  // namespace

std::unique_ptr<Verb> make_eval() { return std::make_unique<Eval>(); }

}  // namespace vae::cli
