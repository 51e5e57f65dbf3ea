#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The preset mlp-400-20 in PyTorch: 784-400-20-400-784, ReLU, Bernoulli likelihood, Adam 1e-3; or
the convolutional network conv-28 of bench/conv_bench.cpp.

Needs only `pip install torch numpy`. Times whole training steps (batch selection, dynamic
binarisation, forward, backward, update) and, with --epochs, trains and reports the test ELBO of
one sample after each epoch. Prints one JSON object.

The fast idioms are used wherever they exist: the data set stays on the device as bytes, both
linear heads are one matrix product, the loss never leaves the device within an epoch.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

import mnist

MODES = {
    "eager": "Adam as torch chooses by default",
    "foreach-adam": "Adam(foreach=True)",
    "fused-adam": "Adam(fused=True)",
    "compile": "torch.compile of loss and gradients, Adam(fused=True)",
    "compile-max-autotune": "the same with mode='max-autotune-no-cudagraphs'",
    "compile-reduce-overhead": "the same with mode='reduce-overhead' (CUDA graphs on a GPU)",
    "channels-last": "images and weights of convolutions in that order, Adam(fused=True)",
    "channels-last-compile": "the same with torch.compile",
    "cuda-graph": "whole steps captured as CUDA graphs, Adam(fused=True, capturable=True)",
    "cuda-graph-compile": "the same, with loss and gradients by torch.compile",
}
GRAPH_MODES = ("cuda-graph", "cuda-graph-compile")


class Vae(nn.Module):
    """`encoder` and `decoder` lead to and from the hidden layers that meet the latent code."""

    def __init__(self, encoder, decoder, hidden, latent=20):
        super().__init__()
        self.encoder = encoder
        self.heads = nn.Linear(hidden, 2 * latent)  # mu and logvar side by side
        self.decoder = nn.Linear(latent, hidden)
        self.output = decoder

    def forward(self, x):
        """Sums of log p(x|z) and of the KL divergence over the batch, nats."""
        mu, logvar = self.heads(self.encoder(x)).chunk(2, dim=1)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        logits = self.output(F.relu(self.decoder(z)))
        log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * torch.sum(mu.square() + logvar.exp() - 1.0 - logvar)
        return log_px, kl


def mlp_400_20():
    return Vae(nn.Sequential(nn.Linear(784, 400), nn.ReLU()), nn.Linear(400, 784), hidden=400)


def conv_28():
    def half(inputs, outputs):
        return nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)

    def twice(inputs, outputs):
        return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)

    encoder = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)), half(1, 32), nn.ReLU(), half(32, 64), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, 256), nn.ReLU())
    decoder = nn.Sequential(
        nn.Linear(256, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)), twice(64, 32), nn.ReLU(),
        twice(32, 1), nn.Flatten())
    return Vae(encoder, decoder, hidden=256)


NETWORKS = {"mlp-400-20": mlp_400_20, "conv-28": conv_28}


def binarize(pixels):
    """Each pixel is 1 with probability value / 255: a byte below it out of 255 equally likely."""
    draws = torch.randint(0, 255, pixels.shape, dtype=torch.uint8, device=pixels.device)
    return (draws < pixels).to(torch.float32)


class Trainer:
    def __init__(self, options):
        self.options = options
        self.device = torch.device(options.device)
        self.cuda = self.device.type == "cuda"
        self.amp = {"float32": None, "tf32": None, "bfloat16": torch.bfloat16}[options.dtype]
        self.train = self.load("train")
        self.test = self.load("test")
        self.model = NETWORKS[options.network]().to(self.device)
        if options.mode.startswith("channels-last"):
            self.model.to(memory_format=torch.channels_last)
        self.optimizer = self.make_optimizer()
        self.loss_sums = self.compiled(self.loss_sums_eagerly)
        self.epoch_loss = torch.zeros((), device=self.device)
        self.order = torch.randperm(len(self.train), device=self.device)
        self.position = 0
        self.graphs = None

    def load(self, split):
        return torch.from_numpy(mnist.load(self.options, split)).to(self.device)

    def make_optimizer(self):
        mode = self.options.mode
        kind = {"eager": {}, "foreach-adam": {"foreach": True}}.get(mode, {"fused": True})
        if mode in GRAPH_MODES:
            kind["capturable"] = True
        return torch.optim.Adam(self.model.parameters(), lr=1e-3, **kind)

    def compiled(self, function):
        mode = {
            "compile": "default",
            "channels-last-compile": "default",
            "compile-max-autotune": "max-autotune-no-cudagraphs",
            "compile-reduce-overhead": "reduce-overhead",
            "cuda-graph-compile": "default",
        }.get(self.options.mode)
        return torch.compile(function, mode=mode, dynamic=False) if mode else function

    def loss_sums_eagerly(self, pixels):
        x = binarize(pixels)
        with torch.autocast(self.device.type, self.amp or torch.bfloat16, enabled=bool(self.amp)):
            return self.model(x)

    def step_on(self, rows):
        log_px, kl = self.loss_sums(self.train[rows])
        loss = (kl - log_px) / len(rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.epoch_loss += loss.detach()

    def step(self, most=1, full_batches_only=False):
        """A step, or up to `most` if one graph holds several; the number of steps made. A new
        permutation begins when the epoch's images are used up."""
        left = len(self.train) - self.position
        if left < (self.options.batch_size if full_batches_only else 1):
            self.begin_epoch()
            left = len(self.train)
        if self.graphs is not None:
            steps, rows = self.graphs.replay(most, left)
        else:
            steps, rows = 1, min(self.options.batch_size, left)
            self.step_on(self.order[self.position : self.position + rows])
        self.position += rows
        return steps

    def begin_epoch(self):
        torch.randperm(len(self.train), out=self.order)
        self.position = 0
        self.epoch_loss.zero_()
        if self.graphs is not None:
            self.graphs.rewind()

    def capture(self):
        self.graphs = GraphedSteps(self)
        self.begin_epoch()

    def synchronize(self):
        if self.cuda:
            torch.cuda.synchronize()

    @torch.no_grad()
    def test_elbo(self):
        """One-sample bound over the test set, in nats per image."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for pixels in self.test.split(1000):
            log_px, kl = self.loss_sums_eagerly(pixels)
            total += (log_px - kl).double()
        return total.item() / len(self.test)

    def train_epochs(self):
        results = []
        for epoch in range(self.options.epochs):
            self.synchronize()
            begin = time.perf_counter()
            self.begin_epoch()
            while self.position < len(self.train):
                self.step(most=len(self.train))
            self.synchronize()
            seconds = time.perf_counter() - begin
            results.append({
                "epoch": epoch + 1,
                "seconds": seconds,
                "samples_per_second": len(self.train) / seconds,
                "test_elbo": self.test_elbo(),
            })
            print(results[-1], file=sys.stderr)
        return results


class GraphedSteps:
    """CUDA graphs of several full batches, of one, and of the epoch's last, short one. The batch's
    position in the permutation is a number on the device, so that a replay needs no argument."""

    def __init__(self, trainer):
        self.trainer = trainer
        self.full = trainer.options.batch_size
        self.many = trainer.options.steps_per_graph
        self.first_row = torch.zeros((), dtype=torch.int64, device=trainer.device)
        self.pool = torch.cuda.graph_pool_handle()
        last = len(trainer.train) % self.full
        wanted = {(self.many, self.full), (1, self.full)} | ({(1, last)} if last else set())
        start = [p.detach().clone() for p in trainer.model.parameters()]
        self.offsets = {rows: torch.arange(rows, device=trainer.device) for _, rows in wanted}
        for rows in self.offsets:
            self.warm_up(rows)
        self.restore(start)
        self.graphs = {key: self.capture(*key) for key in sorted(wanted)}

    def body(self, rows):
        self.trainer.step_on(self.trainer.order[self.first_row + self.offsets[rows]])
        self.first_row += rows

    def warm_up(self, rows):
        """Steps outside of a capture: libraries, compilation, Adam's state."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.first_row.zero_()
                self.body(rows)
        torch.cuda.current_stream().wait_stream(side)

    @torch.no_grad()
    def restore(self, start):
        """Undoes what the warm-up trained, in place: the graphs keep the addresses."""
        for parameter, value in zip(self.trainer.model.parameters(), start):
            parameter.copy_(value)
        for state in self.trainer.optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()
        self.first_row.zero_()
        self.trainer.epoch_loss.zero_()

    def capture(self, steps, rows):
        self.trainer.optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            for _ in range(steps):
                self.body(rows)
        return graph

    def rewind(self):
        self.first_row.zero_()

    def replay(self, most, left):
        """Steps and images of the graph that was replayed; `left` images remain in the epoch."""
        if self.many <= most and self.many * self.full <= left:
            key = (self.many, self.full)
        else:
            key = (1, min(self.full, left))
        self.graphs[key].replay()
        return key[0], key[0] * key[1]


def parse_options():
    parser = mnist.common_options(__doc__)
    parser.add_argument("--network", default="mlp-400-20", choices=sorted(NETWORKS))
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--mode", default="eager", choices=sorted(MODES),
                        help="; ".join(f"{name}: {text}" for name, text in MODES.items()))
    parser.add_argument("--dtype", default="float32", choices=["float32", "tf32", "bfloat16"],
                        help="of the matrix products; bfloat16 uses autocast")
    parser.add_argument("--steps-per-graph", type=int, default=10, help="of the cuda-graph modes")
    options = parser.parse_args()
    if options.mode in GRAPH_MODES and not options.device.startswith("cuda"):
        parser.error(f"--mode {options.mode} needs --device cuda")
    return options


def main():
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high" if options.dtype == "tf32" else "highest")
    trainer = Trainer(options)

    def run_steps(count):
        while count > 0:
            count -= trainer.step(most=count, full_batches_only=True)

    begin = time.perf_counter()
    if options.mode in GRAPH_MODES:
        trainer.capture()
    epochs = trainer.train_epochs()
    seconds, setup_seconds = [], None
    if options.repeats > 0:
        run_steps(2)
        trainer.synchronize()
        if not epochs:
            setup_seconds = time.perf_counter() - begin
        seconds = mnist.time_steps(run_steps, trainer.synchronize, options)
    name = torch.cuda.get_device_name(trainer.device) if trainer.cuda else "cpu"
    mnist.report(options, seconds, epochs, framework="pytorch", version=torch.__version__,
                 device=name, mode=options.mode, network=options.network, dtype=options.dtype,
                 setup_seconds=setup_seconds)


if __name__ == "__main__":
    main()
