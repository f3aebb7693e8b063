#!/usr/bin/env python3
"""Writes tests/cases/published_tokenizer: tokenizers of published models, each sound but for one thing, and expected.txt."""
import base64
import json
import pathlib
import struct

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "cases" / "published_tokenizer"


def doc(model, **more):
    return json.dumps({"model": model, **more}, ensure_ascii=False).encode()


def bpe(**more):
    return {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]], **more}


UNI = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1.0]]}
WORD = {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "a": 1, "##b": 2}}


def added(i, content, **more):
    return {"id": i, "content": content, "special": True, **more}


# --- protobuf ---

def varint(v):
    out = b""
    v &= 2**64 - 1
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def num(field, v):
    return varint(field << 3) + varint(v)


def sub(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def piece(text, score=0.0, kind=1):
    text = text if isinstance(text, bytes) else text.encode()
    return sub(1, sub(1, text) + varint(2 << 3 | 5) + struct.pack("<f", score) + num(3, kind))


START = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3)


def spm(*pieces, kind=2, trainer=b"", normalizer=b""):
    return START + b"".join(pieces) + sub(2, num(3, kind) + trainer) + sub(3, normalizer)


# --- GGUF ---

def string(s):
    return struct.pack("<Q", len(s.encode())) + s.encode()


def gg(**keys):
    out = []
    for k, v in keys.items():
        name = string("tokenizer.ggml." + k)
        if isinstance(v, str):
            out.append(name + struct.pack("<I", 8) + string(v))
        elif isinstance(v, int):
            out.append(name + struct.pack("<Ii", 5, v))
        elif isinstance(v[0], str):
            out.append(name + struct.pack("<IIQ", 9, 8, len(v)) + b"".join(map(string, v)))
        else:
            kind, code = (5, "i") if isinstance(v[0], int) else (6, "f")
            out.append(name + struct.pack(f"<IIQ{len(v)}{code}", 9, kind, len(v), *v))
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(out)) + b"".join(out)


T = ["<unk>", "a", "b"]
NOT_READ = "is not one of those known"
CASES = {
    "ok-bpe.json": (doc(bpe()), "ok"),
    "ok-unigram.json": (doc(UNI), "ok"),
    "ok-wordpiece.json": (doc(WORD), "ok"),
    "ok.model": (spm(piece("a"), piece("b")), "ok"),
    "ok-unigram.model": (spm(piece("a"), kind=1), "ok"),
    "ok-vocab.txt": (b"[UNK]\na\n##b\n", "ok"),
    "ok.gguf": (gg(model="llama", tokens=T, scores=[0.0, -1.0, -2.0]), "ok"),
    "bad-empty.json": (b"", "no tokenizer: 0 bytes"),
    "bad-cut.json": (doc(bpe())[:-20], "line 1 column"),
    "bad-flat.json": (b'{"a": 0, "b": 1}', "no model in it, and no merges.txt beside it"),
    "bad-no-merges.json": (doc({"type": "BPE", "vocab": {"a": 0}}), "model: no merges array"),
    "bad-no-vocab.json": (doc({"type": "BPE", "merges": []}), "model: no vocab object"),
    "bad-vocab-object.json": (doc({**UNI, "vocab": {"a": 0}}), "model: no vocab array"),
    "bad-model.json": (doc({"type": "WordLevel", "vocab": {}}), "model: type WordLevel; BPE, Unigram and WordPiece"),
    "bad-merge-unknown.json": (doc(bpe(merges=[["a", "c"]])), "merge 0: its right half is no token"),
    "bad-merge-product.json": (doc(bpe(merges=[["b", "a"]])), "to something that is no token"),
    "bad-merge-three.json": (doc(bpe(merges=["a b a"])), "merge 0 is not two tokens"),
    "bad-id-twice.json": (doc(bpe(vocab={"a": 0, "b": 0})), "token id 0 is given twice"),
    "bad-id-far.json": (doc(bpe(vocab={"a": 0, "b": 100000})), "ids reach 100000, but there are 2 tokens"),
    "bad-id-text.json": (doc(bpe(vocab={"a": "x", "b": 1})), "vocab: 'a' has no id"),
    "bad-added-clash.json": (doc(bpe(), added_tokens=[added(1, "<s>")]), "id 1 is 'b', added_tokens says '<s>'"),
    "bad-added-empty.json": (doc(bpe(), added_tokens=[added(3, "")]), "added token 3 is empty"),
    "bad-added-same.json": (doc(bpe(), added_tokens=[added(3, "a")]), "tokens 0 and 3 are the same: 'a'"),
    "bad-unk-missing.json": (doc(bpe(unk_token="<unk>")), "unk_token '<unk>' is not in the vocabulary"),
    "bad-unk-id.json": (doc({**UNI, "unk_id": 7}), "unk_id 7 of 0..1"),
    "bad-wordpiece-no-unk.json": (doc({k: v for k, v in WORD.items() if k != "unk_token"}), "a WordPiece without unk_token"),
    "bad-suffix.json": (doc(bpe(end_of_word_suffix="@@")), "end_of_word_suffix '@@' is not supported"),
    "bad-dropout.json": (doc(bpe(dropout=0.1)), "dropout is not supported"),
    "bad-normalizer.json": (doc(bpe(), normalizer={"type": "Foo"}), "normalizer: Foo is not known"),
    "bad-replace.json": (doc(bpe(), normalizer={"type": "Replace", "pattern": {"Regex": "x+"}, "content": ""}), NOT_READ),
    "bad-charsmap.json": (doc(bpe(), normalizer={"type": "Precompiled", "precompiled_charsmap":
                                                 base64.b64encode(b"\xff\0\0\0abc").decode()}), "a trie of 255 bytes in 7"),
    "bad-charsmap-base64.json": (doc(bpe(), normalizer={"type": "Precompiled", "precompiled_charsmap": "*"}), "not base64"),
    "bad-pre.json": (doc(bpe(), pre_tokenizer={"type": "Foo"}), "pre_tokenizer: Foo is not known"),
    "bad-pattern.json": (doc(bpe(), pre_tokenizer={"type": "Split", "pattern": {"Regex": "x"}, "behavior": "Isolated"}),
                         NOT_READ),
    "bad-decoder.json": (doc(bpe(), decoder={"type": "Foo"}), "decoder: Foo is not known"),
    "bad-post.json": (doc(bpe(), post_processor={"type": "BertProcessing", "cls": ["a", 9], "sep": ["b", 1]}),
                      "cls 9 and sep 1 of 0..2"),
    "bad-post-ids.json": (doc(bpe(), post_processor={"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}],
                                                     "special_tokens": {}}), "post_processor: 'x' has no ids"),
    "bad-score.json": (doc({**UNI, "vocab": [["a", "b"]]}), "vocab[0]: not [TOKEN, score]"),
    "bad-no-unk.txt": (b"a\nb\n", "no [UNK] among its 2 lines"),
    "bad-twice.txt": (b"[UNK]\na\na\n", "tokens 1 and 2 are the same: 'a'"),
    "bad-not-utf8.txt": (b"[UNK]\n\xff\n", "token 1 is not UTF-8"),
    "bad-cut.model": (spm(piece("a"))[:-1], "a number without an end"),
    "bad-field-length.model": (START + b"\x0a\x7f\x0a", "field 1 has 127 bytes, 1 are left"),
    "bad-number.model": (START + b"\xff" * 12, "a number without an end"),
    "bad-wire.model": (START + b"\x0b", "field 1 is of kind 3"),
    "bad-kind.model": (spm(piece("a"), kind=4), "model_type 4; Unigram (1) and BPE (2) are read"),
    "bad-type.model": (spm(piece("a", kind=9)), "piece 3 is of type 9"),
    "bad-nan.model": (spm(piece("a", float("nan"))), "piece 3 has the score NaN"),
    "bad-duplicate.model": (spm(piece("a"), piece("a")), "tokens 3 and 4 are the same: 'a'"),
    "bad-not-utf8.model": (spm(piece(b"\xff")), "token 3 is not UTF-8"),
    "bad-nul.model": (spm(piece("a\0b")), "or a NUL inside"),
    "bad-unk.model": (spm(trainer=num(40, 99)), "unk_id 99, but it has 3 pieces"),
    "bad-charsmap.model": (spm(normalizer=sub(2, b"abc")), "precompiled_charsmap: a trie of 0 bytes in 3"),
    "bad-model.gguf": (gg(model="rwkv", tokens=T), "'rwkv'; gpt2, llama, t5 and bert are read"),
    "bad-no-model.gguf": (gg(tokens=T), "tokenizer.ggml.model: not in the file"),
    "bad-no-tokens.gguf": (gg(model="llama"), "tokenizer.ggml.tokens: not in the file"),
    "bad-no-scores.gguf": (gg(model="llama", tokens=T), "tokenizer.ggml.scores: not in the file"),
    "bad-no-merges.gguf": (gg(model="gpt2", tokens=T), "tokenizer.ggml.merges: not in the file"),
    "bad-pre.gguf": (gg(model="gpt2", tokens=T, merges=["a b"], pre="tekken"), "tokenizer.ggml.pre: 'tekken'"),
    "bad-scores-fewer.gguf": (gg(model="llama", tokens=T, scores=[0.0]), "3 tokens but 1 scores"),
    "bad-types-fewer.gguf": (gg(model="llama", tokens=T, scores=[0.0] * 3, token_type=[1]), "3 tokens but 1 token types"),
    "bad-type.gguf": (gg(model="llama", tokens=T, scores=[0.0] * 3, token_type=[1, 1, 7]), "token_type[2]: 7 is not supported"),
    "bad-bos.gguf": (gg(model="llama", tokens=T, scores=[0.0] * 3, bos_token_id=3), "bos_token_id: 3 of 0..2"),
    "bad-no-unk.gguf": (gg(model="bert", tokens=["▁a", "b"]), "a WordPiece vocabulary without [UNK]"),
}

OUT.mkdir(parents=True, exist_ok=True)
for old in OUT.iterdir():
    old.unlink()
for name, (data, _) in CASES.items():
    (OUT / name).write_bytes(data)
(OUT / "expected.txt").write_text("".join(sorted(f"{n}: {says}\n" for n, (_, says) in CASES.items())))
