#!/usr/bin/env python3
"""Writes tests/golden/ops.safetensors: inputs, outputs and gradients of the subtle ops, from PyTorch on the CPU.

    /usr/bin/python3 tools/golden/ops.py        (Debian's python3-torch)

Each case NAME has NAME.in0.., NAME.y, NAME.dy (the gradient handed in) and NAME.d0.. (gradients of the inputs).
Maps are channels-last, as fabrica has them; torch's are permuted here.
"""
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(__file__))
from tensors import save

torch.manual_seed(1)
out = {}


def case(name, fn, *inputs, ints=()):
    xs = [x.clone().requires_grad_(x.dtype == torch.float32) for x in inputs]
    y = fn(*xs, *ints)
    dy = torch.randn_like(y)
    y.backward(dy)
    for i, x in enumerate(xs):
        out[f"{name}.in{i}"] = x.detach()
        out[f"{name}.d{i}"] = x.grad
    for i, x in enumerate(ints):
        out[f"{name}.in{len(xs) + i}"] = x
    out[f"{name}.y"], out[f"{name}.dy"] = y.detach(), dy


def attention(q, k, v, prefix, kv_len, H=4, G=2, causal=True):
    B, Tq, Tk = q.shape[0], q.shape[1], k.shape[1]
    K = q.shape[2] // H
    q = q.view(B, Tq, H, K).transpose(1, 2)
    k = k.view(B, Tk, G, K).transpose(1, 2).repeat_interleave(H // G, 1)
    v = v.view(B, Tk, G, K).transpose(1, 2).repeat_interleave(H // G, 1)
    i, j = torch.arange(Tq)[:, None] + Tk - Tq, torch.arange(Tk)[None]
    seen = torch.stack([((j <= i) | (j < prefix[b])) & (j < kv_len[b]) for b in range(B)])
    s = (q @ k.transpose(2, 3) / K**0.5).masked_fill(~seen[:, None], float("-inf"))
    return (s.softmax(-1) @ v).transpose(1, 2).reshape(B, Tq, H * K)


R = torch.randn
case("attention", attention, R(2, 9, 32), R(2, 11, 16), R(2, 11, 16),
     ints=(torch.tensor([4, 0], dtype=torch.int32), torch.tensor([11, 7], dtype=torch.int32)))
case("layernorm", lambda x, w, b: F.layer_norm(x, (48,), w, b, 1e-5), 3 + 2 * R(7, 48), R(48), R(48))
case("conv2d", lambda x, w, b: F.conv2d(x.permute(0, 3, 1, 2), w, b, stride=2, padding=1).permute(0, 2, 3, 1).contiguous(),
     R(2, 9, 8, 5), R(7, 5, 3, 3), R(7))
case("depthwise", lambda x, w, b: F.conv2d(x.permute(0, 3, 1, 2), w, b, padding=2, groups=6).permute(0, 2, 3, 1).contiguous(),
     R(2, 7, 6, 6), R(6, 1, 5, 5), R(6))
case("xent", lambda x, t: F.cross_entropy(x, t.long(), ignore_index=-1, label_smoothing=0.1)[None], 3 * R(6, 13),
     ints=(torch.tensor([0, 12, -1, 5, 5, -1], dtype=torch.int32),))


def infonce(a, b, s):
    z, t = s.exp() * a @ b.T, torch.arange(len(a))
    return 0.5 * (F.cross_entropy(z, t) + F.cross_entropy(z.T, t)).reshape(1)


def siglip(a, b, s, bias):
    z = 2 * torch.eye(len(a)) - 1
    return (-F.logsigmoid(z * (s.exp() * a @ b.T + bias)).sum() / len(a)).reshape(1)


unit = lambda *n: F.normalize(R(*n), dim=-1)
case("infonce", infonce, unit(5, 12), unit(5, 12), torch.tensor([2.66]))
case("siglip", siglip, unit(5, 12), unit(5, 12), torch.tensor([2.3]), torch.tensor([-3.0]))
case("l2norm", lambda x: F.normalize(x, dim=-1), R(4, 9))
save("ops", out)
