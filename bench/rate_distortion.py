#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rate against distortion of `vae compress --lossy`, beside principal components and WebP.

    python3 bench/rate_distortion.py                 trains two networks, then measures
    python3 bench/rate_distortion.py runs/a runs/b   of runs that are there
    python3 bench/rate_distortion.py --picture docs/pictures/rate-distortion.png --json points.json

Rate: bits a pixel of all test images. Distortion: PSNR of their mean squared error, of what comes
back as whole levels. Models are not counted, neither the network nor the components.

vae      the whole file, at each of --qualities.
PCA      of the training images: coefficients of the first k components in steps of one width for
         all, by an ideal coder that knows for nothing how often each symbol of each component
         occurs in the test images. Best of all k and widths.
WebP     lossy (method 6) through Pillow: all images as the tiles of one picture, whose whole file
         counts, as a file of one small image is mostly headers; at lower rates the picture is made
         smaller first and brought back (bicubic). Best of all scales and qualities.

Needs NumPy and Pillow with WebP, and matplotlib where there is --picture.
"""
import argparse
import io
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from PIL import Image, features
except ImportError as missing:
    sys.exit(f"rate_distortion: there is no {missing.name}; pip install numpy pillow")

import restoration_baselines

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMON = ("--binarization", "none", "--epochs", "10", "--validation", "5000", "--seed", "1")
MODELS = {
    "latent 20": ("--likelihood", "beta-binomial", "--latent", "20"),
    "latent 64, Gaussian": ("--likelihood", "gaussian", "--variance", "learned", "--sigma", "0.2",
                            "--latent", "64"),
}
COMPONENTS = (5, 10, 20, 40, 80, 160)
WIDTHS = tuple(2.0 ** (power / 2) for power in range(-4, 6))  # of a step; a pixel is from 0 to 1
SCALES = (1.0, 0.75, 0.5, 0.25)
WEBP_QUALITIES = (0, 10, 30, 60)


def whole_levels(x):
    """What a file of bytes could hold of pixels from 0 to 1."""
    return np.round(np.clip(x, 0.0, 1.0) * 255.0) / 255.0


def point(bits, truth, back, **more):
    """One dot of a curve; `bits` of all images together."""
    return {"bits_per_pixel": bits / truth.size, "psnr": restoration_baselines.psnr(back, truth),
            **more}


def envelope(points):
    """The concave hull from the least rate to the highest PSNR: lines between points that were
    tried are in their favour."""
    best = []
    for new in sorted(points, key=lambda p: (p["bits_per_pixel"], -p["psnr"])):
        if best and new["psnr"] <= best[-1]["psnr"]:
            continue
        while len(best) > 1 and slope(best[-2], new) >= slope(best[-2], best[-1]):
            best.pop()
        best.append(new)
    return best


def slope(a, b):
    return (b["psnr"] - a["psnr"]) / (b["bits_per_pixel"] - a["bits_per_pixel"])


def psnr_at(curve, bits_per_pixel):
    """Between two points of a curve on the line between them; None outside of it."""
    rates = [p["bits_per_pixel"] for p in curve]
    if not rates[0] <= bits_per_pixel <= rates[-1]:
        return None
    return float(np.interp(bits_per_pixel, rates, [p["psnr"] for p in curve]))


def rate_at(curve, psnr):
    """The other way round; None where the curve's PSNR ends above or below."""
    heights = [p["psnr"] for p in curve]
    if not heights[0] <= psnr <= heights[-1]:
        return None
    return float(np.interp(psnr, heights, [p["bits_per_pixel"] for p in curve]))


def entropy(symbols):
    """Bits that an ideal coder takes for a column of whole numbers whose counts it knows."""
    counts = np.bincount(symbols - symbols.min())
    counts = counts[counts > 0]
    return float((counts * np.log2(len(symbols) / counts)).sum())


def pca_curve(train, test):
    mean, vectors = restoration_baselines.components(restoration_baselines.flat(train))
    truth = restoration_baselines.flat(test).astype(np.float32)
    mean, vectors = mean.astype(np.float32), vectors.astype(np.float32)[:, :max(COMPONENTS)]
    coefficients = (truth - mean) @ vectors
    deviations = coefficients.std(0)
    points = []
    for width in WIDTHS:
        symbols = np.round(coefficients / width).astype(np.int64)
        bits = np.cumsum([entropy(column) for column in symbols.T])
        for k in (k for k in COMPONENTS if deviations[k - 1] > width / 8):  # others are 0 anyway
            back = symbols[:, :k].astype(np.float32) @ (width * vectors[:, :k].T) + mean
            points.append(point(bits[k - 1], truth, whole_levels(back), components=k, step=width))
    return envelope(points)


def tiled(test):
    """One picture of all images in rows, the last row filled with black."""
    count, height, width = test.shape
    across = int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    tiles = np.zeros((across * down, height, width), np.uint8)
    tiles[:count] = np.round(test * 255.0)
    picture = tiles.reshape(down, across, height, width).swapaxes(1, 2)
    return Image.fromarray(picture.reshape(down * height, across * width))


def untiled(picture, shape):
    count, height, width = shape
    pixels = np.asarray(picture.convert("L"))
    tiles = pixels.reshape(pixels.shape[0] // height, height, pixels.shape[1] // width, width)
    return tiles.swapaxes(1, 2).reshape(-1, height, width)[:count] / 255.0


def webp_curve(test):
    picture = tiled(test)
    points = []
    for scale in SCALES:
        small = picture
        if scale < 1.0:
            small = picture.resize([round(side * scale) for side in picture.size], Image.LANCZOS)
        for quality in WEBP_QUALITIES:
            file = io.BytesIO()
            small.save(file, "WEBP", quality=quality, method=6)
            back = Image.open(file).convert("L").resize(picture.size, Image.BICUBIC)
            points.append(point(8 * len(file.getvalue()), test, untiled(back, test.shape),
                                scale=scale, quality=quality))
    return envelope(points)


def vae(program, verb, *words):
    """What a verb prints with --json."""
    command = [program, verb, *map(str, words), "--json", "--quiet", "--no-progress"]
    print("  $", " ".join(command), file=sys.stderr, flush=True)
    try:
        found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        sys.exit(f"rate_distortion: {program} does not start ({error.strerror}); build it or name "
                 "it with --vae")
    if found.returncode != 0:
        sys.exit(f"rate_distortion: status {found.returncode} of: {' '.join(command)}")
    return json.loads(found.stdout)


def vae_curve(options, run, images):
    points = []
    with tempfile.TemporaryDirectory() as folder:
        for quality in options.qualities:
            limit = ("--limit", images) if options.test_images else ()
            found = vae(options.vae, "compress", run, "--data", options.data, *limit, "--lossy",
                        "--quality", quality, "--no-comparison", "--out",
                        pathlib.Path(folder) / "images.vaez")
            points.append({"bits_per_pixel": found["bits_per_dimension"], "psnr": found["psnr"],
                           "bytes": found["bytes"], "quality": quality})
    return points


def finished(run):
    state = run / "run.json"
    return state.exists() and json.loads(state.read_text())["status"] == "finished"


def runs(options):
    """Name and run of each model; those of the command line, or those of MODELS, trained once."""
    if options.run:
        return {pathlib.Path(run).name: run for run in options.run}
    trained = {}
    for name, words in MODELS.items():
        run = pathlib.Path(options.work) / name.replace(",", "").replace(" ", "-")
        run.parent.mkdir(parents=True, exist_ok=True)
        if not finished(run):
            begun = (run / "config.json").exists()
            vae(options.vae, "train", "--out", run,
                *(("--resume",) if begun else ("--data", options.data, *COMMON, *words)))
        trained[name] = run
    return trained


def number(value, places=2):
    return "" if value is None else f"{value:.{places}f}"


def table(curves, pca, webp, images):
    """Every point of the models, and what PCA and WebP make of as many bits."""
    lines = ["| model | quality | bytes an image | bits a pixel | PSNR, dB | PCA's PSNR | WebP's "
             "PSNR | PCA's bits for this PSNR | WebP's bits |",
             "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for name, curve in curves.items():
        for p in curve:
            rate = p["bits_per_pixel"]
            lines.append("| " + " | ".join([
                name, f"{p['quality']:g}", number(p["bytes"] / images, 1), number(rate, 4),
                number(p["psnr"]), number(psnr_at(pca, rate)), number(psnr_at(webp, rate)),
                number(rate_at(pca, p["psnr"]), 4), number(rate_at(webp, p["psnr"]), 4)]) + " |")
    return "\n".join(lines)


def draw(path, curves, pca, webp):
    """Bits a pixel, on a logarithmic axis, against PSNR."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(7.2, 4.4), dpi=100)
    for (name, curve), colour in zip(curves.items(), ("C0", "C3", "C4", "C5", "C6")):
        axes.plot([p["bits_per_pixel"] for p in curve], [p["psnr"] for p in curve], "o-",
                  color=colour, markersize=4, label=f"vae, {name}")
    for name, curve, style in (("PCA, ideal coder", pca, "--"), ("WebP, one picture", webp, "-.")):
        axes.plot([p["bits_per_pixel"] for p in curve], [p["psnr"] for p in curve], style,
                  color="0.25", linewidth=1.2, label=name)
    rates = [p["bits_per_pixel"] for curve in curves.values() for p in curve]
    heights = [p["psnr"] for curve in curves.values() for p in curve]
    axes.set(xscale="log", xlim=(min(rates) / 1.3, 1.6 * max(rates)),
             ylim=(min(heights) - 0.5, max(heights) + 4.0),
             xlabel="bits a pixel (the model not counted)", ylabel="PSNR, dB")
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if t <= 1.6 * max(rates)]
    axes.set_xticks([t for t in ticks if t >= min(rates) / 1.3])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", frameon=False)
    figure.tight_layout()
    figure.savefig(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="*", help="runs of grey images; none: two are trained")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "data" / "mnist",
                        help="a folder of IDX files")
    parser.add_argument("--prefix", default="", help="of the files' names, as in emnist-letters-")
    parser.add_argument("--qualities", default="25,37.5,50,62.5,75,87.5,100",
                        help="of vae compress, with commas between [%(default)s]")
    parser.add_argument("--test-images", type=int, default=0, help="0: all")
    parser.add_argument("--vae", default=str(ROOT / "build" / "release" / "vae"))
    parser.add_argument("--work", default=str(ROOT / "build" / "rate-distortion"),
                        help="where the trained models are kept")
    parser.add_argument("--picture", help="a file for the curves, which takes matplotlib")
    parser.add_argument("--json", help="a file for the points")
    options = parser.parse_args()
    try:
        options.qualities = [float(word) for word in options.qualities.split(",")]
    except ValueError:
        parser.error(f"--qualities: numbers with commas between, not {options.qualities}")
    if not all(0.0 < quality <= 100.0 for quality in options.qualities):
        parser.error("--qualities: each above 0, 100 at most")
    names = [pathlib.Path(run).name for run in options.run]
    if len(set(names)) < len(names):
        parser.error("RUN: two of one name cannot be told apart in the table")
    if not features.check("webp"):
        parser.error("this Pillow has no WebP; pip install pillow")
    if options.picture:
        try:
            import matplotlib  # noqa: F401, needed at the end of some minutes' work
        except ImportError:
            parser.error("--picture takes matplotlib; pip install matplotlib")
    return options


def read(options, name):
    try:
        return restoration_baselines.images(options.data, options.prefix + name)
    except StopIteration:
        sys.exit(f"rate_distortion: {options.data} holds no {options.prefix}{name}-images-"
                 "idx3-ubyte, nor a .gz of it; name a folder that does with --data")


def main():
    options = parse_arguments()
    train, test = read(options, "train"), read(options, "t10k")
    test = test[:options.test_images] if options.test_images else test
    curves = {name: vae_curve(options, run, len(test)) for name, run in runs(options).items()}
    pca, webp = pca_curve(train, test), webp_curve(test)
    print(table(curves, pca, webp, len(test)))
    if options.json:
        pathlib.Path(options.json).write_text(
            json.dumps({"images": len(test), "vae": curves, "pca": pca, "webp": webp}, indent=1))
    if options.picture:
        draw(options.picture, curves, pca, webp)


if __name__ == "__main__":
    main()
