#!/usr/bin/env python3
"""Writes tests/golden/llava/: a tiny LlavaForConditionalGeneration of Hugging Face transformers with seeded weights, as
save_pretrained leaves it, and golden.safetensors beside it: pixels (channels last), the image's features after the
projector, logits of a prompt with the image in it, 24 tokens of greedy text.

    python3 tools/golden/llava.py         (torch, and transformers 5 from PyPI)
"""
import json
import os
import shutil
import sys

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

sys.path.insert(0, os.path.dirname(__file__))
from tensors import save

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "llava")
text = LlamaConfig(vocab_size=48, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
                   num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=None)
vision = CLIPVisionConfig(hidden_size=24, intermediate_size=36, num_hidden_layers=3, num_attention_heads=2,
                          image_size=16, patch_size=4, projection_dim=20)
cfg = LlavaConfig(vision_config=vision, text_config=text, image_token_index=47, vision_feature_layer=-2, vision_feature_select_strategy="default")
cfg._attn_implementation = "eager"
model = LlavaForConditionalGeneration(cfg).float().eval()
for seed in range(5, 100):
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = 0.25 if p.ndim > 1 else 0.2
            p.copy_((torch.randn_like(p) * scale + (1.0 if "norm" in name and "weight" in name else 0.0)).bfloat16().float())
        pixels = torch.randn(1, 3, 16, 16)
        ids = torch.tensor([[1, 9, 31] + [47] * 16 + [12, 7, 33, 20, 5]])
        seen = {}
        hook = model.model.multi_modal_projector.register_forward_hook(lambda m, i, o: seen.update(features=o))
        logits = model(input_ids=ids, pixel_values=pixels).logits
        hook.remove()
        greedy = model.generate(input_ids=ids, pixel_values=pixels, max_new_tokens=24, do_sample=False)[:, ids.shape[1]:]
    if len(set(greedy[0].tolist())) >= 6 and 47 not in greedy[0].tolist():
        break
shutil.rmtree(ROOT, ignore_errors=True)
model.to(torch.bfloat16).save_pretrained(ROOT)
path = os.path.join(ROOT, "config.json")
said = {k: v for k, v in json.load(open(path)).items() if k != "transformers_version"}
json.dump(said, open(path, "w"), indent=1, sort_keys=True)
for extra in os.listdir(ROOT):
    if extra not in ("config.json", "model.safetensors"):
        os.remove(os.path.join(ROOT, extra))
save("llava/golden", {"pixels": pixels.permute(0, 2, 3, 1), "ids": ids.int(), "features": seen["features"],
                      "logits": logits, "greedy": greedy.int()})
print(greedy.tolist(), [n for n, _ in model.named_parameters()][:9])
