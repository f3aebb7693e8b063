#!/usr/bin/env python3
"""Writes tests/golden/stats.json: what scipy, statsmodels, scikit-learn and plain definitions say about small data.

Needs: pip install numpy scipy statsmodels scikit-learn. Run from the source root. The bootstrap is drawn here with the
same generator as src/base/rng.c (xoshiro256** seeded by splitmix64), written anew, so its bounds agree to rounding.
"""
import hashlib
import json
import math

import numpy as np
from scipy import optimize, stats
from sklearn.metrics import (average_precision_score, balanced_accuracy_score, brier_score_loss, cohen_kappa_score, f1_score, roc_auc_score,
                             roc_curve)
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import fleiss_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

M64 = (1 << 64) - 1


class Xoshiro:
    def __init__(self, seed):
        self.s = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & M64
            z = seed
            z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M64
            z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M64
            self.s.append(z ^ z >> 31)

    def u64(self):
        s = self.s
        rotl = lambda x, k: (x << k | x >> (64 - k)) & M64
        out = rotl(s[1] * 5 & M64, 7) * 9 & M64
        t = s[1] << 17 & M64
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
        return out

    def below(self, n):
        unfair = (1 << 32) % n
        while True:
            m = (self.u64() >> 32) * n
            if m & 0xFFFFFFFF >= unfair:
                return m >> 32


def bootstrap(x, cluster, resamples, seed):
    x, rng, means = np.asarray(x), Xoshiro(seed), []
    groups = [np.flatnonzero(np.asarray(cluster) == g) for g in range(max(cluster) + 1)] if cluster else None
    for _ in range(resamples):
        if groups:
            rows = np.concatenate([groups[rng.below(len(groups))] for _ in groups])
        else:
            rows = [rng.below(len(x)) for _ in x]
        means.append(x[rows].mean())
    return [float(v) for v in (x.mean(), *np.percentile(means, [2.5, 97.5]))]


def placements(s, y):
    """DeLong's V10 and V01 by their definition, one pair at a time."""
    s, y = np.asarray(s, np.float32), np.asarray(y)
    pos, neg = s[y == 1], s[y == 0]
    psi = (pos[:, None] > neg).astype(float) + 0.5 * (pos[:, None] == neg)
    return psi.mean(1), psi.mean(0)


def delong(a, b, y):
    va, wa = placements(a, y)
    vb, wb = placements(b, y)
    cov = np.cov(np.stack([va, vb])) / len(va) + np.cov(np.stack([wa, wb])) / len(wa)
    var = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    z = (va.mean() - vb.mean()) / math.sqrt(var)
    return {"auc_a": va.mean(), "auc_b": vb.mean(), "se_a": math.sqrt(cov[0, 0]), "se_b": math.sqrt(cov[1, 1]),
            "se": math.sqrt(var), "z": z, "p": 2 * stats.norm.sf(abs(z))}


def auc_cases(rng):
    out = []
    for n, ties in ((25, False), (40, True), (300, True), (200, False)):
        y = (rng.random(n) < 0.35).astype(int)
        y[:4] = [0, 1, 0, 1]
        a = (rng.normal(size=n) + 1.1 * y).astype(np.float32)
        b = (0.6 * a + 0.8 * rng.normal(size=n) + 0.3 * y).astype(np.float32)
        if ties:
            a, b = np.round(a, 1), np.round(b * 2) / 2
        case = {"a": [float(v) for v in a], "b": [float(v) for v in b], "y": y.tolist(), **delong(a, b, y)}
        assert abs(case["auc_a"] - roc_auc_score(y, a)) < 1e-12
        out.append(case)
    return out


def share_case(x1, n1, x2, n2):
    z, p = proportions_ztest([x1, x2], [n1, n2])
    lo, hi = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb", compare="diff")
    return {"counts": [x1, n1, x2, n2], "wilson": list(proportion_confint(x1, n1, method="wilson")), "z": z, "p": p,
            "newcombe": [lo, hi]}


def mcnemar_case(b, c):
    t = [[0, b], [c, 0]]
    exact, chi = mcnemar(t, exact=True), mcnemar(t, exact=False, correction=False)
    return {"b": b, "c": c, "p_exact": exact.pvalue, "chi2": chi.statistic, "p_chi2": chi.pvalue}


def kappa_case(rng, n, C):
    a = rng.integers(0, C, n)
    b = np.where(rng.random(n) < 0.6, a, rng.integers(0, C, n))
    return {"a": a.tolist(), "b": b.tolist(), "C": C,
            "kappa": [cohen_kappa_score(a, b, labels=range(C), weights=w) for w in (None, "linear", "quadratic")]}


def randomisation_case(rng, n):
    """All 2^n swaps."""
    a, b = np.round(rng.random(n), 2), np.round(rng.random(n) * 0.9, 2)
    d = a - b
    signs = 1 - 2 * ((np.arange(1 << n)[:, None] >> np.arange(n)) & 1)
    far = np.abs(signs @ d) >= abs(d.sum()) - 1e-12
    check = stats.permutation_test((a, b), lambda u, v, axis: np.mean(u - v, axis=axis), permutation_type="samples",
                                   vectorized=True, n_resamples=np.inf)
    assert abs(check.pvalue - far.mean()) < 1e-9
    return {"a": a.tolist(), "b": b.tolist(), "difference": d.mean(), "p": far.mean()}


def classify_case(rng):
    n, names = 160, ["a", "b", "c"]
    y = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    z = rng.normal(size=(n, 3)) + 1.3 * np.eye(3)[y]
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    p = np.round(p, 2)
    p[:, 0] = 1 - p[:, 1] - p[:, 2]
    p = np.abs(np.round(p, 2))
    sex = rng.choice(["f", "m"], n)
    age = rng.integers(5, 90, n)
    called = p.astype(np.float32).argmax(1)
    right, top = (called == y).astype(float), p.max(1)
    bins = np.clip(np.ceil(top.astype(np.float32).astype(float) * 15).astype(int) - 1, 0, 14)
    ece = sum((bins == b).sum() / n * abs(right[bins == b].mean() - top[bins == b].mean()) for b in set(bins))
    sens = {}
    for c, name in enumerate(names):
        fpr, tpr, _ = roc_curve(y == c, p[:, c], drop_intermediate=False)
        sens[name] = [float(tpr[fpr <= 1 - s + 1e-9].max()) for s in (0.8, 0.9, 0.95)]
    order = np.argsort(-top, kind="stable")
    rows = [{"id": str(i), "label": names[y[i]], "sex": str(sex[i]), "age": int(age[i]),
             "scores": {k: float(p[i, c]) for c, k in enumerate(names)}} for i in range(n)]
    return {"rows": rows, "accuracy": right.mean(), "balanced_accuracy": balanced_accuracy_score(y, called),
            "macro_f1": f1_score(y, called, average="macro"), "micro_f1": f1_score(y, called, average="micro"),
            "kappa": cohen_kappa_score(y, called), "auc": np.mean([roc_auc_score(y == c, p[:, c]) for c in range(3)]),
            "sensitivity": sens, "ece": ece, "brier": ((p - np.eye(3)[y]) ** 2).sum(1).mean(),
            "brier_a": brier_score_loss(y == 0, p[:, 0]), "by_sex": {k: right[sex == k].mean() for k in "fm"},
            "n_40": int(((age >= 40) & (age < 60)).sum())}


def obrien_fleming(t, alpha):
    """Bounds by scipy's multivariate normal: P(no crossing up to k) = 1 - alpha(t_k)."""
    z, bounds = stats.norm.ppf(1 - alpha / 4), []
    t = np.array(t)
    cov = np.minimum.outer(t, t) / np.sqrt(np.outer(t, t))
    for k in range(1, len(t) + 1):
        spent = 4 * stats.norm.sf(z / math.sqrt(t[k - 1]))
        inside = lambda b: stats.multivariate_normal.cdf(
            bounds + [b], cov=cov[:k, :k], lower_limit=[-x for x in bounds + [b]], maxpts=400000, abseps=1e-7, releps=1e-7,
            allow_singular=True) - (1 - spent)
        bounds.append(optimize.brentq(inside, 1.0, 9.0, xtol=1e-7))
    return {"t": t.tolist(), "alpha": alpha, "bounds": bounds}


def bradley_terry(rng, prior):
    truth, rows = [0.0, 0.4, 1.1, -0.5], []
    for _ in range(150):
        a, b = rng.choice(4, 2, replace=False)
        p = 1 / (1 + math.exp(truth[b] - truth[a]))
        rows.append([int(a), int(b), 0.5 if rng.random() < 0.15 else float(rng.random() < p)])

    def loss(x):
        d = np.array([x[a] - x[b] for a, b, _ in rows])
        s = np.array([r[2] for r in rows])
        return np.sum(s * np.logaddexp(0, -d) + (1 - s) * np.logaddexp(0, d)) + prior * np.sum(
            np.logaddexp(0, -x) + np.logaddexp(0, x))

    x = optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    if not prior:
        x -= x.mean()
    return {"rows": [v for r in rows for v in r], "prior": prior, "rating": (1500 + 400 * x / math.log(10)).tolist()}


def retrieval(rng):
    n, E = 30, 6
    text, image = rng.normal(size=(n, E)), None
    image = text + rng.normal(size=(n, E))
    text, image = np.round(text, 3), np.round(image, 3)
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    sim = unit(text) @ unit(image).T
    out = {"rows": [{"id": str(i), "image": image[i].tolist(), "text": text[i].tolist()} for i in range(n)]}
    for name, s in (("text_to_image", sim), ("image_to_text", sim.T)):
        rank = np.array([(s[i] > s[i, i]).sum() + 1 for i in range(n)])
        out[name] = {"hit": [float((rank <= k).mean()) for k in (1, 5, 10)], "median": float(np.median(rank)),
                     "map": float(np.mean([average_precision_score(np.eye(n)[i], s[i]) for i in range(n)]))}
    many, ap = [], []
    for _ in range(12):
        order = rng.permutation(15)
        relevant = rng.choice(15, rng.integers(1, 5), replace=False)
        many.append({"ranking": [int(v) for v in order], "relevant": [int(v) for v in relevant]})
        score = np.empty(15)
        score[order] = np.arange(15, 0, -1)
        ap.append(average_precision_score(np.isin(np.arange(15), relevant), score))
    top = [np.isin(q["ranking"][:5], q["relevant"]).sum() for q in many]
    size = [len(q["relevant"]) for q in many]
    out["rankings"] = {"rows": many, "map": float(np.mean(ap)), "precision": float(np.mean([t / 5 for t in top])),
                       "recall": float(np.mean([t / r for t, r in zip(top, size)])),
                       "random": float(np.mean([stats.hypergeom.sf(0, 15, r, 5) for r in size]))}
    return out


def buckets():
    return [[u, e, int(hashlib.sha256((u + e).encode()).hexdigest(), 16) % 10000]
            for u, e in (("", ""), ("case-1", "report-v2"), ("case-2", "report-v2"), ("病例三", "甲乙"), ("x" * 600, "long"))]


def main():
    rng = np.random.default_rng(4)
    x = np.round(rng.beta(2, 1, 37), 3).tolist()
    cluster = np.sort(rng.integers(0, 9, 37))
    cluster = np.unique(cluster, return_inverse=True)[1].tolist()
    p = [0.01, 0.04, 0.03, 0.005, 0.6, 0.04, 1.0, 0.0]
    fleiss = rng.multinomial(5, [0.5, 0.3, 0.2], 20)
    size = lambda base, d, a, w: math.ceil((stats.norm.ppf(1 - a / 2) + stats.norm.ppf(w)) ** 2 * 2 * (base + d / 2)
                                           * (1 - base - d / 2) / d ** 2)
    wide = stats.bootstrap((np.array(x),), np.mean, n_resamples=100000, method="percentile", random_state=1)
    golden = {
        "quantile": [[q, stats.norm.ppf(q)] for q in (1e-300, 1e-12, 1e-5, 0.01, 0.2, 0.5, 0.7, 0.975, 0.9999999)],
        "chi2": [[v, k, stats.chi2.sf(v, k)] for v in (0.1, 3.84, 30.0) for k in (1, 2, 3, 4, 7, 10)],
        "bootstrap": {"x": x, "cluster": cluster, "seed": 77, "resamples": 400, "mean": bootstrap(x, None, 400, 77),
                      "clustered": bootstrap(x, cluster, 400, 77), "scipy": list(wide.confidence_interval)},
        "randomisation": [randomisation_case(rng, n) for n in (5, 11, 14)],
        "mcnemar": [mcnemar_case(*c) for c in ((0, 0), (1, 7), (12, 12), (13, 30), (0, 24), (400, 350))
                    if c != (0, 0)],
        "holm": {"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()},
        "shares": [share_case(*c) for c in ((12, 80, 25, 90), (0, 30, 4, 40), (399, 1000, 350, 1000), (9, 10, 10, 10))],
        "size": [[b, d, a, w, size(b, d, a, w)] for b, d, a, w in
                 ((0.7, 0.05, 0.05, 0.8), (0.9, -0.02, 0.01, 0.9), (0.5, 0.2, 0.05, 0.95))],
        "auc": auc_cases(rng),
        "kappa": [kappa_case(rng, 30, 2), kappa_case(rng, 120, 4)],
        "classify": classify_case(rng),
        "obrien_fleming": [obrien_fleming([0.2, 0.4, 0.6, 0.8, 1.0], 0.05), obrien_fleming([0.3, 0.5, 1.0], 0.01)],
        "bradley_terry": [bradley_terry(rng, 0.0), bradley_terry(rng, 0.5)],
        "buckets": buckets(),
        "retrieval": retrieval(rng),
        "fleiss": {"counts": fleiss.ravel().tolist(), "C": 3, "kappa": fleiss_kappa(fleiss)},
    }
    text = json.dumps(golden, default=float)
    with open("tests/golden/stats.json", "w") as f:
        f.write(text.replace("}, {", "},\n{").replace('], "', '],\n"') + "\n")


main()
