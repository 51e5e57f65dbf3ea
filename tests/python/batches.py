# SPDX-License-Identifier: MIT
"""The batches of a training, drawn anew from its images: order, binarisation, corruption, what the
model is told, and its target. Written from docs/config.md and docs/design.md."""
import numpy
import philox
import torch

NO_CLASS = 255


class Batches:
    """`images` has the arrays of all images by their names."""

    def __init__(self, config, images):
        self.model, self.training = config["model"], config["training"]
        kind, _, amount = config["data"]["corrupt"].partition("=")
        self.corruption, self.amount = kind, float(amount or 0)
        self.images = images
        self.count, self.height, self.width, self.channels = images["images"].shape
        self.size = self.training["batch_size"]
        self.per_epoch = -(-self.count // self.size)
        if self.model["target"] == "boxes":
            self.cell_classes, self.cell_boxes = self.grid()

    def places(self, index):
        """Of the rows of step `index` in its epoch."""
        first = index % self.per_epoch * self.size
        return range(first, min(first + self.size, self.count))

    def batch(self, index):
        """The tensors of step `index`, 0 the first, by their names."""
        order = philox.order(self.training["seed"], index // self.per_epoch, self.count)
        chosen = numpy.array([order[place] for place in self.places(index)])
        clean = self.clean(index + 1, chosen)
        found = {"x": clean, "clean": clean}
        if self.corruption != "none":
            shown, counted = self.corrupted(clean, index + 1, chosen)
            found["condition" if self.model["condition"] == "seen" else "x"] = shown
            if counted is not None and self.model["target"] == "image":
                found["counted"] = counted
        if self.model["condition"] == "label":
            found["condition"] = numpy.eye(self.model["classes"])[self.images["labels"][chosen]]
        if self.model["condition"] == "side":
            found["condition"] = self.images["side"][chosen]
        tensors = {name: torch.tensor(value.astype("f4")) for name, value in found.items()}
        return {**tensors, **self.target(chosen)}

    def clean(self, step, chosen):
        """Pixels as the model takes them, [rows, X]."""
        pixels = self.images["images"][chosen].reshape(len(chosen), -1).astype(numpy.uint64)
        kind = self.training["binarization"]
        if kind == "none":
            return (pixels / 255.0).astype("f4")
        if kind == "threshold":
            return (pixels >= 128).astype("f4")
        words = philox.words(self.training["seed"], philox.BINARIZE,
                             0 if kind == "static" else step, chosen, 1, pixels.shape[1])
        return (words * numpy.uint64(255) < pixels << numpy.uint64(32)).astype("f4")

    def corrupted(self, clean, step, chosen):
        """What is seen of the images, and which of their values count, None where all do."""
        seed = self.training["seed"]
        if self.corruption == "noise":
            noise = philox.normals(seed, philox.CORRUPTION, step, chosen, 1, clean.shape[1])
            return (clean + numpy.float32(self.amount) * noise).clip(0, 1), None
        count = int(self.amount)
        if self.corruption == "frames":
            seen = (numpy.arange(clean.shape[1]) % self.channels < count).astype("f4")
            return clean * seen, numpy.broadcast_to(1.0 - seen, clean.shape)
        quadrants = numpy.array([[2, 0, 1][:count]] * len(chosen))
        if self.corruption == "random-quadrants":
            words = philox.words(seed, philox.CORRUPTION, step, chosen, 1, 4)
            quadrants = words.argsort(1, kind="stable")[:, :count]
        low, right = (2 * numpy.arange(n) >= n for n in (self.height, self.width))
        place = 2 * low[:, None] + right  # the quadrant of each pixel
        seen = (place[None, :, :, None] == quadrants[:, None, None, :]).any(3)
        seen = seen.repeat(self.channels, 2).reshape(clean.shape)
        return clean * seen, 1.0 - seen

    def target(self, chosen):
        """Classes [rows, T], and numbers of boxes [rows, T 4]; nothing where images are decoded."""
        if self.model["target"] == "image":
            return {}
        if self.model["target"] == "boxes":
            return {"classes": torch.tensor(self.cell_classes[chosen].astype("i8")),
                    "boxes": torch.tensor(self.cell_boxes[chosen].astype("f4"))}
        name = {"label": "labels", "mask": "masks"}[self.model["target"]]
        classes = self.images[name][chosen].reshape(len(chosen), -1)
        return {"classes": torch.tensor(classes.astype("i8"))}

    def grid(self):
        """Of each cell of all images the class, and where its middle is in the cell with the
        logarithms of its sides, in cells, of the largest box whose middle is there."""
        columns, rows = (int(n) for n in self.model["grid"].split("x"))
        across, down = columns / self.width, rows / self.height  # cells a pixel
        classes = numpy.full([self.count, rows * columns], NO_CLASS)
        numbers = numpy.zeros([self.count, rows * columns, 4])
        # Smaller ones first, which larger ones then replace; of equal ones the first comes last.
        largest_last = sorted(self.images["boxes"].astype("f8")[::-1], key=lambda b: b[3] * b[4])
        for image, x, y, width, height, class_ in largest_last:
            place = (x + width / 2) * across, (y + height / 2) * down
            cell = int(place[1]) * columns + int(place[0])
            classes[int(image), cell] = class_
            numbers[int(image), cell] = [place[0] % 1, place[1] % 1, numpy.log(width * across),
                                         numpy.log(height * down)]
        return classes, numbers.reshape(self.count, -1)
