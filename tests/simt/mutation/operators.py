# SPDX-License-Identifier: MIT
"""What a mutant is: one line of kernel source, changed as a tired programmer might."""

import dataclasses
import pathlib
import re


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change of one line. `key` stays the same when other lines move."""

    path: str  # relative to the root of the sources
    line: int  # from 1
    operator: str
    before: str
    after: str
    ordinal: int  # among equal (path, operator, before)

    @property
    def key(self) -> str:
        return f"{self.path} | {self.operator} | {self.before.strip()} | {self.ordinal}"


# (operator, pattern, replacement). Each match in a line is a mutant of its own.
RULES = [
    ("barrier removed", r"__syncthreads\(\);", ";"),
    ("warp barrier removed", r"__syncwarp\(\);", ";"),
    ("fence removed", r"__threadfence\(\);", ";"),
    ("wait removed", r"copy_async_wait<[^;]*>\(\);", ";"),
    ("wait too weak", r"copy_async_wait<([^;]*)>\(\);", r"copy_async_wait<(\1) + 1>();"),
    ("commit removed", r"copy_async_commit\(\);", ";"),
    # Not against a constant: that is the length of a loop over registers.
    ("bound one too far", r"(?<=[\w\])]) < (?!\d|(?:\w+::)*k[A-Z]|2 \*)(?=[\w(])", " <= "),
    ("guard dropped", r"if \(threadIdx\.x == 0\)", "if (threadIdx.x <= 1)"),
    ("fragment row", r"lane / 4\b", "(lane / 4 ^ 1)"),
    ("fragment column", r"lane % 4\b", "(lane % 4 ^ 1)"),
    ("fragment half", r"(?<=[+*] )8(?= \*| \+|\))", "4"),
    ("ldmatrix row", r"lane % 8\b", "(lane % 8 ^ 1)"),
    ("shuffle distance", r"(?<=distance < )lanes(?=; distance)", "lanes / 2"),
    ("vote mask", r"0xffffffffu", "0x7fffffffu"),
]

# Changes of one place that no rule above makes, each once a survivor: (path, operator, code, changed
# code). The code stands in one line of the file.
PLANTED = [
    ("kernels/cuda/gemm_likelihood.h", "groups left out", "group < row_groups(tile.columns);",
     "group < row_groups(tile.columns) && group < 64;"),
    ("kernels/cuda/gemm_sums.h", "slices of 64", "kSliceDepth = 128;", "kSliceDepth = 64;"),
    ("kernels/cuda/gemm_sums.h", "chain of parts", "part % 2 == 0 && !last", "!last"),
    ("kernels/cuda/gemm_sums.h", "chain of images", "if (!image_ends) return;",
     "if (!last) return;"),
    ("kernels/cuda/gemm_kernel.h", "slices through images",
     "in_part = here.in_part(step)", "in_part = step"),
    ("kernels/cuda/gemm_launch.h", "branches of any size",
     "std::bit_ceil(static_cast<uint64_t>(in_split))", "in_split"),
    ("kernels/cuda/gemm_patches.h", "taps mirrored", "{row * tap_step,", "{row * -tap_step,"),
    ("kernels/cuda/gemm_patches.h", "holes of the stride kept", "first_y + row * step_y",
     "first_y + row"),
    ("kernels/cuda/gemm_sums.h", "sign of zero lost", "kNothing = -0.0f", "kNothing = 0.0f"),
    ("kernels/cuda/reduce.h", "blocks left out", "at < count ? numbers[at] : 0.0",
     "at < count && part == 0 ? numbers[at] : 0.0"),
    ("kernels/rules/importance.h", "infinities unlike",
     "log_w == max ? 1.0 : exponential(log_w - max)", "exponential(log_w - max)"),
    ("kernels/rules/objectives.h", "the weight, not its square",
     "return fused_multiply_add(beta, weight, 1.0f - beta);", "return 1.0f;"),
    ("kernels/rules/objectives.h", "score at a moving posterior", "return prior - eps / sigma;",
     "return prior;"),
]

# A comparison that only chooses between ways to do the same work, or an included header.
NOT_A_BOUND = re.compile(r"static_assert|template|constexpr|#|operator|requires|\bcase\b")


def device_lines(text: str):
    """Yields (number, line) of the code that a kernel runs, as the host compiler sees it."""
    skipping = 0  # depth inside what only nvcc compiles
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if re.match(r"// -* ?launchers", stripped, re.IGNORECASE):
            return
        if stripped.startswith("#if"):
            depth += 1
            if re.match(r"#ifdef __CUDACC__|#if defined\(__CUDACC__\)|#ifdef __CUDA_ARCH__", stripped):
                skipping = skipping or depth
        elif stripped.startswith("#else") and skipping == depth:
            skipping = 0
        elif stripped.startswith("#endif"):
            if skipping == depth:
                skipping = 0
            depth -= 1
        elif not skipping and not stripped.startswith("//"):
            yield number, line


def code_of(line: str) -> str:
    return line.split("//", 1)[0]


def mutants_of(root: pathlib.Path, path: str):
    """All mutants of one file, in order."""
    seen = {}
    for number, line in device_lines((root / path).read_text()):
        code = code_of(line)
        for operator, pattern, replacement in RULES:
            if operator == "bound one too far" and NOT_A_BOUND.search(code):
                continue
            for match in re.finditer(pattern, code):
                changed = code[: match.start()] + match.expand(replacement) + code[match.end() :]
                after = changed + line[len(code) :]
                identity = (path, operator, line.strip())
                ordinal = seen.get(identity, 0)
                seen[identity] = ordinal + 1
                yield Mutant(path, number, operator, line, after, ordinal)


def planted_mutants(root: pathlib.Path):
    """Those of PLANTED."""
    for path, operator, code, changed in PLANTED:
        lines = (root / path).read_text().splitlines()
        places = [number for number, line in enumerate(lines, 1) if code in line]
        assert len(places) == 1, f"{path}: '{code}' stands in {len(places)} lines"
        before = lines[places[0] - 1]
        yield Mutant(path, places[0], operator, before, before.replace(code, changed), 0)


def apply(root: pathlib.Path, mutant: Mutant) -> str:
    """Writes the mutant; returns the original text for putting it back."""
    file = root / mutant.path
    text = file.read_text()
    lines = text.splitlines(keepends=True)
    assert lines[mutant.line - 1].rstrip("\n") == mutant.before, mutant.key
    lines[mutant.line - 1] = mutant.after + "\n"
    file.write_text("".join(lines))
    return text
