#!/usr/bin/env python3
"""Writes tests/golden/decoders/NAME/: tiny decoders of Hugging Face transformers with seeded weights, one folder each
as save_pretrained leaves it, and golden.safetensors beside it: ids, the embedding, every block's output, logits, and
24 tokens of greedy text. Weights are rounded to bf16 before, so that half of the folders hold bf16.

    python3 tools/golden/decoders.py         (torch, and transformers 5 from PyPI)
"""
import json
import os
import shutil
import sys

import torch
from transformers import (Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, MistralConfig,
                          MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

sys.path.insert(0, os.path.dirname(__file__))
from tensors import save

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "decoders")
SIZES = dict(vocab_size=48, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=None, pad_token_id=None)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(**SIZES), torch.float32),
    "llama3": (LlamaForCausalLM, LlamaConfig(**SIZES, head_dim=16, rope_parameters=LLAMA3), torch.bfloat16),
    "mistral": (MistralForCausalLM, MistralConfig(**SIZES, sliding_window=6), torch.bfloat16),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**SIZES, tie_word_embeddings=True), torch.bfloat16),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**SIZES, head_dim=16), torch.bfloat16),
    "gemma3": (Gemma3ForCausalLM, Gemma3TextConfig(**{**SIZES, "num_hidden_layers": 3}, head_dim=16, sliding_window=5,
               query_pre_attn_scalar=24, layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
               torch.bfloat16),
}


def seed_weights(model):
    for name, p in model.named_parameters():
        noise, gemma = torch.randn_like(p), isinstance(model, Gemma3ForCausalLM)
        if gemma and "embed" in name:  # it is tied and scaled: what is said must not be what was read
            noise *= 0.1
        p.copy_(noise * (0.25 if p.ndim > 1 else 0.2) + (1.0 if "norm" in name and not gemma else 0.0))
        p.copy_(p.bfloat16().float())


def inputs_of(model, ids):
    """The embedding and what every block gives, by hooks: hidden_states ends with the final norm instead."""
    seen, hooks = {}, []
    hooks.append(model.model.embed_tokens.register_forward_hook(lambda m, i, o: seen.update(embed=o)))
    for n, block in enumerate(model.model.layers):
        keep = lambda m, i, o, n=n: seen.update({f"block.{n}": o[0] if isinstance(o, tuple) else o})
        hooks.append(block.register_forward_hook(keep))
    seen["logits"] = model(ids).logits
    for h in hooks:
        h.remove()
    return seen


def make(name, cls, cfg, dtype):
    cfg._attn_implementation = "eager"
    model = cls(cfg).float().eval()
    folder = os.path.join(ROOT, name)
    shutil.rmtree(folder, ignore_errors=True)
    for seed in range(11, 200):  # the first whose text is not one word again and again
        torch.manual_seed(seed)
        with torch.no_grad():
            seed_weights(model)
            ids = torch.randint(3, cfg.vocab_size, (1, 13))
            out = inputs_of(model, ids)
            greedy = model.generate(ids, max_new_tokens=24, do_sample=False)
        if len(set(greedy[0, 13:].tolist())) >= 6:
            break
    out["ids"], out["greedy"] = ids.int(), greedy[:, 13:].int()
    model.to(dtype).save_pretrained(folder)
    path = os.path.join(folder, "config.json")
    text = {k: v for k, v in json.load(open(path)).items() if k != "transformers_version"}
    json.dump(text, open(path, "w"), indent=1, sort_keys=True)
    for extra in os.listdir(folder):
        if extra not in ("config.json", "model.safetensors"):
            os.remove(os.path.join(folder, extra))
    save(f"decoders/{name}/golden", out)
    print(name, greedy[0, 13:].tolist())


for key, (cls, cfg, dtype) in MODELS.items():
    make(key, cls, cfg, dtype)
