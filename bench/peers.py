#!/usr/bin/env python3
"""fabrica beside llama.cpp, ONNX Runtime and PyTorch on this CPU, in turns, medians of several rounds.

    python3 bench/peers.py [WORD...] [--threads 2] [--rounds 3] [--shape 1.1b] [--dir build/peers] [--under CMD] [--json]

    bf16 q8_0 q4_0 q4_K        a LLaMA's shape, one file of random weights for both: a prompt of 577 tokens, then 31
                               tokens one by one                                  llama.cpp (pip install llama-cpp-python)
    vit_b16_224 vit_l14_336    CLIP's picture towers, one picture, from pixels to features, one set of random weights
                               for all peers        ONNX Runtime in f32 and dynamic int8 (pip install onnxruntime onnx),
                                                    PyTorch in f32 and bf16 (pip install torch; it writes the ONNX too);
                               our weights bf16, and q8_0 beside int8

Words choose rows, --peers WORD,... those peers whose names contain one. Each round is a process of its own in which every
program warms up and is timed once, fabrica first in one round and last in the next; --under CMD runs it under that command
(to quiet the machine, or numactl).
A peer that is not installed is named and left out. $BUILD or ./build holds fabrica; files of 7 GB stay in --dir.
"""
import argparse
import ctypes
import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import time

PROMPT, SAY, WARM = 577, 32, 16  # as fabrica bench --model has them
VITS = {"vit_b16_224": (768, 12, 12, 224, 16), "vit_l14_336": (1024, 24, 16, 336, 14)}
LLAMAS = ("bf16", "q8_0", "q4_0", "q4_K")
PEERS = {"llama_cpp": "llama-cpp-python", "onnxruntime": "onnxruntime", "torch": "torch"}  # module -> its package
WANTED = {("prefill", "llama.cpp"): 4, ("encode", "ONNX Runtime f32"): 6, ("encode", "PyTorch bf16"): 3,
          ("encode", "ONNX Runtime int8"): 1.5}  # set for a machine with AMX

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("rows", nargs="*", metavar="WORD")
p.add_argument("--threads", type=int, default=2)
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--shape", choices=("1.1b", "135m"), default="1.1b")
p.add_argument("--dir")
p.add_argument("--peers", default="")
p.add_argument("--under", default="")
p.add_argument("--json", action="store_true")
p.add_argument("--round", type=int, help=argparse.SUPPRESS)  # one round of one row, in this process
args = p.parse_args()
build = os.environ.get("BUILD", "build")
fabrica = os.path.join(build, "src", "cli", "fabrica")
folder = args.dir or os.path.join(build, "peers")


def here(module):
    return importlib.util.find_spec(module) is not None


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def path_of(row, kind=""):
    name = f"{row}{kind}.onnx" if row in VITS else f"{args.shape}-{row}.gguf"
    return os.path.join(folder, name)


def run_fabrica(*words):
    out = subprocess.run([fabrica, "bench", "--threads", str(args.threads), "--quiet", *words], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out) if "--json" in words else None


# ---- a LLaMA ----

def llama_fabrica(row):
    got = run_fabrica("--model", path_of(row), "--json")
    return {"prefill": got["prefill"], "generate": got["generate"]}


def llama_cpp(row):
    import llama_cpp as L
    quiet = L.llama_log_callback(lambda level, text, data: None)
    L.llama_log_set(quiet, ctypes.c_void_p(0))
    L.llama_backend_init()
    model = L.llama_model_load_from_file(path_of(row).encode(), L.llama_model_default_params())
    how = L.llama_context_default_params()
    how.n_ctx, how.n_batch, how.n_ubatch = 1024, PROMPT, PROMPT
    how.n_threads = how.n_threads_batch = args.threads
    ctx = L.llama_init_from_model(model, how) if model else None
    assert ctx, f"llama.cpp does not open {path_of(row)}"
    vocab = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))

    def decode(n):
        ids = (L.llama_token * n)(*[(i * 7919 + n) % vocab for i in range(n)])
        assert L.llama_decode(ctx, L.llama_batch_get_one(ids, n)) == 0
        L.llama_synchronize(ctx)
        assert L.llama_get_logits(ctx)

    def seconds(n, times):
        start = time.perf_counter()
        for _ in range(times):
            decode(n)
        return time.perf_counter() - start

    decode(WARM)
    L.llama_memory_clear(L.llama_get_memory(ctx), True)
    return {"prefill": PROMPT / seconds(PROMPT, 1), "generate": (SAY - 1) / seconds(1, SAY - 1)}


# ---- a picture tower ----

def tower(row):
    """CLIP's vision tower, as fabrica bench draws it: patches, class token, blocks with quick GELU, a projection."""
    import torch
    import torch.nn.functional as F
    from torch import nn
    width, layers, heads, size, patch = VITS[row]

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            q, k, v = self.qkv(self.norm1(x)).view(1, -1, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(1, -1, width))
            h = self.fc1(self.norm2(x))
            return x + self.fc2(h * torch.sigmoid(1.702 * h))

    class Tower(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, width, patch, patch, bias=False)
            self.cls = nn.Parameter(torch.randn(1, 1, width) * 0.02)
            self.pos = nn.Parameter(torch.randn((size // patch) ** 2 + 1, width) * 0.02)
            self.pre, self.post = nn.LayerNorm(width), nn.LayerNorm(width)
            self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
            self.proj = nn.Linear(width, 512, bias=False)

        def forward(self, x):
            x = torch.cat([self.cls, self.patches(x).flatten(2).transpose(1, 2)], 1) + self.pos
            x = self.blocks(self.pre(x))
            return F.normalize(self.proj(self.post(x[:, 0])), dim=-1)

    torch.manual_seed(1)
    return Tower().eval(), torch.randn(1, 3, size, size)


def twice(f):
    """The rate of the second of two calls; a call of more than 10 s needs no other to warm up."""
    for _ in range(2):
        start = time.perf_counter()
        f()
        took = time.perf_counter() - start
        if took > 10:
            break
    return {"encode": 1 / took}


def vit_fabrica(row):
    """Of bf16 weights, and of q8_0, which stand beside a peer's int8."""
    got = run_fabrica("--only", row, "--quick", "--json")["encode"]
    return {"encode": got[row]["rate"], "encode q8_0": got[row + "_q8_0"]["rate"]}


def onnx(kind):
    def measure(row):
        import numpy as np
        import onnxruntime as ort
        how = ort.SessionOptions()
        how.intra_op_num_threads, how.log_severity_level = args.threads, 3
        s = ort.InferenceSession(path_of(row, kind), how, providers=["CPUExecutionProvider"])
        size = VITS[row][3]
        x = np.random.default_rng(1).standard_normal((1, 3, size, size), np.float32)
        return twice(lambda: s.run(None, {"pixels": x}))
    return measure


def pytorch(kind):
    def measure(row):
        import torch
        torch.set_num_threads(args.threads)
        model, x = tower(row)
        if kind == "bf16":
            model, x = model.bfloat16(), x.bfloat16()
        with torch.inference_mode():
            return twice(lambda: model(x))
    return measure


# ---- rounds ----

def programs(row):
    """[(name, its measure)] of a row: fabrica, and what is installed and wanted of its peers."""
    peers = [("llama_cpp", "llama.cpp", llama_cpp)] if row in LLAMAS else [
        ("onnxruntime", "ONNX Runtime f32", onnx("")), ("onnxruntime", "ONNX Runtime int8", onnx("-int8")),
        ("torch", "PyTorch f32", pytorch("f32")), ("torch", "PyTorch bf16", pytorch("bf16"))]
    ours = ("fabrica", llama_fabrica if row in LLAMAS else vit_fabrica)
    return [ours] + [(name, f) for module, name, f in peers
                     if here(module) and any(w in name for w in args.peers.split(","))]


def one_round(row):
    todo = programs(row)
    return {name: f(row) for name, f in (todo[::-1] if args.round % 2 else todo)}


def write_onnx(row):
    import logging
    import warnings

    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    warnings.simplefilter("ignore")
    logging.disable()
    model, x = tower(row)
    with torch.inference_mode():
        torch.onnx.export(model, (x,), path_of(row), input_names=["pixels"], dynamo=False, opset_version=17)
    quantize_dynamic(path_of(row), path_of(row, "-int8"), weight_type=QuantType.QInt8)


def prepare(row):
    if row in LLAMAS and not os.path.exists(path_of(row)):
        run_fabrica("--shape", args.shape, "--type", row, "--write", path_of(row))
    if row in VITS and here("onnxruntime") and not os.path.exists(path_of(row, "-int8")):
        if not (here("torch") and here("onnx")):
            return say("peers: torch and onnx are needed to write", path_of(row)) or False
        write_onnx(row)
    return True


def measure_row(row):
    """Its rounds: [{program: {what: rate}}]."""
    out = []
    for i in range(args.rounds):
        say(f"peers: {row}, round {i + 1} of {args.rounds}")
        child = [sys.executable, __file__, row, "--round", str(i), "--threads", str(args.threads), "--shape", args.shape,
                 "--dir", folder, "--peers", args.peers]
        got = subprocess.run(shlex.split(args.under) + child, stdout=subprocess.PIPE, text=True, check=True).stdout
        out.append(json.loads(got.splitlines()[-1]))
    return out


def lines_of(row, rounds):
    for key in rounds[0]["fabrica"]:
        ours, what = statistics.median(r["fabrica"][key] for r in rounds), key.split()[0]
        for peer in [name for name in rounds[0] if name != "fabrica"]:
            if row in VITS and ("q8_0" in key) != ("int8" in peer):
                continue
            theirs = statistics.median(r[peer][what] for r in rounds)
            yield {"what": key, "row": row, "unit": "images/s" if row in VITS else "tokens/s", "fabrica": ours, "peer": peer,
                   "rate": theirs, "ratio": ours / theirs, "wanted": WANTED.get((what, peer)),
                   "samples": [[r["fabrica"][key], r[peer][what]] for r in rounds]}


def cpu():
    text = open("/proc/cpuinfo").read()
    fields = dict(re.findall(r"^([a-z ]+?)\s*: (.*)$", text, re.M))
    units = [u for u in ("avx2", "avx512f", "avx512_vnni", "amx_tile") if u in fields.get("flags", "").split()]
    return f"{fields.get('model name', '?')}, family {fields.get('cpu family')} model {fields.get('model')}, {' '.join(units)}"


rows = [r for r in (*LLAMAS, *VITS) if not args.rows or r in args.rows]
if args.round is not None:
    print(json.dumps(one_round(rows[0])))
    sys.exit()
for word in set(args.rows) - set(rows):
    sys.exit(f"peers: no row '{word}'; there are {', '.join((*LLAMAS, *VITS))}")
for module, package in PEERS.items():
    if not here(module):
        say(f"peers: no {module} for {sys.executable} (pip install {package}): left out")
rows = [r for r in rows if len(programs(r)) > 1]
if not rows:
    sys.exit(0)
if not os.path.exists(fabrica):
    sys.exit(f"peers: no {fabrica}: build it, or say where with BUILD=")
os.makedirs(folder, exist_ok=True)
table = [line for row in rows if prepare(row) for line in lines_of(row, measure_row(row))]
doc = {"cpu": cpu(), "threads": args.threads, "rounds": args.rounds, "shape": args.shape,
       "versions": {q: importlib.metadata.version(q) for m, q in PEERS.items() if here(m)}, "rows": table}
if args.json:
    print(json.dumps(doc, indent=2))
    sys.exit()
print(f"{doc['cpu']}; {args.threads} threads; medians of {args.rounds} rounds in turns; "
      + ", ".join(f"{k} {v}" for k, v in doc["versions"].items()))
print(f"{'':23} {'fabrica':>9}  {'peer':18} {'rate':>9}           {'ratio':>6}  wanted")
for t in table:
    print(f"{t['what'] + ' ' + t['row']:23} {t['fabrica']:9.2f}  {t['peer']:18} {t['rate']:9.2f} {t['unit']:9} {t['ratio']:6.2f}  "
          f"{t['wanted'] or ''}")
