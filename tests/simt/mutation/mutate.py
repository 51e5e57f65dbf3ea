#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks the CUDA kernels one line at a time and looks whether the simulator's builds notice.

    tests/simt/mutation/mutate.py                 every mutant; writes tests/simt/mutation/results.md
    tests/simt/mutation/mutate.py --short         the mutants of short.txt; survivors fail
    tests/simt/mutation/mutate.py --sample 16     as many, evenly spread; survivors fail
    tests/simt/mutation/mutate.py --list          names them and stops
    tests/simt/mutation/mutate.py --table         writes results.md again, with new reasons
    tests/simt/mutation/mutate.py --file dense    only files whose path contains this
    tests/simt/mutation/mutate.py --survivors     only those that survived the last run

Three builds look at each mutant, the cheapest first: plain with several schedules, threads (the
race detector), address (bounds). The first that fails has killed it. A survivor needs a reason in
survivors.json, else the exit status is 1. Works on a copy of the sources; the checkout is not
touched.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import operators

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
KERNELS_TEST = "vae_simt_kernels_test"
CORE_TEST = "vae_simt_core_test"  # of the instructions' host twins, among others
COMPILED = ("kernels/cuda/",)  # where mutants are made
SEEDS = {"plain": ["0", "1", "2", "3"], "threads": ["0"], "address": ["0", "1"]}
SANITIZERS = {"plain": "", "threads": "thread", "address": "address,undefined"}
FLAGS = {"plain": "-O2", "threads": "-O1 -g1", "address": "-O1 -g1"}
# Which tests on the simulated card look at a file; everything else runs the whole suite.
SUITES = {
    "adam.cu": "Adam*",
    "muon.cu": "Muon*",
    "transport.cu": "Transport*",
    "gaussian.cu": "Gaussian*:Objective*:Prior*",
    "importance.cu": "Importance*",
    "categorical.cu": "Categorical*:Observation*",
    "corrupt.cu": "Corrupt*",
    "detection.cu": "Detection*",
    "likelihood.cu": "Likelihood*:Observation*:ElementWeights*",
    "load_batch.cu": "LoadBatch*",
    "load_fields.cu": "LoadFields*",
    "step.cu": "Adam*:Schedule*:Accumulate*:Streak*:GradientNorm*",
    "reduce.h": "Accumulate*:GradientNorm*:Likelihood*:Gaussian*",
    "quads.h": "Adam*:Likelihood*:Gaussian*:GradientNorm*:LoadBatch*",
    "pixel_terms.h": "Likelihood*:Observation*:Fused*",
    "row_sums.h": "Likelihood*:Observation*:Gaussian*:Categorical*",
    "instructions.h": "Dense*:Fused*:Likelihood*:Accumulate*:GradientNorm*",
    "activations.h": "Dense*:Conv*:Join*:Resample*",
    "divisor.h": "Conv*:Join*:Resample*",
    "conv.cu": "Conv*",
    "join.cu": "Join*",
    "resample.cu": "Resample*",
    "gemm_patches": "Conv*",
    "gemm_kernel": "Dense*:Conv*",
    "gemm_launch": "Dense*:Conv*",
    "gemm_sums": "Dense*:Conv*",
    "fused": "Fused*",
    "gemm_posterior": "Fused*",
    "gemm_likelihood": "Fused*",
    "gemm_pixels": "Fused*",
    "pixels.h": "LoadBatch*:LoadFields*:Fused*",
    "gemm_": "Dense*",
    "dense": "Dense*",
    "rules/importance.h": "Importance*",
    "rules/objectives.h": "Objective*",
}


@dataclasses.dataclass
class Verdict:  # as results.json keeps it
    killer: str = ""  # name of the build, or "" for a survivor
    how: str = ""  # first telling line of its output
    seconds: float = 0.0


class Laboratory:
    """A copy of the sources with one build folder per kind of build."""

    def __init__(self, folder: pathlib.Path, jobs: int):
        self.source = folder / "source"
        self.folder = folder
        self.jobs = jobs
        self._copy_sources()

    def _copy_sources(self):
        """Writes what differs and no more, so that a later run compiles just that anew: a source
        older than the object of its mutant would be taken for compiled."""
        listed = subprocess.check_output(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True)
        names = {name for name in listed.splitlines()
                 if not name.startswith(("data/", "docs/pictures/")) and (ROOT / name).is_file()}
        for file in self.source.rglob("*"):
            if file.is_file() and str(file.relative_to(self.source)) not in names:
                file.unlink()
        for name in names:
            content, copy = (ROOT / name).read_bytes(), self.source / name
            if copy.is_file() and copy.read_bytes() == content:
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            shutil.copymode(ROOT / name, copy)

    def configure(self, build: str):
        subprocess.run(
            ["cmake", "-G", "Ninja", "-S", self.source, "-B", self.folder / build,
             "-DCMAKE_BUILD_TYPE=Debug", f"-DCMAKE_CXX_FLAGS_DEBUG={FLAGS[build]}",
             f"-DVAE_SANITIZE={SANITIZERS[build]}", "-DVAE_WITH_CUDA=OFF",
             "-DVAE_BUILD_PROGRAM=OFF", "-DVAE_TEST_PARTS=simt", "-DCMAKE_UNITY_BUILD=ON"],
            check=True, stdout=subprocess.DEVNULL)

    def compile(self, build: str, programs) -> str:
        """Empty, or the end of the compiler's output."""
        targets = [program for program, _ in programs]
        result = subprocess.run(
            ["cmake", "--build", self.folder / build, "-j", str(self.jobs), "--target", *targets],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        return "" if result.returncode == 0 else result.stdout[-2000:]

    def run(self, build: str, programs, limit: float) -> str:
        """Empty when all tests pass for every seed, else what the first failure said."""
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            said = list(pool.map(lambda seed: self.run_seed(build, programs, limit, seed),
                                 SEEDS[build]))
        return next(filter(None, said), "")

    def run_seed(self, build: str, programs, limit: float, seed: str) -> str:
        """The same of one seed."""
        environment = dict(os.environ, VAE_REQUIRE_GPU="1", VAE_SIMT_SEED=seed,
                           TSAN_OPTIONS="halt_on_error=1:suppress_equal_stacks=0",
                           UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")
        for program, filter_ in programs:
            command = [str(next((self.folder / build).rglob(program))),
                       f"--gtest_filter={filter_}", "--gtest_fail_fast", "--gtest_brief=1"]
            try:
                result = subprocess.run(command, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace",
                                        timeout=limit, env=environment)
            except subprocess.TimeoutExpired:
                return f"seed {seed}: still running after {limit:.0f} s"
            if result.returncode != 0:
                said = telling_line(result.stdout).replace(f"{self.source}/", "")
                return f"seed {seed}: {said}"
        return ""


def telling_line(output: str) -> str:
    for mark in ("WARNING: ThreadSanitizer", "ERROR: AddressSanitizer", "runtime error:", "simt:",
                 "Failure", "FAILED", "Error"):
        for line in output.splitlines():
            if mark in line:
                return line.strip()[:160]
    return (output.strip().splitlines() or ["no output"])[-1][:160]


def suites_of(path: str):
    """The tests on the simulated card that look at this file."""
    name = path.rsplit("/", 1)[-1]
    for part, suites in SUITES.items():
        if part in name:
            return suites.split(":")
    return ["*"]


def programs_of(paths):
    """(program, filter of its tests) of all that look at one of these files."""
    suites = sorted({suite for path in paths for suite in suites_of(path)})
    programs = [(KERNELS_TEST, ":".join(f"Device/{suite}/cuda*" for suite in suites))]
    if any(path.endswith("/instructions.h") for path in paths):
        programs.insert(0, (CORE_TEST, "*"))
    return programs


def all_mutants(part: str):
    found = []
    for prefix in COMPILED:
        for file in sorted((ROOT / prefix).iterdir()):
            path = str(file.relative_to(ROOT))
            if file.suffix in (".cu", ".h") and part in path:
                found += operators.mutants_of(ROOT, path)
    found += [mutant for mutant in operators.planted_mutants(ROOT) if part in mutant.path]
    assert len({mutant.key for mutant in found}) == len(found), "two mutants of one name"
    return sorted(found, key=lambda mutant: "bound" in mutant.operator)  # order within is kept


def sample(mutants, count: int, builds):
    """`count` of those that these builds are known to kill, evenly spread."""
    known = read_results(mutants)
    able = [m for m in mutants if m.key not in known or known[m.key].killer in builds]
    count = min(count, len(able))
    return [able[i * len(able) // count] for i in range(count)]


def read_results(mutants):
    """What the last run found, of the mutants that still exist."""
    file = HERE / "results.json"
    if not file.exists():
        return {}
    kept = json.loads(file.read_text())
    return {m.key: Verdict(*kept[m.key]) for m in mutants if m.key in kept}


def write_results(mutants, verdicts, reasons):
    known = [(m, verdicts[m.key]) for m in mutants if m.key in verdicts]
    file = HERE / "results.json"
    file.write_text(json.dumps({m.key: [v.killer, v.how] for m, v in known}, indent=1) + "\n")
    write_table(known, len(mutants), reasons, HERE / "results.md")


def judge(laboratory: Laboratory, mutant: operators.Mutant, builds, limits) -> Verdict:
    started = time.monotonic()
    original = operators.apply(laboratory.source, mutant)
    verdict = Verdict()
    programs = programs_of([mutant.path])
    for build in builds:
        if laboratory.compile(build, programs):
            verdict.killer, verdict.how = "compiler", "does not compile"
        else:
            said = laboratory.run(build, programs, limits[build])
            if said:
                verdict.killer, verdict.how = build, said
        if verdict.killer:
            break
    (laboratory.source / mutant.path).write_text(original)
    verdict.seconds = time.monotonic() - started
    return verdict


def check_baseline(laboratory: Laboratory, builds, mutants) -> dict:
    """The tests that will judge must pass unmutated; returns a time limit per build."""
    limits = {}
    programs = programs_of({mutant.path for mutant in mutants})
    for build in builds:
        laboratory.configure(build)
        problem = laboratory.compile(build, programs)
        started = time.monotonic()
        problem = problem or laboratory.run(build, programs, 3600)
        if problem:
            sys.exit(f"mutate: without any mutant the {build} build fails: {problem}")
        limits[build] = 60 + 2 * (time.monotonic() - started)
        print(f"{build}: passes without mutants", flush=True)
    return limits


def write_table(results, total: int, reasons, file: pathlib.Path):
    killed = [r for r in results if r[1].killer]
    lines = ["# Mutants of the CUDA kernels", "",
             f"{total} mutants, {len(results)} of them judged: {len(killed)} killed, "
             f"{len(results) - len(killed)} survive.",
             "Made by `tests/simt/mutation/mutate.py`; a survivor's reason is from survivors.json.",
             "", "| file | change | line | killed by | how |", "|---|---|---|---|---|"]
    for mutant, verdict in results:
        how = verdict.how if verdict.killer else reasons.get(mutant.key, "NO REASON YET")
        cells = [mutant.path.removeprefix("kernels/cuda/"), mutant.operator,
                 f"`{mutant.before.strip()}`", verdict.killer or "**survives**", how]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    file.write_text("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only the mutants of short.txt")
    parser.add_argument("--sample", type=int, default=0, metavar="N",
                        help="N mutants, evenly spread over all")
    parser.add_argument("--list", action="store_true", help="name the mutants and stop")
    parser.add_argument("--table", action="store_true", help="write results.md again and stop")
    parser.add_argument("--file", default="", help="only files whose path contains this")
    parser.add_argument("--survivors", action="store_true",
                        help="only those that the last run left alive, and keep the rest")
    parser.add_argument("--builds", default="plain,threads,address")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "mutation")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()

    mutants = all_mutants(arguments.file)
    if arguments.short:
        wanted = (HERE / "short.txt").read_text().splitlines()
        by_key = {mutant.key: mutant for mutant in mutants}
        missing = [key for key in wanted if key and key not in by_key]
        if missing:
            sys.exit("mutate: short.txt names mutants that no longer exist:\n" + "\n".join(missing))
        mutants = [by_key[key] for key in wanted if key]
    if arguments.sample:
        mutants = sample(mutants, arguments.sample, arguments.builds.split(","))
    if arguments.list:
        print("\n".join(mutant.key for mutant in mutants))
        return 0

    reasons = json.loads((HERE / "survivors.json").read_text())
    every = all_mutants("")
    if arguments.table:
        write_results(every, read_results(every), reasons)
        return 0

    builds = arguments.builds.split(",")
    laboratory = Laboratory(arguments.work, arguments.jobs)
    recorded = not arguments.short and not arguments.sample
    verdicts = read_results(every) if recorded else {}
    if arguments.survivors:
        mutants = [m for m in mutants if m.key not in verdicts or not verdicts[m.key].killer]
    limits = check_baseline(laboratory, builds, mutants)
    for number, mutant in enumerate(mutants, 1):
        verdict = judge(laboratory, mutant, builds, limits)
        verdicts[mutant.key] = verdict
        print(f"[{number}/{len(mutants)}] {verdict.killer or 'SURVIVES'} in {verdict.seconds:.0f} s: "
              f"{mutant.key}", flush=True)
        if recorded:
            write_results(every, verdicts, reasons)
    unexplained = [m.key for m in mutants if not verdicts[m.key].killer and m.key not in reasons]
    if unexplained:
        print("mutate: survivors without a reason:\n" + "\n".join(unexplained))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
