#!/usr/bin/env python3
"""Writes tests/golden/mgca.safetensors: the token-region and prototype losses of MGCA (Wang et al. 2022) with their
gradients, in PyTorch from the paper's equations and SYSTEMS.md 4.2. Differences to the published code are those that
src/train/align.h names: padding is masked, weights come from the similarity to the whole, attended regions have unit length.

    python3 tools/golden/mgca.py        (any PyTorch)
"""
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(__file__))
from tensors import save

torch.manual_seed(4)
n, L, G, E, K, TAU = 4, 7, 9, 12, 6, 0.1
size = torch.tensor([7, 3, 1, 5], dtype=torch.int32)
unit = lambda *shape: F.normalize(torch.randn(*shape), dim=-1)
out = {"words": unit(n, L, E), "cells": unit(n, G, E), "text": unit(n, E), "image": unit(n, E), "prototypes": unit(K, E),
       "size": size}


def importance(parts, whole):
    """Weights of parts [m,E] of one whole [E]: softmax, clipped to the 10 % and 90 % quantiles, sum 1."""
    w = (parts @ whole / TAU).softmax(0)
    w = w.clamp(torch.quantile(w, 0.1), torch.quantile(w, 0.9))
    return (w / w.sum()).detach()


def side(a, b, whole):
    """a [m,E] attends to b [k,E]; what a[i] saw must be found by a[i] among what all saw, and the other way round."""
    seen = F.normalize((a @ b.T / TAU).softmax(-1) @ b, dim=-1)
    z, t, w = a @ seen.T / TAU, torch.arange(len(a)), importance(a, whole)
    rows, columns = F.cross_entropy(z, t, reduction="none"), F.cross_entropy(z.T, t, reduction="none")
    return (w * rows).sum() / 2 + (w * columns).sum() / 2


def token_region(words, cells, text, image):
    total = 0
    for i in range(n):
        w = words[i, : size[i]]
        total = total + side(w, cells[i], text[i]) + side(cells[i], w, image[i])
    return total / n


def sinkhorn(scores):
    q = (scores / 0.05).exp().T
    q = q / q.sum()
    for _ in range(3):
        q = q / q.sum(1, keepdim=True) / K
        q = q / q.sum(0, keepdim=True) / n
    return (q / q.sum(0, keepdim=True)).T.detach()


def prototype(image, text, c):
    a, b = image @ c.T, text @ c.T
    qa, qb = sinkhorn(a), sinkhorn(b)
    out["codes"] = qa
    swap = lambda x, q: -(q * (x / 0.2).log_softmax(-1)).sum(-1).mean()
    return (swap(a, qb) + swap(b, qa)) / 2


def case(name, fn, *inputs):
    xs = [out[i].clone().requires_grad_() for i in inputs]
    y = fn(*xs)
    y.backward()
    out[name] = y.detach().reshape(1)
    for key, x in zip(inputs, xs):
        if x.grad is not None:
            out[f"{name}.d_{key}"] = x.grad


out["importance"] = importance(out["cells"][0], out["image"][0])
case("token_region", token_region, "words", "cells", "text", "image")
case("prototype", prototype, "image", "text", "prototypes")
save("mgca", out)
