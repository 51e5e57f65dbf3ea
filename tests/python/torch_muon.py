# SPDX-License-Identifier: MIT
"""Muon in PyTorch's operations, in binary64, written from docs/config.md and docs/arithmetic.md."""
import math

import torch

A, B, C = 3.4445, -4.7750, 2.0315
STEPS, RATE, EPSILON = 5, 20, 1e-12


def nearly_orthogonal(x):
    """Newton-Schulz steps from a matrix, transposed where it is tall."""
    if x.shape[0] > x.shape[1]:
        return nearly_orthogonal(x.T).T
    x = x / (x.norm() + EPSILON)
    for _ in range(STEPS):
        gram = x @ x.T
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x


class Muon:
    """Of weights whose first axis is that of the rows, as torch.optim's."""

    def __init__(self, weights, beta, weight_decay):
        self.weights, self.beta, self.weight_decay = weights, beta, weight_decay
        self.momenta = [torch.zeros(len(w), w[0].numel(), dtype=torch.double) for w in weights]

    @torch.no_grad()
    def step(self, rate):
        for weight, momentum in zip(self.weights, self.momenta):
            rows, columns = momentum.shape
            gradient = weight.grad.double().view(rows, columns)
            momentum.lerp_(gradient, 1 - self.beta)
            update = nearly_orthogonal(gradient.lerp(momentum, self.beta))
            step_size = rate * RATE * math.sqrt(max(1, rows / columns))
            left = (1 - rate * self.weight_decay) * weight.double()
            weight.copy_(left - step_size * update.view_as(weight))
