#!/usr/bin/env python3
"""Writes tests/golden/resize.bin: Pillow's answers that src/media/resize.c must repeat bit for bit.

Needs: pip install "pillow<13" numpy (13 swaps the passes of some sizes). Run from the source root. A record is little-endian
  i32 kind (0: 8 bit, 1: float)  i32 filter (0: bilinear, 1: bicubic)  i32 channels  i32 w h out_w out_h  u64 hash
and the input is not stored: sample i of an 8-bit image is the top byte of splitmix64(seed = record number, step i + 1),
a float is that byte times 3.7 minus 400. hash is FNV-1a over the output's bytes, except for the first records, which
carry the output itself (flag 0x100 in kind), so a failure there shows where it differs.
"""
import struct
import numpy as np
from PIL import Image

SIZES = [  # w, h, out_w, out_h
    (7, 5, 13, 11), (13, 11, 7, 5), (5, 9, 5, 4), (9, 5, 4, 5), (1, 1, 3, 2), (3, 2, 1, 1), (16, 16, 16, 16),
    (31, 17, 10, 40), (64, 48, 24, 24), (100, 37, 33, 77), (225, 224, 224, 224), (224, 225, 224, 224),
    (512, 512, 224, 224), (512, 389, 336, 255), (257, 1023, 56, 224), (640, 480, 224, 168), (1, 300, 1, 224),
    (300, 1, 224, 1), (97, 89, 384, 352), (224, 224, 448, 448), (50, 50, 49, 51), (1000, 7, 3, 70), (2, 2, 500, 500),
    (333, 222, 111, 74), (768, 1024, 288, 384),
]
WHOLE = 6  # the first sizes carry their output


def splitmix(seed, n):
    with np.errstate(over="ignore"):
        z = (np.uint64(seed) + (np.arange(1, n + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(56)).astype(np.uint8)


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def main():
    out, number = bytearray(), 0
    for k, (w, h, ow, oh) in enumerate(SIZES):
        for filt, pil in ((0, Image.BILINEAR), (1, Image.BICUBIC)):
            for kind, channels in ((0, 1), (0, 3), (0, 4), (1, 1)):
                s = splitmix(number, w * h * channels)
                if kind == 0:
                    a = s.reshape(h, w, channels)
                    mode = {1: "L", 3: "RGB", 4: "CMYK"}[channels]
                    im = Image.frombytes(mode, (w, h), a.tobytes())
                    data = im.resize((ow, oh), pil).tobytes()
                else:
                    f = (s.astype(np.float64) * 3.7 - 400).astype(np.float32).reshape(h, w)
                    data = np.asarray(Image.fromarray(f, "F").resize((ow, oh), pil)).astype("<f4").tobytes()
                whole = k < WHOLE
                out += struct.pack("<7iQ", kind | (0x100 if whole else 0), filt, channels, w, h, ow, oh, fnv(data))
                if whole:
                    out += data
                number += 1
    with open("tests/golden/resize.bin", "wb") as f:
        f.write(out)
    print(number, "records,", len(out), "bytes, Pillow", Image.__version__)


main()
