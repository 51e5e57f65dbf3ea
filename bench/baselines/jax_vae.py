#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The preset mlp-400-20 in JAX: 784-400-20-400-784, ReLU, Bernoulli likelihood, Adam 1e-3.

Needs only `pip install jax numpy` (for a GPU: jax[cuda13]). Times whole training steps (batch
selection, dynamic binarisation, forward, backward, update) and, with --epochs, trains and reports
the test ELBO of one sample after each epoch. Prints one JSON object.

The data set stays on the device as bytes, both heads are one matrix product, the state is donated
and the loss never leaves the device within an epoch. With --mode scan a whole epoch, its
permutation included, is one compiled function. XLA's options go into the environment as usual:
XLA_FLAGS=--xla_gpu_enable_command_buffer=+WHILE ...
"""

import functools
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import mnist

MODES = {
    "jit-step": "one compiled call for each step",
    "scan": "one compiled call for each epoch, a scan over its full batches",
}
HIDDEN, LATENT = 400, 20
RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def initial_layer(key, inputs, outputs):
    """Uniform in +-1/sqrt(inputs), as PyTorch's nn.Linear."""
    bound = inputs ** -0.5
    w_key, b_key = jax.random.split(key)
    return {"w": jax.random.uniform(w_key, (inputs, outputs), jnp.float32, -bound, bound),
            "b": jax.random.uniform(b_key, (outputs,), jnp.float32, -bound, bound)}


def initial_state(key, pixels):
    """Parameters, Adam's moments and the number of updates."""
    sizes = {"encoder": (pixels, HIDDEN), "heads": (HIDDEN, 2 * LATENT),
             "decoder": (LATENT, HIDDEN), "output": (HIDDEN, pixels)}
    keys = jax.random.split(key, len(sizes))
    parameters = {name: initial_layer(k, *size) for k, (name, size) in zip(keys, sizes.items())}
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    return {"parameters": parameters, "m": zeros, "v": jax.tree.map(jnp.copy, zeros),
            "updates": jnp.zeros((), jnp.int32), "loss": jnp.zeros(())}


class Network:
    """The model's functions for one dtype of the matrix products."""

    def __init__(self, dtype):
        self.operand = jnp.bfloat16 if dtype == "bfloat16" else jnp.float32
        self.precision = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": None}[dtype]

    def dense(self, layer, x):
        product = jnp.dot(x.astype(self.operand), layer["w"].astype(self.operand),
                          precision=self.precision, preferred_element_type=jnp.float32)
        return product + layer["b"]

    def bounds(self, parameters, key, pixels):
        """Sums of log p(x|z) and of the KL divergence over the batch, nats."""
        binarize_key, noise_key = jax.random.split(key)
        x = self.binarize(binarize_key, pixels)
        heads = self.dense(parameters["heads"], jax.nn.relu(self.dense(parameters["encoder"], x)))
        mu, logvar = jnp.split(heads, 2, axis=1)
        z = mu + jax.random.normal(noise_key, mu.shape) * jnp.exp(0.5 * logvar)
        hidden = jax.nn.relu(self.dense(parameters["decoder"], z))
        logits = self.dense(parameters["output"], hidden)
        log_px = jnp.sum(logits * x - jax.nn.softplus(logits))
        kl = 0.5 * jnp.sum(mu * mu + jnp.exp(logvar) - 1.0 - logvar)
        return log_px, kl

    @staticmethod
    def binarize(key, pixels):
        """Each pixel is 1 with probability value / 255: a byte below it out of 255 as likely."""
        draws = jax.random.randint(key, pixels.shape, 0, 255, dtype=jnp.uint8)
        return (draws < pixels).astype(jnp.float32)

    def loss(self, parameters, key, pixels):
        log_px, kl = self.bounds(parameters, key, pixels)
        return (kl - log_px) / len(pixels)


def adam(state, gradients):
    """[Adam alg. 1]"""
    t = state["updates"] + 1
    scale1 = 1.0 / (1.0 - BETA1 ** t.astype(jnp.float32))
    scale2 = 1.0 / (1.0 - BETA2 ** t.astype(jnp.float32))
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state["m"], gradients)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state["v"], gradients)
    parameters = jax.tree.map(
        lambda p, m, v: p - RATE * m * scale1 / (jnp.sqrt(v * scale2) + EPSILON),
        state["parameters"], m, v)
    return dict(state, parameters=parameters, m=m, v=v, updates=t)


def step(network, state, images, rows, key):
    """One training step on the images of the given rows."""
    key = jax.random.fold_in(key, state["updates"])
    value, gradients = jax.value_and_grad(network.loss)(state["parameters"], key, images[rows])
    state = adam(state, gradients)
    return dict(state, loss=state["loss"] + value)


class Trainer:
    """The state on the device and the compiled functions that move it on."""

    def __init__(self, options):
        self.options = options
        self.device = jax.devices(options.device)[0]
        self.network = Network(options.dtype)
        self.train, self.test = (
            jax.device_put(mnist.load(options, split), self.device)
            for split in ("train", "test"))
        key = jax.device_put(jax.random.key(options.seed), self.device)
        init_key, self.step_key, self.order_key, self.test_key = jax.random.split(key, 4)
        self.state = initial_state(init_key, self.train.shape[1])
        self.epoch = 0
        self.order, self.position = None, len(self.train)
        self.compile()

    def compile(self):
        batch, count = self.options.batch_size, len(self.train)
        self.full_batches = count // batch

        @jax.jit
        def permutation(epoch):
            return jax.random.permutation(jax.random.fold_in(self.order_key, epoch), count)

        @functools.partial(jax.jit, donate_argnums=0, static_argnums=4)
        def one_step(state, images, order, position, rows):
            return step(self.network, state, images,
                        lax.dynamic_slice(order, (position,), (rows,)), self.step_key)

        @functools.partial(jax.jit, donate_argnums=0)
        def full_batches(state, images, epoch):
            order = permutation(epoch)
            rows = order[: self.full_batches * batch].reshape(self.full_batches, batch)

            def body(state, rows):
                return step(self.network, state, images, rows, self.step_key), None
            return lax.scan(body, state, rows)[0], order

        @jax.jit
        def test_bound(parameters, images):
            chunks = images.reshape(-1, 1000, images.shape[1])

            def body(index, pixels):
                log_px, kl = self.network.bounds(
                    parameters, jax.random.fold_in(self.test_key, index), pixels)
                return index + 1, log_px - kl
            return lax.scan(body, 0, chunks)[1]

        self.permutation, self.one_step = permutation, one_step
        self.run_full_batches, self.test_bound = full_batches, test_bound

    def begin_epoch(self):
        self.epoch += 1
        self.position = 0
        self.state = dict(self.state, loss=jnp.zeros(()))
        if self.options.mode == "scan":
            self.state, self.order = self.run_full_batches(self.state, self.train, self.epoch)
            self.position = self.full_batches * self.options.batch_size
        else:
            self.order = self.permutation(self.epoch)

    def step(self, full_batches_only):
        """Steps of one batch each; of a whole epoch's full batches where they are scanned."""
        left = len(self.train) - self.position
        if left < (self.options.batch_size if full_batches_only else 1):
            self.begin_epoch()
            if self.options.mode == "scan":
                return self.full_batches
            left = len(self.train)
        rows = min(self.options.batch_size, left)
        self.state = self.one_step(self.state, self.train, self.order, self.position, rows)
        self.position += rows
        return 1

    def synchronize(self):
        jax.block_until_ready(self.state)

    def test_elbo(self):
        """One-sample bound over the test set, in nats per image."""
        sums = np.asarray(self.test_bound(self.state["parameters"], self.test), np.float64)
        return float(sums.sum()) / len(self.test)

    def train_epochs(self):
        results = []
        for epoch in range(self.options.epochs):
            self.synchronize()
            begin = time.perf_counter()
            self.begin_epoch()
            while self.position < len(self.train):
                self.step(full_batches_only=False)
            self.synchronize()
            seconds = time.perf_counter() - begin
            results.append({"epoch": epoch + 1, "seconds": seconds,
                            "samples_per_second": len(self.train) / seconds,
                            "test_elbo": self.test_elbo()})
            print(results[-1], file=sys.stderr)
        return results


def parse_options():
    parser = mnist.common_options(__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--mode", default="scan", choices=sorted(MODES),
                        help="; ".join(f"{name}: {text}" for name, text in MODES.items()))
    parser.add_argument("--dtype", default="float32", choices=["float32", "tf32", "bfloat16"],
                        help="of the matrix products' operands; they accumulate in float32")
    return parser.parse_args()


def main():
    options = parse_options()
    trainer = Trainer(options)

    def run_steps(count):
        while count > 0:
            count -= trainer.step(full_batches_only=True)

    begin = time.perf_counter()
    epochs = trainer.train_epochs()
    seconds, setup_seconds = [], None
    if options.repeats > 0:
        run_steps(1)
        trainer.synchronize()
        if not epochs:
            setup_seconds = time.perf_counter() - begin
        unit = trainer.full_batches if options.mode == "scan" else 1
        trainer.position = len(trainer.train)  # scans begin with an epoch
        seconds = mnist.time_steps(run_steps, trainer.synchronize, options, unit)
    mnist.report(options, seconds, epochs, framework="jax", version=jax.__version__,
                 device=trainer.device.device_kind, mode=options.mode, dtype=options.dtype,
                 setup_seconds=setup_seconds)


if __name__ == "__main__":
    main()
