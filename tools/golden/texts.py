#!/usr/bin/env python3
"""Writes tests/golden/texts/NAME.json: for a published GGUF (tools/get-weights NAME), ten prompts, their ids and the 32
tokens that transformers, with the weights widened to f32, says after each, greedily; and how far its choice was ahead of
the second at every step.

    python3 tools/golden/texts.py smollm2-135m|gemma3-270m FILE.gguf        (torch, transformers 5, gguf from PyPI)
"""
import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = ["The heart has four chambers:", "Once upon a time, in a small village by the sea,",
           "A chest X-ray shows", "The three most common causes of a cough are", "def fibonacci(n):\n",
           "Question: What is the capital of France?\nAnswer:", "In 1895, Wilhelm Röntgen discovered",
           "2 + 2 = 4, 3 + 3 = 6, 4 + 4 =", "胸部X光片显示", "Translate to French: Good morning, doctor.\n"]


def say(model, words, text):
    ids = words(text, return_tensors="pt").input_ids
    with torch.no_grad():
        got = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=32, do_sample=False,
                             temperature=None, top_p=None, top_k=None, repetition_penalty=1.0,
                             output_logits=True, return_dict_in_generate=True)
    ahead = [float((t := z[0].float().topk(2).values)[0] - t[1]) for z in got.logits]
    out = got.sequences[0, ids.shape[1]:].tolist()
    return {"text": text, "ids": ids[0].tolist(), "says": out, "answer": words.decode(out, skip_special_tokens=True),
            "least_ahead": round(min(ahead), 4)}


name, path = sys.argv[1:]
folder, file = os.path.split(path)
words = AutoTokenizer.from_pretrained(folder, gguf_file=file)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()
rows = [say(model, words, text) for text in PROMPTS]
if words.chat_template and name.startswith("smollm2"):  # an instruct model: half of them as a user's message
    chat = lambda t: words.apply_chat_template([{"role": "user", "content": t}], tokenize=False, add_generation_prompt=True)
    rows[5:] = [say(model, words, chat(t)) for t in PROMPTS[5:]]
out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "texts", name + ".json")
os.makedirs(os.path.dirname(out), exist_ok=True)
with open(out, "w") as f:
    json.dump({"model": file, "prompts": rows}, f, indent=1, ensure_ascii=False)
    f.write("\n")
for r in rows:
    print(r["least_ahead"], repr(r["answer"]))
