#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Collects what gpu_acceptance.sh measured into one JSON file and a Markdown file beside it.

    report.py stage --folder WORK --name NAME --status STATUS --seconds S [--required] [--note TEXT]
    report.py elbo --within NATS FIRST SECOND   compares two summaries of `vae train --json`
    report.py write --folder WORK --results DIR --root SOURCES [--commit HASH]

`stage` keeps one stage's result in WORK/stages; STATUS is passed, failed, timeout, partial or
skipped. `write` prints the paths of the two files and exits with status 1 if a required stage
failed. Python's standard library only.
"""
import argparse
import datetime
import json
import pathlib
import platform
import re
import subprocess
import sys

import tables

BAD = ("failed", "timeout")


def output_of(*command, folder=None):
    """The first words a command says, or "" where it is missing or fails."""
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True, timeout=30, check=True, cwd=folder)
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout.strip()


def read_json(path):
    """The value in a file; None where it is missing or was cut off."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def record_stage(arguments):
    folder = pathlib.Path(arguments.folder, "stages")
    folder.mkdir(parents=True, exist_ok=True)
    stage = {"name": arguments.name, "status": arguments.status, "seconds": arguments.seconds,
             "required": arguments.required, "note": arguments.note}
    number = len(list(folder.glob("*.json")))
    path = folder / f"{number:02}-{arguments.name}.json"
    path.write_text(json.dumps(stage) + "\n", encoding="utf-8")


def read_stages(folder):
    stages = [read_json(path) for path in sorted((folder / "stages").glob("*.json"))]
    return [stage for stage in stages if stage is not None]


def read_test_elbo(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["test"]["elbo"]


def compare_elbo(arguments):
    """Prints both bounds; 1 if they are further apart than allowed."""
    first, second = (read_test_elbo(path) for path in (arguments.first, arguments.second))
    difference = abs(first - second)
    near = difference <= arguments.within  # false for NaN
    print(f"test ELBO {first:.3f} and {second:.3f} nats, {difference:.3f} apart; "
          f"{'within' if near else 'NOT within'} {arguments.within} nats")
    return 0 if near else 1


# ---- the machine ---------------------------------------------------------------------------------

def describe_card():
    """Name, driver and memory as the driver tells them; {} without one."""
    fields = ("name", "driver_version", "memory.total", "power.limit", "clocks.max.sm")
    line = output_of("nvidia-smi", "--query-gpu=" + ",".join(fields), "--format=csv,noheader")
    if not line:
        return {}
    return dict(zip(fields, (word.strip() for word in line.splitlines()[0].split(","))))


def describe_toolkit():
    match = re.search(r"release [^,]*, V(\S+)", output_of("nvcc", "--version"))
    return match[1] if match else ""


def describe_sources(root, commit):
    """Commit and whether the tree differs from it; what is not known is null."""
    known = output_of("git", "rev-parse", "HEAD", folder=root)
    if not known:
        return {"commit": commit or None, "dirty": None}
    return {"commit": known, "dirty": bool(output_of("git", "status", "--porcelain", folder=root))}


def describe(root, commit):
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "card": describe_card(),
        "toolkit": describe_toolkit(),
        "sources": describe_sources(root, commit),
        "machine": {"system": f"{platform.system()} {platform.release()}",
                    "processor": platform.machine(), "python": platform.python_version()},
    }


# ---- the figures ---------------------------------------------------------------------------------

def ops_rows(document):
    """Google Benchmark's medians with their counters, or single results without repetitions."""
    if document is None:
        return None
    entries = document.get("benchmarks", [])
    medians = [e for e in entries if e.get("aggregate_name") == "median"] or entries
    ignored = {"name", "run_name", "run_type", "repetitions", "repetition_index", "threads",
               "iterations", "aggregate_name", "aggregate_unit", "family_index",
               "per_family_instance_index", "cpu_time"}
    how = re.compile(r"/(iterations:\d+|manual_time|real_time)")  # it was measured
    return [{"name": how.sub("", entry.get("run_name", entry["name"])),
             **{key: value for key, value in entry.items() if key not in ignored}}
            for entry in medians]


def collect_figures(folder):
    """Everything the stages left in the folder; null for what is missing."""
    baselines = [read_json(path) for path in sorted((folder / "baselines").glob("*.json"))]
    return {
        "microbench": read_json(folder / "microbench.json"),
        "ops": ops_rows(read_json(folder / "ops_bench.json")),
        "training_steps": read_json(folder / "vae_bench.json"),
        "trained_cuda": read_json(folder / "train-cuda.json"),
        "trained_cpu": read_json(folder / "train-cpu.json"),
        "baselines": [baseline for baseline in baselines if baseline is not None],
    }


def free_path(results, stem):
    """The results files are kept: a second run of a day gets a number."""
    for number in range(1, 1000):
        path = results / (stem if number == 1 else f"{stem}-{number}")
        if not path.with_suffix(".json").exists():
            return path
    raise SystemExit(f"report.py: too many results of {stem} in {results}")


def file_stem(record):
    card = record["card"].get("name") or "no-gpu"
    words = re.sub(r"[^a-z0-9]+", "-", card.lower()).strip("-")
    return f"{words}-{record['date'][:10]}"


def write_report(arguments):
    folder, results = pathlib.Path(arguments.folder), pathlib.Path(arguments.results)
    record = describe(arguments.root, arguments.commit)
    record["stages"] = read_stages(folder)
    required = [stage for stage in record["stages"] if stage["required"]]
    failed = [stage["name"] for stage in required if stage["status"] in BAD]
    record["failed"] = failed
    record["not_run"] = [stage["name"] for stage in required if stage["status"] == "skipped"]
    record["figures"] = collect_figures(folder)
    results.mkdir(parents=True, exist_ok=True)
    path = free_path(results, file_stem(record))
    json_path, text_path = path.with_suffix(".json"), path.with_suffix(".md")
    json_path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    text_path.write_text(tables.report(record), encoding="utf-8")
    print(json_path)
    print(text_path)
    if failed:
        print("failed: " + ", ".join(failed), file=sys.stderr)
    return 1 if failed else 0


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    stage = verbs.add_parser("stage")
    stage.add_argument("--folder", required=True)
    stage.add_argument("--name", required=True)
    stage.add_argument("--status", required=True,
                       choices=("passed", "failed", "timeout", "partial", "skipped"))
    stage.add_argument("--seconds", type=float, required=True)
    stage.add_argument("--required", action="store_true")
    stage.add_argument("--note", default="")
    stage.set_defaults(run=record_stage)
    elbo = verbs.add_parser("elbo")
    elbo.add_argument("--within", type=float, required=True)
    elbo.add_argument("first")
    elbo.add_argument("second")
    elbo.set_defaults(run=compare_elbo)
    write = verbs.add_parser("write")
    write.add_argument("--folder", required=True)
    write.add_argument("--results", required=True)
    write.add_argument("--root", required=True)
    write.add_argument("--commit", default="")
    write.set_defaults(run=write_report)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    return arguments.run(arguments) or 0


if __name__ == "__main__":
    sys.exit(main())
