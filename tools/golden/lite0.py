#!/usr/bin/env python3
"""Writes tests/golden/lite0.safetensors: EfficientNet-Lite0's trunk at a fraction of its widths, under the published
checkpoint's names and with its batch norms as they are there, an image batch of odd height and even width, the maps
after groups 4 and 6 and, for a loss on both, gradients at the image and at some folded weights.

    python3 tools/golden/lite0.py       (torch)
"""
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(__file__))
from tensors import save

EPS = 1e-3
WIDTHS, DEPTHS = [4, 4, 4, 8, 8, 8, 8, 12], [1, 2, 1, 1, 1, 1, 1]
GROUPS = [(1, 1, 3), (6, 2, 3), (6, 2, 5), (6, 2, 3), (6, 1, 5), (6, 2, 5), (6, 1, 3)]  # expand, stride, kernel
torch.manual_seed(3)
p = {}


def conv_bn(x, conv, bn, out, k=1, stride=1, groups=1, act=True):
    if conv + ".weight" not in p:
        fan = k * k * x.shape[1] // groups
        p[conv + ".weight"] = torch.randn(out, x.shape[1] // groups, k, k) * (1.5 / fan) ** 0.5
        p[bn + ".weight"] = 0.5 + torch.rand(out)
        p[bn + ".bias"] = torch.randn(out)
        p[bn + ".running_mean"] = torch.randn(out) * 0.3
        p[bn + ".running_var"] = 0.1 + torch.rand(out)
        p[conv + ".weight"].requires_grad_()
    pads = []  # TensorFlow's SAME, last axis first
    for n in (x.shape[3], x.shape[2]):
        t = max(0, (-(-n // stride) - 1) * stride + k - n)
        pads += [t // 2, t - t // 2]
    x = F.conv2d(F.pad(x, pads), p[conv + ".weight"], None, stride, 0, 1, groups)
    x = F.batch_norm(x, *(p[bn + s] for s in (".running_mean", ".running_var", ".weight", ".bias")), False, 0.0, EPS)
    return F.relu6(x) if act else x


def trunk(x):
    x, n, maps = conv_bn(x, "_conv_stem", "_bn0", WIDTHS[0], 3, 2), 0, []
    for (expand, stride, k), out, depth in zip(GROUPS, WIDTHS[1:], DEPTHS):
        for i in range(depth):
            b, s, y = f"_blocks.{n}.", stride if i == 0 else 1, x
            if expand > 1:
                y = conv_bn(y, b + "_expand_conv", b + "_bn0", x.shape[1] * expand)
            y = conv_bn(y, b + "_depthwise_conv", b + "_bn1", y.shape[1], k, s, y.shape[1])
            y = conv_bn(y, b + "_project_conv", b + "_bn2", out, act=False)
            x = x + y if s == 1 and out == x.shape[1] else y
            n += 1
        maps.append(x)
    return maps[4], maps[6]


images = torch.randn(2, 3, 37, 34).requires_grad_()
fine, coarse = trunk(images)
wf, wc = torch.randn_like(fine), torch.randn_like(coarse)
((fine * wf).sum() + (coarse * wc).sum()).backward()
last = lambda t: t.permute(0, 2, 3, 1)
out = dict(p)
for name, conv, bn in [("d_stem", "_conv_stem", "_bn0"), ("d_expand", "_blocks.1._expand_conv", "_blocks.1._bn0"),
                       ("d_depthwise", "_blocks.3._depthwise_conv", "_blocks.3._bn1"),
                       ("d_project", "_blocks.6._project_conv", "_blocks.6._bn2")]:
    scale = p[bn + ".weight"] / (p[bn + ".running_var"] + EPS).sqrt()
    out["golden." + name] = p[conv + ".weight"].grad / scale[:, None, None, None]
out["golden.images"], out["golden.d_images"] = last(images), last(images.grad)
out["golden.fine"], out["golden.coarse"] = last(fine), last(coarse)
out["golden.weight_fine"], out["golden.weight_coarse"] = last(wf), last(wc)
cut = lambda t: ((t == 0) | (t == 6)).float().mean().item()
print("of the stem's outputs, cut:", cut(conv_bn(images, "_conv_stem", "_bn0", WIDTHS[0], 3, 2)))
save("lite0", out)
