#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A checkpoint as a PyTorch module, and the module's weights as a checkpoint.

    python3 pytorch_weights.py runs/first/checkpoints/best.safetensors changed.safetensors
    vae import changed.safetensors --config runs/first/config.json --out model.safetensors

The first command loads the weights, adds a little noise to them and saves them; the second checks
them and writes a checkpoint that every verb of `vae` takes. Needs torch and safetensors.
"""
import json
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

ACTIVATIONS = {
    "none": lambda x: x,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
}


class Coder(nn.Module):
    """Hidden layers named 0, 1, ... and linear ones at the end, as the checkpoint names them."""

    def __init__(self, widths, heads):
        """`heads` gives the last layers' widths by name."""
        super().__init__()
        for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
            self.add_module(str(i), nn.Linear(inputs, outputs))
        self.hidden = len(widths) - 1
        for name, width in heads.items():
            self.add_module(name, nn.Linear(widths[-1], width))

    def forward(self, x, activate):
        """What the heads are given."""
        for i in range(self.hidden):
            x = activate(self.get_submodule(str(i))(x))
        return x


def require_plain(model):
    """Leaves where the model has more than the network below computes."""
    layers = model["encoder"] + model["decoder"]
    if not all(isinstance(layer, int) for layer in layers):  # docs/config.md, "Layers"
        sys.exit("this example computes dense layers without an activation of their own, no others")
    # Keys that a configuration has only where they say something.
    for key in ("heads", "output", "condition", "target", "prior", "top_latent"):
        if key in model:
            sys.exit(f"this example computes no model with {key} {json.dumps(model[key])}")
    if model["likelihood"] not in ("bernoulli", "gaussian") or model.get("variance") in (
            "per-channel", "per-pixel"):
        sys.exit("this example computes Bernoullis and Gaussians of one variance")


class Vae(nn.Module):
    """The network of a configuration's part "model"; state_dict() has the checkpoint's names."""

    def __init__(self, model):
        super().__init__()
        require_plain(model)
        self.model, self.activate = model, ACTIVATIONS[model["activation"]]
        pixels = model["height"] * model["width"] * model["channels"]
        latent = model["latent"]
        self.encoder = Coder([pixels] + model["encoder"], {"mu": latent, "logvar": latent})
        self.decoder = Coder([latent] + model["decoder"], {"output": pixels})
        if model["likelihood"] == "gaussian" and model["variance"] == "learned":
            self.decoder.log_variance = nn.Parameter(torch.zeros(1))

    def encode(self, x):
        """Mean and log-variance [n, Z] of the posterior for pixels [n, X] in [0, 1]."""
        h = self.encoder(x, self.activate)
        low, high = self.model["logvar_min"], self.model["logvar_max"]
        return self.encoder.mu(h), self.encoder.logvar(h).clamp(low, high)

    def decode(self, z):
        """The mean image [n, X] of each code [n, Z]."""
        outputs = self.decoder.output(self.decoder(z, self.activate))
        return torch.sigmoid(outputs) if self.model["likelihood"] == "bernoulli" else outputs


def load_checkpoint(path):
    """The module with the weights of a checkpoint."""
    with safe_open(path, "pt") as file:
        module = Vae(json.loads(file.metadata()["config"])["model"])
    tensors = load_file(path)
    # The running means, where the file has them, are what the program computes with.
    module.load_state_dict({name: tensors.get("ema." + name, tensors[name])
                            for name in module.state_dict()})
    return module


def main():
    module = load_checkpoint(sys.argv[1])
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    save_file(module.state_dict(), sys.argv[2])


if __name__ == "__main__":
    main()
