#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Weights go out to Python and come back: the same outputs, to 1e-5, both ways.

    out     a checkpoint that `vae train` wrote, read by examples/read_checkpoint.py
    back    weights of Python's own, without our metadata, taken over by `vae import`; every
            activation and both likelihoods

The program's side are `vae encode` and `vae decode`; Python's is NumPy and, where they are there,
PyTorch and safetensors (examples/pytorch_weights.py).

Usage: round_trip_test.py PROGRAM [--torch]     --torch: fail without PyTorch
"""
import importlib.util
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

import numpy

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
sys.dont_write_bytecode = True

import read_checkpoint  # noqa: E402

HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "safetensors"))
if HAS_TORCH:
    import pytorch_weights
    import safetensors.torch
    import torch

TOLERANCE = 1e-5
LATENT, SHAPE = 3, (5, 4, 3)  # several channels, so that their order counts
MODEL = {"height": SHAPE[0], "width": SHAPE[1], "channels": SHAPE[2], "latent": LATENT,
         "encoder": [7, 6], "decoder": [8], "likelihood": "bernoulli", "activation": "relu",
         "variance": "fixed", "logvar_min": -1.0, "logvar_max": 0.5}

random = numpy.random.default_rng(7)
images = random.integers(0, 256, (9, *SHAPE), "u1")
codes = random.standard_normal((6, LATENT)).astype("f4")


class NumpySide:
    name = "NumPy"

    @staticmethod
    def save(path, tensors, _model):
        read_checkpoint.write_safetensors(path, tensors)

    @staticmethod
    def outputs(checkpoint):
        """mean, logvar and images for `images` and `codes`."""
        tensors, metadata = read_checkpoint.read_safetensors(checkpoint)
        network = read_checkpoint.Network(tensors, json.loads(metadata["config"])["model"])
        pixels = images.reshape(len(images), -1) / 255
        return (*network.encode(pixels), network.decode(codes))


class TorchSide:
    name = "PyTorch"

    @staticmethod
    def save(path, tensors, model):
        module = pytorch_weights.Vae(model)
        module.load_state_dict({name: torch.from_numpy(t) for name, t in tensors.items()})
        safetensors.torch.save_file(module.state_dict(), path)

    @staticmethod
    def outputs(checkpoint):
        module = pytorch_weights.load_checkpoint(checkpoint)
        pixels = torch.from_numpy(images.reshape(len(images), -1) / numpy.float32(255))
        with torch.no_grad():
            return tuple(t.numpy() for t in (*module.encode(pixels),
                                             module.decode(torch.from_numpy(codes))))


def idx(values):
    """An IDX file of bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


def random_weights(model):
    """Tensors of every name and shape that docs/checkpoint.md promises for the model."""
    pixels = int(numpy.prod(SHAPE))
    layers, width = {}, pixels
    for i, hidden in enumerate(model["encoder"]):
        layers[f"encoder.{i}"], width = (hidden, width), hidden
    layers["encoder.mu"] = layers["encoder.logvar"] = (LATENT, width)
    width = LATENT
    for i, hidden in enumerate(model["decoder"]):
        layers[f"decoder.{i}"], width = (hidden, width), hidden
    layers["decoder.output"] = (pixels, width)
    tensors = {}
    for name, (outputs, inputs) in layers.items():
        tensors[name + ".weight"] = random.standard_normal((outputs, inputs)) * inputs ** -0.5
        tensors[name + ".bias"] = random.standard_normal(outputs) * 0.5
    if model["likelihood"] == "gaussian" and model["variance"] == "learned":
        tensors["decoder.log_variance"] = numpy.array([-0.7])
    return {name: tensor.astype("f4") for name, tensor in tensors.items()}


class RoundTrip:
    def __init__(self, program, folder, side):
        self.program, self.folder, self.side = program, folder, side
        self.worst = 0.0

    def vae(self, *words, status=0):
        run = subprocess.run([self.program, *map(str, words)], cwd=self.folder, text=True,
                             capture_output=True, check=False)
        assert run.returncode == status, f"vae {words}: status {run.returncode}: {run.stderr}"
        return run.stderr

    def compare(self, checkpoint, what):
        """What the program computes with a checkpoint and what Python computes with it."""
        self.vae("encode", checkpoint, "--images", "images-idx4-ubyte", "--out", "z.npy")
        self.vae("decode", checkpoint, "codes.npy", "--out", "x.npy")
        found = [numpy.load(self.folder / name) for name in ("z.npy", "z.logvar.npy", "x.npy")]
        expected = self.side.outputs(self.folder / checkpoint)
        for part, ours, theirs in zip(("mean", "logvar", "image"), found, expected):
            assert ours.shape == theirs.shape, f"{what}: {part} {ours.shape}, {theirs.shape}"
            error = float(abs(ours - theirs).max())
            self.worst = max(self.worst, error)
            assert error <= TOLERANCE, f"{what}: {part} differs by {error}"
            assert ours.std() > 1e-3, f"{what}: {part} is the same everywhere"

    def bring_in(self, model, what):
        """Weights of Python's own into the program."""
        tensors = random_weights(model)
        self.side.save(self.folder / "w.safetensors", tensors, model)
        (self.folder / "config.json").write_text(json.dumps({"model": model}))
        refusal = self.vae("encode", "w.safetensors", "--images", "images-idx4-ubyte", "--out",
                           "z.npy", status=3)
        command = shlex.split(refusal.split("take it over with: ")[1].split(" (")[0])
        assert command[1:3] == ["import", "w.safetensors"], refusal
        self.vae(*command[1:])
        imported = command[-1]
        for name, tensor in read_checkpoint.read_safetensors(self.folder / imported)[0].items():
            assert numpy.array_equal(tensor, tensors.pop(name)), f"{what}: {name} changed"
        assert not tensors, f"{what}: {list(tensors)} are missing"
        self.compare(imported, what)

    def run(self):
        (self.folder / "images-idx4-ubyte").write_bytes(idx(images))
        numpy.save(self.folder / "codes.npy", codes)
        for activation in read_checkpoint.ACTIVATIONS:
            self.bring_in(MODEL | {"activation": activation}, activation)
        self.bring_in(MODEL | {"likelihood": "gaussian", "variance": "learned"}, "gaussian")
        self.bring_in(MODEL | {"encoder": [], "decoder": []}, "no hidden layer")
        for name, part in (("train", images), ("t10k", images[:4])):
            (self.folder / "data").mkdir(exist_ok=True)
            (self.folder / "data" / f"{name}-images-idx4-ubyte").write_bytes(idx(part))
        self.vae("train", "--data", "data", "--encoder", "7,6", "--decoder", "8", "--latent", LATENT,
                 "--epochs", 2, "--batch-size", 4, "--learning-rate", 0.05, "--no-pictures",
                 "--out", "run", "--quiet")
        self.compare("run/checkpoints/best.safetensors", "trained")
        return self.worst


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    if "--torch" in sys.argv and not HAS_TORCH:
        sys.exit("torch and safetensors are not installed")
    for side in (NumpySide, TorchSide) if HAS_TORCH else (NumpySide,):
        with tempfile.TemporaryDirectory() as folder:
            worst = RoundTrip(program, pathlib.Path(folder), side()).run()
            print(f"{side.name}: the same outputs both ways, to {worst:.1e}")
    if not HAS_TORCH:
        print("PyTorch: not tested, torch and safetensors are not installed")


if __name__ == "__main__":
    main()
