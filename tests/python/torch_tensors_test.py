#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every tensor of ten training steps against PyTorch, which computes them anew from the weights and
the batches: heads, KL or log-ratios, log p(x|z), every gradient, every parameter after every step.
The noise is drawn anew, too.

A difference is the largest one of a tensor over the largest number in it; 1e-4 is allowed. Both
sides go their own way from the first step on. Adam's epsilon is large here: with a small one the
first updates are the signs of gradients, also of those that are nothing but rounding. The rate is
small for the same reason: ten large steps make of a last bit what they like. Importance weights are
those of small images: they take differences of log p, whose last bit is that of a sum over pixels.

Usage: torch_tensors_test.py VAE_TENSORS     exit status 77, loudly, where torch is not installed
"""
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile

if not importlib.util.find_spec("torch"):
    print("SKIPPED: PyTorch is not installed, nothing was compared (pip install torch)")
    sys.exit(77)

import numpy  # noqa: E402
import philox  # noqa: E402
import torch  # noqa: E402
import torch_model  # noqa: E402

TOLERANCE, STEPS = 1e-4, 10

# Keys that a configuration leaves out where they say nothing.
ABSENT = {"model": {"prior": "standard", "top": [], "top_latent": 0},
          "training": {"free_bits": 0, "weight_decay": 0, "importance_samples": 1,
                       "objective": "elbo"}}

SMALL = {"height": 8, "width": 8, "channels": 2, "latent": 5, "activation": "tanh"}
MLP = {**SMALL, "encoder": [9], "decoder": [7]}
IMAGE_CODE = {**SMALL, "latent": 32, "encoder": ["conv 6 4x4/2"], "heads": "conv 1x1",
              "decoder": ["conv 6 3x3 gelu"], "output": "deconv 4x4/2"}
TWO_LAYERS = {**MLP, "top": [8, 6], "top_latent": 3}
LABELS = {**MLP, "condition": "label", "classes": 4}
U_NET = {**SMALL, "latent": 32, "encoder": ["conv 6 3x3", "pool 2", "conv 5 3x3"],
         "heads": "conv 1x1", "decoder": ["conv 6 3x3", "skip 2", "upsample 2", "skip 0",
                                          "conv 6 3x3"], "output": "conv 3x3"}
MODELS = {
    "mlp-400-20": {"preset": "mlp-400-20"},
    "tutorial": {"preset": "tutorial"},
    "tutorial-conv": {"preset": "tutorial-conv"},
    "iwae-1": {"preset": "iwae-1"},
    "conv-28": {"preset": "conv-28"},
    "conv-32x3": {"preset": "conv-32x3"},
    "every layer": {"model": {
        **SMALL, "encoder": ["conv 6 3x3", "residual (conv 6 3x3, conv 6 1x1)", "pool 2",
                             "gated dense 16"],
        "decoder": ["dense 4x4x3", "upsample 2", "conv 5 3x3 silu", "pool 2"],
        "output": "deconv 4x4/2"}},
    "a code that is an image": {"model": IMAGE_CODE},
    "odd strides": {"model": {
        **SMALL, "encoder": ["conv 3 3x5/2x1 pad 1x2", "conv 4 5x5/3 pad 2"],
        "decoder": ["dense 4x4x3", "deconv 3 2x2/2 pad 0"], "output": "conv 3x3"}},
    "learned variance": {"model": {**MLP, "likelihood": "gaussian", "variance": "learned"}},
    "a variance per channel": {"model": {**MLP, "likelihood": "gaussian",
                                         "variance": "per-channel"}},
    "a variance per value": {"model": {**MLP, "likelihood": "gaussian", "variance": "per-pixel"}},
    "logistic": {"model": {**MLP, "likelihood": "logistic"}, "training": {"binarization": "none"}},
    "beta-binomial": {"model": {**MLP, "likelihood": "beta-binomial"},
                      "training": {"binarization": "none"}},
    "told labels": {"model": LABELS},
    "told labels, a code that is an image": {"model": {**IMAGE_CODE, "condition": "label",
                                                       "classes": 4}},
    "told vectors": {"model": {**MLP, "condition": "side", "side_size": 3}},
    "learned prior": {"model": {**MLP, "prior": "learned"}, "training": {"beta": 0.5}},
    "a prior of labels": {"model": {**LABELS, "prior": "conditional"}},
    "a prior of labels by layers": {"model": {**LABELS, "prior": "conditional",
                                              "prior_layers": [6]}},
    "a prior of labels of two layers": {"model": {**LABELS, **TWO_LAYERS, "prior": "conditional"}},
    "skips": {"model": U_NET},
    "two layers of latents": {"model": TWO_LAYERS},
    "two layers and a learned prior": {"model": {**TWO_LAYERS, "prior": "learned"}},
    "free bits": {"model": MLP, "training": {"free_bits": 0.02}},
    "decay": {"model": MLP, "training": {"weight_decay": 0.3}},
    "iwae": {"model": MLP, "training": {"importance_samples": 6}},
    "iwae, convolutions": {"model": IMAGE_CODE, "training": {"importance_samples": 3}},
    "iwae, a prior of labels": {"model": {**LABELS, "prior": "conditional"},
                                "training": {"importance_samples": 4}},
    "iwae, skips": {"model": U_NET, "training": {"importance_samples": 3}},
    "iwae, two layers": {"model": {**TWO_LAYERS, "prior": "learned"},
                         "training": {"importance_samples": 5}},
    "dreg": {"model": {**MLP, "prior": "learned"},
             "training": {"importance_samples": 6, "objective": "dreg"}},
}


class Comparison:
    """The worst relative difference so far, and whose it is."""

    def __init__(self):
        self.worst, self.where = 0.0, "nothing"

    def add(self, where, ours, theirs):
        theirs = theirs.detach().numpy().reshape(ours.shape)
        difference = numpy.abs(ours - theirs).max() / max(numpy.abs(theirs).max(), 1e-12)
        if not difference <= self.worst:
            self.worst, self.where = float(difference), where


def load(folder):
    return {path.stem: numpy.load(path) for path in folder.glob("*.npy")}


def noise_of(step, config, rows):
    """Of all latents, z's first."""
    model, training = config["model"], config["training"]
    widths = [model["latent"]] + [model["top_latent"]] * (model["top_latent"] > 0)
    streams = [philox.POSTERIOR, philox.FURTHER + 1]
    return [torch.tensor(philox.normals(training["seed"], stream, step + 1, rows,
                                        training["importance_samples"], width))
            for stream, width in zip(streams, widths)]


def adam_of(weights, training):
    decayed = [value for name, value in weights.items() if name.endswith(".weight")]
    others = [value for name, value in weights.items() if not name.endswith(".weight")]
    return torch.optim.AdamW([{"params": decayed, "weight_decay": training["weight_decay"]},
                              {"params": others, "weight_decay": 0.0}], training["learning_rate"],
                             (training["adam_beta1"], training["adam_beta2"]),
                             training["adam_epsilon"])


def compare(config, folder):
    """The worst difference of a dumped training."""
    network, training = torch_model.Network(config["model"]), config["training"]
    weights = {name: torch.tensor(value, requires_grad=True)
               for name, value in load(folder / "initial").items()}
    adam = adam_of(weights, training)
    worst = Comparison()
    for step in range(STEPS):
        found = load(folder / f"step{step}")
        batch = {name: torch.tensor(found[name]) for name in ("x", "condition") if name in found}
        noise = noise_of(step, config, len(batch["x"]))
        adam.zero_grad()
        loss, tensors = torch_model.objective(network, batch, noise, training, weights)
        loss.backward()
        for name, theirs in tensors.items():
            worst.add(f"step {step}, {name}", found[name], theirs)
        for name, weight in weights.items():
            worst.add(f"step {step}, gradient of {name}", found[name + ".grad"], weight.grad)
        adam.step()
        for name, weight in weights.items():
            worst.add(f"step {step}, {name}", found[name], weight)
    return worst


def with_large_epsilon(keys):
    training = {"adam_epsilon": 1e-2, "learning_rate": 1e-4, **keys.get("training", {})}
    return {**keys, "training": training}


def main():
    program, failed = sys.argv[1], False
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        for number, (title, keys) in enumerate(MODELS.items()):
            folder = pathlib.Path(temporary, str(number))
            folder.mkdir()
            path = folder / "config.json"
            path.write_text(json.dumps(with_large_epsilon(keys)), encoding="utf-8")
            subprocess.run([program, path, folder], check=True)
            found = json.loads((folder / "full.json").read_text(encoding="utf-8"))
            config = {part: {**absent, **found[part]} for part, absent in ABSENT.items()}
            worst = compare(config, folder)
            bad = not worst.worst <= TOLERANCE
            failed |= bad
            print(f"{'FAILED' if bad else 'ok'}: {title}: {worst.worst:.1e} ({worst.where})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
