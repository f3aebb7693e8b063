#!/usr/bin/env python3
"""Writes tests/cases/tokenizer: small tokenizer.json files, each sound but for one thing, and expected.txt."""
import copy
import json
import pathlib

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "cases" / "tokenizer"


def alphabet():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(c) for c in plain] + [chr(256 + i) for i in range(68)]


def sound():
    vocab = {c: i + 1 for i, c in enumerate(alphabet())}
    vocab |= {"th": 257, "the": 258}
    return {"version": "1.0", "added_tokens": [{"id": 0, "content": "<eos>", "special": True}], "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
            "model": {"type": "BPE", "vocab": vocab, "merges": ["t h", "th e"]}}


def without(doc, *keys):
    for k in keys[:-1]:
        doc = doc[k]
    del doc[keys[-1]]


CASES = {
    "ok-pairs": (lambda d: d["model"].update(merges=[["t", "h"], ["th", "e"]]), "ok"),
    "bad-no-model": (lambda d: without(d, "model"), "model: not an object"),
    "bad-model-unigram": (lambda d: d["model"].update(type="Unigram"), "type Unigram, only BPE"),
    "bad-no-vocab": (lambda d: without(d, "model", "vocab"), "no vocab object"),
    "bad-vocab-list": (lambda d: d["model"].update(vocab=[1]), "no vocab object"),
    "bad-merges-number": (lambda d: d["model"].update(merges=3), "no merges array"),
    "bad-missing-byte": (lambda d: (d["model"]["vocab"].pop("A"), d["model"]["vocab"].update({"he": 33})),
                         "no token for byte 0x41"),
    "bad-id-gap": (lambda d: d["model"]["vocab"].update(the=400), "no id in 0..258"),
    "bad-id-twice": (lambda d: d["model"]["vocab"].update(the=257), "id 257 is given twice"),
    "bad-id-text": (lambda d: d["model"]["vocab"].update(the="x"), "no id in 0..258"),
    "bad-id-huge": (lambda d: d["model"]["vocab"].update(the=2**62), "no id in 0..258"),
    "bad-added-clash": (lambda d: d["added_tokens"][0].update(id=5), "added_tokens says '<eos>'"),
    "bad-added-no-id": (lambda d: without(d, "added_tokens", 0, "id"), "needs an integer id"),
    "bad-added-empty": (lambda d: d["added_tokens"][0].update(content=""), "has 0 bytes"),
    "bad-added-lstrip": (lambda d: d["added_tokens"][0].update(lstrip=True), "lstrip is not supported"),
    "bad-alphabet": (lambda d: (d["model"]["vocab"].pop("the"), d["model"]["vocab"].update({"▁the": 258})),
                     "not written in the byte-level alphabet"),
    "bad-merge-three": (lambda d: d["model"].update(merges=["t h e"]), "merge 0 is not two tokens"),
    "bad-merge-unknown": (lambda d: d["model"].update(merges=["t h", "xx e"]), "its left half is no token"),
    "bad-merge-product": (lambda d: d["model"].update(merges=["t h", "th x"]), "joins tokens 257 and"),
    "bad-merge-twice": (lambda d: d["model"].update(merges=["t h", "t h"]), "merges 0 and 1 are the same pair"),
    "bad-merge-number": (lambda d: d["model"].update(merges=[["t", 3]]), "merges[0]: not"),
    "bad-normalizer": (lambda d: d.update(normalizer={"type": "NFC"}), "normalizer: NFC is not supported"),
    "bad-no-pre": (lambda d: d.update(pre_tokenizer=None), "pre_tokenizer: null where ByteLevel"),
    "bad-pre-prefix-space": (lambda d: d["pre_tokenizer"].update(add_prefix_space=True), "add_prefix_space true"),
    "bad-pre-pattern": (lambda d: d.update(pre_tokenizer={"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}]}), "the pattern 'x+...'"),
    "bad-byte-fallback": (lambda d: d["model"].update(byte_fallback=True), "byte_fallback is not supported"),
    "bad-suffix": (lambda d: d["model"].update(end_of_word_suffix="</w>"), "end_of_word_suffix is not supported"),
}
RAW = {
    "ok.json": (json.dumps(sound()).encode(), "ok"),
    "bad-empty.json": (b"", "line 1"),
    "bad-array.json": (b"[]", "not an object"),
    "bad-cut.json": (json.dumps(sound()).encode()[:900], "line 1 column"),
    "bad-duplicate-key.json": (b'{"model": {"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}}', "duplicate"),
    "bad-not-utf8.json": (b'{"model": "\xff"}', "unable to decode byte 0xff"),
    "bad-deep.json": (b"[" * 5000, "nested deeper"),
    "bad-few-tokens.json": (b'{"pre_tokenizer": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}',
                            "1 tokens: a byte-level vocabulary has 256"),
}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, (change, says) in CASES.items():
        doc = copy.deepcopy(sound())
        change(doc)
        (OUT / f"{name}.json").write_text(json.dumps(doc, ensure_ascii=False, separators=(",", ":")))
        lines.append(f"{name}.json: {says}\n")
    for name, (data, says) in RAW.items():
        (OUT / name).write_bytes(data)
        lines.append(f"{name}: {says}\n")
    (OUT / "expected.txt").write_text("".join(sorted(lines)))


main()
