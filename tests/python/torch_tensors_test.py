#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every tensor of ten training steps against PyTorch, which computes them anew from the images and
the initial weights: heads, KL or log-ratios, log p of the target, every gradient, every parameter
and its running mean after every step. Order, binarisation, corruption, targets and noise are drawn
anew, too.

A difference is the largest one of a tensor over the largest number in it; 1e-4 is allowed. Both
sides go their own way from the first step on. Adam's epsilon is large here, larger where gradients
are: with a small one the first updates are the signs of gradients, also of those that are nothing
but rounding. The rate is small for the same reason: ten large steps make of a last bit what they
like. Importance weights are those of small images: they take differences of log p, whose last bit
is that of a sum over pixels. The slope of a ReLU whose input is nothing but rounding may be that of
either side, and one unit of the million in ten steps of segment-40 changes gradients by as much as
2e-2: where gradients differ, a few such units get the slope that fits, which is said.

Usage: torch_tensors_test.py VAE_TENSORS [MODEL...]     all models where none is named; exit status
77, loudly, where torch is not installed
"""
import importlib.util
import json
import math
import pathlib
import subprocess
import sys
import tempfile

if not importlib.util.find_spec("torch"):
    print("SKIPPED: PyTorch is not installed, nothing was compared (pip install torch)")
    sys.exit(77)

import batches  # noqa: E402
import numpy  # noqa: E402
import philox  # noqa: E402
import torch  # noqa: E402
import torch_model  # noqa: E402
import torch_muon  # noqa: E402

TOLERANCE, STEPS = 1e-4, 10
MOST_CHOSEN = 10  # slopes of a model, which has up to some million units at each step

# Keys that a configuration leaves out where they say nothing.
ABSENT = {"model": {"prior": "standard", "top": [], "top_latent": 0, "condition": "none",
                    "target": "image"},
          "training": {"free_bits": 0, "weight_decay": 0, "importance_samples": 1,
                       "objective": "elbo", "learning_rate_warmup_epochs": 0, "ema": 0,
                       "optimizer": "adam"},
          "data": {"corrupt": "none"}}

SMALL = {"height": 8, "width": 8, "channels": 2, "latent": 5, "activation": "tanh"}
MLP = {**SMALL, "encoder": [9], "decoder": [7]}
IMAGE_CODE = {**SMALL, "latent": 32, "encoder": ["conv 6 4x4/2"], "heads": "conv 1x1",
              "decoder": ["conv 6 3x3 gelu"], "output": "deconv 4x4/2"}
TWO_LAYERS = {**MLP, "top": [8, 6], "top_latent": 3}
LABELS = {**MLP, "condition": "label", "classes": 4}
U_NET = {**SMALL, "latent": 32, "encoder": ["conv 6 3x3", "pool 2", "conv 5 3x3"],
         "heads": "conv 1x1", "decoder": ["conv 6 3x3", "skip 2", "upsample 2", "skip 0",
                                          "conv 6 3x3"], "output": "conv 3x3"}
ODD_SIZES = {**MLP, "height": 7, "width": 9}
GREY = {"binarization": "none"}
# Newton-Schulz steps multiply small singular values by up to 3.4445^5, some 500, and with them the
# rounding of gradients, 1e-7 of the largest one. The updates are then 5e-5 apart at most; they are
# 2e-3 long, so that weights that are not small stay far within TOLERANCE.
MUON = {"optimizer": "muon"}
# Cells of 2x2 pixels, 5 channels of which 3 are seen.
CLIPS = {**SMALL, "channels": 5, "latent": 32, "encoder": ["conv 6 4x4/2"], "heads": "conv 1x1",
         "decoder": ["conv 6 3x3", "skip 0", "conv 7 3x3"], "output": "transport 3 1x1",
         "likelihood": "gaussian", "variance": "learned"}
CLASSES = {**MLP, "target": "label", "target_classes": 4}
MASKS = {**MLP, "target": "mask", "target_classes": 3}
BOXES = {**MLP, "target": "boxes", "target_classes": 3, "grid": "3x2"}
BOXES_OF_A_CODE = {**IMAGE_CODE, "target": "boxes", "target_classes": 3, "grid": "4x4",
                   "output": "conv 1x1"}
VARIANCE = {**MLP, "likelihood": "gaussian", "variance": "learned"}
SEEN = {**MLP, "condition": "seen", "prior": "conditional", "prior_layers": [6]}
TWO_QUADRANTS = {"corrupt": "quadrants=2"}
MODELS = {
    "mlp-400-20": {"preset": "mlp-400-20"},
    "tutorial": {"preset": "tutorial"},
    "tutorial-conv": {"preset": "tutorial-conv"},
    "iwae-1": {"preset": "iwae-1"},
    "conv-28": {"preset": "conv-28"},
    "conv-32x3": {"preset": "conv-32x3"},
    "conv-64x3": {"preset": "conv-64x3"},
    "generate": {"preset": "generate", "model": {"classes": 10}},
    "classify": {"preset": "classify", "model": {"target_classes": 10}},
    "denoise": {"preset": "denoise"},
    "inpaint": {"preset": "inpaint"},
    "segment-40": {"preset": "segment-40", "training": {"adam_epsilon": 0.1}},
    "detect-40": {"preset": "detect-40"},
    "predict": {"preset": "predict"},
    "predict by muon": {"preset": "predict", "training": {"batch_size": 2, "optimizer": "muon"}},
    "voxel": {"preset": "voxel"},
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
                                "training": {"importance_samples": 4, "adam_epsilon": 0.1}},
    "iwae, skips": {"model": U_NET, "training": {"importance_samples": 3}},
    "iwae, two layers": {"model": {**TWO_LAYERS, "prior": "learned"},
                         "training": {"importance_samples": 5}},
    "dreg": {"model": {**MLP, "prior": "learned"},
             "training": {"importance_samples": 6, "objective": "dreg"}},
    "labels": {"model": CLASSES},
    "labels of noisy images": {"model": CLASSES, "data": {"corrupt": "noise=0.3"}},
    "labels, told vectors": {"model": {**CLASSES, "condition": "side", "side_size": 3}},
    "labels, two layers of latents": {"model": {**CLASSES, **TWO_LAYERS}},
    "iwae, labels": {"model": CLASSES, "training": {"importance_samples": 4}},
    "masks": {"model": MASKS},
    "masks, skips": {"model": {**MASKS, **U_NET}},
    "masks of images with quadrants": {"model": MASKS, "data": TWO_QUADRANTS},
    "masks, told labels": {"model": {**MASKS, "condition": "label", "classes": 4,
                                     "prior": "conditional"}},
    "iwae, masks, skips": {"model": {**MASKS, **U_NET}, "training": {"importance_samples": 3}},
    "boxes": {"model": BOXES},
    "boxes, convolutions": {"model": BOXES_OF_A_CODE},
    "boxes, told vectors": {"model": {**BOXES, "condition": "side", "side_size": 3}},
    "iwae, boxes": {"model": BOXES, "training": {"importance_samples": 4}},
    "dreg, boxes": {"model": BOXES, "training": {"importance_samples": 4, "objective": "dreg"}},
    "noise": {"model": VARIANCE, "training": GREY, "data": {"corrupt": "noise=0.4"}},
    "noise on black and white": {"model": MLP, "data": {"corrupt": "noise=0.4"}},
    "noise, skips": {"model": U_NET, "training": GREY, "data": {"corrupt": "noise=0.4"}},
    "iwae, noise": {"model": VARIANCE, "training": {**GREY, "importance_samples": 4},
                    "data": {"corrupt": "noise=0.4"}},
    "quadrants": {"model": MLP, "training": GREY, "data": TWO_QUADRANTS},
    "drawn quadrants of odd sizes": {"model": ODD_SIZES, "training": GREY,
                                     "data": {"corrupt": "random-quadrants=1"}},
    "three drawn quadrants, convolutions": {"model": IMAGE_CODE, "training": GREY,
                                            "data": {"corrupt": "random-quadrants=3"}},
    "quadrants, learned variance": {"model": VARIANCE, "training": GREY, "data": TWO_QUADRANTS},
    "quadrants, a variance per channel": {"model": {**VARIANCE, "variance": "per-channel"},
                                          "training": GREY, "data": TWO_QUADRANTS},
    "quadrants, a variance per value": {"model": {**VARIANCE, "variance": "per-pixel"},
                                        "training": GREY, "data": TWO_QUADRANTS},
    "quadrants, logistic": {"model": {**MLP, "likelihood": "logistic"}, "training": GREY,
                            "data": TWO_QUADRANTS},
    "quadrants, beta-binomial": {"model": {**MLP, "likelihood": "beta-binomial"},
                                 "training": GREY, "data": TWO_QUADRANTS},
    "frames": {"model": {**VARIANCE, "channels": 3}, "training": GREY,
               "data": {"corrupt": "frames=2"}},
    "frames, skips": {"model": {**U_NET, "channels": 5}, "training": GREY,
                      "data": {"corrupt": "frames=1"}},
    "transport": {"model": CLIPS, "training": GREY, "data": {"corrupt": "frames=3"}},
    "transport, what is seen": {
        "model": {**CLIPS, "condition": "seen", "decoder": ["conv 7 3x3"]}, "training": GREY,
        "data": {"corrupt": "frames=3"}},
    "iwae, transport": {"model": CLIPS, "training": {**GREY, "importance_samples": 3},
                        "data": {"corrupt": "frames=3"}},
    "what is seen of frames": {"model": SEEN, "training": GREY, "data": {"corrupt": "frames=1"}},
    "iwae, quadrants": {"model": MLP, "training": {**GREY, "importance_samples": 4},
                        "data": TWO_QUADRANTS},
    "iwae, quadrants, learned variance": {
        "model": VARIANCE, "training": {**GREY, "importance_samples": 4}, "data": TWO_QUADRANTS},
    "what is seen": {"model": SEEN, "training": GREY, "data": {"corrupt": "quadrants=1"}},
    "what is seen of noise": {"model": {**SEEN, "likelihood": "gaussian"}, "training": GREY,
                              "data": {"corrupt": "noise=0.4"}},
    "what is seen, convolutions": {
        "model": {**IMAGE_CODE, "condition": "seen"}, "training": GREY,
        "data": {"corrupt": "random-quadrants=2"}},
    "what is seen, two layers": {"model": {**TWO_LAYERS, **SEEN}, "training": GREY,
                                 "data": {"corrupt": "quadrants=3"}},
    "iwae, what is seen": {"model": SEEN, "training": {**GREY, "importance_samples": 4},
                           "data": {"corrupt": "random-quadrants=1"}},
    "dreg, what is seen": {
        "model": SEEN, "data": {"corrupt": "random-quadrants=1"},
        "training": {**GREY, "importance_samples": 4, "objective": "dreg"}},
    "drawn once": {"model": MLP, "training": {"binarization": "static"}},
    "threshold": {"model": MLP, "training": {"binarization": "threshold"}},
    "a running mean": {"model": MLP, "training": {"ema": 0.7, "learning_rate": 1e-3}},
    "a short last batch": {"model": SEEN, "training": {"batch_size": 5},
                           "data": {"corrupt": "random-quadrants=1"}},
    "muon": {"model": MLP, "training": MUON},
    "muon, tall and wide, decay": {
        "model": {**MLP, "encoder": [150, "gated dense 20"], "prior": "learned"},
        "training": {**MUON, "weight_decay": 0.3, "ema": 0.7}},
    "muon, convolutions": {"model": IMAGE_CODE, "training": MUON},
    "muon, transport": {"model": CLIPS, "training": {**MUON, **GREY, "clip_norm": 5},
                        "data": {"corrupt": "frames=3"}},
    "warm-ups and clipping": {
        "model": MLP, "training": {"kl_warmup_epochs": 4, "learning_rate_warmup_epochs": 3,
                                   "clip_norm": 5, "learning_rate": 1e-3}},
    "rates in steps": {"model": MLP, "training": {"schedule": "step", "step_epochs": [2, 5],
                                                  "learning_rate": 1e-3}},
    "a cosine of rates": {"model": MLP, "training": {"schedule": "cosine", "final_factor": 0.1,
                                                     "learning_rate": 1e-3, "batch_size": 6}},
}


def relative_difference(ours, theirs):
    theirs = theirs.detach().numpy().reshape(ours.shape)
    difference = numpy.abs(ours - theirs).max() / max(numpy.abs(theirs).max(), 1e-12)
    return math.inf if numpy.isnan(difference) else float(difference)


class Comparison:
    """The worst relative difference so far, and whose it is."""

    def __init__(self):
        self.worst, self.where, self.chosen_slopes = 0.0, "nothing", 0

    def is_bad(self):
        return self.worst > TOLERANCE or self.chosen_slopes > MOST_CHOSEN

    def __str__(self):
        chosen = f", slopes chosen at 0: {self.chosen_slopes}" if self.chosen_slopes else ""
        return f"{self.worst:.1e} ({self.where}{chosen})"

    def add(self, where, ours, theirs):
        difference = relative_difference(ours, theirs)
        if difference > self.worst:
            self.worst, self.where = difference, where


def load(folder):
    return {path.stem: numpy.load(path) for path in folder.glob("*.npy")}


def noise_of(index, config, rows):
    """Of all latents, z's first, at the places `rows` of an epoch."""
    model, training = config["model"], config["training"]
    widths = [model["latent"]] + [model["top_latent"]] * (model["top_latent"] > 0)
    streams = [philox.POSTERIOR, philox.FURTHER + 1]
    return [torch.tensor(philox.normals(training["seed"], stream, index + 1, rows,
                                        training["importance_samples"], width))
            for stream, width in zip(streams, widths)]


def warmed_up(value, index, steps):
    return value * min(1, index / steps) if steps else value


def rate_of(index, per_epoch, training):
    """The learning rate of step `index`, 0 the first."""
    factor, last = 1, per_epoch * training["epochs"] - 1
    if training["schedule"] == "step":
        passed = sum(index >= epoch * per_epoch for epoch in training["step_epochs"])
        factor = training["step_factor"]**passed
    if training["schedule"] == "cosine":
        final = training["final_factor"]
        factor = final + (1 - final) * (1 + math.cos(math.pi * index / last)) / 2
    return warmed_up(training["learning_rate"] * factor, index,
                     training["learning_rate_warmup_epochs"] * per_epoch)


class Means:
    """Of the weights after each step, that of i steps ago counting decay^i."""

    def __init__(self, decay):
        self.decay, self.sums, self.total = decay, {}, 0

    def add(self, weights):
        self.total = self.decay * self.total + 1
        for name, weight in weights.items():
            self.sums[name] = self.decay * self.sums.get(name, 0) + weight.detach().double()

    def all(self):
        return {name: value / self.total for name, value in self.sums.items()}


class Training:
    """A configuration's steps in PyTorch."""

    def __init__(self, config, images, weights):
        self.config, self.training = config, config["training"]
        self.network = torch_model.Network(config["model"])
        self.batches = batches.Batches(config, images)
        self.weights = {name: torch.tensor(value, requires_grad=True)
                        for name, value in weights.items()}
        self.muon, self.adam = self.make_optimizers()
        self.means = Means(self.training["ema"])

    def make_optimizers(self):
        """Muon of the matrices, or None, and Adam of all that is left."""
        decayed = [value for name, value in self.weights.items() if name.endswith(".weight")]
        others = [value for name, value in self.weights.items() if not name.endswith(".weight")]
        training, muon = self.training, None
        decay, beta = training["weight_decay"], training["adam_beta1"]
        if training["optimizer"] == "muon":
            muon, decayed = torch_muon.Muon(decayed, beta, decay), []
        adam = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}],
            betas=(beta, training["adam_beta2"]), eps=training["adam_epsilon"])
        return muon, adam

    def differentiate(self, index):
        """The batch of a step, and what is made of it, for gradients()."""
        batch = self.batches.batch(index)
        warm_up = self.training["kl_warmup_epochs"] * self.batches.per_epoch
        training = {**self.training, "beta": warmed_up(self.training["beta"], index, warm_up)}
        noise = noise_of(index, self.config, self.batches.places(index))
        torch_model.Relu.applied.clear()
        self.loss, tensors = torch_model.objective(self.network, batch, noise, training,
                                                   self.weights)
        return batch, tensors

    def gradients(self):
        """By the names of the weights."""
        gradients = torch.autograd.grad(self.loss, self.weights.values(), retain_graph=True)
        return dict(zip(self.weights, gradients))

    def choose_slopes(self, found):
        """Of units whose input is nothing but rounding, the nearest to 0 first, where that brings
        gradients nearer to those that were found, until none is apart; returns how many."""
        flipped, last = set(), None
        worst, distance = self.distance(found)
        while worst > TOLERANCE and flipped != last:
            last = set(flipped)
            for number, (above, place) in enumerate(torch_model.Relu.units_at_the_kink()):
                above[place] = ~above[place]
                candidate = self.distance(found)
                if candidate[1] < distance:
                    worst, distance = candidate
                    flipped ^= {number}
                else:
                    above[place] = ~above[place]
                if worst <= TOLERANCE:
                    break
        return len(flipped)

    def distance(self, found):
        """The largest difference of the gradients, and the sum of the squares of all."""
        all_of_them = [relative_difference(found[name + ".grad"], theirs)
                       for name, theirs in self.gradients().items()]
        return max(all_of_them), sum(d * d for d in all_of_them)

    def update(self, index):
        for name, gradient in self.gradients().items():
            self.weights[name].grad = gradient
        if self.training["clip_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(self.weights.values(), self.training["clip_norm"])
        rate = rate_of(index, self.batches.per_epoch, self.training)
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        if self.muon:
            self.muon.step(rate)
        self.means.add(self.weights)


def compare(config, folder):
    """The worst difference of a dumped training."""
    training = Training(config, load(folder / "data"), load(folder / "initial"))
    worst = Comparison()
    for index in range(STEPS):
        found = load(folder / f"step{index}")

        def add(name, theirs):
            worst.add(f"step {index}, {name}", found.pop(name), theirs)

        batch, tensors = training.differentiate(index)
        for name, theirs in {**batch, **tensors}.items():
            add(name, theirs)
        worst.chosen_slopes += training.choose_slopes(found)
        for name, gradient in training.gradients().items():
            add(f"{name}.grad", gradient)
        training.update(index)
        for name, weight in training.weights.items():
            add(name, weight)
        if training.training["ema"]:
            for name, mean in training.means.all().items():
                add(f"{name}.average", mean)
        if found:
            raise ValueError(f"step {index}: PyTorch's side has no {', '.join(found)}")
    return worst


def with_large_epsilon(keys):
    training = {"adam_epsilon": 1e-2, "learning_rate": 1e-4, **keys.get("training", {})}
    return {**keys, "training": training}


def worst_of(program, keys):
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        path = folder / "config.json"
        path.write_text(json.dumps(with_large_epsilon(keys)), encoding="utf-8")
        subprocess.run([program, path, folder], check=True)
        found = json.loads((folder / "full.json").read_text(encoding="utf-8"))
        config = {part: {**absent, **found.get(part, {})} for part, absent in ABSENT.items()}
        return compare(config, folder)


def missing_presets(program):
    known = subprocess.run([program, "--presets"], check=True, capture_output=True, text=True)
    return set(known.stdout.split()) - {keys.get("preset") for keys in MODELS.values()}


def main():
    program, failed, highest = sys.argv[1], False, 0.0
    torch.set_num_threads(1)
    for preset in sorted(missing_presets(program)):
        failed = True
        print(f"FAILED: no model here is of preset {preset}")
    chosen = sys.argv[2:] or list(MODELS)
    for title in chosen:
        keys = MODELS[title]
        worst = worst_of(program, keys)
        failed |= worst.is_bad()
        highest = max(highest, worst.worst)
        print(f"{'FAILED' if worst.is_bad() else 'ok'}: {title}: {worst}", flush=True)
    print(f"{len(chosen)} models, {highest:.1e} of a tensor's largest number at most")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
