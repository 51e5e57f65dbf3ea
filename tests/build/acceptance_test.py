#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/gpu_acceptance.sh without a GPU: its stages against programs that pretend, its report on
canned results, the comparison of runs. Usage: acceptance_test.py ROOT [unittest options]"""
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
BENCH = ROOT / "bench"
sys.path.insert(0, str(BENCH / "gpu"))
sys.dont_write_bytecode = True

import compare_runs  # noqa: E402
import report  # noqa: E402
import tables  # noqa: E402

# What a fake program does is told by environment variables FAKE_*.
FAKE_VAE = """
import json, os, pathlib, sys
arguments = sys.argv[1:]
def option(name):
    return arguments[arguments.index(name) + 1]
def run(text):
    print(text)
    sys.exit(0)
verb = arguments[0]
if verb == "--version":
    run("vae of a test")
if verb == "devices":
    run("cuda:0   " + os.environ.get("FAKE_DEVICE", "usable   Test Card"))
eager = os.environ.get("VAE_CUDA_EAGER") == "1"
if verb == "doctor":
    run("environment VAE_CUDA_EAGER=1" if eager and not os.environ.get("FAKE_NO_EAGER") else "")
if verb == "bench":
    spread = {"mean": 0.5, "deviation": 0.1}
    run(json.dumps({"results": [{
        "batch_size": 128, "description": "Test Card",
        "step_milliseconds": spread, "floor_milliseconds": spread, "ratio_to_floor": spread,
        "samples_per_second": spread}]}))
out = pathlib.Path(option("--out"))
(out / "checkpoints").mkdir(parents=True)
content = "eager" if eager and os.environ.get("FAKE_EAGER_DIFFERS") else "graph"
header = {"__metadata__": {"checksum": out.name, "training": json.dumps({"epoch_seconds": str(out)})},
          "w": {"dtype": "U8", "shape": [5], "data_offsets": [0, 5]}}
text = json.dumps(header).encode()
(out / "checkpoints/best.safetensors").write_bytes(
    len(text).to_bytes(8, "little") + text + content.encode())
(out / "metrics.jsonl").write_text(json.dumps({"epoch": 1, "elbo": -1.0, "seconds": str(out)}))
elbo = -100.0 - (float(os.environ.get("FAKE_ELBO_GAP", "0.1")) if option("--device") == "cpu" else 0)
metrics = {"epoch": 10, "elbo": elbo, "reconstruction": -80.0, "kl": 20.0, "seconds": 0.01,
           "samples_per_second": 6e6}
run(json.dumps({"device": option("--device"), "epochs": 10, "train": metrics, "test": metrics}))
"""

FAKE_TEST = """
import os, sys
if "--gtest_list_tests" in sys.argv:
    print("PhiloxTest.\\n  Known\\nDevice/DenseTest.\\n  Forward/cpu  # x\\n  Forward/cuda  # x")
    print("Device/AdamTest.\\n  Step/cuda_bf16  # x")
else:
    print("ran", *sys.argv[1:])
    sys.exit(int(os.environ.get("FAKE_TEST_STATUS", "0")))
"""

FAKE_SANITIZER = """
import os, subprocess, sys, time
time.sleep(float(os.environ.get("FAKE_SANITIZER_SECONDS", "0")))
program = next(i for i, word in enumerate(sys.argv) if word.endswith("_test"))
sys.exit(subprocess.call(sys.argv[program:]))
"""

MICROBENCH = {
    "card": {"name": "Test Card"}, "seconds": 1.0, "peaks": {"fp32_flops": 5e13},
    "figures": [
        {"group": "launch", "name": "graph", "unit": "us", "median": 1.25, "quartiles": [1.0, 1.5],
         "repetitions": 3, "checked": True},
        {"group": "memory", "name": "reads", "unit": "GB/s", "median": 3000.0,
         "quartiles": [2900.0, 3100.0], "repetitions": 3, "checked": False},
        {"group": "cluster", "name": "of 16", "skipped": "not supported by sm_80"}]}

FAKE_MICROBENCH = f"""
import json, pathlib, sys
pathlib.Path(sys.argv[sys.argv.index("--json") + 1]).write_text({json.dumps(MICROBENCH)!r})
print("1 s, 0 wrong results")
"""

FAKE_OPS = """
import json, pathlib, sys
path = [word.split("=")[1] for word in sys.argv if word.startswith("--benchmark_out=")][0]
pathlib.Path(path).write_text(json.dumps({"benchmarks": [
    {"name": "dense_forward_median", "run_name": "dense_forward", "aggregate_name": "median",
     "real_time": 5.0, "us": 5.0, "FLOP/s": 1e12},
    {"name": "dense_forward_mean", "run_name": "dense_forward", "aggregate_name": "mean",
     "real_time": 6.0}]}))
"""

FAKE_SMI = """
import sys
print("GPU 0: Test Card" if "-L" in sys.argv else "Test Card, 580.1, 80 GiB, 700 W, 1980 MHz")
"""


class Fakes:
    """A folder with a machine's tools and one with a build's programs."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for path, text in (("bin/nvidia-smi", FAKE_SMI), ("bin/compute-sanitizer", FAKE_SANITIZER),
                           ("build/vae", FAKE_VAE), ("build/tests/vae_kernels_test", FAKE_TEST),
                           ("build/bench/gpu_microbench", FAKE_MICROBENCH),
                           ("build/bench/ops_bench", FAKE_OPS)):
            self.add(path, text)

    def add(self, path, text):
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def run(self, *options, **environment):
        """Runs the script with the fake build; (status, output, JSON, Markdown)."""
        results = self.folder / "results"
        environment = {**os.environ, **environment,
                       "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", str(BENCH / "gpu_acceptance.sh"), "--prebuilt", str(self.folder / "build"),
             "--out", str(results), "--work", str(self.folder / "work"), *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
            check=False, timeout=300)
        written = sorted(results.glob("*.json"))
        if not written:
            return done.returncode, done.stdout, None, ""
        return (done.returncode, done.stdout, json.loads(written[-1].read_text()),
                written[-1].with_suffix(".md").read_text())


class ScriptTest(unittest.TestCase):
    """The script, end to end, against programs that pretend."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fakes = Fakes(folder.name)

    @staticmethod
    def statuses(record):
        return {stage["name"]: stage["status"] for stage in record["stages"]}

    def test_a_card_that_passes(self):
        # A Python without torch and jax, whatever this one has.
        status, output, record, text = self.fakes.run("--python", "/bin/false")
        self.assertEqual(status, 0, output)
        self.assertEqual(record["failed"], [])
        self.assertEqual(self.statuses(record), {
            "build": "skipped", "devices": "passed", "tests": "passed", "determinism": "passed",
            "elbo": "passed", "microbench": "passed", "vae_bench": "passed", "memcheck": "passed",
            "racecheck": "passed", "initcheck": "passed", "synccheck": "passed",
            "ops_bench": "passed", "baselines": "skipped"})
        self.assertEqual(record["figures"]["microbench"], MICROBENCH)
        self.assertEqual(record["figures"]["ops"],
                         [{"name": "dense_forward", "real_time": 5.0, "us": 5.0, "FLOP/s": 1e12}])
        self.assertEqual(record["card"]["driver_version"], "580.1")
        notes = {stage["name"]: stage["note"] for stage in record["stages"]}
        self.assertEqual(notes["memcheck"], "2 of 2 suites without a finding")
        self.assertIn("100.100 nats, 0.100 apart; within", notes["elbo"])
        self.assertIn("bit-identical", notes["determinism"])
        self.assertTrue(text.startswith("# GPU acceptance: Test Card, "), text)
        self.assertIn("these did not run: build", text)

    def test_a_failure_is_named_and_stops_nothing(self):
        status, output, record, text = self.fakes.run(
            "--python", "/bin/false", FAKE_TEST_STATUS="1", FAKE_ELBO_GAP="0.31",
            FAKE_EAGER_DIFFERS="1")
        self.assertEqual(status, 1, output)
        failed = ["tests", "determinism", "elbo", "memcheck", "racecheck", "initcheck", "synccheck"]
        self.assertEqual(record["failed"], failed)
        self.assertIn(f"NOT PASSED: {', '.join(failed)}.", text)
        self.assertEqual(self.statuses(record)["ops_bench"], "passed")
        self.assertEqual(len(record["stages"]), 13)

    def test_an_unusable_card_fails(self):
        status, _, record, _ = self.fakes.run("--stages", "devices", FAKE_DEVICE="no  old driver")
        self.assertEqual(status, 1)
        self.assertIn("old driver", record["stages"][0]["note"])

    def test_a_build_without_the_eager_switch_fails(self):
        _, _, record, _ = self.fakes.run("--stages", "determinism", FAKE_NO_EAGER="1")
        self.assertEqual(self.statuses(record), {"determinism": "failed"})
        self.assertIn("VAE_CUDA_EAGER", record["stages"][0]["note"])

    def test_time_runs_out(self):
        # 9 s allow one suite of 4 s under the sanitizer; then less than 5 s are left.
        status, output, record, _ = self.fakes.run(
            "--stages", "memcheck,racecheck", "--budget", "9", FAKE_SANITIZER_SECONDS="3.5")
        self.assertEqual(status, 1, output)
        self.assertEqual(self.statuses(record)["memcheck"], "partial")
        self.assertEqual(record["stages"][0]["note"], "1 of 2 suites without a finding")
        self.assertEqual(self.statuses(record)["racecheck"], "timeout")
        self.assertEqual(record["failed"], ["racecheck"])

    def test_without_a_sanitizer(self):
        (self.fakes.folder / "bin/compute-sanitizer").unlink()
        if shutil.which("compute-sanitizer"):
            self.skipTest("this machine has one")
        status, _, record, text = self.fakes.run("--stages", "devices,memcheck")
        self.assertEqual(status, 0)
        self.assertEqual(self.statuses(record)["memcheck"], "skipped")
        self.assertIn("Passed, but these did not run: memcheck.", text)

    def test_results_are_kept(self):
        self.fakes.run("--stages", "devices")
        self.fakes.run("--stages", "devices")
        names = sorted(path.name for path in (self.fakes.folder / "results").iterdir())
        self.assertEqual(len(names), 4, names)

    def test_dry_run_claims_nothing(self):
        self.fakes.add("bin/nvidia-smi", "import sys\nsys.exit(9)")
        status, output, record, text = self.fakes.run("--dry-run")
        self.assertEqual(status, 0, output)
        self.assertEqual(set(self.statuses(record).values()), {"skipped"})
        self.assertIn("Nothing ran on a GPU: not yet measured.", text)
        self.assertEqual(text.count(tables.NOT_MEASURED), 5)

    def test_usage(self):
        self.fakes.add("bin/nvidia-smi", "import sys\nsys.exit(9)")
        for options, status, says in (
            (["--help"], 0, "--prebuilt DIR"),
            (["--help-stages"], 0, "racecheck"),
            ([], 5, "no GPU"),
            (["--stages", "cook"], 2, "no stage 'cook'"),
            (["--budget", "ten"], 2, "no number"),
            (["--budget"], 2, "needs a value"),
            (["--frobnicate"], 2, "unknown option"),
            (["--dry-run", "--work", str(BENCH)], 2, "has other things in it"),
        ):
            with self.subTest(options=options):
                found, output, _, _ = self.fakes.run(*options)
                self.assertEqual(found, status, output)
                self.assertIn(says, output)

    def test_shellcheck(self):
        shellcheck = shutil.which("shellcheck")
        if not shellcheck:
            self.skipTest("no shellcheck")
        scripts = [str(BENCH / "gpu_acceptance.sh"), *map(str, (BENCH / "gpu").glob("*.sh"))]
        self.assertGreaterEqual(len(scripts), 3)
        done = subprocess.run([shellcheck, *scripts], stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)


class ReportTest(unittest.TestCase):
    """The Markdown of canned results."""

    RECORD = {
        "date": "2026-01-02T03:04:05+00:00", "card": {"name": "NVIDIA H100 80GB HBM3"},
        "toolkit": "13.0.88", "sources": {"commit": "abc", "dirty": True},
        "machine": {"system": "Linux"}, "failed": [], "not_run": [],
        "stages": [{"name": "devices", "status": "passed", "seconds": 1, "required": True,
                    "note": "a | b"}],
        "figures": {
            "microbench": MICROBENCH, "ops": [{"name": "gemm/mnist", "us": 3.25, "gemm_%": 100.0}],
            "training_steps": {"results": [{
                "batch_size": 128, "step_milliseconds": {"mean": 0.025, "deviation": 0.001},
                "floor_milliseconds": {"mean": 0.0125, "deviation": 0.0},
                "ratio_to_floor": {"mean": 2.0, "deviation": 0.0},
                "samples_per_second": {"mean": 5.12e6, "deviation": 0.0}}]},
            "trained_cuda": {"device": "cuda:0", "epochs": 10,
                             "train": {"seconds": 0.0125, "samples_per_second": 4.8e6},
                             "test": {"elbo": -101.5, "reconstruction": -77.25, "kl": 24.25}},
            "trained_cpu": {"device": "cpu", "epochs": 10, "train": None, "test": None},
            "baselines": [{"framework": "jax", "version": "1", "mode": "scan", "dtype": "tf32",
                           "batch_size": 128, "setup_seconds": None,
                           "step_milliseconds": {"median": 0.05, "iqr": [0.04, 0.06]}}]}}

    def test_every_table_has_its_figures(self):
        text = tables.report(self.RECORD)
        for line in (
            "Commit abc, with uncommitted changes.",
            "| devices | passed | 1 | a \\| b |",
            "| cuda:0 | 10 | -101.500 | -77.250 | 24.250 | 12.5 | 4800000 |",
            "| 128 | 25 | 1 | 12.5 | 2 | 5120000 | 11.72 |",
            "| jax 1, scan | tf32 | 128 | 50 | 40 to 60 | 23.44 | - |",
            "| gemm/mnist | 3.25 | - | - | - | 100 | - |",
            "| launch | graph | 1.25 us | 1 to 1.5 | yes |  |",
            "| memory | reads | 3000 GB/s | 2900 to 3100 | **WRONG** |  |",
            "| cluster | of 16 | - |  |  | not supported by sm_80 |",
        ):
            self.assertIn(line, text)
        self.assertNotIn(tables.NOT_MEASURED, text)

    def test_names_of_files(self):
        self.assertEqual(report.file_stem(self.RECORD), "nvidia-h100-80gb-hbm3-2026-01-02")

    def test_single_results_of_google_benchmark(self):
        self.assertEqual(report.ops_rows(
            {"benchmarks": [{"name": "a/8/iterations:1/manual_time", "us": 1.0, "threads": 1}]}),
            [{"name": "a/8", "us": 1.0}])


class CompareRunsTest(unittest.TestCase):
    """What counts as a difference of two runs."""

    def write(self, name, data=b"abcd", epoch_seconds="1", metrics=None, config="{}"):
        run = self.folder / name
        (run / "checkpoints").mkdir(parents=True)
        header = {"__metadata__": {"checksum": name, "config": config,
                                   "training": json.dumps({"epoch_seconds": epoch_seconds})},
                  "w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}
        text = json.dumps(header).encode()
        (run / "checkpoints/step-1.safetensors").write_bytes(
            len(text).to_bytes(8, "little") + text + data)
        lines = metrics or [{"epoch": 1, "elbo": -1.0}]
        (run / "metrics.jsonl").write_text(
            "\n".join(json.dumps({**line, "seconds": name}) for line in lines))
        return run

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.first = self.write("first")

    def found(self, **changes):
        return list(compare_runs.differences(self.first, self.write("second", **changes)))

    def test_times_are_no_difference(self):
        self.assertEqual(self.found(epoch_seconds="2"), [])

    def test_one_byte_is(self):
        self.assertEqual(self.found(data=b"abXd"),
                         ["step-1.safetensors: w: 1 of 4 bytes differ"])

    def test_missing_bytes_are(self):
        self.assertEqual(len(self.found(data=b"abc")), 1)

    def test_metadata_are(self):
        self.assertEqual(self.found(config='{"beta": 2}'),
                         ["step-1.safetensors: the headers differ"])

    def test_metrics_are(self):
        self.assertEqual(self.found(metrics=[{"epoch": 1, "elbo": -1.0000001}]),
                         ["metrics.jsonl:1: elbo: -1.0 and -1.0000001"])

    def test_a_missing_checkpoint_is(self):
        second = self.write("second")
        (second / "checkpoints/step-1.safetensors").unlink()
        self.assertEqual(len(list(compare_runs.differences(self.first, second))), 1)
        self.assertEqual(len(list(compare_runs.differences(second, second))), 1)


if __name__ == "__main__":
    unittest.main()
