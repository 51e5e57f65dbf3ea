#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains and measures the tasks that the README names, and writes docs/results.md.

    bench/tasks.sh                            every task on MNIST, about an hour on two cores
    bench/tasks.sh --only classify,denoise    some of them
    bench/tasks.sh --data fashion-mnist       once more on other data, a folder or a name
    bench/tasks.sh --against fashion-mnist    how well other images are told apart, too
    bench/tasks.sh --json results.json        the rows as JSON too

Every training sets 5,000 images aside (2,000 where scenes are made of them, 1,000 of clips), and what is measured
on test images was chosen on these. Interrupted, it goes on where it was: trainings resume, and what
was measured is kept in the folder of --work until the program or the task's code changes.
"""
import argparse
import datetime
import gzip
import inspect
import json
import math
import pathlib
import platform
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE = ROOT / "docs" / "results.md"


class Bench:
    """The program, the data and the folder that trainings are kept in."""

    def __init__(self, arguments):
        self.program = arguments.vae
        self.data = arguments.data
        self.against = arguments.against
        self.seed = arguments.seed
        self.threads = arguments.threads
        self.work = pathlib.Path(arguments.work) / f"{self.name()}-{self.seed}"
        self.work.mkdir(parents=True, exist_ok=True)

    def vae(self, verb, *words):
        """What a verb prints with --json."""
        quiet = [] if sys.stderr.isatty() else ["--quiet"]
        command = [self.program, verb, *map(str, words), "--json", *quiet,
                   "--threads", str(self.threads)]
        print("  $", " ".join(command), file=sys.stderr, flush=True)
        found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if found.returncode != 0:
            sys.exit(f"tasks: status {found.returncode} of: {' '.join(command)}")
        return json.loads(found.stdout)

    def train(self, name, *words):
        """The folder of a training, which is resumed or left alone where it is there. Another
        one of that name, with other words, is left to the user."""
        run = self.work / name
        words = [str(word) for word in ("--seed", self.seed, *words)]
        if "--data" not in words:
            words += ["--data", str(self.data)]
        state = self.state(run)
        known = json.loads(state.read_text()) if state.exists() else {"words": words, "seconds": 0}
        if known["words"] != words:
            sys.exit(f"tasks: {run} is of other options; move it away to train it anew")
        if not known.get("finished"):
            state.write_text(json.dumps(known))
            began = time.monotonic()
            begun = (run / "config.json").exists()
            self.vae("train", "--out", run, *(self.resuming(words) if begun else words))
            known["seconds"] += time.monotonic() - began
            state.write_text(json.dumps(known | {"finished": True}))
        return run

    @staticmethod
    def resuming(words):
        """What a training must be told again that goes on: where its images are."""
        again = [part for name, value in zip(words, words[1:])
                 if name in ("--data", "--digits-from") for part in (name, value)]
        return ["--resume", *again]

    def seconds(self, *runs):
        """How long trainings took; of one that was interrupted without the part that was lost."""
        return sum(json.loads(self.state(run).read_text())["seconds"] for run in runs)

    @staticmethod
    def state(run):
        """The file of what a training was asked for and whether it finished."""
        return run.with_name(run.name + ".training.json")

    def name(self):
        """Of the data."""
        return pathlib.Path(self.data).name

    def is_mnist(self):
        """Whether the bars, which are for MNIST unless they name their data, hold."""
        return self.name() == "mnist"

    def folder(self):
        """Of the data, also where that comes with the sources."""
        path = pathlib.Path(self.data)
        return path if path.is_dir() else ROOT / "data" / self.data


SET_ASIDE = ("--validation", 5000)
SCENES_SET_ASIDE = ("--validation", 2000)


def row(task, measure, value, **more):
    """One line of the table; `bar` is what must be reached on MNIST, a share or a number, or such
    numbers by the name of the data."""
    return {"task": task, "measure": measure, "value": value, **more}


def share_error(share, count):
    """The standard error of a share of `count` independent things."""
    return math.sqrt(max(share * (1 - share), 0) / count)


def judge(bench):
    """A classifier trained on the real images."""
    return bench.train("classify", "--preset", "classify", *SET_ASIDE)


def generator(bench):
    """A model that draws images of a class."""
    return bench.train("generate", "--preset", "generate", *SET_ASIDE)


def generate(bench):
    """Images of a class that was asked for."""
    run = generator(bench)
    bench.vae("sample", run, "--label", "all", "--out", bench.work / "generate.png")
    drawn = bench.work / "drawn.npz"
    bench.vae("sample", run, "--label", "all", "--count", 1000, "--seed", 2, "--out", drawn)
    agreed = bench.vae("classify", judge(bench), "--images", drawn)
    bench.vae("sample", run, "--label", "all", "--count", 6000, "--seed", 3, "--out", drawn)
    pupil = bench.train("pupil", "--preset", "classify", "--data", drawn, *SET_ASIDE)
    real = bench.vae("classify", pupil, "--data", bench.data)
    seconds = bench.seconds(run, pupil)
    return [
        row("generate a class", "a classifier of real images agrees", 1 - agreed["error"], bar=0.95,
            n=agreed["images"], standard_error=share_error(agreed["error"], agreed["images"]),
            seconds=seconds),
        row("generate a class", "right on real images, trained on drawn ones", 1 - real["error"],
            bar=0.95, n=real["images"], standard_error=share_error(real["error"], real["images"]),
            seconds=seconds)]


def classify_few(bench):
    """Labels that spread over codes."""
    run = bench.train("mlp", "--preset", "mlp-400-20", *SET_ASIDE)
    rows = []
    for known, bar in ((100, 0.065), (1000, 0.05)):
        found = bench.vae("classify", run, "--data", bench.data, "--known", known, "--draws", 3)
        mean = found["error"]
        spread = math.sqrt(sum((e - mean) ** 2 for e in found["errors"]) / 2 / 3)
        rows.append(row(f"classify by {known} labels", "error", mean, bar=bar, lower=True,
                        baselines={"spreading on pixels": found["error_on_pixels"]},
                        n=found["images"], standard_error=spread, seconds=bench.seconds(run)))
    return rows


def classify(bench):
    """Labels decoded from z."""
    run = judge(bench)
    test = bench.vae("eval", run, "--data", bench.data)
    train = bench.vae("eval", run, "--data", bench.data, "--split", "train")
    error = 1 - test["accuracy"]
    return [row("classify by all labels", "error", error, bar=0.015, lower=True,
                train=1 - train["accuracy"], n=test["n"],
                standard_error=share_error(error, test["n"]), seconds=bench.seconds(run))]


def restoration_baselines(bench):
    """What restoring takes without a network; nothing where there is no NumPy or other data."""
    found = subprocess.run([sys.executable, HERE / "restoration_baselines.py", "--data",
                            bench.folder()], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return json.loads(found.stdout) if found.returncode == 0 else {}


def denoise(bench):
    """Noise of half the range taken off."""
    run = bench.train("denoise", "--preset", "denoise")
    bench.vae("restore", run, "--data", bench.data, "--samples", 2, "--out",
              bench.work / "denoise.png")
    test = bench.vae("eval", run, "--data", bench.data)
    train = bench.vae("eval", run, "--data", bench.data, "--split", "train", "--limit", 10000)
    known = restoration_baselines(bench).get("denoising_psnr", {})
    baselines = {"noisy": test["input_psnr"]}
    baselines.update({words: known[key] for key, words in
                      (("pca", "principal components"), ("linear", "best linear estimate"))
                      if key in known})
    return [row("take noise off", "PSNR in dB", test["psnr"], bar=18.5, train=train["psnr"],
                baselines=baselines, n=test["n"], standard_error=test["psnr_standard_error"],
                seconds=bench.seconds(run))]


def inpaint(bench):
    """Three quadrants found from the lower left one."""
    run = bench.train("inpaint", "--preset", "inpaint")
    bench.vae("restore", run, "--data", bench.data, "--samples", 3, "--out",
              bench.work / "inpaint.png")
    test = bench.vae("eval", run, "--data", bench.data, "--importance-samples", 100)
    train = bench.vae("eval", run, "--data", bench.data, "--split", "train", "--limit", 2000,
                      "--importance-samples", 100)
    known = restoration_baselines(bench).get("inpainting_nats", {})
    baselines = {"mean of neighbours": known["mean_of_neighbours"]} if known else {}
    if bench.is_mnist():  # Pyro's example, pyro.ai/examples/cvae
        baselines.update({"a network without latents, published": 100.4, "CVAE, published": 71.8})
    return [row("find three quadrants", "nats of the unseen pixels, -L_100", test["nll"], bar=76.0,
                lower=True, train=train["nll"], baselines=baselines, n=test["n"],
                standard_error=test["nll_standard_error"], seconds=bench.seconds(run))]


def evaluated(bench, run, split):
    """2,000 scenes of a split, the first in the order of their images."""
    return bench.vae("eval", run, "--data", bench.data, "--split", split, "--limit", 2000)


def segment(bench):
    """A class for each pixel of scenes."""
    run = bench.train("segment", "--preset", "segment-40", *SCENES_SET_ASIDE)
    bench.vae("segment", run, "--data", bench.data, "--count", 8, "--samples", 2, "--out",
              bench.work / "segment.png")
    test, train = evaluated(bench, run, "test"), evaluated(bench, run, "train")
    seconds = bench.seconds(run)
    return [row("segment", "mean IoU of 11 classes", test["mean_iou"], bar=0.65,
                train=train["mean_iou"], baselines={"threshold": test["threshold_mean_iou"]},
                n=test["n"], standard_error=test["mean_iou_standard_error"], seconds=seconds),
            row("segment", "foreground IoU", test["foreground_iou"], bar=0.8,
                train=train["foreground_iou"],
                baselines={"threshold": test["threshold_foreground_iou"]}, n=test["n"],
                standard_error=test["foreground_iou_standard_error"], seconds=seconds)]


def detection(bench, run, measure, **more):
    """The row of a training that finds boxes."""
    test, train = evaluated(bench, run, "test"), evaluated(bench, run, "train")
    return row("detect", measure, test["average_precision"], train=train["average_precision"],
               baselines={"whatever the class": test["average_precision_of_places"]}, n=test["n"],
               standard_error=test["average_precision_standard_error"],
               seconds=bench.seconds(run), **more)


def detect(bench):
    """Boxes of the digits in scenes, and the same learned of drawn digits alone."""
    run = bench.train("detect", "--preset", "detect-40", *SCENES_SET_ASIDE)
    bench.vae("detect", run, "--data", bench.data, "--count", 8, "--out", bench.work / "detect.png")
    drawn = bench.train("detect-drawn", "--preset", "detect-40", "--digits-from", generator(bench),
                        *SCENES_SET_ASIDE)
    return [detection(bench, run, "mAP50", bar=0.8),
            detection(bench, drawn, "mAP50, trained on drawn digits")]


def predict(bench):
    """Ten frames of clips in which two digits move, from the ten before."""
    run = bench.train("predict", "--preset", "predict")
    bench.vae("predict", run, "--data", bench.data, "--count", 4, "--out",
              bench.work / "predict.gif")
    test = bench.vae("predict", run, "--data", bench.data, "--count", 2000)
    guess = test["guesses"][test["best_guess"]]
    baselines = {"MSE": test["mse"]} | {name.replace("_", " "): mse
                                        for name, mse in test["guesses"].items()}
    return [row("predict frames", "MSE over the best guess's", test["ratio"], bar=0.5, lower=True,
                baselines=baselines, n=test["clips"],
                standard_error=test["mse_standard_error"] / guess, seconds=bench.seconds(run))]


def volume_baselines(bench, run):
    """Principal components of volumes, as many as the model has latents; nothing without NumPy."""
    config = json.loads((run / "config.json").read_text())
    arrays = bench.work / "volumes.npz"
    subprocess.run([bench.program, "inspect", bench.data, "--scene", config["data"]["scene"],
                    "--arrays", arrays, "--quiet"], stdout=subprocess.DEVNULL, check=True)
    found = subprocess.run([sys.executable, HERE / "volume_baselines.py", arrays, "--components",
                            str(config["model"]["latent"])], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False)
    arrays.unlink()
    return json.loads(found.stdout) if found.returncode == 0 else {}


def voxel(bench):
    """Volumes made of digits, through a code of as many numbers as principal components."""
    run = bench.train("voxel", "--preset", "voxel")
    bench.vae("reconstruct", run, "--data", bench.data, "--count", 8, "--view", "turning", "--out",
              bench.work / "voxel.gif")
    test = bench.vae("eval", run, "--data", bench.data)
    train = bench.vae("eval", run, "--data", bench.data, "--split", "train", "--limit", 10000)
    known = volume_baselines(bench, run)
    rows = []
    for key, measure, lower in (("mean_squared_error", "mean squared error of a voxel", True),
                                ("occupancy_iou", "IoU of voxels above 0.5", False)):
        beside = {"bar": known["pca"][key],
                  "baselines": {"principal components": known["pca"][key],
                                "mean volume": known["mean_volume"][key]}} if known else {}
        rows.append(row("volumes", measure, test[key], lower=lower, train=train[key], n=test["n"],
                        standard_error=test[key + "_standard_error"], seconds=bench.seconds(run),
                        **beside))
    return rows


def score(bench):
    """Other images, told apart from the model's own; no row where there are none."""
    if not bench.against:
        return []
    run = bench.train("mlp", "--preset", "mlp-400-20", *SET_ASIDE)
    found = bench.vae("score", run, "--data", bench.data, "--against", bench.against, "--roc",
                      bench.work / "roc.png")
    baselines = {"zlib alone, the better sign": max(found["auroc_zlib"], found["auroc_zlib_turned"]),
                 "likelihood": found["auroc_likelihood"]}
    return [row(f"odd images: {pathlib.Path(bench.against).name}", "AUROC", found["auroc"],
                bar=0.95, baselines=baselines, n=found["images"] + found["against"],
                standard_error=found["auroc_standard_error"], seconds=bench.seconds(run))]


def test_bytes(bench):
    """The pixels of the test images; None where the data are no IDX files."""
    for path in sorted(bench.folder().glob("t10k-images*")):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read()[16:]
    return None


def changed_pixels(bench, run, packed, black_and_white):
    """How many pixels of test images come back from a file as others than they were."""
    wanted = test_bytes(bench)
    array = packed.with_suffix(".npy")
    found = bench.vae("decompress", run, packed, "--out", array)
    if wanted is None:
        return None, found
    if black_and_white:
        wanted = wanted.translate(bytes(128) + b"\xff" * 128)
    content = array.read_bytes()
    header = 10 + int.from_bytes(content[8:10], "little")  # of version 1.0
    back = content[header:]
    if len(back) != len(wanted):
        sys.exit(f"tasks: {array} holds {len(back)} pixels, not {len(wanted)}")
    return sum(a != b for a, b in zip(wanted, back)) if back != wanted else 0, found


def compressed(bench, run, samples, what, bar):
    """Rows of all test images in one file."""
    packed = bench.work / f"{run.name}.vaez"
    made = bench.vae("compress", run, "--data", bench.data, "--samples", samples, "--out", packed)
    changed, back = changed_pixels(bench, run, packed, made["binarization"] == "threshold")
    bits = made["bits_per_dimension"]
    baselines = {"the model's bound": made["bound_bits_per_dimension"]}
    baselines.update({name: bits * made[key] / made["bytes"] for key, name in
                      (("xz_bytes", "xz -9"), ("bzip2_bytes", "bzip2 -9")) if made[key]})
    task = f"compress {what}"
    common = {"n": made["images"], "seconds": bench.seconds(run)}
    rows = [row(task, "bits a pixel of the whole file", bits, bar=bar, lower=True,
                baselines=baselines, **common)]
    if changed is not None:
        rows.append(row(task, "pixels that came back as others", changed,
                        bar={bench.name(): 0}, lower=True, **common))
    return [*rows, row(task, "images a second in", made["images_per_second"],
                       baselines={"out": back["images_per_second"]}, **common)]


def compress(bench):
    """Black and white images without loss."""
    run = bench.train("threshold", "--binarization", "threshold", *SET_ASIDE)
    return compressed(bench, run, 1, "black and white", {"mnist": 0.165, "fashion-mnist": 0.245})


def compress_levels(bench):
    """All 256 levels without loss, by four latents of an image."""
    run = bench.train("levels", "--likelihood", "beta-binomial", "--binarization", "none",
                      "--schedule", "cosine", "--learning-rate", "4e-3", "--batch-size", 32,
                      "--learning-rate-warmup-epochs", 0.2, *SET_ASIDE)
    return compressed(bench, run, 4, "256 levels", 1.37)


def explore(bench):
    """The pages that decode in a browser."""
    rows = []
    for run, bar in ((bench.train("mlp", "--preset", "mlp-400-20", *SET_ASIDE), 1.5),
                     (bench.train("conv", "--preset", "conv-28", "--epochs", 1, *SET_ASIDE), 3)):
        page = bench.vae("explore", run, "--data", bench.data, "--out",
                         bench.work / f"explore-{run.name}.html")
        preset = {"mlp": "mlp-400-20", "conv": "conv-28"}[run.name]
        rows.append(row(f"explore {preset}", "page in MB", page["bytes"] / 1e6, bar=bar, lower=True,
                        baselines={"a value's error x 255": 255 * page["largest_difference"]},
                        n=page["images"], seconds=bench.seconds(run)))
    return rows


TASKS = {
    "generate": generate,
    "classify-few": classify_few,
    "classify": classify,
    "segment": segment,
    "detect": detect,
    "denoise": denoise,
    "inpaint": inpaint,
    "predict": predict,
    "voxel": voxel,
    "score": score,
    "compress": compress,
    "compress-levels": compress_levels,
    "explore": explore,
}


def measured(bench, name, version):
    """The rows of a task, from its file where this program and this code measured it."""
    path = bench.work / f"{name}.json"
    measured_by = {"version": version, "code": inspect.getsource(TASKS[name])}
    if name == "score":
        measured_by["against"] = bench.against
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["by"] == measured_by:
            return kept["rows"]
    rows = TASKS[name](bench)
    path.write_text(json.dumps({"by": measured_by, "rows": rows}, indent=1))
    return rows


def number(value):
    """As the table prints it; a share has four places."""
    if value is None:
        return ""
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.4f}" if abs(value) < 2 else f"{value:.2f}"


def reached(bench, line):
    """Whether the bar is met, in a word."""
    bar = line.get("bar")
    bar = bar.get(bench.name()) if isinstance(bar, dict) else bar if bench.is_mnist() else None
    if bar is None:
        return ""
    met = line["value"] <= bar if line.get("lower") else line["value"] >= bar
    sign = "<=" if line.get("lower") else ">="
    return f"{sign} {number(bar)}: {'yes' if met else '**no**'}"


def table(bench, rows):
    """Rows as Markdown."""
    lines = ["| task | measure | test | train | must | beside | n | s.e. | minutes |",
             "|---|---|---:|---:|---|---|---:|---:|---:|"]
    for line in rows:
        beside = ", ".join(f"{name} {number(value)}"
                           for name, value in line.get("baselines", {}).items())
        lines.append("| " + " | ".join([
            line["task"], line["measure"], number(line["value"]), number(line.get("train")),
            reached(bench, line), beside, str(line["n"]), number(line.get("standard_error")),
            f"{line['seconds'] / 60:.1f}"]) + " |")
    return "\n".join(lines)


def processor():
    """Its name, where the system tells."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor() or platform.machine()])[0]


def section(bench, rows, version):
    """One data set's part of the page."""
    return (f"## {bench.name()}\n\n"
            f"{version}, seed {bench.seed}, {processor()} with {bench.threads} threads, "
            f"{datetime.date.today()}: `bench/tasks.sh --data {bench.name()} "
            f"--seed {bench.seed}`\n\n{table(bench, rows)}\n")


def write_page(path, name, text):
    """Replaces the section of a data set, or adds it."""
    parts = path.read_text().split("\n## ") if path.exists() else ["# Results\n"]
    kept = [part for part in parts[1:] if part.splitlines()[0] != name]
    path.write_text("\n## ".join([parts[0], *kept, text.removeprefix("## ")]))


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(TASKS), help="tasks, with commas between")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--against", help="other images, for the task score, which needs them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--vae", default=str(ROOT / "build" / "release" / "vae"))
    parser.add_argument("--work", default=str(ROOT / "build" / "tasks"))
    parser.add_argument("--json", help="a file for the rows")
    parser.add_argument("--page", default=str(PAGE), help="the page to write [docs/results.md]")
    arguments = parser.parse_args()
    unknown = set(arguments.only.split(",")) - set(TASKS)
    if unknown:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; there are "
                     f"{', '.join(TASKS)}")
    return arguments


def main():
    arguments = parse_arguments()
    bench = Bench(arguments)
    version = subprocess.run([bench.program, "--version"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.splitlines()[0]
    rows = []
    for name in arguments.only.split(","):
        print(f"tasks: {name}", file=sys.stderr, flush=True)
        rows += measured(bench, name, version)
    text = section(bench, rows, version)
    print(text)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(rows, indent=1))
    if set(arguments.only.split(",")) == set(TASKS):
        write_page(pathlib.Path(arguments.page), bench.name(), text)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("tasks: interrupted; the same command goes on from here")
