# SPDX-License-Identifier: MIT
"""A configuration's model and objective in PyTorch's operations, written from docs/config.md."""
import math
import re

import torch
import torch_transport
from torch.nn import functional


class Relu(torch.autograd.Function):
    """Keeps what it was applied to and on which side of the kink, which may be changed before a
    backward pass. `leak` is the slope below 0."""

    applied = []  # (inputs, whether above) since it was cleared

    @staticmethod
    def forward(ctx, x, leak):
        ctx.above, ctx.leak = x > 0, leak
        Relu.applied.append((x.detach(), ctx.above))
        return functional.leaky_relu(x, leak)

    @staticmethod
    def backward(ctx, gradient):
        return torch.where(ctx.above, gradient, ctx.leak * gradient), None

    @classmethod
    def units_at_the_kink(cls, margin=1e-5):
        """(whether above, place in it) of all whose input is that near to 0, the nearest first. What
        is exactly 0 has no rounding, and is not above."""
        found = [(abs(x[tuple(place)]), above, tuple(place)) for x, above in cls.applied
                 for place in ((x.abs() < margin) & (x != 0)).nonzero().tolist()]
        return [(above, place) for _, above, place in sorted(found, key=lambda unit: unit[0])]


ACTIVATIONS = {"none": lambda x: x, "relu": lambda x: Relu.apply(x, 0.0), "tanh": torch.tanh,
               "leaky_relu": lambda x: Relu.apply(x, 0.01), "sigmoid": torch.sigmoid,
               "softplus": functional.softplus, "elu": functional.elu, "gelu": functional.gelu,
               "silu": functional.silu}
LOG_TWO_PI = math.log(2 * math.pi)


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
            found = re.fullmatch(r"(?:(gated dense|dense|conv|deconv|upsample|pool|skip|transport) ?)?"
                                 r"([\dx/ ]*?)(?: ?pad ([\dx]+))?(?: ?([a-z_]+))?", words)
            self.kind, activation = found[1] or "dense", found[4]
            self.sizes, self.padding = found[2].split(), found[3]
        quiet = self.kind in ("gated dense", "upsample", "pool", "skip")
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


# ---- log p of each value [n, X], from its outputs side by side


def bernoulli(outputs, x, _log_variance):
    return -functional.binary_cross_entropy_with_logits(outputs, x, reduction="none")


def gaussian(outputs, x, log_variance):
    """log_variance [C], of value i number i mod C; without one the network's second output."""
    if log_variance is None:
        outputs, log_variance = outputs[:, 0::2], outputs[:, 1::2].clamp(-12, 12)
    else:
        log_variance = log_variance.repeat(x.shape[1] // len(log_variance))
    return -0.5 * ((x - outputs)**2 / log_variance.exp() + log_variance + LOG_TWO_PI)


def logistic(outputs, x, _log_variance):
    location, scale = outputs[:, 0::2].double(), outputs[:, 1::2].double().clamp(-8, 8).exp()
    x = x.double()
    below = ((x - 0.5 / 255 - location) / scale).masked_fill(x <= 0, -math.inf)
    above = ((x + 0.5 / 255 - location) / scale).masked_fill(x >= 1, math.inf)
    return (torch.sigmoid(above) - torch.sigmoid(below)).log()


def beta_binomial(outputs, x, _log_variance):
    alpha, beta = (outputs[:, i::2].double().clamp(-12, 12).exp() for i in (0, 1))
    k, n = (255 * x.double()).round(), torch.tensor(255.0, dtype=torch.double)

    def log_beta(a, b):
        return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)

    choices = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    return choices + log_beta(k + alpha, n - k + beta) - log_beta(alpha, beta)


LIKELIHOODS = {"bernoulli": bernoulli, "gaussian": gaussian, "logistic": logistic,
               "beta-binomial": beta_binomial}


# ---- log p of each target [n, T]: classes, and cells of boxes

NO_CLASS = 255


def categorical(outputs, classes):
    """[n, T C] and [n, T]; what was not observed adds nothing."""
    logits = outputs.view(*classes.shape, -1).transpose(1, 2)
    return -functional.cross_entropy(logits, classes, ignore_index=NO_CLASS, reduction="none")


def detection(outputs, classes, boxes):
    """[n, T (9 + C)], [n, T] and [n, T 4]: whether there is an object; where there is one, its
    class and box too."""
    cells = outputs.view(*classes.shape, -1)
    is_object = classes != NO_CLASS
    logits, means, log_variances = cells[..., 1:-8], cells[..., -8:-4], cells[..., -4:]
    box = torch.distributions.Normal(means, (log_variances.clamp(-8, 8) / 2).exp())
    of_box = box.log_prob(boxes.view(*classes.shape, 4)).sum(2)
    return (bernoulli(cells[..., 0], is_object.float(), None) +
            categorical(logits.flatten(1), classes) + is_object * of_box)


# ---- diagonal Gaussians


class Normal:
    """Of heads (mean, log-variance) side by side."""

    def __init__(self, heads, model):
        self.mu, self.logvar = heads.chunk(2, 1)
        self.logvar = self.logvar.clamp(model["logvar_min"], model["logvar_max"])

    def repeated(self, samples):
        """A row for each sample of an image."""
        other = object.__new__(Normal)
        other.mu, other.logvar = (v.repeat_interleave(samples, 0) for v in (self.mu, self.logvar))
        return other

    def detached(self):
        other = object.__new__(Normal)
        other.mu, other.logvar = self.mu.detach(), self.logvar.detach()
        return other

    def draw(self, noise):
        return self.mu + torch.exp(self.logvar / 2) * noise

    def log_p(self, z):
        return -0.5 * ((z - self.mu)**2 / self.logvar.exp() + self.logvar + LOG_TWO_PI).sum(1)

    def divergence(self, prior):
        """KL of each dimension."""
        square = ((self.mu - prior.mu)**2 + self.logvar.exp()) / prior.logvar.exp()
        return 0.5 * (square - 1 - self.logvar + prior.logvar)


class Network:
    """The layers of a configuration. Weights are given with each call, by their names."""

    def __init__(self, model):
        self.model = model

        def chain(part, name):
            return [Layer(words, f"{name}.{i}", model["activation"])
                    for i, words in enumerate(part)]

        self.encoder = chain(model["encoder"], "encoder")
        self.decoder = chain(model["decoder"], "decoder")
        self.up = chain(model.get("top", []), "top.encoder")
        self.down = chain(model.get("top", [])[::-1], "top.decoder")
        self.to_prior = chain(model.get("prior_layers", []), "prior")
        self.output = Layer(model.get("output", "dense"), "decoder.output", "none")

    def run(self, layers, h, weights):
        return ([h] + self.run_each(layers, h, weights))[-1]

    def run_each(self, layers, h, weights, encoder=()):
        """What each layer makes; `encoder` has what the encoder's layers made of the images."""
        made = []
        for layer in layers:
            if layer.kind == "skip":
                beside = encoder[int(layer.sizes[0])]
                h = torch.cat([h, beside.repeat_interleave(len(h) // len(beside), 0)], -1)
            else:
                h = layer.run(h, weights)
            made.append(h)
        return made

    def heads(self, h, name, words, weights):
        """Side by side, and the shape of a code."""
        mu, logvar = (Layer(words, f"{name}.{part}", "none").run(h, weights)
                      for part in ("mu", "logvar"))
        return torch.cat([mu.flatten(1), logvar.flatten(1)], 1), mu.shape[1:]

    @staticmethod
    def told(h, condition, flat=False):
        """The condition behind the channels, at every position."""
        if condition is None:
            return h
        if flat or h.dim() == 2:
            return torch.cat([h.flatten(1), condition], 1)
        return torch.cat([h, condition[:, None, None].expand(*h.shape[:3], -1)], 3)

    def encode(self, x, condition, weights):
        """Heads of q(z|x), and the shape of z."""
        model = self.model
        pixels = x.view(-1, model["height"], model["width"], model["channels"])
        self.shown = condition.view_as(pixels) if model["condition"] == "seen" else pixels
        self.made = self.run_each(self.encoder, pixels, weights)
        h = ([pixels] + self.made)[-1]
        words = model.get("heads", "dense")
        return self.heads(self.told(h, condition, words == "dense"), "encoder", words, weights)

    def outputs(self, z, condition, weights):
        told = self.told(z, condition)
        h = ([told] + self.run_each(self.decoder, told, weights, self.made))[-1]
        if self.output.kind != "transport":
            return self.output.run(h, weights).flatten(1)
        shown = self.shown.repeat_interleave(len(h) // len(self.shown), 0)
        motion = self.output.run_conv(h, weights)
        return torch_transport.transport(shown, motion, int(self.output.sizes[0])).flatten(1)

    def prior(self, width, condition, weights):
        """p of the highest latents, one row, or one for each of the condition."""
        if self.model["prior"] == "conditional":
            heads, _ = self.heads(self.run(self.to_prior, condition, weights), "prior", "dense",
                                  weights)
            return Normal(heads, self.model)
        heads = torch.zeros(1, 2 * width)
        if self.model["prior"] == "learned":
            heads = torch.cat([weights["prior.mu"], weights["prior.logvar"]])[None]
        return Normal(heads, self.model)

    def log_variance(self, weights):
        if "decoder.log_variance" in weights:
            return weights["decoder.log_variance"]
        if self.model["variance"] == "per-pixel":
            return None
        return torch.tensor([2 * math.log(self.model["sigma"])])

    def log_px(self, z, shape, batch, weights):
        """Of the batch's target, summed over what counts of it."""
        outputs = self.outputs(z.view(-1, *shape), batch.get("condition"), weights)
        if "boxes" in batch:
            return detection(outputs, batch["classes"], batch["boxes"]).sum(1)
        if "classes" in batch:
            return categorical(outputs, batch["classes"]).sum(1)
        likelihood = LIKELIHOODS[self.model["likelihood"]]
        values = likelihood(outputs, batch["clean"], self.log_variance(weights))
        return (values * batch.get("counted", 1)).sum(1).float()

    def latents(self, q, noise, samples, condition, weights):
        """[(posterior, prior, z)] of all latents, z's first, a row each for every sample."""
        q = q.repeated(samples)
        if condition is not None:
            condition = condition.repeat_interleave(samples, 0)
        z = q.draw(noise[0])
        if len(noise) == 1:
            return [(q, self.prior(z.shape[1], condition, weights), z)]
        top, _ = self.heads(self.run(self.up, z, weights), "top.encoder", "dense", weights)
        q2 = Normal(top, self.model)
        z2 = q2.draw(noise[1])
        below, _ = self.heads(self.run(self.down, z2, weights), "top.decoder", "dense", weights)
        return [(q, Normal(below, self.model), z),
                (q2, self.prior(z2.shape[1], condition, weights), z2)]


# ---- what is minimised: a batch's mean, and what is compared on the way


def elbo(network, batch, noise, training, weights):
    heads, shape = network.encode(batch["x"], batch.get("condition"), weights)
    latents = network.latents(Normal(heads, network.model), noise, 1, batch.get("condition"),
                              weights)
    log_px = network.log_px(latents[0][2], shape, batch, weights)
    kl, charged = 0, 0
    for i, (q, p, z) in enumerate(latents):
        if i < len(latents) - 1:  # its prior knows z
            part = paid = q.log_p(z) - p.log_p(z)
        else:
            terms = q.divergence(p)
            part, paid = terms.sum(1), terms.clamp(min=training["free_bits"]).sum(1)
        kl, charged = kl + part, charged + paid
    loss = (training["beta"] * charged - log_px).mean()
    return loss, {"heads": heads, "kl": kl, "log_px": log_px}


def repeated(batch, samples):
    return {name: value.repeat_interleave(samples, 0) for name, value in batch.items()}


def log_weights(network, latents, shape, batch, weights, q=None):
    log_px = network.log_px(latents[0][2], shape, batch, weights)
    log_ratio = sum(p.log_p(z) - (q or own).log_p(z) for own, p, z in latents)
    return log_px, log_ratio


def iwae(network, batch, noise, training, weights):
    samples = training["importance_samples"]
    heads, shape = network.encode(batch["x"], batch.get("condition"), weights)
    latents = network.latents(Normal(heads, network.model), noise, samples,
                              batch.get("condition"), weights)
    log_px, log_ratio = log_weights(network, latents, shape, repeated(batch, samples), weights)
    bound = (log_px + training["beta"] * log_ratio).view(-1, samples).logsumexp(1)
    return -bound.mean(), {"heads": heads, "log_ratio": log_ratio, "log_px": log_px}


def dreg(network, batch, noise, training, weights):
    """Doubly reparameterised: of the encoder's weights the gradient goes through z alone, with the
    importance weights squared. [DReG eq. 8, at beta 1]"""
    samples = training["importance_samples"]
    many = repeated(batch, samples)
    heads, shape = network.encode(batch["x"], batch.get("condition"), weights)
    latents = network.latents(Normal(heads, network.model), noise, samples,
                              batch.get("condition"), weights)
    fixed = [(q.detached(), p, z.detach()) for q, p, z in latents]
    log_px, log_ratio = log_weights(network, fixed, shape, many, weights)
    log_w = log_px + log_ratio
    w = log_w.detach().view(-1, samples).softmax(1).flatten()
    frozen = {name: value.detach() for name, value in weights.items()}
    through_z = [(q.detached(), network.prior(z.shape[1], many.get("condition"), frozen), z)
                 for q, _, z in latents]
    path = sum(log_weights(network, through_z, shape, many, frozen))
    loss = -(w * log_w + w**2 * (path - path.detach())).sum() / len(batch["x"])
    return loss, {"heads": heads, "log_ratio": log_ratio, "log_px": log_px}


def objective(network, batch, noise, training, weights):
    """The loss of a batch, and its tensors by their names."""
    if training["importance_samples"] == 1:
        return elbo(network, batch, noise, training, weights)
    function = dreg if training["objective"] == "dreg" else iwae
    return function(network, batch, noise, training, weights)
