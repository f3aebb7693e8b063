#!/usr/bin/env python3
"""Writes tests/golden/clip.safetensors: a tiny CLIP of Hugging Face transformers 4.30 with seeded weights, two images,
three texts (the second padded with the end token), the tokens before the last norm, both embeddings and the scores.

    PYTHONPATH=... /usr/bin/python3 tools/golden/clip.py       (python3-torch, and transformers==4.30.2 from PyPI)
"""
import os
import sys

import torch
from transformers import CLIPConfig, CLIPModel

sys.path.insert(0, os.path.dirname(__file__))
from tensors import save

torch.manual_seed(5)
cfg = CLIPConfig(
    projection_dim=20,
    vision_config=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, image_size=24,
                       patch_size=8, hidden_act="quick_gelu"),
    text_config=dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, vocab_size=50,
                     max_position_embeddings=10, hidden_act="quick_gelu", eos_token_id=2, bos_token_id=0))
m = CLIPModel(cfg).eval()
with torch.no_grad():
    for name, p in m.named_parameters():
        norm = p.ndim == 1 and "norm" in name or "layrnorm" in name
        if name != "logit_scale":
            p.copy_(torch.randn_like(p) * 0.25 + (1.0 if norm and name.endswith("weight") else 0.0))
    out = {k: v.clone() for k, v in m.state_dict().items() if "position_ids" not in k}
    ids = torch.tensor([[48, 5, 9, 33, 49], [48, 7, 49, 49, 49], [48, 1, 2, 49, 0]])
    images = torch.randn(2, 3, 24, 24)
    got = m(input_ids=ids, pixel_values=images)
    vision = m.vision_model(images, output_hidden_states=True)
out["golden.ids"] = ids.int()
out["golden.images"] = images.permute(0, 2, 3, 1)
out["golden.tokens"] = vision.hidden_states[-2]
out["golden.image"], out["golden.text"], out["golden.scores"] = got.image_embeds, got.text_embeds, got.logits_per_image
save("clip", out)
