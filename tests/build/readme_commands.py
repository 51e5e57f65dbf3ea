#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs what the README shows.

Every ```sh block of README.md runs with `sh -eu` in one scratch folder, in order, so that a later
block finds what an earlier one made. The scratch folder holds links to everything in the
repository: the commands work as written and leave the repository clean. A block that fails, fails
the test. HTML comments right before a block, which readers do not see, change how it is run:

    <!-- test: skip installs packages -->             not run, with the reason
    <!-- test: set OMP_NUM_THREADS=2 -->              environment of this block
    <!-- test: replace "epochs 10" "epochs 1" -->     another text; the original must be there

The ```cpp blocks must stand word for word in tests/consumer/main.cpp, which the test of the
installed package compiles and runs.

Usage: readme_commands.py ROOT [--list]
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

COMMENT = re.compile(r"^<!-- test: (skip|set|replace) (.+) -->$")


class Block:
    """One fenced block with its directives."""

    def __init__(self, language, line, directives):
        self.language, self.line = language, line
        self.skip, self.environment, self.replacements = None, {}, []
        self.text = ""
        for verb, argument in directives:
            if verb == "skip":
                self.skip = argument
            elif verb == "set":
                self.environment.update(word.split("=", 1) for word in shlex.split(argument))
            else:
                old, new = shlex.split(argument)
                self.replacements.append((old, new))

    def script(self):
        """The text with its replacements; each must apply."""
        text = self.text
        for old, new in self.replacements:
            if old not in text:
                raise ValueError(f"README.md:{self.line}: '{old}' is not in the block")
            text = text.replace(old, new)
        return text


def parse(markdown):
    """All fenced blocks that name a language."""
    blocks, directives, block = [], [], None
    for number, line in enumerate(markdown.splitlines(), 1):
        if block is not None:
            if line.strip() == "```":
                blocks.append(block)
                block = None
            else:
                block.text += line + "\n"
            continue
        comment = COMMENT.match(line.strip())
        if comment:
            directives.append((comment[1], comment[2]))
        elif line.startswith("```"):
            block = Block(line[3:].strip(), number, directives)
            directives = []
        elif line.strip():
            directives = []
    if block is not None:
        raise ValueError(f"README.md:{block.line}: the block does not end")
    return blocks


def link_repository(root, scratch):
    """Links everything but what the commands create."""
    for entry in root.iterdir():
        if entry.name not in (".git", "runs"):
            (scratch / entry.name).symlink_to(entry)


def run_block(block, scratch):
    """Runs one block; returns whether it passed."""
    script = block.script()
    print(f"README.md:{block.line}\n    " + script.rstrip().replace("\n", "\n    "), flush=True)
    started = time.monotonic()
    result = subprocess.run(
        ["sh", "-eu"], input=script, cwd=scratch, text=True, env=os.environ | block.environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(f"  status {result.returncode} after {time.monotonic() - started:.1f} s", flush=True)
    if result.returncode != 0:
        print(result.stdout)
    return result.returncode == 0


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    blocks = parse((root / "README.md").read_text(encoding="utf-8"))
    commands = [block for block in blocks if block.language == "sh"]
    if "--list" in sys.argv:
        for block in commands:
            print(f"README.md:{block.line} {block.skip or 'runs'}\n{block.script()}")
        return 0
    failed = 0
    consumer = (root / "tests/consumer/main.cpp").read_text(encoding="utf-8")
    for block in blocks:
        if block.language == "cpp" and block.text not in consumer:
            print(f"README.md:{block.line}: this C++ is not in tests/consumer/main.cpp")
            failed += 1
    with tempfile.TemporaryDirectory(prefix="vae-readme-") as folder:
        link_repository(root, pathlib.Path(folder))
        for block in commands:
            if block.skip is None and not run_block(block, folder):
                failed += 1
                break  # later blocks build on earlier ones
    print(f"{len(commands)} blocks, {sum(b.skip is not None for b in commands)} skipped, "
          f"{failed} failed")
    return 1 if failed or not commands else 0


if __name__ == "__main__":
    sys.exit(main())
