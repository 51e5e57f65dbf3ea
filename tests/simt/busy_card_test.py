# SPDX-License-Identifier: MIT
"""busy_card_test.py PROGRAM: what the program says where the card does not admit it. PROGRAM is the
one with the simulated card, which is told to be another process's or in some compute mode."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv[1]
BUSY = "cudaErrorDevicesUnavailable (46, "

# Name, environment, and what the message must hold.
STATES = [
    ("busy", {"VAE_SIMT_REFUSES": "1:46"}, [BUSY, "nvidia-smi"]),
    ("of another process alone", {"VAE_SIMT_REFUSES": "1:46", "VAE_SIMT_COMPUTE_MODE": "3"},
     [BUSY, "Exclusive_Process", "wait", "-c DEFAULT"]),
    ("prohibited", {"VAE_SIMT_REFUSES": "1:46", "VAE_SIMT_COMPUTE_MODE": "2"},
     [BUSY, "Prohibited", "-c DEFAULT"]),
    ("full", {"VAE_SIMT_REFUSES": "1:2"}, ["cudaErrorMemoryAllocation (2, ", "nvidia-smi"]),
    ("waiting for a service", {"VAE_SIMT_REFUSES": "1:802"},
     ["cudaErrorSystemNotReady (802, ", "nvidia-fabricmanager"]),
]


class BusyCard(unittest.TestCase):
    def run_program(self, state, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([PROGRAM, *arguments], env={**os.environ, **state}, text=True,
                                  capture_output=True, cwd=folder, timeout=120)
            self.assertEqual(os.listdir(folder), [], "something was written")
        return done

    def test_auto_says_it_in_one_line_and_takes_the_cpu(self):
        for name, state, parts in STATES:
            with self.subTest(name):
                done = self.run_program(state, "train", "--dry-run")
                self.assertEqual(done.returncode, 0, done.stderr)
                lines = [line for line in done.stderr.splitlines() if "device: cpu" in line]
                self.assertEqual(len(lines), 1, done.stderr)
                for part in ["cuda:0", *parts]:
                    self.assertIn(part, lines[0])

    def test_cuda_ends_with_status_5_and_the_reason(self):
        for name, state, parts in STATES:
            with self.subTest(name):
                done = self.run_program(state, "train", "--device", "cuda", "--out", "run")
                self.assertEqual(done.returncode, 5, done.stderr)
                for part in ["cuda:0", *parts, "--device cpu"]:
                    self.assertIn(part, done.stderr)

    def test_doctor_opens_the_card_and_says_so_too(self):
        for name, state, parts in STATES:
            with self.subTest(name):
                done = self.run_program(state, "doctor", "--json")
                found = {item["topic"]: item for item in json.loads(done.stdout)["findings"]}
                self.assertFalse(found["cuda:0"]["ok"])
                for part in parts:
                    self.assertIn(part, found["cuda:0"]["advice"])
                self.assertEqual(found["device auto"]["fact"], "cpu")

    def test_another_card_is_taken(self):
        done = self.run_program({"VAE_SIMT_REFUSES": "1:46", "VAE_SIMT_COUNT": "2"}, "train",
                                "--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("device: cuda:1", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
