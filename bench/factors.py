#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much each latent knows of each factor of generated sprites, for two weights of the KL term.

    python3 bench/factors.py                  trains at beta 1 and 4, writes docs/results.md
    python3 bench/factors.py --epochs 10      shorter; a run that was cut off is resumed
    python3 bench/factors.py --check          the estimator on codes whose information is known

Sprites: 32 x 32, grey only at their edges, one for each of 21,600 combinations of factors; image number

    index = (((shape * 6 + size) * 12 + rotation) * 10 + y) * 10 + x

shows a triangle, half a disc or an L (shape 0 to 2), in the radius 4.5 + 0.7 size pixels, turned by
30 rotation degrees, its centre at (11 + 10 x / 9, 11 + 10 y / 9). No shape has a symmetry, so that the
twelve rotations are twelve images; information asks for no order of the levels, so that a circle of
them needs nothing special. One image in ten, drawn by the seed, is the test set.

Information: I(z_j; v_k) of a code z_j ~ q(z_j | x) and a factor v_k, over all images, each as
probable as the next (Chen et al. 2018, "Isolating Sources of Disentanglement in VAEs", section 4).
q(z_j) and q(z_j | v_k) are mixtures of the posteriors' normals, and the probability of each of BINS
intervals is computed from their distribution functions. Nothing is sampled and all images of the grid
are in, so there is no sampling error; what is left is the bias of the intervals, which only lowers:
a function of z_j knows no more than z_j. --check shows it to be below 0.003 nats.

The gap of a factor is that of the two latents that know most of it, over H(v_k); MIG is the mean. A
circle needs two coordinates, which know equally much, so rotation's gap is nearly 0 however well it
is told from the rest: the mean of the other four stands beside it. Needs NumPy.
"""
import argparse
import datetime
import json
import math
import pathlib
import subprocess
import sys

import numpy as np

from tasks import PAGE, ROOT, Bench, processor, write_page

SIDE = 32
SHAPES = ("triangle", "half disc", "L")
LEVELS = {"shape": len(SHAPES), "size": 6, "rotation": 12, "y": 10, "x": 10}
IMAGES = math.prod(LEVELS.values())
BETAS = (1, 4)
LATENTS = 10
NETWORK = ("--encoder", "400, 400", "--decoder", "400, 400", "--latent", LATENTS)
PICTURE = ROOT / "docs" / "pictures" / "factors.png"
BINS = 300  # between the outermost means, and four deviations beyond them
UNUSED = 0.05  # nats of KL


# The sprites.

def factors_of(index):
    """The level of each factor of images, by their numbers: the mixed radix above, last digit first."""
    levels = {}
    for name in reversed(LEVELS):
        index, levels[name] = np.divmod(index, LEVELS[name])
    return {name: levels[name] for name in LEVELS}


def inside(shape, u, v):
    """Whether points are in a shape of radius about 1 around (0, 0); v points down."""
    if shape == 0:
        return (v <= 0.9) & (np.abs(u) <= 0.6 * (v + 1.1) / 2)
    if shape == 1:
        return (v >= -0.45) & (u ** 2 + (v + 0.45) ** 2 <= 1)
    return (np.abs(v) <= 1) & (np.abs(u) <= 0.7) & ((u <= -0.1) | (v >= 0.4))


def sprite(shape, size, rotation, y, x):
    """One image, each pixel as light as the share of its 3 x 3 points that are inside."""
    radius, angle = 4.5 + 0.7 * size, math.pi / 6 * rotation
    down, right = (np.mgrid[:3 * SIDE, :3 * SIDE] + 0.5) / 3
    down, right = (down - 11 - 10 * y / 9) / radius, (right - 11 - 10 * x / 9) / radius
    u = math.cos(angle) * right + math.sin(angle) * down
    v = math.cos(angle) * down - math.sin(angle) * right
    share = inside(shape, u, v).reshape(SIDE, 3, SIDE, 3).mean((1, 3))
    return np.rint(255 * share).astype(np.uint8)


def sprites():
    """All of them, in the order of their numbers."""
    levels = np.stack(list(factors_of(np.arange(IMAGES)).values()), 1)
    return np.stack([sprite(*row) for row in levels.tolist()])


def write_sprites(folder, seed):
    """Files for --data, where one in ten is for testing, and for --images, where all are in order."""
    folder.mkdir(parents=True, exist_ok=True)
    images = sprites()
    order = np.random.default_rng(seed).permutation(IMAGES)
    test = IMAGES // 10
    np.savez_compressed(folder / "sprites.npz", x_train=images[order[test:]],
                        x_test=images[order[:test]])
    np.savez_compressed(folder / "all.npz", images=images)


# Information.

PHI_AT = np.linspace(-8, 8, 16001)
PHI = np.array([0.5 * math.erfc(-t / math.sqrt(2)) for t in PHI_AT],
               np.float32)


def below(edges, mean, deviation):
    """The normal's distribution function, [images, edges], of a table: errors below 2e-4."""
    scale = (1000 / deviation[:, None]).astype(np.float32)
    at = np.clip((edges - mean[:, None]).astype(np.float32) * scale + 8000.5, 0, 16000)
    return PHI.take(at.astype(np.int32))


def intervals(mean, deviation, bins):
    """Edges of equal intervals, and of two that reach to infinity."""
    margin = 4 * deviation.max()
    return np.linspace(mean.min() - margin, mean.max() + margin, bins - 1)


def memberships(labels):
    """[levels, images]: what each image weighs in the mean of the images of a level."""
    of_level = labels == np.arange(labels.max() + 1)[:, None]
    return (of_level / of_level.sum(1, keepdims=True)).astype(np.float32)


def level_densities(mean, deviation, members, bins=BINS):
    """The probability of each interval given each level, [levels, bins]."""
    edges = intervals(mean, deviation, bins)
    sums = np.zeros((len(members), len(edges)))
    for some in np.array_split(np.arange(len(mean)), max(len(mean) // 256, 1)):
        sums += members[:, some] @ below(edges, mean[some], deviation[some])
    return np.diff(sums.clip(0, 1), axis=1, prepend=0, append=1)


def entropy(p):
    """Of rows of probabilities, in nats."""
    return -(p * np.log(np.where(p > 0, p, 1))).sum(-1)


def information(densities, weights):
    """I of the interval and the level."""
    return float(entropy(weights @ densities) - weights @ entropy(densities))


def information_matrix(means, deviations, labels, bins=BINS):
    """I(z_j; v_k) / H(v_k), [factors, latents], in shares; labels is a dictionary of factors."""
    members = {name: memberships(values) for name, values in labels.items()}
    weights = {name: np.bincount(values) / len(values) for name, values in labels.items()}
    ends = np.cumsum([len(rows) for rows in members.values()])[:-1]
    shares = np.zeros((len(labels), means.shape[1]))
    for j in range(means.shape[1]):
        densities = level_densities(means[:, j], deviations[:, j],
                                    np.concatenate(list(members.values())), bins)
        for k, (name, found) in enumerate(zip(labels, np.split(densities, ends))):
            shares[k, j] = information(found, weights[name]) / entropy(weights[name])
    return shares


def gaps(matrix):
    """Of each factor, the best latent's share less the second's."""
    ordered = np.sort(matrix, 1)
    return ordered[:, -1] - ordered[:, -2]


# The estimator's own test.

def expect(what, found, wanted, within):
    """Says a figure, and stops where it is wrong."""
    verdict = "ok" if abs(found - wanted) <= within else "WRONG"
    print(f"{verdict:5} {what}: {found:.5f}, {wanted:.5f} within {within}")
    if verdict != "ok":
        sys.exit(1)


def antipodal_information(deviation):
    """Of a fair sign and that sign plus a normal: ln 2 - E ln(1 + exp(-2 z / s^2)), by a sum."""
    t = np.linspace(-10, 10, 200001)
    density = np.exp(-t ** 2 / 2) / math.sqrt(2 * math.pi)
    lost = np.logaddexp(0, -2 * (1 + deviation * t) / deviation ** 2)
    return math.log(2) - float((density * lost).sum() * (t[1] - t[0]))


def check_information():
    """Channels whose information is known in closed form, or to be found by another sum."""
    fixed = np.full(1200, 0.01)
    labels = np.arange(1200) % 12

    def found(mean, deviation, of=labels, bins=BINS):
        densities = level_densities(mean, deviation, memberships(of), bins)
        return information(densities, np.bincount(of) / len(of))

    expect("12 levels far apart: ln 12", found(labels * 1.0, fixed), math.log(12), 1e-4)
    expect("one normal for all levels: 0", found(np.zeros(1200), fixed + 1), 0, 1e-6)
    expect("levels of another factor: 0", found(labels // 4 * 1.0, fixed, np.arange(1200) // 12 % 10),
           0, 1e-6)
    signs = np.arange(1200) % 2
    for deviation in (0.5, 1.0, 2.0):
        expect(f"sign in noise of {deviation}", found(2.0 * signs - 1, fixed * 0 + deviation, signs),
               antipodal_information(deviation), 0.002)
    expect("the same at 100 intervals", found(2.0 * signs - 1, fixed * 0 + 1, signs, 100),
           antipodal_information(1.0), 0.002)
    expect("two thirds of a sign erased: ln(2) / 3",
           found(np.where(np.arange(1200) // 2 % 3 == 0, 2.0 * signs - 1, 0), fixed, signs),
           math.log(2) / 3, 1e-4)
    grid = (np.arange(400) + 0.5) / 400
    normal = np.interp(grid, PHI, PHI_AT)
    expect("a normal in noise of its size: ln(2) / 2", found(normal, np.ones(400), np.arange(400)),
           math.log(2) / 2, 0.003)


def check_gaps():
    """Codes made of the factors themselves."""
    labels = factors_of(np.arange(IMAGES))
    angle = labels["rotation"] * math.pi / 6 + 0.1  # no two levels share a coordinate
    means = np.stack([labels["shape"], labels["size"], labels["y"], labels["x"],
                      8 * np.cos(angle), 8 * np.sin(angle), 0 * angle], 1).astype(float)
    matrix = information_matrix(means, np.full_like(means, 0.02), labels)
    for name, gap, wanted in zip(LEVELS, gaps(matrix), (1, 1, 0, 1, 1)):
        expect(f"gap of {name}", gap, wanted, 1e-3)
    expect("rotation in its cosine", matrix[2, 4], 1, 1e-3)
    expect("x in y's latent", matrix[4, 2], 0, 1e-6)


def check_sprites():
    """The numbers of images, that no two sprites are alike, and that none is cut off."""
    images = sprites()
    levels = tuple(factors_of(np.arange(IMAGES)).values())
    number = np.ravel_multi_index(levels, tuple(LEVELS.values()))
    expect("numbers of images that come back", int((number == np.arange(IMAGES)).sum()), IMAGES, 0)
    border = images[:, [0, -1], :].any() or images[:, :, [0, -1]].any()
    expect("sprites at the border", int(border), 0, 0)
    different = len({image.tobytes() for image in images})
    expect("different sprites", different, IMAGES, 0)


# Measuring.

def codes(bench, run):
    """Means and deviations of the posteriors of all sprites, [images, latents] each."""
    path = bench.work / f"{run.name}.npy"
    bench.vae("encode", run, "--images", pathlib.Path(bench.data).with_name("all.npz"), "--out", path)
    return np.load(path), np.exp(0.5 * np.load(path.with_suffix(".logvar.npy")))


def measure(bench, beta, epochs):
    """One training's figures."""
    run = bench.train(f"beta-{beta}-{epochs}", "--preset", "mlp-400-20", *NETWORK, "--beta", beta,
                      "--epochs", epochs, "--validation", 1000)
    test = bench.vae("eval", run, "--data", bench.data)
    matrix = information_matrix(*codes(bench, run), factors_of(np.arange(IMAGES)))
    return {"beta": beta, "run": str(run), "seconds": bench.seconds(run), "elbo": test["elbo"],
            "kl": test["kl"], "kl_per_dimension": test["kl_per_dimension"], "matrix": matrix.tolist(),
            "gaps": gaps(matrix).tolist()}


def mig(found, without=None):
    """The mean of the gaps, of all factors or without one."""
    return float(np.mean([gap for name, gap in zip(LEVELS, found["gaps"]) if name != without]))


def holders(found):
    """The latents that hold the factors: the best one of each and rotation's second, no one twice."""
    matrix = np.array(found["matrix"])
    best = {name: np.argsort(-row) for name, row in zip(LEVELS, matrix)}
    wanted = [best["x"][0], best["y"][0], best["size"][0], best["shape"][0], *best["rotation"][:2]]
    return [int(j) for j in dict.fromkeys(wanted)]


def draw(bench, found, path):
    """What turning each of those latents changes in one sprite."""
    bench.vae("traverse", found["run"], "--data", bench.data, "--index", 0, "--range", 2.5, "--steps",
              11, "--scale", 1, "--dimensions", ",".join(map(str, holders(found))), "--out", path)


# The page.

def summary(results):
    """A line for each beta."""
    lines = ["| beta | MIG | MIG without rotation | test ELBO, nats | KL, nats | latents used | minutes |",
             "|---:|---:|---:|---:|---:|---:|---:|"]
    for found in results:
        used = sum(kl > UNUSED for kl in found["kl_per_dimension"])
        lines.append(f"| {found['beta']} | {mig(found):.3f} | {mig(found, 'rotation'):.3f} | "
                     f"{found['elbo']:.2f} | {found['kl']:.2f} | {used} of {LATENTS} | "
                     f"{found['seconds'] / 60:.1f} |")
    return "\n".join(lines)


def matrix_table(found):
    """Shares of each factor that each latent knows, and the KL of each, the largest first."""
    order = np.argsort(-np.array(found["kl_per_dimension"]))
    lines = [f"| beta {found['beta']} | gap | " + " | ".join(f"z{j}" for j in order) + " |",
             "|---|---:|" + "---:|" * LATENTS]
    for name, gap, row in zip(LEVELS, found["gaps"], found["matrix"]):
        shares = [f"**{row[j]:.2f}**" if row[j] == max(row) else f"{row[j]:.2f}" for j in order]
        lines.append(f"| {name} | {gap:.2f} | " + " | ".join(shares) + " |")
    kl = " | ".join(f"{found['kl_per_dimension'][j]:.2f}" for j in order)
    return "\n".join([*lines, f"| KL, nats | | {kl} |"])


def commit():
    """The one that changed the program's sources last, where git knows it."""
    found = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%h", "--", "include", "kernels",
                            "host"], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           text=True)
    return f", commit {found.stdout.strip()}" if found.returncode == 0 else ""


def section(bench, results, epochs, version):
    """The part of the page; what follows `Conclusion:` is written by hand and kept."""
    rows = ", ".join(f"z{j}" for j in holders(results[-1]))
    tables = "\n\n".join(matrix_table(found) for found in results)
    network = " ".join(f'"{word}"' if " " in str(word) else str(word) for word in NETWORK)
    return (f"## factors\n\n"
            f"{version}{commit()}, seed {bench.seed}, {processor()} with {bench.threads} threads, "
            f"{datetime.date.today()}: `python3 bench/factors.py --epochs {epochs} --seed {bench.seed}`\n\n"
            f"What each latent knows of generated sprites: {IMAGES:,} of 32 x 32 pixels, one for each "
            f"combination of\nshape, size, rotation and position; `{network}`,\n{epochs} epochs. "
            f"MIG is the mutual information gap over all sprites, as the file says it is estimated; "
            f"KL and\nELBO (at beta 1) are of the {IMAGES // 10:,} test sprites.\n\n"
            f"{summary(results)}\n\n"
            f"I(z; factor) / H(factor), the most of each factor in bold, and each latent's KL:\n\n"
            f"{tables}\n\n"
            f"![A sprite as one latent moves](pictures/{PICTURE.name})\n\n"
            f"Beta {results[-1]['beta']}, a test sprite; rows {rows}, each from -2.5 to 2.5.\n")


def conclusion(path):
    """What a hand wrote at the end of the section, to stand there again."""
    text = path.read_text() if path.exists() else ""
    part = (text.split("\n## factors\n") + [""])[1].split("\n## ")[0]
    return "\nConclusion:" + part.split("\nConclusion:")[1] if "\nConclusion:" in part else ""


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="test the estimator and stop")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--vae", default=str(ROOT / "build" / "release" / "vae"))
    parser.add_argument("--work", default=str(ROOT / "build" / "factors"))
    parser.add_argument("--json", help="a file for the figures")
    parser.add_argument("--page", default=str(PAGE), help="the page to write [docs/results.md]")
    parser.add_argument("--picture", default=str(PICTURE), help="the PNG to write [%(default)s]")
    arguments = parser.parse_args()
    arguments.data = str(pathlib.Path(arguments.work) / "sprites.npz")
    arguments.against = None
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.check:
        check_information()
        check_gaps()
        check_sprites()
        return
    if not pathlib.Path(arguments.data).exists():
        write_sprites(pathlib.Path(arguments.work), arguments.seed)
    bench = Bench(arguments)
    version = subprocess.run([bench.program, "--version"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.splitlines()[0]
    results = [measure(bench, beta, arguments.epochs) for beta in BETAS]
    draw(bench, results[-1], arguments.picture)
    page = pathlib.Path(arguments.page)
    text = section(bench, results, arguments.epochs, version) + conclusion(page)
    print(text)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=1))
    write_page(page, "factors", text)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("factors: interrupted; the same command goes on from here")
