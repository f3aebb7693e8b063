#!/usr/bin/env python3
"""Writes tests/cases/{dicom,png,jpeg}/bad-*: small broken pictures, each with one defect that its name says.

Needs: pip install pillow pydicom numpy. Run from the source root. The sentence that each must give stands beside it in
expected.txt, written by hand.
"""
import io
import struct
import zlib
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit,
                         JPEGLSLossless, RLELossless)

PIXELS = bytes(range(128))


def encapsulate(pieces):
    items = [b""] + [p + b"\0" * (len(p) % 2) for p in pieces]  # an empty offset table first
    return b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(p)) + p for p in items)


def dicom(name, syntax=ExplicitVRLittleEndian, drop=(), cut=None, poke=None, **changes):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3"
    ds.Modality, ds.PatientName = "OT", "Nobody"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 8, 8, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelData = PIXELS
    for k, v in changes.items():
        setattr(ds, k, v)
    for k in drop:
        delattr(ds, k)
    if "PixelData" in ds:
        ds["PixelData"].VR = "OB" if syntax.is_compressed and syntax.is_encapsulated else "OW"
        ds["PixelData"].is_undefined_length = syntax.is_encapsulated
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    data = bytearray(out.getvalue())
    if poke:
        at = data.index(poke[0]) + len(poke[0])
        data[at:at + len(poke[1])] = poke[1]
    save("dicom", name + ".dcm", bytes(data[:cut]))


def save(kind, name, data):
    with open(f"tests/cases/{kind}/bad-{name}", "wb") as f:
        f.write(data)


def dicoms():
    dicom("rows-zero", Rows=0)
    dicom("rows-absent", drop=["Rows"])
    dicom("rows-empty", Rows=None)
    dicom("size-60000", Rows=60000, Columns=60000)
    dicom("frames-million", NumberOfFrames="1000000")
    dicom("frames-negative", NumberOfFrames="-3")
    dicom("pixels-short", PixelData=PIXELS[:40])
    dicom("pixels-absent", drop=["PixelData"])
    dicom("pixels-cut", cut=-60)
    dicom("header-cut", cut=300)
    dicom("meta-cut", cut=150)
    dicom("bits-12", BitsAllocated=12, BitsStored=12, HighBit=11)
    dicom("bits-stored-17", BitsStored=17)
    dicom("high-bit", HighBit=16)
    dicom("samples-5", SamplesPerPixel=5)
    dicom("palette-absent", PhotometricInterpretation="PALETTE COLOR")
    dicom("palette-short", PhotometricInterpretation="PALETTE COLOR",
          RedPaletteColorLookupTableDescriptor=[256, 0, 16], RedPaletteColorLookupTableData=bytes(20))
    dicom("422-odd", PhotometricInterpretation="YBR_FULL_422", SamplesPerPixel=3, PlanarConfiguration=0, Columns=7,
          Rows=8, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=bytes(112))
    dicom("jpeg-garbage", JPEGBaseline8Bit, BitsAllocated=8, BitsStored=8, HighBit=7,
          PixelData=encapsulate([b"\xff\xd8\xff\xe0 not a jpeg "]))
    im = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(im, "JPEG2000")
    j2k = im.getvalue()
    dicom("j2k-other-size", JPEG2000Lossless, Rows=9, BitsAllocated=8, BitsStored=8, HighBit=7,
          PixelData=encapsulate([j2k]))
    dicom("j2k-cut", JPEG2000Lossless, BitsAllocated=8, BitsStored=8, HighBit=7,
          PixelData=encapsulate([j2k[:len(j2k) // 2 * 2 - 40]]))
    dicom("j2k-empty", JPEG2000Lossless, PixelData=encapsulate([b""]))
    dicom("j2k-frames", JPEG2000Lossless, NumberOfFrames="3", PixelData=encapsulate([j2k]))
    dicom("jpegls-garbage", JPEGLSLossless, PixelData=encapsulate([b"\xff\xd8\xff\xf7 no picture "]))
    dicom("rle-short", RLELossless, PixelData=encapsulate([struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\x05a\x00b"]))
    dicom("deflated-cut", DeflatedExplicitVRLittleEndian, cut=-20)
    save("dicom", "nothing-else.dcm", bytes(128) + b"DICM")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(name, w=4, h=4, depth=8, colour=0, idat=None, tail=True):
    rows = zlib.compress(b"".join(b"\0" + bytes(4) for _ in range(4))) if idat is None else idat
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0))
    if rows:
        data += chunk(b"IDAT", rows)
    save("png", name + ".png", data + (chunk(b"IEND", b"") if tail else b""))


def pngs():
    png("width-zero", w=0)
    png("size-60000", w=60000, h=60000)
    png("size-16000", w=16000, h=16000)
    png("depth-3", depth=3)
    png("colour-5", colour=5)
    png("no-idat", idat=b"")
    png("zlib", idat=b"not deflated at all")
    png("rows-missing", idat=zlib.compress(b"\0" + bytes(4)))
    png("filter-9", idat=zlib.compress(b"".join(b"\x09" + bytes(4) for _ in range(4))))
    png("cut", tail=False)
    data = open("tests/cases/png/bad-width-zero.png", "rb").read()
    save("png", "crc.png", data[:18] + b"\0\4" + data[20:])
    save("png", "signature-only.png", data[:8])


def jpegs():
    out = io.BytesIO()
    Image.fromarray((np.arange(32 * 32) % 251).astype(np.uint8).reshape(32, 32)).save(out, "JPEG")
    good = out.getvalue()
    sof = good.index(b"\xff\xc0")
    save("jpeg", "cut.jpg", good[:-80])
    save("jpeg", "no-end.jpg", good[:-2])
    save("jpeg", "header-only.jpg", good[:sof + 10])
    save("jpeg", "size-65500.jpg", good[:sof + 5] + struct.pack(">HH", 65500, 65500) + good[sof + 9:])
    save("jpeg", "size-16000.jpg", good[:sof + 5] + struct.pack(">HH", 16000, 16000) + good[sof + 9:])
    save("jpeg", "height-zero.jpg", good[:sof + 5] + struct.pack(">H", 0) + good[sof + 7:])
    save("jpeg", "bits-12.jpg", good[:sof + 4] + b"\x0c" + good[sof + 5:])
    sos = good.index(b"\xff\xda")
    save("jpeg", "scan-noise.jpg", good[:sos + 12] + b"\xff\x00\xfe\xaa" * 20 + good[-2:])
    save("jpeg", "no-tables.jpg", good[:2] + good[sof:])


dicoms()
pngs()
jpegs()
