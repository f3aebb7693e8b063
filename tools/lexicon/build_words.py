#!/usr/bin/env python3
"""build_words.py DATA: writes lexicon/words_zh.tsv from the open Chinese texts, lexicon/medical.tsv and common_zh.txt.

DATA is the folder that holds open/ (../shared/data). Steps:
  1. counts of all runs of 1 to 4 Han characters;
  2. candidates: seen MIN times or more, cohesive (the weakest of the cuts has pointwise mutual information above COHESION
     bits), free (entropy of the neighbours above FREEDOM bits on both sides), and not a known word with something attached;
  3. three rounds of cutting all texts into the cheapest words and counting them (expectation-maximisation by best path);
     a lexicon word costs at most half a nat less than its parts, as in src/text/segment_words.c;
  4. the hidden Markov model's costs from the last cut, every word type weighing the root of its count.
"""
import collections, json, math, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OPEN = Path(sys.argv[1]) / 'open'
MIN, COHESION, FREEDOM, LONGEST, ROUNDS = 8, 5.0, 1.5, 12, 3
EDGE = set('的了是在和与及或有不也都就还很吗呢吧啊把被让使对从向为由因而但若如要会能可这那我你您他她它们个种等之其此所将已曾每各些时应常较多少可吃喝更最太未无见因该主去做用一二三四五六七八九十两几')
STATES = 'BMES'


NOT = {'图中', '控制血糖', '缓解疼痛'}  # found, and no words


def texts():
    seen = collections.Counter()
    for path, keys in (('text_zh/huatuo.jsonl', ('question', 'answer')), ('text_zh/toyhom.jsonl', ('title', 'question', 'answer')),
                       ('slake/train.jsonl', ('question', 'answer')), ('slake/val.jsonl', ('question', 'answer')),
                       ('slake/kg.jsonl', ('tail',))):
        for line in open(OPEN / path, encoding='utf-8'):
            r = json.loads(line)
            if r.get('lang') == 'zh':
                for k in keys:
                    for run in re.findall('[\u4e00-\u9fff]+', r[k]):
                        seen[run] += 1
    return seen


def lexicon_words():
    words = set()
    for line in open(ROOT / 'lexicon/medical.tsv', encoding='utf-8'):
        f = line.rstrip('\n').split('\t')
        if len(f) == 5:
            words.update(w for s in f[2].split('|') for w in s.split(' ') if re.fullmatch('[\u4e00-\u9fff]+', w))
    return words


def common_words():
    text = open(ROOT / 'tools/lexicon/common_zh.txt', encoding='utf-8').read()
    return {w for line in text.split('\n') if not line.startswith('#') for w in line.split()}


def entropy(neighbours):
    total = sum(neighbours.values())
    return -sum(c / total * math.log2(c / total) for c in neighbours.values())


def candidates(runs, known):
    count = collections.Counter()
    for run, times in runs.items():
        for n in range(1, 5):
            for i in range(len(run) - n + 1):
                count[run[i:i + n]] += times
    total = sum(c for w, c in count.items() if len(w) == 1)
    keep = {}
    for w, c in count.items():
        if len(w) < 2 or c < MIN or w in known | NOT or w[0] in EDGE or w[-1] in EDGE:
            continue
        pmi = min(math.log2(c * total / (count[w[:i]] * count[w[i:]])) for i in range(1, len(w)))
        if pmi > COHESION:
            keep[w] = c
    left, right = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    for run, times in runs.items():
        for n in (2, 3, 4):
            for i in range(len(run) - n + 1):
                w = run[i:i + n]
                if w in keep:
                    left[w][run[i - 1] if i else f'^{times}'] += times
                    right[w][run[i + n] if i + n < len(run) else f'${times}'] += times
    free = {w for w in keep if entropy(left[w]) > FREEDOM and entropy(right[w]) > FREEDOM}
    long = {w for w in known if len(w) >= 2}

    def attached(w):
        return any(w[:i] in long or w[i:] in long or (w[:i] in free and w[i:] in free) for i in range(1, len(w)))
    return {w for w in free if not attached(w)}, count


class Cutter:
    def __init__(self, counts, terms):
        total = sum(counts.values())
        self.unknown = math.log(total + 1) + 2
        self.cost = {w: math.log(total / c) for w, c in counts.items() if c > 0}
        self.ends = collections.defaultdict(set)
        for w in list(self.cost) + list(terms):
            self.ends[w[0]].add(len(w))
        for w in sorted(terms, key=len):
            if len(w) > 1:
                want = max(self.best(w, whole=False)[0] - 0.5, 0.001)
                self.cost[w] = min(self.cost.get(w, want), want)
            else:
                self.cost.setdefault(w, self.unknown - 0.5)
        self.ends = {c: sorted(n) for c, n in self.ends.items()}

    def best(self, run, whole=True):
        n = len(run)
        cost, back = [0.0] + [math.inf] * n, [0] * (n + 1)
        for i in range(n):
            here = cost[i]
            c = here + self.cost.get(run[i], self.unknown)
            if c < cost[i + 1]:
                cost[i + 1], back[i + 1] = c, i
            for k in self.ends.get(run[i], ()):
                if k > 1 and i + k <= n and (whole or k < n):
                    w = self.cost.get(run[i:i + k])
                    if w is not None and here + w < cost[i + k]:
                        cost[i + k], back[i + k] = here + w, i
        words = []
        while n:
            words.append(run[back[n]:n])
            n = back[n]
        return cost[-1], words[::-1]


def milli(p):
    return min(round(-1000 * math.log(p)), 20000) if p > 0 else 100000


def hmm(cut, counts):
    emit = {s: collections.Counter() for s in STATES}
    for w, c in counts.items():
        weight = math.sqrt(c)
        for i, ch in enumerate(w):
            emit['S' if len(w) == 1 else 'B' if i == 0 else 'E' if i == len(w) - 1 else 'M'][ch] += weight
    step = {s: collections.Counter() for s in STATES}
    start = collections.Counter()
    for words, times in cut:
        tags = ''.join('S' if len(w) == 1 else 'B' + 'M' * (len(w) - 2) + 'E' for w in words)
        start[tags[0]] += times
        for a, b in zip(tags, tags[1:]):
            step[a][b] += times
    lines = ['\t'.join(['h', 'start'] + [str(milli(start[s] / sum(start.values()))) for s in STATES])]
    for a in STATES:
        lines.append('\t'.join(['h', a] + [str(milli(step[a][b] / sum(step[a].values()))) for b in STATES]))
    lines.append('h\tstop\t100000\t100000\t0\t0')
    chars = sorted(set().union(*emit.values()), key=lambda ch: (-sum(emit[s][ch] for s in STATES), ch))
    size = {s: sum(emit[s].values()) + 0.5 * len(chars) for s in STATES}
    lines.append('\t'.join(['c', '*'] + [str(milli(0.5 / size[s])) for s in STATES]))
    for ch in chars:
        if sum(emit[s][ch] for s in STATES) >= 2:
            lines.append('\t'.join(['c', ch] + [str(milli((emit[s][ch] + 0.5) / size[s])) for s in STATES]))
    return lines


def main():
    runs, terms, common = texts(), lexicon_words(), common_words()
    found, grams = candidates(runs, terms | common)
    vocabulary = terms | common | found | {w for w in grams if len(w) == 1}
    counts = {w: grams.get(w, 1) if len(w) <= 4 else 3 for w in vocabulary}
    print(len(runs), 'runs,', len(found), 'found,', len(vocabulary), 'words to begin with', flush=True)
    for turn in range(ROUNDS):
        cutter = Cutter(counts, terms)
        cut = [(cutter.best(run)[1], times) for run, times in runs.items()]
        counts = collections.Counter()
        for words, times in cut:
            for w in words:
                counts[w] += times
        for w in common:
            counts[w] += 1
        print('round', turn, sum(counts.values()), 'words', len(counts), 'types', flush=True)
    keep = {w: c for w, c in counts.items() if c >= 3 or w in common or (w in terms and c >= 1)}
    lines = ['#fabrica-words 1', '# made by tools/lexicon/build_words.py; do not edit, see lexicon/README.md']
    lines += [f'w\t{w}\t{c}' for w, c in sorted(keep.items(), key=lambda v: (-v[1], v[0]))]
    lines += hmm(cut, counts)
    (ROOT / 'lexicon/words_zh.tsv').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    print(len(keep), 'words kept')
    shown = sorted(found & set(keep), key=lambda w: -counts[w])
    print('found:', ' '.join(shown[:150]), '...', ' '.join(shown[-100:]))


main()
