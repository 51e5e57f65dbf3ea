# SPDX-License-Identifier: MIT
"""Reads GPU machine code (cubins, which are ELF files) out of an object file or a library.

Needs no tool of the CUDA toolkit. The device code must not be compressed (nvcc --no-compress).
Instructions are 16 bytes; the low 12 bits are the opcode. Opcodes were read off known kernels for
sm_80 and sm_90 and are the same on cards from sm_75 to sm_120, but for float RED, which shares the
integer's number on sm_80 and before: look for it from sm_90 on. Loads and stores have two opcodes,
the second with a uniform register, and sm_75 mostly uses the first.
"""

import collections
import dataclasses
import pathlib
import re
import struct
import subprocess

EM_CUDA = 190
OPCODES = {0x23C: "HMMA", 0xFAE: "LDGSTS", 0x83B: "LDSM", 0x381: "LDG", 0x981: "LDG",
           0x386: "STG", 0x986: "STG", 0x983: "LDL", 0x387: "STL", 0x9A6: "RED.float",
           0x98E: "RED.integer", 0x223: "FFMA", 0xB1D: "BAR"}
# Attributes of .nv.info sections.
MAX_THREADS, FRAME_SIZE, REGISTERS = 0x05, 0x11, 0x2F


@dataclasses.dataclass
class Kernel:
    """What ptxas made of one kernel for one architecture."""

    symbol: str
    capability: int  # 80 for sm_80
    registers: int = 0
    shared_bytes: int = 0  # static
    frame_bytes: int = 0  # local memory: spills and arrays indexed at run time
    max_threads: int = 0  # of __launch_bounds__; 0 without
    opcodes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    wide_loads: int = 0  # 128-bit loads from global memory


class Cubin:
    """The sections of one cubin within `data`."""

    def __init__(self, data: bytes, start: int):
        self.data, self.start = data, start
        flags = struct.unpack_from("<I", data, start + 48)[0]
        self.capability = flags >> 8 & 0xFF
        offset = struct.unpack_from("<Q", data, start + 40)[0]
        size, count, names = struct.unpack_from("<HHH", data, start + 58)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, start + offset + i * size)
                   for i in range(count)]
        self.sections = {self._text(headers[names][4], h[0]): h for h in headers}
        self.symbols = self._symbols(headers)

    def _text(self, table: int, at: int) -> str:
        begin = self.start + table + at
        return self.data[begin:self.data.index(b"\0", begin)].decode()

    def _symbols(self, headers):
        symbols, strings = self.sections[".symtab"], self.sections[".strtab"]
        count = symbols[5] // 24
        return [self._text(strings[4], struct.unpack_from(
            "<I", self.data, self.start + symbols[4] + i * 24)[0]) for i in range(count)]

    def bytes_of(self, section: str) -> bytes:
        header = self.sections[section]
        return self.data[self.start + header[4]:self.start + header[4] + header[5]]

    def attributes(self, section: str):
        """Yields (attribute, value) of a .nv.info section; value is bytes or a number."""
        content, at = self.bytes_of(section), 0
        while at < len(content):
            form, attribute, number = struct.unpack_from("<BBH", content, at)
            at += 4
            if form == 4:  # `number` bytes follow
                yield attribute, content[at:at + number]
                at += number
            else:
                yield attribute, number

    def kernels(self):
        per_symbol = collections.defaultdict(dict)
        for attribute, value in self.attributes(".nv.info"):
            if attribute in (FRAME_SIZE, REGISTERS) and isinstance(value, bytes):
                index, number = struct.unpack("<II", value)
                per_symbol[self.symbols[index]][attribute] = number
        for name in self.sections:
            if name.startswith(".text."):
                yield self._kernel(name.removeprefix(".text."), per_symbol)

    def _kernel(self, symbol: str, per_symbol) -> Kernel:
        kernel = Kernel(symbol, self.capability)
        header = self.sections[f".text.{symbol}"]
        numbers = per_symbol[symbol]
        kernel.registers = numbers.get(REGISTERS, header[7] >> 24)
        kernel.frame_bytes = numbers.get(FRAME_SIZE, 0)
        shared = self.sections.get(f".nv.shared.{symbol}")
        if shared:
            kernel.shared_bytes = shared[5]
        for attribute, value in self.attributes(f".nv.info.{symbol}"):
            if attribute == MAX_THREADS and isinstance(value, bytes):
                kernel.max_threads = struct.unpack_from("<I", value)[0]
        self._count_instructions(kernel)
        return kernel

    def _count_instructions(self, kernel: Kernel):
        code = self.bytes_of(f".text.{kernel.symbol}")
        for at in range(0, len(code) - 15, 16):
            low, high = struct.unpack_from("<QQ", code, at)
            name = OPCODES.get(low & 0xFFF)
            if name is None:
                continue
            kernel.opcodes[name] += 1
            if name == "LDG" and high >> 9 & 7 == 6:
                kernel.wide_loads += 1


def cubins(path: pathlib.Path):
    data = path.read_bytes()
    for match in re.finditer(b"\x7fELF\x02", data):
        if struct.unpack_from("<H", data, match.start() + 18)[0] == EM_CUDA:
            yield Cubin(data, match.start())


def kernels(path: pathlib.Path):
    """All kernels of all architectures in the file, with their names as C++ writes them."""
    found = [kernel for cubin in cubins(path) for kernel in cubin.kernels()]
    names = subprocess.run(["c++filt"], input="\n".join(k.symbol for k in found),
                           stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return list(zip(names, found))
