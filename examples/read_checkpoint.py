#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads a checkpoint with NumPy alone, and computes with it what `vae encode` and `vae decode` do.

    python3 read_checkpoint.py runs/first/checkpoints/best.safetensors

lists the tensors of any checkpoint. Of a model whose layers are all dense, of one layer of latents
with the prior N(0, I) and nothing but pixels to read and to say, it computes the network, too, and
draws three samples as text; of others it says what it leaves out. The names and shapes of the tensors
are promised by docs/checkpoint.md; pytorch_weights.py does the same with PyTorch.
"""
import json
import math
import sys

import numpy

ACTIVATIONS = {
    "none": lambda x: x,
    "relu": lambda x: numpy.maximum(x, 0),
    "leaky_relu": lambda x: numpy.where(x < 0, 0.01 * x, x),
    "tanh": numpy.tanh,
    "sigmoid": lambda x: 1 / (1 + numpy.exp(-x)),
    "softplus": lambda x: numpy.logaddexp(x, 0),
    "elu": lambda x: numpy.where(x < 0, numpy.expm1(x), x),
    "gelu": lambda x: x * (1 + numpy.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + numpy.exp(-x)),
}


def read_safetensors(path):
    """The tensors of a file by name, all of 32-bit floats, and its metadata."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = numpy.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
    return tensors, metadata


def write_safetensors(path, tensors):
    """Weights for `vae import PATH --config CONFIG.json --out MODEL.safetensors`."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        content = numpy.ascontiguousarray(tensor, "<f4").tobytes()
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        data += content
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)


def require_plain(model):
    """Leaves where the model has more than the network below computes."""
    layers = model["encoder"] + model["decoder"]
    if not all(isinstance(layer, int) for layer in layers):  # docs/config.md, "Layers"
        sys.exit("this example computes dense layers without an activation of their own, no others")
    # Keys that a configuration has only where they say something.
    for key in ("heads", "output", "condition", "target", "prior", "top_latent"):
        if key in model:
            sys.exit(f"this example computes no model with {key} {json.dumps(model[key])}")
    if model["likelihood"] not in ("bernoulli", "gaussian") or model.get("variance") == "per-pixel":
        sys.exit("this example computes likelihoods of one output a value")


def weights_of(tensors):
    """What the program computes with: the running means, ema.NAME, where the file has them."""
    plain = {name: tensor for name, tensor in tensors.items()
             if not name.startswith(("adam.", "ema."))}  # without the optimizer's state
    return {name: tensors.get("ema." + name, tensor) for name, tensor in plain.items()}


class Network:
    """The network of a checkpoint: x [n, X] -> (mean, logvar) [n, Z], and z [n, Z] -> E[x|z]."""

    def __init__(self, tensors, model):
        """`model` is the part "model" of the configuration."""
        require_plain(model)
        self.tensors, self.model = tensors, model
        self.activate = ACTIVATIONS[model["activation"]]

    def layer(self, name, x):
        return x @ self.tensors[name + ".weight"].T + self.tensors[name + ".bias"]

    def encode(self, x):
        """Parameters of the posterior for pixels in [0, 1]."""
        for i in range(len(self.model["encoder"])):
            x = self.activate(self.layer(f"encoder.{i}", x))
        logvar = self.layer("encoder.logvar", x)
        return (self.layer("encoder.mu", x),
                numpy.clip(logvar, self.model["logvar_min"], self.model["logvar_max"]))

    def decode(self, z):
        """The mean image of each code: probabilities under a Bernoulli."""
        for i in range(len(self.model["decoder"])):
            z = self.activate(self.layer(f"decoder.{i}", z))
        outputs = self.layer("decoder.output", z)
        bernoulli = self.model["likelihood"] == "bernoulli"
        return ACTIVATIONS["sigmoid"](outputs) if bernoulli else outputs


def main():
    tensors, metadata = read_safetensors(sys.argv[1])
    tensors = weights_of(tensors)
    for name, tensor in tensors.items():
        print(f"{name:24} {list(tensor.shape)}")
    model = json.loads(metadata["config"])["model"]
    codes = numpy.random.default_rng(1).standard_normal((3, model["latent"]))
    images = Network(tensors, model).decode(codes).clip(0, 1)
    for image in images.reshape(-1, model["height"], model["width"], model["channels"]):
        for row in image.mean(axis=-1):
            print("".join(" .:-=+*#%@"[int(9 * level)] for level in row))


if __name__ == "__main__":
    main()
