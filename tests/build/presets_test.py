#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""presets_test.py ROOT: every part of the tests is in a build of `./run test`. A part that no preset
names would be built by nobody, and nobody would miss it."""

import json
import pathlib
import re
import sys


def parts_of_tests(root):
    text = (root / "tests/CMakeLists.txt").read_text(encoding="utf-8")
    return set(re.search(r"set\(VAE_TEST_PARTS ([a-z ]+) CACHE", text)[1].split())


def presets_of_run(root):
    text = (root / "run").read_text(encoding="utf-8")
    body = re.search(r"^run_tests\(\) \{\n(.*?)^\}", text, re.S | re.M)[1]
    return re.findall(r"^  stage .* build (\S+)$", body, re.M)


def main():
    root = pathlib.Path(sys.argv[1])
    presets = json.loads((root / "CMakePresets.json").read_text(encoding="utf-8"))["configurePresets"]
    variables = {preset["name"]: preset.get("cacheVariables", {}) for preset in presets}
    names = presets_of_run(root)
    built = {part for name in names for part in variables[name]["VAE_TEST_PARTS"].split(";")}
    missing = parts_of_tests(root) - built
    for part in sorted(missing):
        print(f"CMakePresets.json: the tests' part {part} is in none of {', '.join(names)}")
    return 1 if missing or len(names) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
