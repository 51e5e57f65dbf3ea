# SPDX-License-Identifier: MIT
"""driver_states_test.py PROGRAM LIBRARY: what the program says where the NVIDIA driver is missing,
old, broken or without a card. LIBRARY is the stand-in for libcuda.so.1; no GPU is needed."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, LIBRARY = sys.argv[1:3]

# Name, environment, and what the message must hold.
STATES = [
    ("no driver", None, ["no NVIDIA driver is installed"]),
    ("an old driver", {"FAKE_CUDA_VERSION": "11040"}, ["CUDA 11.4", "update the driver"]),
    ("no card", {"FAKE_CUDA_INIT": "100"}, ["sees no card", "nvidia-smi", "MIG"]),
    ("every card hidden", {"FAKE_CUDA_INIT": "100", "CUDA_VISIBLE_DEVICES": ""},
     ["CUDA_VISIBLE_DEVICES='' leaves no card visible"]),
    ("the toolkit's stub", {"FAKE_CUDA_INIT": "34"}, ["LD_LIBRARY_PATH"]),
    ("half an update", {"FAKE_CUDA_INIT": "803"}, ["different versions", "reboot"]),
    ("a service is missing", {"FAKE_CUDA_INIT": "802"},
     ["cudaErrorSystemNotReady (802", "nvidia-fabricmanager"]),
    ("sharing does not work", {"FAKE_CUDA_INIT": "805"},
     ["cudaErrorMpsConnectionFailed (805", "nvidia-cuda-mps-control"]),
    ("busy", {"FAKE_CUDA_INIT": "46"}, ["cudaErrorDevicesUnavailable (46", "nvidia-smi"]),
    ("an unknown fault", {"FAKE_CUDA_INIT": "999"}, ["cudaErrorUnknown (999"]),
]


class DriverStates(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def run_program(self, state, *arguments):
        library = os.path.join(self.folder, "libcuda.so.1")
        if os.path.lexists(library):
            os.remove(library)
        if state is None:
            open(library, "w").close()  # found before any other, and no library
        else:
            os.symlink(LIBRARY, library)
        environment = {name: value for name, value in os.environ.items()
                       if name != "CUDA_VISIBLE_DEVICES"}
        environment.update(state or {}, LD_LIBRARY_PATH=self.folder)
        return subprocess.run([PROGRAM, *arguments], env=environment, text=True,
                              capture_output=True, cwd=self.folder, timeout=120)

    def test_training_on_the_card_ends_with_status_5_and_the_reason(self):
        for name, state, parts in STATES:
            with self.subTest(name):
                done = self.run_program(state, "train", "--device", "cuda", "--out", "run")
                self.assertEqual(done.returncode, 5, done.stderr)
                for part in [*parts, "--device cpu"]:
                    self.assertIn(part, done.stderr)
                self.assertFalse(os.path.exists(os.path.join(self.folder, "run")))

    def test_devices_and_doctor_say_why_and_auto_is_the_cpu(self):
        for name, state, parts in STATES:
            with self.subTest(name):
                devices = self.run_program(state, "devices")
                self.assertEqual(devices.returncode, 0, devices.stderr)
                self.assertIn("auto     cpu", devices.stdout)
                doctor = self.run_program(state, "doctor", "--json")
                self.assertEqual(doctor.returncode, 0, doctor.stderr)
                found = {item["topic"]: item for item in json.loads(doctor.stdout)["findings"]}
                self.assertFalse(found["cuda"]["ok"])
                for part in parts:
                    self.assertIn(part, devices.stdout)
                    self.assertIn(part, found["cuda"]["advice"])

    def test_auto_says_in_one_line_why_the_cpu_was_taken(self):
        for name, state, parts in STATES:
            with self.subTest(name):
                done = self.run_program(state, "train", "--dry-run")
                self.assertEqual(done.returncode, 0, done.stderr)
                lines = [line for line in done.stderr.splitlines() if "device: cpu" in line]
                self.assertEqual(len(lines), 1, done.stderr)
                for part in parts:
                    self.assertIn(part, lines[0])

    def test_the_driver_is_not_touched_for_the_cpu(self):
        log = os.path.join(self.folder, "touched")
        state = {"FAKE_CUDA_LOG": log}
        done = self.run_program(state, "train", "--device", "cpu", "--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(os.path.exists(log))
        self.run_program(state, "devices")
        self.assertTrue(os.path.exists(log), "the stand-in was not asked at all")

    def test_versions_are_shown(self):
        done = self.run_program({"FAKE_CUDA_VERSION": "11040"}, "devices", "--json")
        cuda = json.loads(done.stdout)["cuda"]
        self.assertEqual(cuda["driver"], "11.4")
        self.assertEqual(cuda["runtime"], cuda["toolkit"])
        self.assertRegex(cuda["architectures"], r"\b(sm|PTX)_[0-9]+")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
