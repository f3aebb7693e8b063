#!/usr/bin/env python3
"""Writes tests/golden/quants.safetensors: GGUF's quantised blocks as the reference package `gguf` (pip) reads and writes
them.

    python3 tools/golden/quants.py

TYPE.raw (random blocks with sensible scales) and TYPE.f32 (what they mean) for all types; x (values to quantise: noise of
several sizes, a zero block, one large value) and TYPE.x (its bytes) for the types that the package can write.
"""
import os
import sys

import numpy as np
import torch
from gguf import GGMLQuantizationType as T
from gguf import GGML_QUANT_SIZES, quants

sys.path.insert(0, os.path.dirname(__file__))
from tensors import NAMES, save

NAMES[torch.uint8] = "U8"
rng = np.random.default_rng(5)
# where the f16 numbers lie in each block
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
WRITABLE = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]

x = rng.standard_normal((8, 256)).astype(np.float32) * np.logspace(-3, 2, 8, dtype=np.float32)[:, None]
x[2, 64:96] = 0
x[3, 40] = 50
x[5] = np.abs(x[5])
out = {"x": torch.from_numpy(x.copy())}
for name, at in HALVES.items():
    kind = getattr(T, name)
    size, nbytes = GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (512 // size, nbytes), dtype=np.uint8)
    for p in at:
        raw[:, p:p + 2] = (rng.standard_normal((len(raw), 1)) * 0.01).astype(np.float16).view(np.uint8)
    out[name + ".raw"] = torch.from_numpy(raw.reshape(-1).copy())
    out[name + ".f32"] = torch.from_numpy(quants.dequantize(raw.reshape(1, -1), kind).reshape(-1).copy())
    if name in WRITABLE:
        out[name + ".x"] = torch.from_numpy(quants.quantize(x, kind).reshape(-1).copy())
save("quants", out)
