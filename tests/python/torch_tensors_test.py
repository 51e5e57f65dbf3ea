#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every tensor of ten training steps against PyTorch, which computes them anew from the weights, the
batches and the noise: heads, KL, log p(x|z), every gradient, every parameter after every step.

A difference is the largest one of a tensor over the largest number in it; 1e-4 is allowed. Both
sides go their own way from the first step on. Adam's epsilon is large here: with a small one the
first updates are the signs of gradients, also of those that are nothing but rounding. The rate is
small for the same reason: ten large steps make of a last bit what they like.

Usage: torch_tensors_test.py VAE_TENSORS     exit status 77, loudly, where torch is not installed
"""
import importlib.util
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

if not importlib.util.find_spec("torch"):
    print("SKIPPED: PyTorch is not installed, nothing was compared (pip install torch)")
    sys.exit(77)

import numpy  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional  # noqa: E402

TOLERANCE, STEPS = 1e-4, 10
ACTIVATIONS = {"none": lambda x: x, "relu": functional.relu, "tanh": torch.tanh,
               "leaky_relu": functional.leaky_relu, "sigmoid": torch.sigmoid,
               "softplus": functional.softplus, "elu": functional.elu, "gelu": functional.gelu,
               "silu": functional.silu}

SMALL = {"height": 8, "width": 8, "channels": 2, "latent": 5, "activation": "tanh"}
MODELS = {
    "mlp-400-20": {"preset": "mlp-400-20"},
    "tutorial": {"preset": "tutorial"},
    "tutorial-conv": {"preset": "tutorial-conv"},
    "iwae-1": {"preset": "iwae-1"},
    "conv-28": {"preset": "conv-28"},
    "conv-32x3": {"preset": "conv-32x3"},
    "learned variance": {"model": {**SMALL, "encoder": [9], "decoder": [7],
                                   "likelihood": "gaussian", "variance": "learned"}},
    "every layer": {"model": {
        **SMALL, "encoder": ["conv 6 3x3", "residual (conv 6 3x3, conv 6 1x1)", "pool 2",
                             "gated dense 16"],
        "decoder": ["dense 4x4x3", "upsample 2", "conv 5 3x3 silu", "pool 2"],
        "output": "deconv 4x4/2"}},
    "a code that is an image": {"model": {
        **SMALL, "latent": 32, "encoder": ["conv 6 4x4/2"], "heads": "conv 1x1",
        "decoder": ["conv 6 3x3 gelu"], "output": "deconv 4x4/2"}},
    "odd strides": {"model": {
        **SMALL, "encoder": ["conv 3 3x5/2x1 pad 1x2", "conv 4 5x5/3 pad 2"],
        "decoder": ["dense 4x4x3", "deconv 3 2x2/2 pad 0"], "output": "conv 3x3"}},
}


def paired(text, default):
    """(2, 1) of "2x1", (3, 3) of "3"."""
    if not text:
        return default
    numbers = [int(n) for n in text.split("x")]
    return (numbers * 2)[:2]


class Layer:
    """A layer's words; `name` is the prefix of its parameters."""

    def __init__(self, words, name, model_activation):
        words = str(words)
        self.name, self.inner = name, []
        residual = re.fullmatch(r"residual \((.*)\)(?: (\w+))?", words)
        if residual:
            parts = residual[1].split(", ")
            self.kind, activation = "residual", residual[2]
            self.inner = [Layer(part, f"{name}.{i}",
                                "none" if i == len(parts) - 1 else model_activation)
                          for i, part in enumerate(parts)]
        else:
            found = re.fullmatch(r"(?:(gated dense|dense|conv|deconv|upsample|pool) ?)?([\dx/ ]*?)"
                                 r"(?: ?pad ([\dx]+))?(?: ?([a-z_]+))?", words)
            self.kind, activation = found[1] or "dense", found[4]
            self.sizes, self.padding = found[2].split(), found[3]
        quiet = self.kind in ("gated dense", "upsample", "pool")
        self.activate = ACTIVATIONS["none" if quiet else activation or model_activation]

    def geometry(self):
        """kernel, stride, padding of a convolution."""
        kernel, _, stride = self.sizes[-1].partition("/")
        kernel, stride = paired(kernel, None), paired(stride, (1, 1))
        default = [max(0, k - s + 1) // 2 for k, s in zip(kernel, stride)]
        return kernel, stride, paired(self.padding, default)

    def run(self, x, weights):
        """x and the result are [n, H, W, C] or [n, W]."""
        return self.activate(getattr(self, "run_" + self.kind.replace(" ", "_"))(x, weights))

    def linear(self, x, weights, name):
        return functional.linear(x.flatten(1), weights[name + ".weight"], weights[name + ".bias"])

    def run_dense(self, x, weights):
        y = self.linear(x, weights, self.name)
        sizes = [int(n) for n in self.sizes[0].split("x")] if self.sizes else []
        return y.view(-1, *sizes) if len(sizes) > 1 else y

    def run_gated_dense(self, x, weights):
        gate = self.linear(x, weights, self.name + ".gate")
        return self.linear(x, weights, self.name) * torch.sigmoid(gate)

    def run_conv(self, x, weights):
        _, stride, padding = self.geometry()
        y = functional.conv2d(x.permute(0, 3, 1, 2), weights[self.name + ".weight"].permute(0, 3, 1, 2),
                              weights[self.name + ".bias"], stride, tuple(padding))
        return y.permute(0, 2, 3, 1)

    def run_deconv(self, x, weights):
        kernel, stride, padding = self.geometry()
        extra = (0, 0)
        if self.padding is None:  # n becomes n * stride
            extra = [s - k + 2 * p for k, s, p in zip(kernel, stride, padding)]
        y = functional.conv_transpose2d(
            x.permute(0, 3, 1, 2), weights[self.name + ".weight"].permute(0, 3, 1, 2),
            weights[self.name + ".bias"], stride, tuple(padding), tuple(extra))
        return y.permute(0, 2, 3, 1)

    def run_upsample(self, x, _weights):
        factor = int(self.sizes[0])
        return x.repeat_interleave(factor, 1).repeat_interleave(factor, 2)

    def run_pool(self, x, _weights):
        return functional.avg_pool2d(x.permute(0, 3, 1, 2), int(self.sizes[0])).permute(0, 2, 3, 1)

    def run_residual(self, x, weights):
        y = x
        for layer in self.inner:
            y = layer.run(y, weights)
        return x + y


class Network:
    """A configuration's model in PyTorch's operations."""

    def __init__(self, model):
        self.model = model

        def chain(part):
            return [Layer(words, f"{part}.{i}", model["activation"])
                    for i, words in enumerate(model[part])]

        self.encoder, self.decoder = chain("encoder"), chain("decoder")
        self.heads = [Layer(model.get("heads", "dense"), f"encoder.{name}", "none")
                      for name in ("mu", "logvar")]
        self.output = Layer(model.get("output", "dense"), "decoder.output", "none")

    def bound(self, x, z_found, weights):
        """heads, KL and log p(x|z) of each image, with the noise that made z of the heads found."""
        model = self.model
        h = x.view(-1, model["height"], model["width"], model["channels"])
        for layer in self.encoder:
            h = layer.run(h, weights)
        mu, logvar = (head.run(h, weights) for head in self.heads)
        shape = mu.shape
        mu, logvar = mu.flatten(1), logvar.flatten(1)
        heads = torch.cat([mu, logvar], 1)
        logvar = logvar.clamp(model["logvar_min"], model["logvar_max"])
        z = mu + torch.exp(logvar / 2) * z_found
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
        h = z.view(shape)
        for layer in self.decoder:
            h = layer.run(h, weights)
        outputs = self.output.run(h, weights).flatten(1)
        return heads, kl, self.log_p(outputs, x, weights)

    def log_p(self, outputs, x, weights):
        if self.model["likelihood"] == "bernoulli":
            return -functional.binary_cross_entropy_with_logits(outputs, x, reduction="none").sum(1)
        fixed = torch.tensor([2 * math.log(self.model["sigma"])])
        log_variance = weights.get("decoder.log_variance", fixed)
        squares = (x - outputs)**2 / log_variance.exp()
        return -0.5 * (squares + log_variance + math.log(2 * math.pi)).sum(1)


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


def compare(config, folder):
    """The worst difference of a dumped training."""
    network, training = Network(config["model"]), config["training"]
    weights = {name: torch.tensor(value, requires_grad=True)
               for name, value in load(folder / "initial").items()}
    adam = torch.optim.Adam(weights.values(), training["learning_rate"],
                            (training["adam_beta1"], training["adam_beta2"]),
                            training["adam_epsilon"])
    worst = Comparison()
    for step in range(STEPS):
        found = load(folder / f"step{step}")
        mu, logvar = numpy.split(found["heads"].astype("f8"), 2, 1)
        logvar = logvar.clip(config["model"]["logvar_min"], config["model"]["logvar_max"])
        noise = torch.tensor(((found["z"] - mu) * numpy.exp(-logvar / 2)).astype("f4"))
        heads, kl, log_px = network.bound(torch.tensor(found["x"]), noise, weights)
        adam.zero_grad()
        (kl - log_px).mean().backward()
        for name, theirs in (("heads", heads), ("kl", kl), ("log_px", log_px)):
            worst.add(f"step {step}, {name}", found[name], theirs)
        for name, weight in weights.items():
            worst.add(f"step {step}, gradient of {name}", found[name + ".grad"], weight.grad)
        adam.step()
        for name, weight in weights.items():
            worst.add(f"step {step}, {name}", found[name], weight)
    return worst


def main():
    program, failed = sys.argv[1], False
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        for number, (title, keys) in enumerate(MODELS.items()):
            folder = pathlib.Path(temporary, str(number))
            folder.mkdir()
            path = folder / "config.json"
            keys = {**keys, "training": {"adam_epsilon": 1e-2, "learning_rate": 1e-4}}
            path.write_text(json.dumps(keys), encoding="utf-8")
            subprocess.run([program, path, folder], check=True)
            config = json.loads((folder / "full.json").read_text(encoding="utf-8"))
            worst = compare(config, folder)
            bad = not worst.worst <= TOLERANCE
            failed |= bad
            print(f"{'FAILED' if bad else 'ok'}: {title}: {worst.worst:.1e} ({worst.where})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
