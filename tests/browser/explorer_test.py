#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of `vae explore` in a real browser, on a desk and on a telephone.

Models with every kind of layer, likelihood and condition are trained for a moment; in their pages
the map is clicked and dragged, sliders, buttons and keys are used. Whatever the page shows is
compared with what `vae decode` makes of the same code, to 1/255. Nothing may be said on the
console, and nothing asked for from outside of the page.

Usage: explorer_test.py PROGRAM CHROMIUM [--screenshots FOLDER]       77: there is no CHROMIUM
"""
import array
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import devtools

DESK, TELEPHONE = (1280, 800), (360, 740)
HOSTILE = "</script><img src=x onerror=alert(1)>"
# Names of folders are names of classes, so no "/" in them.
CLASSES = [HOSTILE.replace("/", "&lt;"), "7", "a class with a name of many words"]
SIDE = 8

# name -> (images, options of `vae train`). Weights that keep signals their size let a fault in one
# layer reach the picture.
INITIAL = ["--initialization", "he_normal"]
MODELS = {
    "dense": ("grey", ["--latent", "4", "--decoder", "32"]),
    "plane": ("grey", ["--latent", "2", "--decoder", "gated dense 24, 24 tanh, 24 silu",
                       "--likelihood", "beta-binomial", "--binarization", "none"]),
    "line": ("grey", ["--latent", "1", "--top", "6", "--top-latent", "2",
                      "--decoder", "16 elu, 16 softplus, 16 leaky_relu"]),
    # The other layers, sides and strides that differ, a prior of each class, 256 levels.
    "layers": ("grey", ["--latent", "5", "--condition", "label", "--prior", "conditional",
                        "--likelihood", "logistic", "--binarization", "none", "--decoder",
                        "dense 4x4x6 gelu, residual (conv 7 3x3 none, conv 6 3x3 none) silu, "
                        "upsample 2, conv 5 3x5/1 tanh, pool 2, deconv 6 4x3/2x1 pad 1x1 elu, "
                        "conv 3 2x1/1x1 pad 1x0 sigmoid, dense 4x4x5", "--output", "deconv 4x4/2"]),
    # Codes that are images, with the condition at every position; colour; a learned prior.
    "spatial": ("colour", ["--encoder", "conv 6 4x4/2, conv 6 4x4/2", "--heads", "conv 1x1",
                           "--latent", "12", "--condition", "label", "--prior", "learned",
                           "--likelihood", "gaussian", "--variance", "per-pixel",
                           "--binarization", "none", "--decoder",
                           "conv 8 3x3, deconv 6 4x4/2", "--output", "deconv 4x4/2"]),
}
# What `vae explore` promises, and what these small models keep.
PROMISED, KEPT = 1 / 255, 2e-4


def png(pixels, height, width, channels):
    """A PNG file of bytes."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    row = width * channels
    lines = b"".join(b"\0" + pixels[y * row:(y + 1) * row] for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) +
            chunk(b"IEND", b""))


def write_pictures(folder, channels):
    """Bars whose direction is their class."""
    draw = random.Random(3)
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(40):
            at, colour = draw.randrange(SIDE), [draw.randrange(120, 256) for _ in range(channels)]
            pixels = bytearray()
            for y in range(SIDE):
                for x in range(SIDE):
                    place = (x, y, (x + y) % SIDE)[label]
                    pixels += bytes(colour if place == at else [20] * channels)
            (folder / name / f"{number}.png").write_bytes(png(bytes(pixels), SIDE, SIDE, channels))


def write_npy(path, rows):
    head = str({"descr": "<f4", "fortran_order": False, "shape": (len(rows), len(rows[0]))})
    head = head.ljust(117) + "\n"
    numbers = array.array("f", [value for row in rows for value in row])
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() +
                     numbers.tobytes())


def read_npy(path, width):
    data = path.read_bytes()
    numbers = array.array("f", data[10 + struct.unpack("<H", data[8:10])[0]:])
    return [numbers[i:i + width] for i in range(0, len(numbers), width)]


STATE = """(() => {
  const picture = document.getElementById('picture');  // which a reading would make slower
  const copy = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
  copy.drawImage(picture, 0, 0);
  const {data} = copy.getImageData(0, 0, picture.width, picture.height);
  return {z: [...explorer.z], row: explorer.row, told: [...explorer.told], point: explorer.point,
          values: [...explorer.decoder.values], bytes: [...data],
          words: document.getElementById('words').textContent, frames: explorer.frames,
          milliseconds: explorer.milliseconds};
})()"""


class Reader:
    """Somebody in front of a page; keeps what was shown."""

    def __init__(self, page):
        self.page, self.shown = page, []
        page.wait("window.explorer")
        self.look("the first image")

    def look(self, what):
        """What the page shows once it has drawn what was asked for, and rests."""
        before = self.shown[-1]["frames"] if self.shown else 0
        self.page.wait(f"explorer.frames > {before}")
        frames = None
        while frames != self.page.run("explorer.waiting ? null : explorer.frames"):
            frames = self.page.run("explorer.frames")
            time.sleep(0.04)
        state = {**self.page.run(STATE), "what": what}
        self.shown.append(state)
        return state

    def use_map(self):
        page = self.page
        before = self.shown[-1]
        page.click("#map", 0.3, 0.4)
        clicked = self.look("a click on the map")
        assert clicked["z"] != before["z"] and clicked["words"] == "A point of the map"
        page.drag([page.place("#map", 0.25 + 0.05 * i, 0.6 - 0.03 * i) for i in range(8)])
        dragged = self.look("the end of a drag")
        assert dragged["z"] != clicked["z"]
        self.expect_point(dragged, 0.6, 0.39)
        page.run("document.getElementById('map').focus()")
        page.press("ArrowRight")
        moved = self.look("an arrow key")
        assert moved["point"][0] > dragged["point"][0] and moved["point"][1] == dragged["point"][1]

    def expect_point(self, state, across, down):
        """The marker is where the pointer was."""
        low, high = self.page.run("[explorer.model.map.low, explorer.model.map.high]")
        wanted = [low[0] + across * (high[0] - low[0]), high[1] - down * (high[1] - low[1])]
        for is_, should, a, b in zip(state["point"], wanted, low, high):
            assert abs(is_ - should) < 0.01 * (b - a), f"{state['point']}, not {wanted}"

    def compare_plane(self):
        """The images lie where the program has put them, and a place of the map is its code."""
        page = self.page
        off = page.run("""Math.max(...explorer.dots.images.keys().map((dot) => {
            const [x, y] = explorer.pointOf(dot);
            const [u, v] = explorer.plane.point(explorer.dots.code(dot), y);
            return Math.max(Math.abs(x - u), Math.abs(y - v)); }))""")
        assert off < 1e-3, f"images lie {off} off their places"
        off = page.run("""[[0.3, -0.2], [-1, 2]].map((point) => {
            const [x, y] = explorer.plane.point(explorer.plane.code(point), point[1]);
            return Math.max(Math.abs(x - point[0]), Math.abs(y - point[1])); })""")
        assert max(off) < 1e-5, f"the code of a place lies {off} off it"

    def use_images(self):
        """The nearest image is decoded, and chosen as an end of the way."""
        page = self.page
        # One of another class than the first image's.
        x, y = page.run("explorer.pointOf(explorer.dots.labels.findLastIndex("
                        "(label) => label !== explorer.dots.labels[0]))")
        across, down = page.run(f"[explorer.view.x({x}) / explorer.view.side,"
                                f" explorer.view.y({y}) / explorer.view.side]")
        place = page.place("#map", across, down)
        if not page.touch:
            page.hover(place)
            assert page.run("!document.getElementById('hover').hidden")
        page.drag([place])
        self.look("a click on the dot of an image")
        assert page.run("explorer.near") == page.run(f"explorer.dots.nearest({x}, {y}).dot")
        page.click("#decode-near")
        near = self.look("the nearest image")
        code = page.run("[...explorer.dots.code(explorer.near)]")
        assert near["z"] == code and near["words"].startswith("The code of image "), near["words"]
        if near["told"]:
            row = page.run("explorer.dots.labels[explorer.near]")
            assert near["told"] == [float(i == row) for i in range(3)], "its own class is told"
        chosen = page.run("explorer.near")
        page.click("#take-b")
        page.wait(f"explorer.ends[1] === {chosen}")
        assert self.look("image B")["z"] == code

    def use_way(self):
        page = self.page
        ends = page.run("explorer.ends.map((dot) => [...explorer.dots.code(dot)])")
        page.run("document.getElementById('way').focus()")
        page.press("Home")
        assert self.look("A")["z"] == ends[0]
        page.drag([page.place("#way", 0.03 + 0.1 * i, 0.5) for i in range(6)])
        half = self.look("between A and B")
        for value, a, b in zip(half["z"], *ends):
            assert min(a, b) - 1e-6 <= value <= max(a, b) + 1e-6
        assert ends[0] != half["z"] != ends[1]

    def use_sliders(self):
        page = self.page
        page.click("#reset")
        before = self.look("the prior's mean")
        k = page.run("explorer.sliders[0].k")
        assert k == page.run("explorer.model.kl.indexOf(Math.max(...explorer.model.kl))")
        page.drag([page.place(".slider input", 0.5 + 0.08 * i, 0.5) for i in range(5)])
        moved = self.look("a slider")
        for i, (old, new) in enumerate(zip(before["z"], moved["z"])):
            assert (new > old) if i == k else new == old, (i, k, before["z"], moved["z"])
        page.click("#draw")
        drawn = self.look("a draw from the prior")
        assert drawn["z"] != moved["z"] and len(set(drawn["z"])) == len(drawn["z"])

    def use_classes(self):
        page = self.page
        if page.run("explorer.conditions.kind") != "label":
            assert page.run("document.getElementById('classes').hidden")
            return
        names = page.run("[...document.querySelectorAll('#classes button')]"
                         ".map((button) => button.textContent)")
        assert sorted(names) == sorted(CLASSES), names
        page.click("#reset")
        self.look("the mean of a class's prior")
        values = []
        for row in range(len(names)):
            page.click(f"#classes button:nth-of-type({row + 1})")
            state = self.look(f"class {row}")
            assert state["row"] == row and state["told"] == [float(i == row) for i in range(3)]
            means = page.run("[...explorer.conditions.mean]")
            means = means[row * len(state["z"]):][:len(state["z"])] or means  # or one for all
            assert max(abs(a - b) for a, b in zip(state["z"], means)) < 1e-5, (state["z"], means)
            pressed = page.run("[...document.querySelectorAll('#classes [aria-pressed=true]')]"
                               ".map((button) => button.textContent)")
            assert pressed == [names[row]], pressed
            values.append(state["values"])
        assert values[0] != values[1] != values[2], "the class changes the picture"

    def look_around(self):
        page = self.page
        legend = page.run("[...document.querySelectorAll('#legend li')].map((i) => i.textContent)")
        assert sorted(legend) == sorted(CLASSES), legend
        width = page.run("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, f"the page is {width} pixels too wide"
        page.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark"}])
        page.wait("getComputedStyle(document.body).backgroundColor === 'rgb(16, 19, 23)'")


class Test:
    def __init__(self, program, folder, browser, screenshots):
        self.program, self.folder, self.browser = program, folder, browser
        self.screenshots = screenshots

    def vae(self, *words):
        run = subprocess.run([self.program, *map(str, words)], cwd=self.folder, text=True,
                             capture_output=True, check=False)
        assert run.returncode == 0, f"vae {words}: status {run.returncode}: {run.stderr}"
        return run.stdout

    def make_page(self, name, data, options):
        self.vae("train", "--data", data, "--out", name, "--epochs", 3, "--batch-size", 16,
                 "--learning-rate", "0.01", "--device", "cpu", "--quiet", *INITIAL, *options)
        said = json.loads(self.vae("explore", name, "--data", data, "--split", "train", "--json",
                                   "--device", "cpu", "--quiet"))
        assert said["files"] == [f"{name}/explore.html"] and said["images"] == 108, said
        assert (self.folder / name / "explore.html").stat().st_size == said["bytes"]
        assert 'href="explore.html"' in (self.folder / name / "report.html").read_text()

    def read(self, name, size, touch):
        url = (self.folder / name / "explore.html").as_uri()
        page = devtools.Page(self.browser, url, *size, touch=touch)
        reader = Reader(page)
        reader.use_map()
        reader.compare_plane()
        reader.use_images()
        reader.use_way()
        reader.use_sliders()
        reader.use_classes()
        reader.look_around()
        self.shoot(page, f"{name}-{'telephone' if touch else 'desk'}-dark")
        assert page.troubles() == [], page.troubles()
        names = page.run("explorer.conditions.names")
        worst = self.compare(name, reader.shown, names)
        times = sorted(state["milliseconds"] for state in reader.shown)
        print(f"{name}, {size[0]} x {size[1]}: {len(times)} pictures, off by {worst:.1e} at most, "
              f"median of a frame {times[len(times) // 2]:.1f} ms")
        page.close()

    def shoot(self, page, name):
        if self.screenshots:
            page.run("scrollTo(0, 0)")
            page.screenshot(self.screenshots / f"{name}.png", whole=True)

    def compare(self, name, shown, names):
        """Everything shown is what `vae decode` makes of it."""
        worst = 0.0
        for row in {state["row"] for state in shown}:
            # Between two classes there is none that `vae decode` could be told.
            states = [state for state in shown if state["row"] == row and
                      (not state["told"] or state["told"][row] == 1)]
            if not states:
                continue
            write_npy(self.folder / "z.npy", [state["z"] for state in states])
            told = ["--label", names[row]] if names else []
            self.vae("decode", name, "z.npy", *told, "--out", "x.npy", "--device", "cpu", "--quiet")
            decoded = read_npy(self.folder / "x.npy", len(states[0]["values"]))
            for state, values in zip(states, decoded):
                worst = max(worst, *(abs(a - b) for a, b in zip(state["values"], values)))
                assert worst < KEPT < PROMISED, f"{name}: {state['what']}: off by {worst}"
                self.compare_bytes(f"{name}: {state['what']}", state["bytes"], values)
        return worst

    @staticmethod
    def compare_bytes(what, painted, values):
        channels = len(values) // (SIDE * SIDE)
        for pixel in range(SIDE * SIDE):
            for c in range(3):
                value = values[pixel * channels + (c if channels == 3 else 0)]
                byte = painted[4 * pixel + c]
                assert abs(byte - 255 * min(max(value, 0), 1)) < 1.5, f"{what}: {byte}, not {value}"

    def way_is_that_of_the_program(self, name):
        """Halfway between two images of two classes, told half of each."""
        page = devtools.Page(self.browser, (self.folder / name / "explore.html").as_uri(), *DESK)
        reader = Reader(page)
        page.run("""(() => { const way = document.getElementById('way'); way.value = 0.5;
                 way.dispatchEvent(new Event('input')); })()""")
        half = reader.look("halfway")
        assert sorted(half["told"]) == [0, 0.5, 0.5], half["told"]
        first, last = page.run("explorer.ends.map((dot) => explorer.dots.images[dot])")
        self.vae("interpolate", name, "--data", "grey", "--split", "train", "--from", first, "--to",
                 last, "--steps", 3, "--out", "x.npy", "--device", "cpu", "--quiet")
        values = read_npy(self.folder / "x.npy", len(half["values"]))[1]
        worst = max(abs(a - b) for a, b in zip(values, half["values"]))
        assert worst < KEPT, f"halfway: off by {worst}"
        page.close()


def main():
    words = sys.argv[1:]
    screenshots = None
    if "--screenshots" in words:
        at = words.index("--screenshots")
        screenshots = pathlib.Path(words[at + 1]).resolve()
        screenshots.mkdir(exist_ok=True)
        del words[at:at + 2]
    program = str(pathlib.Path(words[0]).resolve())
    chromium = shutil.which(words[1]) if len(words) > 1 else None
    if chromium is None:
        print("NOT TESTED: the page of `vae explore`, for want of Chromium (package chromium)")
        return 77
    with tempfile.TemporaryDirectory(prefix="vae-explorer-") as scratch:
        folder = pathlib.Path(scratch)
        write_pictures(folder / "grey", 1)
        write_pictures(folder / "colour", 3)
        browser = devtools.Browser(chromium)
        try:
            test = Test(program, folder, browser, screenshots)
            for name, (data, options) in MODELS.items():
                test.make_page(name, data, options)
                test.read(name, DESK, touch=False)
                if name in ("dense", "layers") or "VAE_TEST_FULL" in os.environ:
                    test.read(name, TELEPHONE, touch=True)
            test.way_is_that_of_the_program("layers")
        finally:
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
