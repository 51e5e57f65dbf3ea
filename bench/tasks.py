#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains and measures the tasks that the README names, and writes docs/results.md.

    bench/tasks.sh                            every task on MNIST, about an hour on two cores
    bench/tasks.sh --only classify,denoise    some of them
    bench/tasks.sh --data fashion-mnist       once more on other data, a folder or a name
    bench/tasks.sh --json results.json        the rows as JSON too

Interrupted, it goes on where it was: trainings resume, and what was measured is kept in the folder
of --work until the seed, the data or the program's version changes.
"""
import argparse
import datetime
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
        self.seed = arguments.seed
        self.threads = arguments.threads
        name = pathlib.Path(self.data).name
        self.work = pathlib.Path(arguments.work) / f"{name}-{self.seed}"
        self.work.mkdir(parents=True, exist_ok=True)

    def vae(self, verb, *words):
        """What a verb prints with --json."""
        command = [self.program, verb, *map(str, words), "--json", "--quiet",
                   "--threads", str(self.threads)]
        print("  $", " ".join(command), file=sys.stderr, flush=True)
        found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if found.returncode != 0:
            sys.exit(f"tasks: status {found.returncode} of: {' '.join(command)}")
        return json.loads(found.stdout)

    def train(self, name, *words):
        """The folder of a training, which is resumed or left alone where it is there."""
        run = self.work / name
        if not (run / "finished.json").exists():
            began = time.monotonic()
            start = ["--resume", run] if (run / "config.json").exists() else [
                "--out", run, "--seed", self.seed, *words]
            if not any(word == "--data" for word in words):
                start += ["--data", self.data]
            self.vae("train", *start)
            seconds = time.monotonic() - began
            (run / "finished.json").write_text(json.dumps({"seconds": seconds}))
        return run

    def seconds(self, *runs):
        """How long trainings took; of a resumed one its last part."""
        return sum(json.loads((run / "finished.json").read_text())["seconds"] for run in runs)


def row(task, measure, value, **more):
    """One line of the table; `bar` is what must be reached, a share or a number."""
    return {"task": task, "measure": measure, "value": value, **more}


def share_error(share, count):
    """The standard error of a share of `count` independent things."""
    return math.sqrt(max(share * (1 - share), 0) / count)


def judge(bench):
    """A classifier trained on the real images."""
    return bench.train("classify", "--preset", "classify")


def generate(bench):
    """Images of a class that was asked for."""
    run = bench.train("generate", "--preset", "generate")
    bench.vae("sample", run, "--label", "all", "--out", bench.work / "generate.png")
    drawn = bench.work / "drawn.npz"
    bench.vae("sample", run, "--label", "all", "--count", 1000, "--seed", 2, "--out", drawn)
    agreed = bench.vae("classify", judge(bench), "--images", drawn)
    bench.vae("sample", run, "--label", "all", "--count", 6000, "--seed", 3, "--out", drawn)
    pupil = bench.train("pupil", "--preset", "classify", "--data", drawn)
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
    run = bench.train("mlp", "--preset", "mlp-400-20")
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
    folder = pathlib.Path(bench.data)
    folder = folder if folder.is_dir() else ROOT / "data" / bench.data
    found = subprocess.run([sys.executable, HERE / "restoration_baselines.py", "--data", folder],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
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
                baselines=baselines, n=test["n"], seconds=bench.seconds(run))]


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
    if bench.data == "mnist":  # Pyro's example, pyro.ai/examples/cvae
        baselines.update({"a network without latents, published": 100.4, "CVAE, published": 71.8})
    return [row("find three quadrants", "nats of the unseen pixels, -L_100", test["nll"], bar=76.0,
                lower=True, train=train["nll"], baselines=baselines, n=test["n"],
                standard_error=test["nll_standard_error"], seconds=bench.seconds(run))]


def evaluated(bench, run, split):
    """2,000 scenes of a split, the first in the order of their images."""
    return bench.vae("eval", run, "--data", bench.data, "--split", split, "--limit", 2000)


def segment(bench):
    """A class for each pixel of scenes."""
    run = bench.train("segment", "--preset", "segment-40", "--validation", 2000)
    bench.vae("segment", run, "--data", bench.data, "--count", 8, "--samples", 2, "--out",
              bench.work / "segment.png")
    test, train = evaluated(bench, run, "test"), evaluated(bench, run, "train")
    seconds = bench.seconds(run)
    return [row("segment", "mean IoU of 11 classes", test["mean_iou"], bar=0.65,
                train=train["mean_iou"], baselines={"threshold": test["threshold_mean_iou"]},
                n=test["n"], seconds=seconds),
            row("segment", "foreground IoU", test["foreground_iou"], bar=0.8,
                train=train["foreground_iou"],
                baselines={"threshold": test["threshold_foreground_iou"]}, n=test["n"],
                seconds=seconds)]


def detect(bench):
    """Boxes of the digits in scenes."""
    run = bench.train("detect", "--preset", "detect-40", "--validation", 2000)
    bench.vae("detect", run, "--data", bench.data, "--count", 8, "--out", bench.work / "detect.png")
    test, train = evaluated(bench, run, "test"), evaluated(bench, run, "train")
    return [row("detect", "mAP50", test["average_precision"], bar=0.8,
                train=train["average_precision"],
                baselines={"whatever the class": test["average_precision_of_places"]}, n=test["n"],
                seconds=bench.seconds(run))]


TASKS = {
    "generate": generate,
    "classify-few": classify_few,
    "classify": classify,
    "segment": segment,
    "detect": detect,
    "denoise": denoise,
    "inpaint": inpaint,
}


def measured(bench, name, version):
    """The rows of a task, from its file where it was measured by this version."""
    path = bench.work / f"{name}.json"
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["version"] == version:
            return kept["rows"]
    rows = TASKS[name](bench)
    path.write_text(json.dumps({"version": version, "rows": rows}, indent=1))
    return rows


def number(value):
    """As the table prints it; a share has four places."""
    return "" if value is None else f"{value:.4f}" if abs(value) < 2 else f"{value:.2f}"


def reached(line):
    """Whether the bar is met, in a word."""
    if "bar" not in line:
        return ""
    met = line["value"] <= line["bar"] if line.get("lower") else line["value"] >= line["bar"]
    sign = "<=" if line.get("lower") else ">="
    return f"{sign} {number(line['bar'])}: {'yes' if met else '**no**'}"


def table(rows):
    """Rows as Markdown."""
    lines = ["| task | measure | test | train | must | beside | n | s.e. | minutes |",
             "|---|---|---:|---:|---|---|---:|---:|---:|"]
    for line in rows:
        beside = ", ".join(f"{name} {number(value)}"
                           for name, value in line.get("baselines", {}).items())
        lines.append("| " + " | ".join([
            line["task"], line["measure"], number(line["value"]), number(line.get("train")),
            reached(line), beside, str(line["n"]), number(line.get("standard_error")),
            f"{line['seconds'] / 60:.1f}"]) + " |")
    return "\n".join(lines)


def section(bench, rows, version):
    """One data set's part of the page."""
    return (f"## {pathlib.Path(bench.data).name}\n\n"
            f"{version}, seed {bench.seed}, {platform.machine()} with {bench.threads} threads, "
            f"{datetime.date.today()}: `bench/tasks.sh --data {pathlib.Path(bench.data).name} "
            f"--seed {bench.seed}`\n\n{table(rows)}\n")


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
        write_page(pathlib.Path(arguments.page), pathlib.Path(bench.data).name, text)


if __name__ == "__main__":
    main()
