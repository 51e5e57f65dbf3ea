#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/extending.md does what it says: its blocks are applied to a copy of the sources, in order.

Every block applies, what they touch compiles, the rule is a probability with its slope, the table
counts the files.

Usage: extending_test.py ROOT CXX [CLANG_FORMAT]
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

GUIDE = "docs/extending.md"
# A line that says where the next block goes.
PLACE = re.compile(r"^`([^`]+)`, (?:a (new) file|(behind|before|in the place of) `([^`]+)`)")
# What decides by the choices and is not touched itself: the loops that a rule is compiled into.
ALSO = ("kernels/cpu/likelihood.cpp", "kernels/cpu/vector_ops_isa.cpp",
        "host/graph/initialization.cpp")
# 256 probabilities sum to one, and slopes are differences of log p.
PROBE = r"""
#include <cmath>
#include <cstdio>
#include "kernels/rules/likelihoods.h"
using vae::rules::Binomial;
static_assert(vae::outputs_per_value(vae::Likelihood::binomial, vae::Variance::fixed) == 1);
int main() {
  const auto log_p = [](float logit, float x) { return Binomial::term(&logit, x, {1, 0}).log_p; };
  for (const float logit : {-30.0f, -2.0f, 0.25f, 5.0f}) {
    double sum = 0.0;
    for (int k = 0; k < 256; ++k) sum += std::exp(double(log_p(logit, vae::value_of_level(k))));
    const float x = vae::value_of_level(77), slope = Binomial::term(&logit, x, {1, 0}).slope[0];
    const float difference = (log_p(logit + 0.25f, x) - log_p(logit - 0.25f, x)) / 0.5f;
    if (std::abs(sum - 1.0) > 1e-5 || std::abs(slope - difference) > 0.5f) {
      std::printf("at %g the levels sum to %g; slope %g, difference %g\n", logit, sum, slope,
                  difference);
      return 1;
    }
  }
}
"""


class Block:
    """A block of the guide: its text, and where it goes."""

    def __init__(self, section, place, text):
        self.section, self.path, self.text = section, place[1], text
        self.how, self.anchor = place[2] or place[3], (place[4] or "").strip()

    def apply(self, text):
        """The file with this block in it."""
        if self.how == "new":
            return self.text
        count = text.count(self.anchor)
        if count != 1:
            sys.exit(f"{GUIDE}: `{self.anchor}` stands in {self.path} {count} times")
        start = text.index(self.anchor)
        if self.how == "in the place of":
            return text.replace(self.anchor, self.text.rstrip("\n"))
        line = text.rfind("\n", 0, start) if self.how == "before" else text.index("\n", start)
        return text[:line + 1] + self.text + text[line + 1:]


def read_guide(root):
    """The blocks, and the rows of the table: section -> (files, tests and documents)."""
    blocks, rows, section, place, fence = [], {}, 0, None, None
    for number, line in enumerate((root / GUIDE).read_text(encoding="utf-8").splitlines(), 1):
        if fence is not None:
            if line == "```":
                blocks.append(Block(section, place, "".join(fence)))
                place, fence = None, None
            else:
                fence.append(line + "\n")
        elif line.startswith("```"):
            if place is None:
                sys.exit(f"{GUIDE}:{number}: a block without a line that says where it goes")
            fence = []
        elif line.startswith("## "):
            section += 1
        elif PLACE.match(line):
            place = PLACE.match(line)
        elif re.match(r"\| [^|]+ \| \d+ \| \d+ \|", line):
            rows[len(rows) + 1] = tuple(int(n) for n in re.findall(r"\| (\d+)", line))
    return blocks, rows


def applied(root, blocks):
    """path -> text of every file that the blocks touch."""
    files = {}
    for block in blocks:
        path = root / block.path
        if block.how == "new" and (path.exists() or block.path in files):
            sys.exit(f"{GUIDE}: {block.path} is there already")
        if block.path not in files and block.how != "new":
            files[block.path] = path.read_text(encoding="utf-8")
        files[block.path] = block.apply(files.get(block.path, ""))
    return files


def check_table(blocks, rows):
    """The table of the guide counts what its blocks touch."""
    for section, row in rows.items():
        paths = {block.path for block in blocks if block.section == section}
        beside = {path for path in paths if path.startswith(("tests/", "docs/"))}
        if row != (len(paths), len(beside)):
            sys.exit(f"{GUIDE}: row {section} of the table says {row}, the blocks touch "
                     f"{len(paths)} files, {len(beside)} of them tests and documents")


def write(files, folder):
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def run(command, **options):
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}\n{done.stdout[-4000:]}{done.stderr[-8000:]}")
    return done.stdout


def compile_touched(root, files, compiler, folder):
    """The sources that are touched, and those that rules are compiled into."""
    flags = ["-std=c++20", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror",
             "-ffp-contract=off", "-DVAE_ISA=baseline", f"-I{folder}", f"-I{folder}/include",
             f"-I{root}", f"-I{root}/include"]
    sources = [path for path in files if re.fullmatch(r"(host|kernels)/.*\.cpp", path)]
    (folder / "all.cpp").write_text("".join(f'#include "{path}"\n' for path in [*sources, *ALSO]),
                                    encoding="utf-8")
    run([compiler, *flags, "-fsyntax-only", folder / "all.cpp"])
    (folder / "probe.cpp").write_text(PROBE, encoding="utf-8")
    run([compiler, *flags, folder / "probe.cpp", "-o", folder / "probe"])
    run([folder / "probe"])


def check_format(root, blocks, clang_format, folder):
    """Of new files; a list with one more entry may break its lines elsewhere."""
    shutil.copy(root / ".clang-format", folder)
    run([clang_format, "--dry-run", "--Werror", *[b.path for b in blocks if b.how == "new"]],
        cwd=folder)


def main():
    root, compiler, more = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]
    blocks, rows = read_guide(root)
    files = applied(root, blocks)
    check_table(blocks, rows)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(files, folder)
        if more and more[0] and os.path.exists(more[0]):
            check_format(root, blocks, more[0], folder)
        compile_touched(root, files, compiler, folder)
    print(f"{len(blocks)} blocks of {GUIDE} apply to {len(files)} files, which compile")


if __name__ == "__main__":
    main()
