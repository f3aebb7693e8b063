#!/usr/bin/env python3
"""Writes tests/golden/peft.safetensors: adapters on a linear layer and a prefix on a self-attention, forward and
backward by torch's autograd, and twelve steps of AdaLoRA's importances and budgets.

    python3 tools/golden/peft.py      (torch from PyPI)

Every formula is written here from its paper in torch's own operations: LoRA (Hu et al. 2021), AdaLoRA (Zhang et al.
2023), bottleneck adapters (Houlsby et al. 2019), prefix tuning (Li and Liang 2021).
"""
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(__file__))
from tensors import save

torch.manual_seed(11)
out = {}
I, O, R, M = 12, 9, 3, 4


def leaf(*shape, scale=0.5):
    return (torch.randn(*shape) * scale).requires_grad_()


def keep(name, loss, **tensors):
    loss.backward()
    for key, t in tensors.items():
        out[f"{name}.{key}"] = t.detach().clone()
        if t.is_leaf and t.grad is not None:
            out[f"{name}.d{key}"] = t.grad.clone()
            t.grad = None


x, w, b, g = leaf(2, 5, I), leaf(O, I), leaf(O), torch.randn(2, 5, O)
base = F.linear(x, w, b).detach()
out.update(x=x.detach().clone(), w=w.detach().clone(), b=b.detach().clone(), g=g, base=base)
w.requires_grad_(False)
b.requires_grad_(False)

A, B = leaf(R, I), leaf(O, R)
y = F.linear(x, w, b) + (6.0 / R) * (x @ A.T @ B.T)  # alpha 6
keep("lora", (y * g).sum(), y=y, A=A, B=B, x=x)
out["lora.merged"] = (w + (6.0 / R) * B @ A).detach()

Q, P, E = leaf(R, I), leaf(O, R), leaf(R, 1)
y = F.linear(x, w, b) + (6.0 / R) * ((x @ Q.T) * E.view(-1)) @ P.T
keep("adalora", (y * g).sum(), y=y, Q=Q, P=P, E=E, x=x)
orth = (torch.norm(P.T @ P - torch.eye(R)) + torch.norm(Q @ Q.T - torch.eye(R))) / 2
keep("orth", orth, value=orth.view(1), Q=Q, P=P)

D, d, U, u = leaf(M, O), leaf(M), leaf(O, M), leaf(O)
y = F.linear(x, w, b)
y = y + F.linear(F.gelu(F.linear(y, D, d), approximate="tanh"), U, u)
keep("bottleneck", (y * g).sum(), y=y, D=D, d=d, U=U, u=u, x=x)

# causal self-attention, 2 heads of 4, behind 3 learnt keys and values
W, T, N = 8, 5, 3
h = leaf(2, T, W)
mats = {k: leaf(W, W) for k in ("q", "k", "v", "o")}
pk, pv, ga = leaf(N, W), leaf(N, W), torch.randn(2, T, W)
heads = lambda t: t.view(2, -1, 2, 4).transpose(1, 2)
q, k, v = (F.linear(h, mats[m]) for m in ("q", "k", "v"))
k = torch.cat([pk.expand(2, N, W), k], 1)
v = torch.cat([pv.expand(2, N, W), v], 1)
mask = torch.cat([torch.ones(T, N), torch.tril(torch.ones(T, T))], 1).bool()
s = (heads(q) @ heads(k).transpose(2, 3) / 2.0).masked_fill(~mask, float("-inf"))
y = F.linear((s.softmax(-1) @ heads(v)).transpose(1, 2).reshape(2, T, W), mats["o"])
for key, t in mats.items():
    out[f"attn.{key}"] = t.detach().clone()
    t.requires_grad_(False)
out["attn.g"] = ga
keep("attn", (y * ga).sum(), y=y, pk=pk, pv=pv, x=h)

# AdaLoRA over two layers: given values and gradients of twelve steps, which directions have a value after each
steps, warm, settle, every, target, beta = 12, 2, 3, 2, 1.5, 0.85
sizes = {f"{layer}.{n}": s for layer in "01" for n, s in (("Q", (R, I)), ("P", (O, R)), ("E", (R, 1)))}
val = {n: torch.randn(steps, *s) * 0.5 for n, s in sizes.items()}
grad = {n: torch.randn(steps, *s) for n, s in sizes.items()}
ipt = {n: torch.zeros(*s) for n, s in sizes.items()}
unc = {n: torch.zeros(*s) for n, s in sizes.items()}
kept, masks, budgets = torch.ones(2, R), [], []
for t in range(steps):
    for n in sizes:
        i = (val[n][t] * grad[n][t]).abs()
        ipt[n] = beta * ipt[n] + (1 - beta) * i
        unc[n] = beta * unc[n] + (1 - beta) * (i - ipt[n]).abs()
    last = steps - settle
    budget = 2 * R if t < warm else round(2 * target) if t >= last else \
        int(2 * target + (2 * R - 2 * target) * (1 - (t - warm) / (last - warm)) ** 3 + 0.5)
    if t >= warm and (t == last or (t < last and (t - warm) % every == 0)):
        s = {n: ipt[n] * unc[n] for n in sizes}
        score = torch.stack([s[f"{m}.E"].view(-1) + s[f"{m}.P"].mean(0) + s[f"{m}.Q"].mean(1) for m in "01"])
        kept = torch.zeros(2 * R)
        kept[score.view(-1).topk(budget).indices] = 1
        kept = kept.view(2, R)
    masks.append(kept.clone())
    budgets.append(budget)
for n in sizes:
    out[f"steps.{n}"], out[f"steps.d{n}"] = val[n], grad[n]
out["steps.kept"] = torch.stack(masks)
out["steps.budget"] = torch.tensor(budgets, dtype=torch.int32)
save("peft", out)
