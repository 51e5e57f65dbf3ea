// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "host/cli/exit_status.h"
#include "host/cli/json_text.h"
#include "host/cli/progress_bar.h"
#include "host/cli/shared_options.h"
#include "host/cli/signals.h"
#include "host/cli/verbs.h"

namespace vae::cli {
namespace {

class Eval : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  EvaluateOptions options();
  std::string json(const Evaluation& result) const;
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
  write_stdout(json_ ? json(result) : table(result, model));
  return kSuccess;
}

EvaluateOptions Eval::options() {
  EvaluateOptions options;
  options.importance_samples = samples_;
  options.binarization = input_.binarization();
  options.seed = input_.seed();
  options.batch_size = batch_size_;
  options.progress = [this](double share) {
    if (terminal_.due()) {
      terminal_.update(share_line("evaluating", share, Terminal::columns(), Terminal::colours()));
    }
    return stop_signal() == 0;
  };
  return options;
}

std::string Eval::json(const Evaluation& result) const {
  Json json = {{"elbo", result.elbo},
               {"elbo_standard_error", result.elbo_standard_error},
               {"reconstruction", result.reconstruction},
               {"kl", result.kl},
               {"nll", nullptr},
               {"importance_samples", result.importance_samples},
               {"active_units", result.active_units},
               {"kl_per_dimension", result.kl_per_dimension},
               {"binarization", to_string(result.binarization)},
               {"n", result.images},
               {"split", data_.split()},
               {"seed", result.seed},
               {"device", result.device},
               {"checkpoint", model_.path()}};
  if (result.nll) json["nll"] = *result.nll;
  return json_text(json);
}

/// For people. Grey levels under a Bernoulli are no draws from it, so nothing here may pass as a
/// likelihood.
std::string Eval::table(const Evaluation& result, const Model& model) const {
  const bool is_likelihood = result.binarization != Binarization::none ||
                             model.config().likelihood != Likelihood::bernoulli;
  std::string text =
      fmt::format("{} {} images, binarization {}, {}; nats per image\n", result.images,
                  data_.split(), to_string(result.binarization), result.device);
  text += fmt::format("  elbo            {:10.3f} +- {:.3f}{}\n", result.elbo,
                      result.elbo_standard_error, is_likelihood ? "" : "   not a likelihood");
  text += fmt::format("  reconstruction  {:10.3f}\n", result.reconstruction);
  text += fmt::format("  kl              {:10.3f}\n", result.kl);
  if (result.nll && is_likelihood) {
    text += fmt::format("  nll({:<4})       {:10.3f}\n", result.importance_samples, *result.nll);
  } else if (result.nll) {
    text += fmt::format(
        "  -L_{:<4}         {:10.3f}   not a likelihood: importance-weighted\n"
        "                                bound on the grey-level cross-entropy\n",
        result.importance_samples, *result.nll);
  }
  text +=
      fmt::format("  active units    {:>6} of {}\n", result.active_units, model.config().latent);
  if (!is_likelihood) {
    text +=
        "  Grey levels were scored by a Bernoulli: the numbers compare runs of this setting\n"
        "  only. --binarization dynamic gives a likelihood of binary images.\n";
  }
  return text;
}

}  // namespace

std::unique_ptr<Verb> make_eval() { return std::make_unique<Eval>(); }

}  // namespace vae::cli
