#!/usr/bin/env python3
"""Writes tests/golden/whisper.safetensors: a tiny Whisper of Hugging Face transformers with seeded weights, two inputs,
the output of every block, logits; what openai-whisper's own decoder (greedy and beam, with and without timestamps, with
a prompt) says for eight inputs with the same weights; and Whisper's log-mel features of a synthetic sound.

    tools/golden/whisper.py       (pip install torch transformers openai-whisper)

The tiny vocabulary: 0..59 text, 60 end, 61 start, 62 en, 63 zh, 64 translate, 65 transcribe, 66 startoflm, 67 startofprev,
68 nospeech, 69 notimestamps, 70..99 thirty-one timestamps, one a second.
"""
import sys

here = sys.path.pop(0)  # this file is called whisper, too

import numpy as np
import torch
import whisper
import whisper.decoding
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

sys.path.insert(0, here)
from tensors import save

CTX, TEXT, D, V = 30, 24, 16, 101
SEED = 36  # of some tried: the texts differ and end


class Tokens:
    """What openai-whisper's decoder asks of a tokenizer."""
    eot, sot, transcribe, translate, sot_prev, no_speech, no_timestamps, timestamp_begin = 60, 61, 65, 64, 67, 68, 69, 70
    sot_lm = 66
    all_language_tokens, all_language_codes = (62, 63), ("en", "zh")
    non_speech_tokens = (3, 17)
    language, language_token = "en", 62

    def __init__(self, *a, language="en", **k):
        self.sot_sequence = (61, 62 if language == "en" else 63, 65)
        self.sot_sequence_including_notimestamps = self.sot_sequence + (69,)

    def encode(self, text):
        assert text == " "
        return [5]

    def decode(self, tokens):
        return " ".join(map(str, tokens))


def tiny(seed):
    torch.manual_seed(seed)
    cfg = WhisperConfig(
        vocab_size=V, num_mel_bins=80, d_model=D, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_source_positions=CTX,
        max_target_positions=TEXT, pad_token_id=60, bos_token_id=60, eos_token_id=60, decoder_start_token_id=61)
    m = WhisperForConditionalGeneration(cfg).eval()
    with torch.no_grad():
        for name, p in m.named_parameters():
            if "encoder.embed_positions" in name:
                continue
            norm = p.ndim == 1 and "norm" in name and name.endswith("weight")
            scale = 0.12 if "conv" in name else 1.0 if "encoder_attn" in name or "embed_pos" in name else 0.35
            p.copy_(torch.randn_like(p) * scale + (1.0 if norm else 0.0))
        m.model.decoder.embed_tokens.weight[60] *= 2.5  # texts that end
    return m


MAP = [("model.", ""), ("embed_tokens", "token_embedding"), ("embed_positions.weight", "positional_embedding"),
       ("layers", "blocks"), ("encoder_attn_layer_norm", "cross_attn_ln"), ("self_attn_layer_norm", "attn_ln"),
       ("final_layer_norm", "mlp_ln"), ("encoder.layer_norm", "encoder.ln_post"), ("decoder.layer_norm", "decoder.ln"),
       ("encoder_attn", "cross_attn"), ("self_attn", "attn"), ("q_proj", "query"), ("k_proj", "key"),
       ("v_proj", "value"), ("out_proj", "out"), ("fc1", "mlp.0"), ("fc2", "mlp.2")]


def openai(m):
    w = whisper.model.Whisper(whisper.model.ModelDimensions(80, CTX, D, 2, 2, V, TEXT, D, 2, 2)).eval()
    state = {}
    for k, v in m.state_dict().items():
        if k == "proj_out.weight":
            continue
        for a, b in MAP:
            k = k.replace(a, b)
        state[k] = v
    w.load_state_dict(state)
    type(w).is_multilingual = property(lambda self: True)
    type(w).num_languages = property(lambda self: 2)
    return w


def blocks(m, out):
    mel, ids = torch.randn(2, 80, 2 * CTX), torch.randint(0, V, (2, 7))
    enc = m.model.encoder(mel, output_hidden_states=True)
    dec = m.model.decoder(ids, encoder_hidden_states=enc.last_hidden_state, output_hidden_states=True)
    got = m(input_features=mel, decoder_input_ids=ids)
    out["golden.mel"], out["golden.ids"] = mel.permute(0, 2, 1), ids.int()
    for i, h in enumerate(enc.hidden_states[:-1]):
        out[f"golden.enc{i}"] = h
    out["golden.enc"] = enc.last_hidden_state
    for i, h in enumerate(dec.hidden_states[:-1]):
        out[f"golden.dec{i}"] = h
    out["golden.dec"], out["golden.logits"] = dec.last_hidden_state, got.logits


def decodes(m, out):
    whisper.decoding.get_tokenizer = Tokens
    w = openai(m)
    mels = torch.randn(8, 80, 2 * CTX) * torch.linspace(0.3, 2.4, 8)[:, None, None]
    out["golden.mels"] = mels.permute(0, 2, 1)
    ways = {"greedy": dict(without_timestamps=True), "greedy_ts": {}, "beam": dict(beam_size=3, without_timestamps=True),
            "beam_ts": dict(beam_size=5), "prompt": dict(prompt=[7, 8, 9, 70, 11, 12]), "zh": dict(language="zh")}
    for name, options in ways.items():
        o = whisper.DecodingOptions(fp16=False, **{"language": "en", **options})
        results = [whisper.decode(w, mel, o) for mel in mels]
        n = max(len(r.tokens) for r in results)
        out[f"golden.{name}.ids"] = torch.tensor([r.tokens + [-1] * (n + 1 - len(r.tokens)) for r in results]).int()
        out[f"golden.{name}.stats"] = torch.tensor([[r.avg_logprob, r.no_speech_prob] for r in results])
        print(name, [r.tokens for r in results][:3])
    _, probs = w.detect_language(mels, Tokens())
    out["golden.language"] = torch.tensor([[p["en"], p["zh"]] for p in probs])


def sound():
    """Three seconds that the test makes too: a chirp, a tone, noise from a linear congruential generator."""
    i = np.arange(48000)
    t = i / 16000
    state, noise = 12345, np.empty(48000)
    for k in i:
        state = (state * 1664525 + 1013904223) % 2**32
        noise[k] = state / 2**32 - 0.5
    x = 0.3 * np.sin(2 * np.pi * (100 + 900 * t) * t) + 0.2 * np.sin(2 * np.pi * 440 * t) + 0.02 * noise
    return x.astype(np.float32)


def logmel(out):
    for mels in (80, 128):
        f = WhisperFeatureExtractor(feature_size=mels)(sound(), sampling_rate=16000, return_tensors="np")
        v = torch.tensor(f["input_features"][0]).T  # [3000, mels]
        rows = [0, 1, 2, 50, 123, 200, 297, 298, 299, 300, 301, 302, 303, 1000, 2998, 2999]
        out[f"golden.logmel{mels}"] = v[rows].float()
        out["golden.logmel_rows"] = torch.tensor(rows).int()
        out[f"golden.logmel{mels}_mean"] = v.double().mean().float().reshape(1)


with torch.no_grad():
    model = tiny(SEED)
    tensors = {k: v.clone() for k, v in model.state_dict().items() if k != "proj_out.weight"}
    blocks(model, tensors)
    decodes(model, tensors)
    logmel(tensors)
save("whisper", tensors)
