#!/usr/bin/env python3
"""Writes tests/golden/llama.safetensors: a tiny LLaMA decoder of Hugging Face transformers 4.30 with seeded weights,
ids and logits. The weights carry the checkpoint's own names; golden.* are inputs and outputs.

    PYTHONPATH=... /usr/bin/python3 tools/golden/llama.py      (python3-torch, and transformers==4.30.2 from PyPI)

transformers 4.30 has no grouped queries, so its key and value rows are written twice: a model with 4 heads whose pairs
of key heads are equal is the model with 2 key heads that fabrica reads.
"""
import os
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM

sys.path.insert(0, os.path.dirname(__file__))
from tensors import save

torch.manual_seed(3)
cfg = LlamaConfig(vocab_size=37, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                  rms_norm_eps=1e-5, max_position_embeddings=64)
m = LlamaForCausalLM(cfg).eval()
out = {}
with torch.no_grad():
    for name, p in m.named_parameters():
        p.copy_(torch.randn_like(p) * (0.3 if p.ndim > 1 else 0.2) + (1.0 if p.ndim == 1 else 0.0))
        if "k_proj" in name or "v_proj" in name:  # 4 heads of 8 rows: heads 1, 3 repeat 0, 2
            heads = p.view(4, 8, 32)
            heads[1], heads[3] = heads[0], heads[2]
            out[name] = heads[::2].reshape(16, 32).clone()
        else:
            out[name] = p.clone()
    ids = torch.randint(0, 37, (2, 13))
    got = m(ids, output_hidden_states=True)
out["golden.ids"] = ids.int()
out["golden.hidden"] = got.hidden_states[-1]
out["golden.logits"] = got.logits
save("llama", out)
