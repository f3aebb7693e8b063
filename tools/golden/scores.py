#!/usr/bin/env python3
"""tests/golden/scores.jsonl: scores by rouge_score, sacrebleu, NLTK (METEOR without WordNet) and pycocoevalcap (CIDEr-D)
of texts made up here. One line per record and metric family; test_metrics.c compares.

    pip install rouge-score sacrebleu nltk pycocoevalcap && tools/golden/scores.py > tests/golden/scores.jsonl
"""
import json
import random
import sys

import sacrebleu
from nltk.translate.meteor_score import meteor_score
from pycocoevalcap.cider.cider import Cider
from rouge_score import rouge_scorer

VOCABULARY = """the heart lungs lung is are clear normal enlarged size no pleural effusion effusions pneumothorax focal
consolidation mild mildly moderate left right lower upper lobe opacity opacities seen identified there silhouette within
limits stable unchanged ribs fractured degenerative changes spine dying skies relationally operations hopping succeed
innings studies studied tied agreed feed generalizations 3.5 cm 12 2-3 x-ray follow-up don't (arrow) T2-weighted
1,000 .5 -7 4-year-old C5/6 50% a_b <skipped> &amp; &lt;1 "quoted" naïve café β-blocker ≥ ± μm İ K ½ … — “so” é""".split()
CHINESE = "心影大小形态正常两肺纹理清晰未见明显结节胸腔积液右上叶磨玻璃影约3.5cm，较前（2023年）无变化。CT：T2信号、增高；"


def sentence(rng, chinese):
    if chinese:
        at = rng.randrange(len(CHINESE) - 8)
        return CHINESE[at:at + rng.randrange(3, 20)]
    words = [rng.choice(VOCABULARY) for _ in range(rng.randrange(1, 14))]
    text = " ".join(words)
    text = text[0].upper() + text[1:]
    return text + rng.choice([".", ".", ",", " .", "", "!", "?!", "..", " -", " e.g.,x"])


def change(rng, text):
    words = text.split(" ")
    for _ in range(rng.randrange(0, 1 + len(words) // 3)):
        i = rng.randrange(len(words))
        what = rng.randrange(3)
        if what == 0 and len(words) > 1: del words[i]
        elif what == 1: words.insert(i, rng.choice(VOCABULARY))
        else: words[i] = rng.choice(VOCABULARY)
    return " ".join(words)


def records():
    rng = random.Random(155)
    for i in range(80):
        chinese = i % 8 == 7
        base = [sentence(rng, chinese) for _ in range(rng.randrange(1, 5))]
        refs = []
        for _ in range(rng.randrange(1, 4)):
            lines = [x if chinese else change(rng, x) for x in base]
            rng.shuffle(lines)
            refs.append("\n".join(lines))
        hyp = "\n".join(base[:rng.randrange(1, len(base) + 1)])
        yield f"s-{i:02d}", hyp, refs
    yield "blank", "", ["a word", "two words"]
    yield "blank-ref", "a word", [""]
    yield "signs", "... !!!", ["...", "? a"]
    yield "one", "clear", ["clear"]


def rouge(hyp, refs, stem):
    names = ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"]
    scores = rouge_scorer.RougeScorer(names, use_stemmer=stem).score_multi(refs, hyp)
    return {k: {"r": v.recall, "p": v.precision, "f": v.fmeasure} for k, v in scores.items()}


class NoWordnet:
    def synsets(self, word):
        return []


def main():
    out = lambda o: print(json.dumps(o, ensure_ascii=False))
    all_records = list(records())
    for i, hyp, refs in all_records:
        one = {"id": i, "hyp": hyp, "refs": refs, "rouge": rouge(hyp, refs, False), "rouge_stem": rouge(hyp, refs, True)}
        for cut in ("13a", "zh", "intl", "char", "none"):
            one["bleu_" + cut] = sacrebleu.sentence_bleu(hyp, refs, tokenize=cut).score
        one["meteor"] = meteor_score([r.split() for r in refs], hyp.split(), wordnet=NoWordnet())
        out(one)
    hyps = [h for _, h, _ in all_records]
    most = max(len(r) for _, _, r in all_records)
    streams = [[r[k] if k < len(r) else None for _, _, r in all_records] for k in range(most)]
    corpus = {"id": "corpus"}
    for cut in ("13a", "zh", "intl", "char", "none"):
        corpus["bleu_" + cut] = sacrebleu.corpus_bleu(hyps, streams, tokenize=cut).score
    for smooth in ("floor", "add-k", "none"):
        corpus["smooth_" + smooth] = sacrebleu.corpus_bleu(hyps, streams, smooth_method=smooth).score
    mean, each = Cider().compute_score({i: r for i, _, r in all_records}, {i: [h] for i, h, _ in all_records})
    corpus["cider"] = float(mean)
    corpus["cider_each"] = [float(x) for x in each]
    out(corpus)


if __name__ == "__main__":
    sys.exit(main())
