#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/extending.md does what it says: its blocks are applied to a copy of the sources, in order.

Usage: extending_test.py ROOT CXX [CLANG_FORMAT]
           Every block applies, what they touch compiles, the rule is a probability with its slope,
           the table counts the files.
       extending_test.py ROOT CXX --full
           Builds the program and tests from the copy, runs those of what the blocks add, trains.
"""
import gzip
import json
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


def small_mnist(root, folder):
    """The first images of each set, so that an epoch is short."""
    folder.mkdir()
    for name, count in (("train", 2000), ("t10k", 200)):
        for kind, header, size in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
            file = f"{name}-{kind}-ubyte"
            with gzip.open(root / f"data/mnist/{file}.gz") as source:
                data = source.read(header + count * size)
            (folder / file).write_bytes(data[:4] + count.to_bytes(4, "big") + data[8:])
    return folder


def build_and_train(root, files, compiler, folder):
    """The program and the tests of the copy; a training with the new likelihood and layer."""
    beside = {"build", ".git", "shared", "runs"}  # of the root, not of tests/
    shutil.copytree(root, folder, dirs_exist_ok=True, symlinks=True,
                    ignore=lambda at, names: beside & set(names) if at == str(root) else set())
    write(files, folder)
    build = folder / "build"
    run(["cmake", "-G", "Ninja", "-S", folder, "-B", build, f"-DCMAKE_CXX_COMPILER={compiler}",
         "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1", "-DCMAKE_UNITY_BUILD=ON",
         "-DVAE_WITH_CUDA=OFF", "-DVAE_WERROR=ON", "-DVAE_TEST_PARTS=kernels;host"])
    run(["cmake", "--build", build, "--target", "vae_program", "vae_kernels_test", "vae_host_test"])
    run([build / "tests/vae_kernels_test", "--gtest_brief=1",
         "--gtest_filter=*RulesTest*:*ObservationTest*:LevelsTest*:*LikelihoodTest*"])
    run([build / "tests/vae_host_test", "--gtest_brief=1",
         "--gtest_filter=GraphTest*:LayerTextTest*:LayerShapesTest*:LikelihoodTrainingTest*:"
         "NetworkTest.GradientsOfEveryLikelihood*"])
    vae, model, data = build / "vae", folder / "trained", small_mnist(root, folder / "small")
    run([vae, "train", "--data", data, "--likelihood", "binomial", "--binarization", "none",
         "--encoder", "gated conv 8 4x4/2, pool 2, 32", "--decoder",
         "32, dense 14x14x4, gated conv 4 3x3", "--output", "deconv 4x4/2", "--latent", "4",
         "--epochs", "3", "--learning-rate", "0.01", "--output-bias-from-mean", "--device", "cpu", "--out", model])
    bits = json.loads(run([vae, "eval", model, "--data", data, "--json"]))["bits_per_dimension"]
    layers = json.loads(run([vae, "inspect", model, "--json"]))
    if not 0.0 < bits < 128.0:
        sys.exit(f"a trained pixel takes {bits} bits, a black one untrained 255: nothing was learned")
    if "gated conv 8 4x4/2" not in json.dumps(layers):
        sys.exit(f"vae inspect does not name the layer: {layers}")
    print(f"MNIST with the guide's likelihood and layer: {bits:.3f} bits a pixel")


def main():
    root, compiler, more = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]
    blocks, rows = read_guide(root)
    files = applied(root, blocks)
    check_table(blocks, rows)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if more == ["--full"]:
            build_and_train(root, files, compiler, folder)
            return
        write(files, folder)
        if more and more[0] and os.path.exists(more[0]):
            check_format(root, blocks, more[0], folder)
        compile_touched(root, files, compiler, folder)
    print(f"{len(blocks)} blocks of {GUIDE} apply to {len(files)} files, which compile")


if __name__ == "__main__":
    main()
