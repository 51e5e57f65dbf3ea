#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails, and kills, the file writer at every system call it makes, one after the other.

    strace_sweep.py PROBE        (checkpoint_writer_probe)

For each system call X and k = 1, 2, ... until the k-th X is never reached, the probe runs under
strace with that call failing (once, and from then on) or with SIGKILL before it. After each run
the file must hold its old content or one of the new ones whole; success must mean the last one;
a failure that was reported leaves no temporary file, and a killed run is put right by recovery.
kill -9 never loses the page cache: a missing fsync is not found this way.

Exit status: 0 passed, 1 failed, 77 skipped because strace is missing or not permitted.
"""
import collections
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

SYSCALLS = ("openat write writev pwrite64 fsync fdatasync close rename renameat renameat2 "
            "unlink unlinkat ftruncate fallocate mkdir flock").split()
ERRORS = "ENOSPC EIO EACCES".split()
SKIP = 77
OLD, FIRST, SECOND = b"O" * 999 + b"\n", b"A" * 199_999 + b"\n", b"B" * 299_999 + b"\n"
REPORTED = 4  # exit status of the probe
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
LIMIT = 200   # calls of one kind that a probe cannot reach


# What one run left: exit status, whether the fault was reached, the file, what lies beside it.
Outcome = collections.namedtuple("Outcome", "status injected content leftovers")


def environment():
    # Leak detection needs ptrace, which strace already uses.
    options = os.environ.get("ASAN_OPTIONS", "")
    return {**os.environ, "ASAN_OPTIONS": (options + ":" if options else "") + "detect_leaks=0"}


def run(probe, action, before, syscall, injection):
    """Runs one action in a fresh folder with one injection; a killed one is followed by recovery."""
    with tempfile.TemporaryDirectory(prefix="vae-sweep-") as scratch:
        folder = pathlib.Path(scratch, "folder")
        folder.mkdir()
        target, trace = folder / "target", pathlib.Path(scratch, "trace")
        target.write_bytes(before)
        command = ["strace", "-f", "-o", str(trace), "-e", f"trace={syscall}",
                   "-e", f"inject={syscall}:{injection}", str(probe), action, str(target)]
        status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env=environment(), timeout=120).returncode
        text = trace.read_text(errors="replace") if trace.exists() else ""
        injected = "(INJECTED)" in text or "killed by SIGKILL" in text
        if status in KILLED:
            subprocess.run([str(probe), "recover", str(target)], check=True, env=environment())
        content = target.read_bytes() if target.exists() else None
        leftovers = sorted(p.name for p in folder.iterdir() if p != target)
        return Outcome(status, injected, content, leftovers)


def judge_atomic(outcome, syscall):
    if outcome.content not in (OLD, FIRST, SECOND):
        size = "no file" if outcome.content is None else f"{len(outcome.content)} bytes"
        return f"torn: {size}"
    if outcome.status == 0 and outcome.content != SECOND:
        return "success without the last content"
    # Where unlink itself fails, a temporary must stay; the next start deletes it.
    if outcome.leftovers and not syscall.startswith("unlink"):
        return f"left behind {outcome.leftovers}"
    if outcome.status == REPORTED and outcome.content == SECOND and syscall not in ("fsync", "close"):
        return "failure reported for a write that was complete"
    return None


def judge_append(outcome, _syscall):
    whole = (b"one\n", b"one\ntwo\n", b"one\ntwo\nthree\n")
    if outcome.content not in whole:
        return f"half a line: {outcome.content!r}"
    if outcome.status == 0 and outcome.content != whole[-1]:
        return "success without all lines"
    return None


def injections(k):
    yield f"signal=KILL:when={k}"
    yield f"error=EINTR:when={k}"
    for error in ERRORS:
        yield f"error={error}:when={k}"
        yield f"error={error}:when={k}+"


def sweep_syscall(probe, action, before, judge, syscall):
    """Returns the number of runs and what was wrong."""
    runs, problems = 0, []
    for k in range(1, LIMIT):
        reached = False
        for injection in injections(k):
            outcome = run(probe, action, before, syscall, injection)
            runs += 1
            reached = reached or outcome.injected
            problem = judge(outcome, syscall)
            if problem:
                problems.append(f"{action}: {syscall} {injection}: {problem}")
        if not reached:
            return runs, problems
    return runs, problems + [f"{action}: {syscall}: no end after {LIMIT} calls"]


def sweep(probe, action, before, judge):
    runs, problems = 0, []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(sweep_syscall, probe, action, before, judge, syscall)
                for syscall in SYSCALLS]
        for job in jobs:
            count, found = job.result()
            runs, problems = runs + count, problems + found
    return runs, problems


def skip_unless_strace_works():
    if shutil.which("strace") is None:
        print("skipped: strace is not installed")
        sys.exit(SKIP)
    trial = subprocess.run(["strace", "-o", "/dev/null", "-e", "inject=sync:error=EIO", "true"],
                           capture_output=True)
    if trial.returncode != 0:
        print("skipped: strace cannot trace here:", trial.stderr.decode(errors="replace").strip())
        sys.exit(SKIP)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    probe = pathlib.Path(sys.argv[1]).resolve()
    skip_unless_strace_works()
    total, problems = 0, []
    for action, before, judge in (("atomic", OLD, judge_atomic), ("append", b"one\n", judge_append)):
        runs, found = sweep(probe, action, before, judge)
        print(f"{action}: {runs} runs, {len(found)} problems")
        total, problems = total + runs, problems + found
    # A sweep that finds nothing anywhere proves nothing: the careless writer must fail it.
    runs, torn = sweep(probe, "in-place", OLD, judge_atomic)
    print(f"in-place: {runs} runs, {len(torn)} problems, as expected")
    if not any("torn" in problem for problem in torn):
        problems.append("the sweep found no torn file where files are written in place")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
