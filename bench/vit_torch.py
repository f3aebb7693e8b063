#!/usr/bin/python3
"""The step of bench_vit in PyTorch on the CPU with bf16 autocast, run in turns with ours.

    /usr/bin/python3 bench/vit_torch.py [THREADS] [BATCH] [STEPS] [ROUNDS]      defaults 1 8 5 3

Needs Debian's python3-torch (1.13 or newer); without it, says so and ends well. $BUILD or ./build holds bench_vit.
"""
import os
import re
import subprocess
import sys
import time

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError:
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("vit_torch: no PyTorch here (apt-get install python3-torch): nothing compared")
    sys.exit(0)

threads, batch, steps, rounds = [int(a) for a in sys.argv[1:5]] + [1, 8, 5, 3][len(sys.argv[1:5]):]
torch.set_num_threads(threads)
torch.manual_seed(1)
WIDTH, LAYERS, HEADS, CLASSES = 384, 12, 6, 1000


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, 1e-6), nn.LayerNorm(WIDTH, 1e-6)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, HEADS, d // HEADS).permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):
            h = F.scaled_dot_product_attention(q, k, v)
        else:
            h = (q @ k.transpose(-1, -2) * (d // HEADS) ** -0.5).softmax(-1) @ v
        x = x + self.out(h.transpose(1, 2).reshape(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 16, 16)
        self.pos = nn.Parameter(torch.randn(196, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.norm, self.head = nn.LayerNorm(WIDTH, 1e-6), nn.Linear(WIDTH, CLASSES)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2) + self.pos
        return self.head(self.norm(self.blocks(x)).mean(1))


model = ViT()
optimiser = torch.optim.AdamW(model.parameters(), 1e-4, weight_decay=0.05)
pixels, labels = torch.randn(batch, 3, 224, 224), torch.randint(0, CLASSES, (batch,))


def step():
    optimiser.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = F.cross_entropy(model(pixels).float(), labels)
    loss.backward()
    optimiser.step()
    return loss.item()


def run_torch():
    step()
    now = time.process_time if threads == 1 else time.perf_counter  # as bench_vit
    took = []
    for _ in range(steps):
        start = now()
        step()
        took.append(now() - start)
    return min(took) * 1e3


def run_fabrica():
    program = os.path.join(os.environ.get("BUILD", "build"), "bench", "bench_vit")
    if not os.path.exists(program):
        return None
    text = subprocess.run([program, str(threads), str(batch), str(steps)], stdout=subprocess.PIPE, text=True, check=True)
    return float(re.search(r"best (\d+) ms", text.stdout).group(1))


ours, theirs = [], []
for _ in range(rounds):
    got = run_fabrica()
    if got is not None:
        ours.append(got)
    theirs.append(run_torch())
n = sum(p.numel() for p in model.parameters()) / 1e6
print(f"PyTorch {torch.__version__}, bf16 autocast: {n:.1f} M parameters, batch {batch}, {threads} threads: "
      f"best {min(theirs):.0f} ms a step")
if ours:
    print(f"fabrica: best {min(ours):.0f} ms a step; PyTorch's time is {min(theirs) / min(ours):.2f} of it")
