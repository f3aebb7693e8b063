#!/usr/bin/env python3
"""Writes tests/cases/text_scores: records of `fabrica score`, each file sound but for one thing, and expected.txt."""
import pathlib

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "cases" / "text_scores"
GOOD = '{"id": "a", "hyp": "No effusion.\\nClear.", "refs": ["Clear.", "No pleural effusions."]}\n'.encode()
ZH = '{"id": 2, "hyp": "双肺未见结节", "ref": "双肺未见明显结节，CT约3.5cm"}\n'.encode()
CASES = {
    "ok": (GOOD + ZH, "ok"),
    "ok-empty-hyp": (b'{"id": "a", "hyp": "", "refs": [""]}\n' + ZH, "ok"),
    "bad-nothing": (b"\n", "no record"),
    "bad-no-id": (b'{"hyp": "a", "refs": ["a"]}\n', "line 1: id: missing"),
    "bad-no-hyp": (GOOD + b'{"id": "b", "refs": ["a"]}\n', "line 2: hyp: missing, a string is wanted"),
    "bad-hyp-number": (GOOD + b'{"id": "b", "hyp": 3, "refs": ["a"]}\n', "line 2: hyp: is an integer"),
    "bad-no-refs": (GOOD + b'{"id": "b", "hyp": "a"}\n', "line 2: refs: missing"),
    "bad-refs-empty": (b'{"id": "b", "hyp": "a", "refs": []}\n', "line 1: refs: has 0 strings"),
    "bad-refs-string": (b'{"id": "b", "hyp": "a", "refs": "a"}\n', "line 1: refs: is no array"),
    "bad-ref-null": (b'{"id": "b", "hyp": "a", "refs": ["a", null]}\n', "line 1: refs[1]: is no string"),
    "bad-same-id": (GOOD + ZH + GOOD, "lines 1 and 3 have the same id"),
    "bad-not-utf8": (GOOD + b'{"id": "b", "hyp": "\xb4\xf3", "refs": ["a"]}\n', "line 2: column"),
    "bad-nan": (b'{"id": "b", "hyp": NaN, "refs": ["a"]}\n', "line 1: column"),
    "bad-array": (b"[1]\n", "line 1"),
}
OUT.mkdir(parents=True, exist_ok=True)
for name, (data, _) in CASES.items():
    (OUT / f"{name}.jsonl").write_bytes(data)
(OUT / "expected.txt").write_text("".join(sorted(f"{n}.jsonl: {says}\n" for n, (_, says) in CASES.items())))
