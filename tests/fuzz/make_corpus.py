#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seed files of the fuzz targets: small valid files and typical lies.

    python3 tests/fuzz/make_corpus.py        into tests/fuzz/corpus/<target>/

Inputs that a fuzzer found lie beside them under other names (found-*) and are kept.
"""
import base64
import gzip
import io
import json
import pathlib
import struct
import zipfile
import zlib

# Written by Pillow 13: quality 20, Huffman tables of its own.
JPEGS = {
    "grey": (
        '|JeWF01!$>Nk#wx0RR9200961|JwjV04N+DBOVzjBOxO#D=08LWI;SPH#~b-T}fn-fSHz$fQ*WuwC2O0'
        's@koJjL84X+V1uL|Noo8|NsB`|K|Pw`2WBF3kU!R00;pA5di<h02BZL00000000000000000003|HJ?n'
        '5C8)K00000000000000000097G5^{C2mt{A06zdIm52Y?'
    ),
    "colour": (
        '|JeWF01!$>Nk#wx0RR9200961|JwjV04N+DBOVzjBOxO#D=08LWI;SPH#~b-T}fn-fSHz$fQ*WuwC2O0'
        's@koJjL84X+V1uL|Noo8|NsB`|K|Pw`2X7gLjfx-Ej%?mc0oaQ_@#`c`1ttv`1ttv`1ttv`1ttv`1ttv'
        '`1ttv`1ttv`1ttv`1ttv`1ttv`1ttv`1ttv`1t?801*fP2>=lT0U`hb5di}c0sq7R7XSbQ0RR9100000'
        '00000000031OflV03Q$l0s;X90{{R300000000000Rs^P0uv$dGBbhy!~hln0RaI3000000000000000'
        '0RjX6!~hu)00RI6000000000000000009CaF>(Le01N{G00I#M5dc2`+&HNxLTA+G$*vk)D(`H!7sQ4i'
        'bND;HAXtXSZ2>?U5P$#K'
    ),
    "progressive": (
        '|JeWF01!$>Nk#wx0RR9200961|JwjV04N+DBOVzjBOxO#D=08LWI;SPH#~b-T}fn-fSHz$fQ*WuwC2O0'
        's@koJjL84X+V1uL|Noo8|NsB`|K|Pw`2X7gLjfx-Ej%?mc0oaQ_@#`c`1ttv`1ttv`1ttv`1ttv`1ttv'
        '`1ttv`1ttv`1ttv`1ttv`1ttv`1ttv`1ttv`1t?A01*fP2mlBJ0U`hb5di}c0sq7R6aWDL0000000000'
        '0000000030!~hfl0RR910000000000000000{_|o3<CiG0uTcb00031fB(b)77zdf000000000000000'
        '000010{_|o2mt{A0R;ktfB(b)6cGUc00000000000000000030+5iXv0|5a)0e}C*02dJe0|5X400000'
        '00000000000Rl1q+5iXv0s#R(0lI4s|HJ?k5CH%H0000000000000000095m00;pA00ut-fB(b)6c7Ob'
        '00000000000000000030+5iXv0RRC%As_$R01N{G00IC50000G{{a8Q02L7d0RR91000000000000001'
        '0RP$m2mu2D0Y4B6|HJ?l5di@J00000000000000000991+5iXv0s#R(5M&kq!~hl$0RaI30000000000'
        '000000TBTI+5iXv0RRC%5QsB>|Je'
    ),
    "cmyk": (
        '|JeWT01iQ9Z(?NtWB>pF0095n07C#M93CSc87LzmBP}Z^Fg#>IJU2HydstmbWRZZGmXCmpilDUS!=S3#'
        't%{7u|I6C$_5c6>o5BD8|N8&t{r~v?zyK5o00;mG1Va%3O%VWD5dcdO0RO}Q6#xMN000000000000000'
        '00095|HJ?w5C8xM0s;d70000000000000330|XHgF%yA7VbTBE01gC008Ic{080P>KLA;->_pdg0o#4_'
        'G)8u{RgqnL2Mrwaa#iBdW#5mz5C7Q'
    ),
    "turned": (
        '|JeWF01!$>Nk#wx0RR9200961|KR{4MR;ju002!*04e|g00;m90TKWM0000100sa600000|JwjV04N+D'
        'BOVzjBOxO#D=08LWI;SPH#~b-T}fn-fSHz$fQ*WuwC2O0s@koJjL84X+V1uL|Noo8|NsB`|K|Pw`2WBF'
        '3kU!O00{vB5di<h02KfM0RR910000000000000031^>hV84v&h0|5X40000000000000010t6Bv|Jncu'
        '0RaF2KL83)Tq$86|Je'
    ),
}

# Six images by the models of vaez_fuzz.cpp.
COMPRESSED = {
    "black-and-white": (
        'iB>^HS`7*s0RR910ssI20{{R30RR911^@s6000005PS&p6`5yqY%wu&Xu_o433*&$Y$`wO0RR91U(|#I3kC!L0RR91'
        'zcow%ki;u@<$r{b'
    ),
    "grey": (
        'iB>^HS`7*s0RaF20ssI20{{R30RR911^@s600000_q<LaA8@KH=>Vj(UU%c2b)mi?ntD)r0RR91m=mgzxyu3o2><{9'
        '56PR7|0Rh8C4FA|3G@)|QI0Vf6HmtI^f*$vb?WU<t=-l?xB?>n$65V('
    ),
}

CORPUS = pathlib.Path(__file__).parent / "corpus"


def write(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def idx(dims, values, kind=8):
    return bytes([0, 0, kind, len(dims)]) + struct.pack(f">{len(dims)}I", *dims) + values


def packed(content):
    return gzip.compress(content, mtime=0)


def chunk(kind, content):
    return (struct.pack(">I", len(content)) + kind + content +
            struct.pack(">I", zlib.crc32(kind + content)))


def png(width, height, depth, kind, rows, extra=b"", interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def npy(header, data, version=1):
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


def safetensors(header, data=b""):
    text = (header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_idx_and_gzip():
    images = idx([2, 3, 4], bytes(range(24)))
    seeds = {
        "images": images,
        "colour": idx([1, 2, 2, 3], bytes(range(12))),
        "labels": idx([5], bytes(range(5))),
        "huge": idx([2**32 - 1] * 3, b""),
        "zero": idx([0, 28, 28], b""),
        "float": idx([1, 1, 1], b"\0" * 4, 0x0D),
        "int-labels": idx([3], struct.pack(">3i", 7, 255, 0), 0x0C),
        "negative-label": idx([1], struct.pack(">h", -1), 0x0B),
        "qmnist-labels": idx([2, 8], struct.pack(">16i", *range(16)), 0x0C),
        "channels-first": idx([1, 3, 2, 4], bytes(24)),
        "flat-images": idx([2, 4], bytes(8)),
    }
    for name, content in seeds.items():
        write("idx", name, content)
        write("idx", name + ".gz", packed(content))
    write("gzip", "images.gz", packed(images))
    write("gzip", "empty.gz", packed(b""))
    write("gzip", "bomb.gz", packed(bytes(2_000_000)))
    write("gzip", "two-members.gz", packed(b"one") + packed(b"two"))
    write("gzip", "three-members.gz", packed(b"one") + packed(b"two") + packed(b""))
    write("gzip", "zeros-behind.gz", packed(b"one") + bytes(600))
    write("gzip", "garbage-behind.gz", packed(b"one") + b"\0\0x")
    write("gzip", "half-a-magic-behind.gz", packed(b"one") + b"\x1f")
    write("gzip", "truncated.gz", packed(images)[:-5])
    # Flags: header checksum, extra field, name, comment.
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = stream.compress(b"content") + stream.flush()
    start = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03" + b"\x02\0ab" + b"name\0" + b"comment\0"
    start += struct.pack("<H", zlib.crc32(start) & 0xFFFF)
    write("gzip", "all-flags.gz", start + body + struct.pack("<II", zlib.crc32(b"content"), 7))


def make_png():
    row = b"\0"
    write("png", "grey", png(3, 2, 8, 0, (row + b"abc") * 2))
    write("png", "rgb", png(2, 1, 8, 2, row + b"abcdef"))
    write("png", "palette", png(2, 1, 8, 3, row + b"\0\1", chunk(b"PLTE", b"abcxyz")))
    write("png", "transparent-palette", png(2, 1, 8, 3, row + b"\0\1",
                                            chunk(b"PLTE", b"abcxyz") + chunk(b"tRNS", b"\x80")))
    write("png", "rgba16", png(1, 1, 16, 6, row + b"abcdefgh"))
    write("png", "grey-alpha", png(1, 1, 8, 4, row + b"ab"))
    write("png", "one-bit", png(9, 2, 1, 0, (row + b"\xa5\x80") * 2))
    write("png", "interlaced", png(2, 2, 8, 0, (row + b"a") + (row + b"b") + (row + b"cd"), b"", 1))
    write("png", "gamma", png(1, 1, 8, 0, row + b"a", chunk(b"gAMA", struct.pack(">I", 100000))))
    write("png", "comment", png(1, 1, 8, 0, row + b"a", chunk(b"tEXt", b"Comment\0hi")))
    write("png", "line-end-behind", png(1, 1, 8, 0, row + b"a") + b"\n")
    write("png", "huge", png(2**31 - 1, 2**31 - 1, 8, 6, row))
    write("png", "filters", png(2, 5, 8, 0, b"".join(bytes([f]) + b"ab" for f in range(5))))


def make_npy():
    form = "{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n".format
    write("npy", "float32", npy(form("<f4", False, "(2, 2)"), bytes(16)))
    write("npy", "float64", npy(form("<f8", False, "(1,)"), struct.pack("<d", 0.5)))
    write("npy", "uint8", npy(form("|u1", False, "(2, 1, 3)"), b"abcdef"))
    write("npy", "scalar", npy(form("<f4", False, "()"), bytes(4)))
    write("npy", "empty", npy(form("<f4", False, "(0, 3)"), b""))
    write("npy", "version2", npy(form("|u1", False, "(1,)"), b"a", 2))
    write("npy", "fortran", npy(form("<f4", True, "(2, 2)"), bytes(16)))
    write("npy", "int64", npy(form("<i8", True, "(2, 1)"), struct.pack("<qq", -1, 2**62)))
    write("npy", "half", npy(form(">f2", True, "(2, 1, 2)"), struct.pack(">4e", 1, -2, 1e-7, 6e4)))
    write("npy", "bool", npy(form("|b1", False, "(1L,)"), b"\1"))
    write("npy", "too-large", npy(form("<f8", False, "(1, 1)"), struct.pack("<d", 1e300)))
    write("npy", "complex", npy(form("<c8", False, "(1,)"), bytes(8)))
    write("npy", "object", npy(form("|O", False, "(1,)"), b"\x80\x04N."))
    write("npy", "huge", npy(form("<f4", False, "(9223372036854775807, 3)"), b""))
    write("npy", "huge-and-zero", npy(form("<f4", True, "(0, 9223372036854775807, 3)"), b""))
    write("npy", "structured", npy("{'descr': [('a', '<f4')], 'fortran_order': False, "
                                   "'shape': (1,), }\n", bytes(4)))


def npz(arrays, method=zipfile.ZIP_DEFLATED, wide=False):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in arrays.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=wide) as member:
                member.write(content)
    return file.getvalue()


def make_pictures_and_pixels():
    for name, text in JPEGS.items():
        write("jpeg", name, base64.b85decode(text))
    grey = base64.b85decode(JPEGS["grey"])
    write("jpeg", "truncated", grey[:-20])
    at = grey.index(b"\xff\xc0")
    write("jpeg", "huge", grey[:at + 5] + b"\xea\x60\xea\x60" + grey[at + 9:])
    form = "{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n".format
    bytes_of = {
        "nhwc": npy(form("|u1", False, "(2, 2, 2, 3)"), bytes(range(24))),
        "nchw": npy(form("|u1", False, "(2, 3, 2, 2)"), bytes(range(24))),
        "flat": npy(form("|u1", False, "(2, 6)"), bytes(range(12))),
        "fortran": npy(form("<i2", True, "(2, 1, 3)"), struct.pack("<6h", *range(6))),
        "unit-floats": npy(form("<f4", False, "(1, 2, 2)"), struct.pack("<4f", 0, 1, 0.5, 0.2)),
        "large-floats": npy(form("<f8", False, "(1, 1, 1)"), struct.pack("<d", 255)),
        "rank5": npy(form("|b1", False, "(1, 2, 1, 2, 1)"), b"\0\1\1\0"),
        "none": npy(form("|u1", False, "(0, 2, 2)"), b""),
    }
    for name, content in bytes_of.items():
        write("pixels", name, content)
    write("pixels", "cifar10", b"\x03" + bytes(3072))
    write("pixels", "cifar100", b"\x13\x63" + bytes(3072))
    labels = npy(form("<i8", False, "(2,)"), struct.pack("<qq", 1, 0))
    arrays = {"x_train.npy": bytes_of["nhwc"], "y_train.npy": labels,
              "x_test.npy": bytes_of["nhwc"], "extra.npy": labels}
    write("zip", "keras", npz(arrays))
    write("zip", "stored", npz(arrays, zipfile.ZIP_STORED))
    write("zip", "wide", npz({"images.npy": bytes_of["nchw"]}, wide=True))
    write("zip", "other-sizes", npz({"train.npy": bytes_of["nhwc"], "test.npy": bytes_of["flat"]}))
    write("zip", "pickle", npz({"a/data.pkl": b"\x80\x02N."}))
    write("zip", "empty", npz({}))


def make_safetensors():
    two = {"__metadata__": {"format": "pt", "k": "v"},
           "b": tensor([2], 8, 16), "a": tensor([1, 1], 0, 8, "F64")}
    write("safetensors", "two-tensors", safetensors(two, bytes(16)))
    write("safetensors", "padded", safetensors(json.dumps(two) + "   ", bytes(16)))
    write("safetensors", "empty", safetensors("{}"))
    write("safetensors", "scalar", safetensors({"s": tensor([], 0, 8, "I64")}, bytes(8)))
    write("safetensors", "zero-size", safetensors({"z": tensor([0, 3], 0, 0)}))
    every = {}
    for i, kind in enumerate(["U8", "I8", "BOOL"]):
        every[kind] = tensor([1], i, i + 1, kind)
    write("safetensors", "bytes", safetensors(every, b"abc"))
    write("safetensors", "overlap", safetensors({"a": tensor([1], 0, 4), "b": tensor([1], 0, 4)},
                                                bytes(4)))
    write("safetensors", "hole", safetensors({"a": tensor([1], 4, 8)}, bytes(8)))
    write("safetensors", "overflow", safetensors({"a": tensor([2**32, 2**32, 4], 0, 0)}))
    write("safetensors", "negative", safetensors({"a": tensor([-1], 0, 4)}, bytes(4)))
    write("safetensors", "duplicate", safetensors('{"a":{},"a":{}}'))
    write("safetensors", "deep", safetensors('{"a":' + "[" * 70 + "]" * 70 + "}"))
    write("safetensors", "long-header", struct.pack("<Q", 2**40) + b"{}")
    write("safetensors", "zip", b"PK\x03\x04" + bytes(40))


def make_json_and_config():
    values = {"a": [1, -2, 2.5e3, True, None, "x\n\u00e9"], "b": {"c": {}}, "big": 2**64 - 1}
    write("json", "values", json.dumps(values, ensure_ascii=False))
    write("json", "escapes", '"\\u00e9\\ud83d\\ude42\\b\\/\\u0000"')
    write("json", "comments", '// a\n{"a": /* b */ 1}')
    write("json", "duplicate", '{"a": 1, "a": 2}')
    write("json", "deep", "[" * 65 + "]" * 65)
    write("json", "nul", b"{}\0")
    write("json", "bad-utf8", b'"\xff\xc0\xaf"')
    write("json", "huge-number", "[1e999, 18446744073709551616]")
    write("config", "empty", "{}")
    write("config", "preset", '{"preset": "iwae-1", "model": {"latent": 2}}')
    write("config", "unknown-key", '{"training": {"batchsize": 3}}')
    write("config", "many-keys", json.dumps({
        "model": {"height": 28, "width": 28, "channels": 1, "encoder": [256, 128],
                  "decoder": [128], "latent": 10, "activation": "gelu",
                  "initialization": "he_normal", "output_bias_from_mean": True,
                  "likelihood": "gaussian", "variance": "learned", "sigma": 0.5},
        "training": {"epochs": 3, "batch_size": 20, "seed": 2**64 - 1, "binarization": "static",
                     "beta": 4, "kl_warmup_epochs": 1.5, "learning_rate": 1e-4,
                     "clip_norm": 5, "schedule": "step", "step_epochs": [1, 2]}}))
    write("config", "out-of-range", '{"training": {"epochs": 0, "learning_rate": -1, "beta": 1e400}}')
    write("config", "control-in-a-key", '{"\\b": 4, "model": {"\\u009b2J\\u202e": 1}}')
    write("config", "layers", json.dumps({"model": {
        "encoder": ["conv 32 4x4/2", "residual (conv 32 3x3 pad 1x1, conv 32 1x1) gelu", "pool 2", 256],
        "decoder": [256, "gated dense 128", "dense 7x7x8 none", "deconv 16 3x5/2x1", "upsample 2"],
        "output": "deconv 4x4/2 pad 1"}}))
    write("config", "words", "conv 32 4x4/2 tanh,residual(conv 32 3x3 pad 1,conv 32 1x1),pool 2,gated dense 9")
    write("config", "words-wrong", "256, deconv 64 3x3x3, upsample 2")
    write("config", "layer-faults", json.dumps({"model": {
        "encoder": ["conv 32 4by4", "residual (residual ((", "256,", "\u009b256", 1.5, None],
        "decoder": ["conv 99999999999999999999 3x3"], "output": "dense 784"}}))
    write("config", "layers-out-of-range", json.dumps({"model": {
        "encoder": ["conv 65536 4096x4096/4096 pad 4095"] * 3 + ["upsample 256"] * 9,
        "decoder": ["dense 4096x4096x65536", "conv 0 3x3", "pool 0"]}}))
    write("config", "layers-that-do-not-fit", json.dumps({"model": {
        "decoder": ["dense 6x6x8", "residual (upsample 2, pool 2)"], "output": "conv 3x3/2"}}))
    write("config", "layers-past-all-memory", json.dumps({"model": {
        "height": 4096, "width": 4096, "encoder": ["conv 16 3x3", "dense 4096x4096x16"] * 30}}))
    write("config", "wrong-types", '{"model": {"latent": "ten", "encoder": 5}, "training": []}')


def make_run_files():
    # The fuzz target makes the checksum right.
    metadata = {"checksum": "0" * 16, "config": "{}", "format": "pt", "vae_format": "1",
                "vae_version": "0.1.0"}
    header = {"__metadata__": metadata, "encoder.0.weight": tensor([2, 3], 0, 24)}
    write("checkpoint", "weights", safetensors(header, bytes(24)))
    training = {"step": 12, "updates": 11, "skipped": 1, "skipped_in_a_row": 0,
                "epoch_reconstruction": -90.5, "epoch_kl": 20.5, "epoch_squared_elbo": 12321.5,
                "epoch_images": 1536, "epoch_seconds": 0.5, "data_name": "mnist",
                "data_fingerprint": "0" * 16, "data_mean": 0.13, "device": "cpu",
                "best_elbo": -100.5}
    metadata["training"] = json.dumps(training)
    write("checkpoint", "training", safetensors(header, bytes(24)))
    bound = {"elbo": -100.5, "reconstruction": -80.25, "kl": 20.25}
    best = {"epoch": 3, "step": 12, "chosen_on": "validation", "objective": -100.5,
            "validation": bound, "test": dict(bound, active_units=1, kl_per_dimension=[20.25, 0])}
    metadata["training"] = json.dumps(dict(training, steps_per_epoch=4, best=best))
    write("checkpoint", "best", safetensors(header, bytes(24)))
    metadata["training"] = json.dumps(training)
    write("checkpoint", "not-finite", safetensors(header, struct.pack("<6f", *[float("nan")] * 6)))
    metadata["vae_format"] = "999"
    write("checkpoint", "newer", safetensors(header, bytes(24)))
    metadata["vae_format"] = "1"
    metadata["config"] = '{"model": {"latent": -1}}'
    write("checkpoint", "bad-config", safetensors(header, bytes(24)))
    line = {"epoch": 1, "split": "train", "elbo": -110.25, "reconstruction": -90, "kl": 20.25,
            "beta": 1, "seconds": 1.5, "samples_per_second": 40000, "learning_rate": 0.001,
            "step": 469, "images": 60000, "skipped_steps": 0, "binarization": "dynamic"}
    text = json.dumps(line) + "\n"
    write("metrics", "two-lines", text + text.replace("train", "test"))
    write("metrics", "torn", text + text[:40])
    write("metrics", "empty", b"")
    write("metrics", "huge-numbers", '{"epoch": 1e300, "split": "x", "step": -1e300}\n')
    write("metrics", "wrong-types", '{"epoch": "1", "split": 5}\n[]\n')


def make_vaez():
    """Names of models and checksums are put right by the target."""
    for name, text in COMPRESSED.items():
        write("vaez", name, base64.b85decode(text))

    def file(images, blocks, protocol=1, sides=(2, 3, 1), version=1, sample_bits=0):
        header = struct.pack("<BBBB3IQ", version, protocol, sample_bits, 0, *sides, images) + bytes(16)
        return b"\x89VAEZ\r\n\x1a" + header + bytes(8) + blocks

    def block(stacks, words=b"", count=None):
        heads = b"".join(struct.pack("<QI", state, length) for state, length in stacks)
        return struct.pack("<I", len(stacks) if count is None else count) + heads + words + bytes(8)

    words = bytes(i * 89 % 251 for i in range(80))
    write("vaez", "two-stacks", file(5, block([(2**40, 9), (2**63, 11)], words)))
    write("vaez", "samples", file(40, block([(2**40, 9), (2**63, 11)], words), sample_bits=4))
    write("vaez", "too-many-samples", file(5, block([(2**40, 20)], words), sample_bits=5))
    write("vaez", "two-blocks", file(16386, block([(2**32, 3)], words[:12]) +
                                     block([(2**33, 0), (2**34, 1)], words[:4]), protocol=0))
    table = b"".join(struct.pack("<ffH", step, deviation, limit)
                     for step, deviation, limit in ((0.5, 1.0, 9), (1e-6, 1e6, 32767))) + bytes(8)
    write("vaez", "means", file(5, table + block([(2**40, 20)], words), protocol=2))
    write("vaez", "no-scale", file(5, bytes(28) + block([(2**40, 20)], words), protocol=2))
    write("vaez", "no-table", file(5, table[:27], protocol=2))
    write("vaez", "no-stack", file(5, block([])))
    write("vaez", "many-stacks", file(5, block([(2**40, 0)], count=2**32 - 1)))
    write("vaez", "many-words", file(5, block([(2**40, 2**32 - 1)], words)))
    write("vaez", "small-state", file(5, block([(2**32 - 1, 20)], words)))
    write("vaez", "many-images", file(2**47, block([(2**40, 20)], words)))
    write("vaez", "all-of-a-block", file(16384, block([(2**40, 20)], words)))
    write("vaez", "large-images", file(1, block([(2**40, 20)], words), sides=(2**24, 2**24, 1)))
    write("vaez", "version-2", file(1, b"", version=2))
    write("vaez", "cut", file(5, block([(2**40, 20)], words))[:70])


def make_boxes():
    """COCO's format for instances."""
    def document(**changes):
        whole = {
            "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
            "images": [{"id": 11, "file_name": "a.png", "width": 20, "height": 10},
                       {"id": 10, "file_name": "b.png"}],
            "annotations": [
                {"id": 1, "image_id": 11, "category_id": 7, "bbox": [1, 2, 5.5, 4], "area": 22},
                {"id": 2, "image_id": 10, "category_id": 3, "bbox": [0, 0, 1, 1], "iscrowd": 1}]}
        return json.dumps(dict(whole, **changes))

    def box(*numbers):
        return document(annotations=[{"image_id": 11, "category_id": 7, "bbox": numbers}])

    write("boxes", "whole", document())
    write("boxes", "none", document(annotations=[]))
    write("boxes", "wrong-types", document(images=5, annotations=[[]]))
    write("boxes", "outside", box(15, 2, 5.5, 4))
    write("boxes", "huge", box(1e300, -1e300, 1e300, 0))
    write("boxes", "three-numbers", box(1, 2, 3))
    write("boxes", "twice", document(images=[{"id": 1, "file_name": "a"}] * 2))
    write("boxes", "unknown-image", document(images=[]))
    write("boxes", "control-in-a-name", document(
        images=[{"id": 11, "file_name": "\x1b[31m\n\u202e"}, {"id": 10, "file_name": ""}]))
    write("boxes", "deep", '{"images": ' + "[" * 65 + "]" * 65 + "}")


if __name__ == "__main__":
    make_idx_and_gzip()
    make_png()
    make_npy()
    make_pictures_and_pixels()
    make_safetensors()
    make_json_and_config()
    make_run_files()
    make_boxes()
    make_vaez()
    total = sum(f.stat().st_size for f in CORPUS.rglob("*") if f.is_file())
    print(f"{total} bytes in {CORPUS.name}/")
