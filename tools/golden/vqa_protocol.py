#!/usr/bin/env python3
"""Writes tests/golden/vqa_protocol.json: points of answers under the VQA protocols, by the rules of
src/evaluate/vqa_protocol.h written anew with regular expressions. Run from the source root; no packages needed.
"""
import json
import re
from collections import Counter

MARKS = [";", "/", "[", "]", '"', "{", "}", "(", ")", "=", "+", "\\", "_", "-", ">", "<", "@", "`", ",", "?", "!"]
DIGITS = dict(zip("none zero one two three four five six seven eight nine ten".split(), "0 0 1 2 3 4 5 6 7 8 9 10".split()))
SHORT = {w.replace("'", ""): w for w in "ain't aren't can't don't isn't it's he's that's wasn't won't".split() if w != "it's"}


def clean(text):
    for a, b in zip("，、；。？！（）", ",,;.?!()"):
        text = text.replace(a, b)
    out, number = text, re.search(r"\d,\d", text)
    for m in MARKS:
        beside = m + " " in text or " " + m in text or number
        out = out.replace(m, "" if beside else " ")
    out = re.sub(r"\.(?!\d)", "", out)
    words = [DIGITS.get(w, w) for w in out.lower().split()]
    return " ".join(SHORT.get(w, w) for w in words if w not in ("a", "an", "the"))


def tokens(s):
    return re.findall(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+", s)


def llava_med(answer, ref, closed, zh):
    a, r = clean(answer), clean(ref)
    if closed:
        return float((zh or "yes" in a or "no" in a) and r in a)
    said, meant = Counter(tokens(a)), Counter(tokens(r))
    tp = sum(said[w] for w in said if w in meant)
    fn = sum(meant[w] for w in meant if w not in said)
    return tp / (tp + fn) if tp + fn else 0.0


def rad(s):
    return clean(s).replace(",", "").replace("x ray", "xray")


PAIRS = [  # answer, reference, closed, lang
    ("Yes.", "yes", 1, "en"), ("Yes, there is.", "yes", 1, "en"), ("abnormal", "no", 1, "en"), ("maybe", "no", 1, "en"),
    ("The left lung is not affected", "left", 1, "en"), ("left", "left", 1, "en"), ("No", "No", 1, "en"),
    ("the right lung", "Right Lung", 0, "en"), ("lung, right", "right lung", 0, "en"), ("right right right", "right lobe", 0, "en"),
    ("liver, spleen", "Liver, Spleen", 0, "en"), ("liver,spleen", "Liver, Spleen", 0, "en"), ("spleen, liver", "Liver, Spleen", 0, "en"),
    ("two", "2", 0, "en"), ("there are 2.", "two", 0, "en"), ("none", "0", 0, "en"), ("3.5 cm", "3.5 cm.", 0, "en"), ("3.5", "35", 0, "en"),
    ("1,000 cells", "1000 cells", 0, "en"), ("X-ray", "xray", 0, "en"), ("x ray", "X-Ray", 0, "en"), ("X-Ray", "x-ray.", 0, "en"),
    ("chest x-ray (PA)", "chest x ray pa", 0, "en"), ("T2-weighted", "T2 weighted", 0, "en"), ("t2 - weighted", "t2 weighted", 0, "en"),
    ("dont know", "don't know", 0, "en"), ("a mass", "mass", 0, "en"), ("", "yes", 1, "en"), ("", "liver", 0, "en"), (".", "", 0, "en"),
    ("它是肺。", "肺", 0, "zh"), ("肺", "肺", 0, "zh"), ("左肺，右肺", "左肺、右肺", 0, "zh"), ("不包含", "包含", 1, "zh"), ("包含", "包含", 1, "zh"),
    ("MRI检查", "MRI", 0, "zh"), ("是的", "不是", 1, "zh"), ("胸部X光", "X-Ray", 0, "zh"), ("a/b", "a b", 0, "en"), ("a/ b/c", "b c", 0, "en"),
    ("No evidence of an aortic aneurysm", "aortic aneurysm", 0, "en"), ("bilateral  \t lungs", "Bilateral Lungs", 0, "en"),
    ("5.6-cm focal, predominantly hypodense", "5.6 cm focal predominantly hypodense", 0, "en"), ("Mr.Smith", "mrsmith", 0, "en"),
    ("yes_no", "yes no", 1, "en"), ("(left)", "left", 1, "en"), ("the a an", "a", 0, "en"), ("Ten", "10", 0, "en"),
]

rows = [{"answer": a, "reference": r, "closed": bool(c), "lang": l, "clean": clean(a),
         "llava-med": llava_med(a, r, c, l == "zh"), "slake": float(clean(a) == clean(r)), "vqa-rad": float(rad(a) == rad(r))}
        for a, r, c, l in PAIRS]
with open("tests/golden/vqa_protocol.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]\n")
