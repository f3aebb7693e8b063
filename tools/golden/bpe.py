#!/usr/bin/env python3
"""Golden files of the tokenizer, from Hugging Face's tokenizers (pip install tokenizers; written with 0.23).

    tools/golden/bpe.py        writes tests/golden/bpe/{PRE.json, cases.json} from corpus.txt beside them

PRE.json is a tokenizer.json trained on the corpus for each pre-tokenizer of src/text/pretoken.h; cases.json holds texts and
their ids under each. The texts mix the two languages with seeded characters of Unicode 3.2, so that the answer does not
hang on whose tables are newer.
"""
import json
import pathlib
import random
import unicodedata

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "bpe"
HAN = r"\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{20000}-\x{3FFFD}"
MODERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
PATTERNS = {
    "gpt-2": None,
    "llama-bpe": MODERN % r"\p{N}{1,3}",
    "qwen2": MODERN % r"\p{N}",
    "fabrica": r"'(?:s|t|re|ve|m|ll|d)| ?[\p{L}&&[^%s]]+|[%s]+|\p{N}| ?[^\s\p{L}\p{N}%s]+|\s+(?!\S)|\s+" % (HAN, HAN, HAN),
}
TEXTS = [
    "", " ", "  ", "\n", " \n ", "a", "I'll say it's fine, they've said we're DON'T", "'S 'LL 'lL '\u017f",
    "what does the image describe?", " is there a pleural effusion?", "no  double   spaces ", "tail   ", "\t\ttabs\r\n\r\nx",
    "CT显示右肺下叶5mm结节,2024年复查。", "图中有几个肾脏？", "左肺 右肺  心脏\n肝脏", "<|user|>图中是什么？<eos>", "<eos><eos>a<|user|><|user|",
    "1234567 12,345.67 x12y", "①②Ⅷ½ ٣٤", "naïve café e\u0301", "😀👩‍⚕️ 🫀", "—–…“引号”《书名》", "\u00a0nbsp\u2003em\u3000全角",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "-" * 70, "的" * 40, "\U00020000\u9fa5㐀",
]


def seeded_texts(n):
    rng = random.Random(7)
    old = unicodedata.ucd_3_2_0
    pool = [c for c in map(chr, range(1, 0x30000)) if old.category(c) not in ("Cn", "Cs", "Co")]
    ascii_pool = "abcXYZ019 '.,\n\r\t-!stmdrevl"
    han = "图中左肺右叶有无结节影像显示"
    for _ in range(n):
        yield "".join(rng.choice(rng.choice((pool, ascii_pool, ascii_pool, han))) for _ in range(rng.randint(1, 60)))


def train(name, pattern, lines):
    tok = Tokenizer(models.BPE())
    if pattern is None:
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tok.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=600, min_frequency=2, special_tokens=["<pad>", "<eos>", "<|user|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tok.train_from_iterator(lines, trainer)
    tok.save(str(HERE / (name + ".json")), pretty=False)
    return tok


def main():
    lines = (HERE / "corpus.txt").read_text().splitlines()
    toks = {name: train(name, pattern, lines) for name, pattern in PATTERNS.items()}
    cases = [{"text": t, "ids": {n: k.encode(t).ids for n, k in toks.items()}} for t in TEXTS + list(seeded_texts(60))]
    (HERE / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
