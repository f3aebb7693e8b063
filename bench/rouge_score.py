#!/usr/bin/env python3
"""ROUGE-1/2/L of 1,000 report-length pairs (76 words) by rouge_score and by bench_rouge, one core each, in turns, processor time.

    python3 bench/rouge_score.py [ROUNDS]      default 3

Needs the package rouge-score; without it, says so and ends well. $BUILD or ./build holds bench_rouge.
"""
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.pop(0)  # this file's own name is the package's
try:
    from rouge_score import rouge_scorer
except ImportError:
    print("rouge_score: no such package here (pip install rouge-score): nothing compared")
    sys.exit(0)

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
program = os.path.join(os.environ.get("BUILD", "build"), "bench", "bench_rouge")
if not os.path.exists(program):
    print(f"rouge_score: {program} is not built (ninja -C build bench/bench_rouge): nothing compared")
    sys.exit(0)

WORDS = """the heart size is normal lungs are clear no pleural effusion pneumothorax focal consolidation mild degenerative
changes of thoracic spine there cardiomediastinal silhouette within limits stable unchanged right left lower lobe opacity
may represent atelectasis or pneumonia correlate clinically pulmonary vascularity hilar contours unremarkable osseous
structures intact calcified granuloma catheter tip projects over superior vena cava and bilateral interval increase in
interstitial markings bibasilar airspace disease without acute abnormality""".split()
rng = random.Random(76)


def report():
    words = [rng.choice(WORDS) for _ in range(76)]
    return "\n".join(" ".join(words[i:i + 9]).capitalize() + "." for i in range(0, 76, 9))


pairs = [(report(), report()) for _ in range(1000)]
with tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False) as f:
    for i, (h, r) in enumerate(pairs):
        f.write(json.dumps({"id": str(i), "hyp": h, "refs": [r]}) + "\n")

scorers = {k: rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=k == "stem") for k in ("plain", "stem")}
best = {}
for _ in range(rounds):
    for kind, scorer in scorers.items():
        before = time.process_time()
        for h, r in pairs:
            scorer.score(r, h)
        rate = len(pairs) / (time.process_time() - before)
        best["python " + kind] = max(best.get("python " + kind, 0), rate)
    text = subprocess.run([program, f.name], check=True, capture_output=True, text=True).stdout
    for kind, rate in re.findall(r"(plain|stem) (\d+) pairs/s", text):
        best["fabrica " + kind] = max(best.get("fabrica " + kind, 0), float(rate))
os.unlink(f.name)
for kind in scorers:
    ours, theirs = best["fabrica " + kind], best["python " + kind]
    print(f"{kind:5}  fabrica {ours:9.0f} pairs/s  rouge_score {theirs:6.0f} pairs/s  {ours / theirs:6.1f} times")
