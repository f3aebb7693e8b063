"""Writes a dictionary of torch tensors as tests/golden/NAME.safetensors, in fixed order and byte for byte the same on
every run: 8-byte length, JSON header, raw little-endian values (SYSTEMS.md 28)."""
import json
import os

import torch

NAMES = {torch.float32: "F32", torch.float16: "F16", torch.int32: "I32", torch.uint8: "U8"}


def save(name, tensors):
    header, blobs, at = {}, [], 0
    for key in sorted(tensors):
        t = tensors[key].detach().contiguous()
        blob = t.numpy().tobytes()
        header[key] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden", name + ".safetensors")
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))
    print(f"{os.path.normpath(path)}: {len(tensors)} tensors, {at} bytes")
