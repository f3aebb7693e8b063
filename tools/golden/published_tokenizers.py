#!/usr/bin/env python3
"""Golden tokenizers (pip install tokenizers sentencepiece gguf numpy; written with tokenizers 0.23, sentencepiece 0.2).

    tools/golden/published_tokenizers.py    trains a tiny tokenizer of each kind on tests/golden/bpe/corpus.txt and writes it with the
                                  reference's ids and texts for some 60 awkward strings to tests/golden/tokenizers
    tools/golden/published_tokenizers.py WEIGHTS    writes real.json from the folder that tools/get-weights filled

cases.json: {"texts": [...], "files": {FILE: {"ids": [[...]], "framed": [[...]], "text": [...]}}}; text is what the reference
decodes, absent where it has no decoder of its own; plain: control tokens in a text are not looked for.
"""
import json
import pathlib
import sys
import tempfile

import gguf
import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
HERE = ROOT / "tokenizers"
LINES = (ROOT / "bpe" / "corpus.txt").read_text().splitlines()
TEXTS = [
    "", " ", "  ", "   a", "a", "\n", "\n\n", " \n ", "\t", "\r\n", "Hello world", "Hello  world", " Hello world ", "hello, world!",
    "I'll say it's fine, they've said we're DON'T", "'S 'LL 'lL", "what does the image describe?", "No  double   spaces    here",
    "tail   ", "\t\ttabs\r\n\r\nx", "CT显示右肺下叶5mm结节,2024年复查。", "图中有几个肾脏？", "左肺 右肺  心脏\n肝脏", "1234567 12,345.67 x12y",
    "①②Ⅷ½ ٣٤", "naïve café e\u0301 Ångström", "İstanbul ΑΒΓς ß ﬁ ﬂ", "😀👩‍⚕️ 🫀 🇨🇳", "—–…“引号”《书名》", "\u00a0nbsp\u2003em\u3000全角",
    "a" * 120, "-" * 70, "的" * 40, "\U00020000\u9fa5㐀", "\u0001\u0002\u007f\u0085", "a\u200bb\u200db\ufeffc\u00ad",
    "<s>inside</s> <unk> <pad>", "<|im_start|>user\nhi<|im_end|>\n", "[CLS] a [SEP] b [MASK]", "<|endoftext|><|startoftext|>x",
    "<bos>a<eos><start_of_turn>user", "<0x0A> <0x41>", "▁lower ▁▁ one", "ｆｕｌｌ　ｗｉｄｔｈ", "한국어 日本語 ไทย עברית العربية हिन्दी",
    "a\u0300\u0316b\u0315\u0300", "http://a.b/c?d=e&f=%20", "f(x) = {[a]<b>};", "snake_case CamelCase kebab-case",
    "don't can't won't O'Neil's", "3.14e-10 $5.00 50% #1", "Mr. Smith, Ph.D., said: \"no\" (really).", "ΣΊΣΥΦΟΣ Σ", "ǅ ǈ ŉ",
    "½ ¼ ² ³ ™ ® ℃", "…..!!??,,", "a b  c   d    e     f", "line1\nline2\n\n\nline5", "xxx" + " " * 50 + "y",
    "the patient shows a 5 mm nodule in the right lower lobe.", "一 二　三", "lung lung lung lungs Lungs LUNG", "<s><s> <s>", "[MASK][MASK]",
]
BYTES = [f"<0x{i:02X}>" for i in range(256)]
CASES = {}


def note(name, ids, framed, text=None):
    CASES[name] = {"ids": ids, "framed": framed}
    if text is not None:
        CASES[name]["text"] = text


def save(name, tok):
    tok.save(str(HERE / name), pretty=False)
    tok = Tokenizer.from_file(str(HERE / name))
    plain = [tok.encode(t, add_special_tokens=False).ids for t in TEXTS]
    note(name, plain, [tok.encode(t).ids for t in TEXTS], [tok.decode(i) for i in plain])
    return tok


def frame(tok, before, after):
    def special(names):
        return [f"{n}:0" for n in names]
    tok.post_processor = processors.TemplateProcessing(
        single=special(before) + ["$A:0"] + special(after),
        special_tokens=[(n, tok.token_to_id(n)) for n in before + after])


def byte_level():
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(LINES, trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.add_tokens([AddedToken("lung lung", normalized=True), AddedToken("[MASK]", lstrip=True, rstrip=True)])
    save("byte-bpe.json", tok)
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(LINES, trainers.BpeTrainer(
        vocab_size=450, special_tokens=["<pad>", "<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    frame(tok, ["<s>"], ["</s>"])
    save("byte-bpe-uncased.json", tok)


def clip():
    pattern = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tok = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "removed", invert=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(LINES, trainers.BpeTrainer(
        vocab_size=800, initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False,
        special_tokens=[c + "</w>" for c in letters]))
    doc = json.loads(tok.to_str())
    vocab = doc["model"]["vocab"]
    for name in ("<|startoftext|>", "<|endoftext|>"):
        vocab[name] = len(vocab)
    doc["added_tokens"] = [dict(id=vocab[n], content=n, single_word=False, lstrip=False, rstrip=False, normalized=n[2] == "s",
                                special=True) for n in ("<|startoftext|>", "<|endoftext|>")]
    tok = Tokenizer.from_str(json.dumps(doc))
    tok.post_processor = processors.RobertaProcessing(("<|endoftext|>", vocab["<|endoftext|>"]),
                                                      ("<|startoftext|>", vocab["<|startoftext|>"]), False, False)
    tok = save("clip.json", tok)
    CASES["clip.json"].pop("text")  # its own decoder leaves </w> in
    folder = HERE / "clip"
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in doc["model"]["merges"]))
    note("clip", CASES["clip.json"]["ids"], CASES["clip.json"]["framed"])


def llama():
    tok = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                     decoders.Strip(" ", 1, 0)])
    words = [w for line in LINES for w in (" " + line).split()]
    tok.train_from_iterator(words, trainers.BpeTrainer(vocab_size=700, show_progress=False, limit_alphabet=120,
                                                       special_tokens=["<unk>", "<s>", "</s>"] + BYTES))
    doc = json.loads(tok.to_str())
    doc["added_tokens"] = [a for a in doc["added_tokens"] if not a["content"].startswith("<0x")]
    tok = Tokenizer.from_str(json.dumps(doc))
    frame(tok, ["<s>"], [])
    save("llama.json", tok)
    tok.normalizer = normalizers.Replace(" ", "▁")
    tok.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tok.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("<start_of_turn>", normalized=False)])
    save("gemma.json", tok)


def wordpiece():
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tok.normalizer = normalizers.BertNormalizer()
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tok.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=500, special_tokens=marks, show_progress=False,
                                                             limit_alphabet=150))
    frame(tok, ["[CLS]"], ["[SEP]"])
    tok = save("wordpiece.json", tok)
    tokens = [tok.id_to_token(i) for i in range(tok.get_vocab_size())]
    (HERE / "vocab.txt").write_text("".join(t + "\n" for t in tokens))
    note("vocab.txt", *(CASES["wordpiece.json"][k] for k in ("ids", "framed", "text")))
    kinds = [3 if t in marks else 1 for t in tokens]
    tokens = [t if t in marks else t[2:] if t.startswith("##") else "▁" + t for t in tokens]
    to_gguf("wordpiece.gguf", "bert", tokens, kinds, None, bos=2, sep=3, unk=1, pad=0, cls=2)
    note("wordpiece.gguf", *(CASES["wordpiece.json"][k] for k in ("ids", "framed", "text")))
    tok.normalizer = normalizers.BertNormalizer(lowercase=False)
    save("wordpiece-cased.json", tok)


def to_gguf(name, model, tokens, kinds, scores, **ids):
    w = gguf.GGUFWriter(HERE / name, "none")
    w.add_tokenizer_model(model)
    w.add_token_list(tokens)
    w.add_token_types(kinds)
    if scores:
        w.add_token_scores(scores)
    names = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding", "sep": "seperator", "cls": "cls"}
    for key, value in ids.items():
        if key == "charsmap":
            w.add_array("tokenizer.ggml.precompiled_charsmap", list(value))
        elif key in names:
            w.add_uint32(f"tokenizer.ggml.{names[key]}_token_id", value)
        else:
            w.add_bool(f"tokenizer.ggml.{key}", value)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def sentencepiece(name, kind, **options):
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        (d / "corpus").write_text("\n".join(LINES))
        # a few of NFKC's rules: the whole map would be 240 kB
        rules = {c: t for c, t in zip("ｆｕｌｉｗｄｔｈ①②Ⅷﬁﬂ½　\u00a0\u2003\t", "fuliwdth12") } if kind == "unigram" else {}
        if rules:
            rules.update({"Ⅷ": "VIII", "ﬁ": "fi", "ﬂ": "fl", "½": "1⁄2", "　": " ", "\u00a0": " ", "\u2003": " ", "\t": " ",
                          "e\u0301": "é", "\u200b": "", "İ": "i̇"})
            (d / "rules.tsv").write_text("".join(" ".join(f"{ord(c):X}" for c in k) + "\t" + " ".join(
                f"{ord(c):X}" for c in v) + "\n" for k, v in rules.items()))
            options["normalization_rule_tsv"] = str(d / "rules.tsv")
        else:
            options["normalization_rule_name"] = "identity"
        spm.SentencePieceTrainer.train(input=str(d / "corpus"), model_prefix=str(d / "m"), model_type=kind, minloglevel=2,
                                       num_threads=1, hard_vocab_limit=False, **options)
        data = (d / "m.model").read_bytes()
    (HERE / (name + ".model")).write_bytes(data)
    sp = spm.SentencePieceProcessor(model_proto=data)
    ids = [sp.encode(t) for t in TEXTS]
    framed = [[sp.bos_id()] + i if kind == "bpe" else i + [sp.eos_id()] for i in ids]
    # control tokens in a text are known to our encoder and unknown to SentencePiece's
    note(name + ".model", ids, framed)
    CASES[name + ".model"]["plain"] = True
    return sp, data


def spm_kinds():
    sp, _ = sentencepiece("spm-bpe", "bpe", vocab_size=700, byte_fallback=True, character_coverage=0.985,
                          remove_extra_whitespaces=False, user_defined_symbols=["▁▁", "<sep>"])
    n = sp.get_piece_size()
    kinds = [2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else
             4 if sp.id_to_piece(i) in ("▁▁", "<sep>") else 1 for i in range(n)]
    tokens = [sp.id_to_piece(i) for i in range(n)]
    to_gguf("spm-bpe.gguf", "llama", tokens, kinds, [sp.get_score(i) for i in range(n)], bos=1, eos=2, unk=0,
            add_bos_token=True, add_space_prefix=True)
    CASES["spm-bpe.gguf"] = CASES["spm-bpe.model"]
    sp, data = sentencepiece("unigram", "unigram", vocab_size=500, character_coverage=0.985)
    n = sp.get_piece_size()
    from sentencepiece import sentencepiece_model_pb2 as pb
    proto = pb.ModelProto()
    proto.ParseFromString(data)
    charsmap = proto.normalizer_spec.precompiled_charsmap
    kinds = [2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 1 for i in range(n)]
    tokens = [sp.id_to_piece(i) for i in range(n)]
    scores = [sp.get_score(i) for i in range(n)]
    to_gguf("unigram.gguf", "t5", tokens, kinds, scores, bos=1, eos=2, unk=0, add_bos_token=False, add_eos_token=True,
            add_space_prefix=True, remove_extra_whitespaces=True, charsmap=charsmap)
    CASES["unigram.gguf"] = CASES["unigram.model"]
    tok = Tokenizer(models.Unigram(list(zip(tokens, scores)), unk_id=0))
    tok.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Strip(),
                                           normalizers.Replace(Regex(" {2,}"), " ")])
    tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tok.decoder = decoders.Metaspace(prepend_scheme="always")
    tok.add_special_tokens(["<s>", "</s>"])
    frame(tok, [], ["</s>"])
    save("unigram.json", tok)


def real(weights):
    """real.json: the ids that the tokenizer.json of tools/get-weights' models give."""
    out = {}
    for name in ("minilm", "whisper-base"):
        tok = Tokenizer.from_file(f"{weights}/{name}/tokenizer.json")
        tok.no_truncation()
        tok.no_padding()
        out[name] = {"ids": [tok.encode(t, add_special_tokens=False).ids for t in TEXTS],
                     "framed": [tok.encode(t).ids for t in TEXTS]}
    (HERE / "real.json").write_text(json.dumps({"texts": TEXTS, "files": out}, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        real(sys.argv[1])
        sys.exit()
    HERE.mkdir(parents=True, exist_ok=True)
    for make in (byte_level, clip, llama, wordpiece, spm_kinds):
        make()
    (HERE / "cases.json").write_text(json.dumps({"texts": TEXTS, "files": CASES}, ensure_ascii=False, separators=(",", ":")))
