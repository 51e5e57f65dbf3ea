# SPDX-License-Identifier: MIT
"""The output layer `transport` in PyTorch's operations, dense: the tents of all pixels of the last
seen frame over whole frames. Written from docs/config.md and kernels/operations.h."""
import torch
from torch.nn import functional

SPREAD_SHIFT = 2.94892025  # in kernels/rules/transport.h, 4 pixels at a number of 0


class Tents:
    """Of one axis: steps [n, H, W, P] away from `start`, which broadcasts, and their spreads. Motions
    begin at 0 and tents 4 wide, with all tops and edges on pixels, and go on in small steps: which
    side of a kink a pixel is on is what binary32 makes of it, rounded as the engine rounds. At the
    top there is no slope."""

    def __init__(self, start, steps, spread, spread32):
        self.place, self.spread = start + steps, spread
        self.place32, self.inverse32 = start.float() + steps.float(), 1 / spread32

    def over(self, size):
        """Heights at 0 .. size - 1, [n, H, W, P, size]."""
        pixels = torch.arange(size)
        with torch.no_grad():
            u32 = (pixels - self.place32[..., None]) * self.inverse32[..., None]
            side, reached = u32.sign(), u32.abs() < 1
        u = (pixels.double() - self.place[..., None]) / self.spread[..., None]
        return (1 - u * side) * reached


def transport(shown, motion, seen):
    """Clips [n, H, W, T] whose frames from `seen` on are the one before, moved by motion
    [n, h, w, 3 (T - seen)], in binary64."""
    n, height, width, frames = shown.shape
    cells_down, cells_across = motion.shape[1:3]
    numbers = motion.double().reshape(n, cells_down, cells_across, frames - seen, 3)
    numbers = numbers.repeat_interleave(height // cells_down, 1)
    numbers = numbers.repeat_interleave(width // cells_across, 2)
    steps = numbers[..., :2].cumsum(3)
    spread = 1 + functional.softplus(numbers[..., 2] + SPREAD_SHIFT)
    with torch.no_grad():
        shifted = numbers[..., 2].float() + torch.tensor(SPREAD_SHIFT)
        spread32 = 1 + functional.softplus(shifted.double()).float()
    rows, columns = (torch.arange(size).double() for size in (height, width))
    down = Tents(rows.view(-1, 1, 1), steps[..., 0], spread, spread32).over(height)
    across = Tents(columns.view(-1, 1), steps[..., 1], spread, spread32).over(width)
    mass = shown[..., seen - 1, None] / spread**2
    moved = torch.einsum("nijty,nijtx->nyxt", down * mass[..., None], across)
    return torch.cat([shown[..., :seen].double(), moved], 3)
