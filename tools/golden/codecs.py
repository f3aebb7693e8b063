#!/usr/bin/env python3
"""Writes tests/golden/codecs.bin: small PNG and JPEG files of every kind with Pillow's convert("RGB") pixels.

Needs: pip install pillow numpy. Run from the source root. A record is little-endian
  char name[32]  i32 size w h  u64 FNV-1a of the RGB bytes, then the file's bytes.
16-bit grey PNGs are expected as stored: their hash is over the raw little-endian samples (name starts with "raw").
"""
import io
import struct
import numpy as np
from PIL import Image

rng = np.random.default_rng(7)


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def smooth(w, h, c):
    y, x = np.mgrid[0:h, 0:w]
    planes = [127 + 90 * np.sin(x / (3 + k) + k) * np.cos(y / (4 + k)) + rng.normal(0, 6, (h, w)) for k in range(c)]
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def add(out, name, data, im=None, raw=None):
    im = im or Image.open(io.BytesIO(data))
    pixels = raw if raw is not None else im.convert("RGB").tobytes()
    out += struct.pack("<32s3iQ", name.encode(), len(data), im.width, im.height, fnv(pixels)) + data


def saved(im, fmt, **kw):
    b = io.BytesIO()
    im.save(b, fmt, **kw)
    return b.getvalue()


def main():
    out = bytearray()
    grey, rgb = Image.fromarray(smooth(13, 9, 1)[..., 0]), Image.fromarray(smooth(13, 9, 3))
    rgba, la = Image.fromarray(smooth(7, 5, 4), "RGBA"), Image.fromarray(smooth(7, 5, 2), "LA")
    for name, im in (("png-grey", grey), ("png-rgb", rgb), ("png-rgba", rgba), ("png-grey-alpha", la),
                     ("png-palette", rgb.quantize(11)), ("png-palette-2", rgb.quantize(2)), ("png-bit", grey.convert("1"))):
        add(out, name, saved(im, "PNG"))
    add(out, "png-palette-transparent", saved(rgb.quantize(5), "PNG", transparency=1))
    deep = rng.integers(0, 4096, (9, 13)).astype(np.uint16)
    add(out, "raw-png-grey16", saved(Image.fromarray(deep), "PNG"), raw=deep.astype("<u2").tobytes())
    for name, im, kw in (
            ("jpeg-grey", grey, {}), ("jpeg-444", rgb, {"subsampling": 0}), ("jpeg-422", rgb, {"subsampling": 1}),
            ("jpeg-420", rgb, {"subsampling": 2}), ("jpeg-progressive", rgb, {"progressive": True}),
            ("jpeg-q30", Image.fromarray(smooth(37, 21, 3)), {"quality": 30}),
            ("jpeg-restart", Image.fromarray(smooth(40, 33, 3)), {"restart_marker_blocks": 2}),
            ("jpeg-orientation", rgb, {"exif": Image.Exif.tobytes((lambda e: (e.__setitem__(274, 6), e)[1])(Image.Exif()))}),
            ("jpeg-cmyk", Image.fromarray(smooth(13, 9, 4), "CMYK"), {"quality": 95})):
        add(out, name, saved(im, "JPEG", **kw))
    with open("tests/golden/codecs.bin", "wb") as f:
        f.write(out)
    print(len(out), "bytes, Pillow", Image.__version__)


main()
