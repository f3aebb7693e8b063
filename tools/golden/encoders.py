#!/usr/bin/env python3
"""Writes tests/golden/encoders/NAME/: folders of tiny published encoders with seeded weights, as their own libraries
would leave them (config, weights under their names), and golden.safetensors beside: inputs, the tokens after every
block, embeddings, scores.

    bert        Hugging Face BertModel, with sentence-transformers' modules (mean, Normalize) and a vocab.txt
    clip        Hugging Face CLIPModel, QuickGELU
    clip-open   open_clip's own towers, erf GELU, open_clip_config.json
    clip-openai the same names without a config, f16, QuickGELU: what OpenAI's files hold
    siglip      Hugging Face SiglipModel, with a Unigram tokenizer.json
    biomedclip  open_clip with a timm ViT and a BERT (hf_model_name)
    conch       no package of CONCH's authors is used: a timm ViT, open_clip's AttentionalPooler twice (packed by hand
                into the published names) and open_clip's TextTransformer with embed_cls and the shifted mask
    pictures    a photograph, and what torchvision's and Hugging Face's preprocessing make of it

    PYTHONPATH=... python3 tools/golden/encoders.py      (torch, transformers 5.23, open_clip_torch 3.3, timm 1.0.31,
                                                          scikit-learn for the photograph, and Pillow before 13,
                                                          which changed its resampling; from PyPI)
"""
import json
import os
import sys

import numpy as np
import open_clip
import timm
import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.timm_model import TimmModel
from open_clip.transformer import AttentionalPooler, TextTransformer
from PIL import Image
from timm.models import register_model
from timm.models.vision_transformer import VisionTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

sys.path.insert(0, os.path.dirname(__file__))
from tensors import save

ROOT = os.path.join(os.path.dirname(__file__), "..", "..", "tests", "golden", "encoders")


def shake(m, std=0.25):
    """Random weights of a size that makes every mistake visible; norms around one."""
    with torch.no_grad():
        for name, p in m.named_parameters():
            if "logit" in name:
                continue
            norm = p.ndim == 1 and name.endswith("weight")
            p.copy_(torch.randn_like(p) * std + (1.0 if norm else 0.0))
    return m.eval()


def put(name, weights, golden, configs, file="model"):
    os.makedirs(os.path.join(ROOT, name), exist_ok=True)
    for path, value in configs.items():
        full = os.path.join(ROOT, name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as f:
            f.write(json.dumps(value, indent=1, sort_keys=True) + "\n")
    if weights and file.endswith(".bin"):
        torch.save(weights, os.path.join(ROOT, name, file))
    elif weights:
        save(f"encoders/{name}/{file}", {k: v for k, v in weights.items() if "position_ids" not in k})
    save(f"encoders/{name}/golden", golden)


def pick(o, *keys):
    d = o.to_dict()
    return {k: d[k] for k in keys}


def channels_last(images):
    return images.permute(0, 2, 3, 1)


def layers(golden, front, states):
    """Tokens after each block; the first state is the embeddings."""
    for i, s in enumerate(states):
        golden[f"{front}.{i}"] = s


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def taps(blocks, out):
    """Keeps what every block of a list gives, batch first."""
    return [b.register_forward_hook(lambda m, i, o, n=n: out.__setitem__(n, o)) for n, b in enumerate(blocks)]


LETTERS = "abcdefghijklmnopqrstuvwxyz"
SENTENCES = ["A cough.", "no fever was seen", "fever \u80ba"]  # of the tests: tests/test_encoders.c


def bert_words():
    """vocab.txt's lines and the tokenizer of them."""
    lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS, *("##" + c for c in LETTERS), "cough", "fever", "no", ".",
             "##ver"]
    t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(lines)}, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]",
                                                     special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return lines, t


def siglip_words():
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("\u2581", -2.0), *((c, -4.0) for c in LETTERS), ("\u2581a", -1.0),
              ("\u2581photo", -1.5), ("\u2581of", -1.2), ("lung", -3.0), ("\u2581the", -1.4)]
    pieces += [(f"<{i}>", -20.0) for i in range(50 - len(pieces))]
    t = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    t.normalizer = normalizers.Lowercase()
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    t.add_special_tokens(["</s>", "<unk>"])
    return t


def bert():
    cfg = BertConfig(vocab_size=61, hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=40,
                     max_position_embeddings=20, type_vocab_size=2)
    m = shake(BertModel(cfg))
    ids = torch.tensor([[2, 7, 33, 60, 11, 9, 3], [2, 5, 3, 0, 0, 0, 0], [2, 14, 15, 16, 3, 0, 0]])
    mask = (ids != 0).long()
    y = m(ids, attention_mask=mask, output_hidden_states=True)
    x, w = y.last_hidden_state, mask[..., None].float()
    g = {"ids": ids.int(), "len": mask.sum(1).int(), "cls": x[:, 0], "pooler": y.pooler_output,
         "mean": (x * w).sum(1) / w.sum(1)}
    layers(g, "text", y.hidden_states)
    g["embedding"] = unit(g["mean"])
    lines, words = bert_words()
    g["sentences"] = torch.cat([unit(m(torch.tensor([words.encode(t).ids[:12]])).last_hidden_state.mean(1))
                                for t in SENTENCES])
    keys = ("vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size max_position_embeddings "
            "type_vocab_size hidden_act layer_norm_eps model_type").split()
    modules = [{"idx": i, "name": str(i), "path": p, "type": f"sentence_transformers.models.{t}"}
               for i, (p, t) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])]
    put("bert", m.state_dict(), g, {
        "config.json": pick(cfg, *keys), "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": 12, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": 24, "pooling_mode_cls_token": False,
                                  "pooling_mode_mean_tokens": True},
        "tokenizer_config.json": {"do_lower_case": True, "tokenizer_class": "BertTokenizer"}})
    with open(os.path.join(ROOT, "bert", "vocab.txt"), "w") as f:
        f.write("".join(line + "\n" for line in lines))


def hf_pair(name, m, ids, images, configs, more=lambda m: {}):
    vision = m.vision_model(images, output_hidden_states=True)
    text = m.text_model(ids, output_hidden_states=True)
    y = m(input_ids=ids, pixel_values=images)
    g = {"ids": ids.int(), "images": channels_last(images), "image": y.image_embeds, "text": y.text_embeds,
         "scores": y.logits_per_image, **more(m)}
    layers(g, "vision", vision.hidden_states)
    layers(g, "words", text.hidden_states)
    put(name, m.state_dict(), g, configs)


def sub(cfg, *more):
    return pick(cfg, "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act",
                "layer_norm_eps", *more)


def clip():
    cfg = CLIPConfig(
        projection_dim=20,
        vision_config=dict(hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                           image_size=24, patch_size=8, hidden_act="quick_gelu"),
        text_config=dict(hidden_size=16, intermediate_size=40, num_hidden_layers=3, num_attention_heads=2,
                         vocab_size=50, max_position_embeddings=10, hidden_act="quick_gelu", eos_token_id=49,
                         bos_token_id=48, pad_token_id=49))
    ids = torch.tensor([[48, 5, 9, 33, 49], [48, 7, 49, 49, 49], [48, 1, 2, 49, 0]])
    hf_pair("clip", shake(CLIPModel(cfg)), ids, torch.randn(2, 3, 24, 24), {
        "config.json": {"model_type": "clip", "projection_dim": 20,
                        "vision_config": sub(cfg.vision_config, "image_size", "patch_size"),
                        "text_config": sub(cfg.text_config, "vocab_size", "max_position_embeddings", "eos_token_id")},
        "preprocessor_config.json": {"do_resize": True, "size": 24, "do_center_crop": True, "crop_size": 24,
                                     "resample": 3, "image_mean": [0.48145466, 0.4578275, 0.40821073],
                                     "image_std": [0.26862954, 0.26130258, 0.27577711]}})


def siglip():
    cfg = SiglipConfig(
        vision_config=dict(hidden_size=24, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4,
                           image_size=24, patch_size=8),
        text_config=dict(hidden_size=24, intermediate_size=44, num_hidden_layers=2, num_attention_heads=2,
                         vocab_size=50, max_position_embeddings=8, projection_size=24, bos_token_id=2, eos_token_id=1))
    m = shake(SiglipModel(cfg))
    with torch.no_grad():
        m.logit_scale.fill_(2.3)
        m.logit_bias.fill_(-1.5)
    ids = torch.tensor([[5, 9, 33, 42, 1, 1, 1, 1], [7, 1, 1, 1, 1, 1, 1, 1], [2, 3, 4, 5, 6, 7, 8, 1]])
    words = siglip_words()

    def said(m):
        """Lower case, no ASCII punctuation, padded with </s> to the context of 8, its last </s> kept when cut."""
        rows = [words.encode(t.lower().replace(".", "")).ids for t in SENTENCES]
        rows = [r if len(r) <= 8 else r[:7] + [1] for r in rows]
        rows = torch.tensor([r + [1] * (8 - len(r)) for r in rows])
        return {"sentences": unit(m.text_model(rows).pooler_output)}

    hf_pair("siglip", m, ids, torch.randn(2, 3, 24, 24), {
        "tokenizer.json": json.loads(words.to_str()),
        "config.json": {"model_type": "siglip",
                        "vision_config": sub(cfg.vision_config, "image_size", "patch_size"),
                        "text_config": sub(cfg.text_config, "vocab_size", "max_position_embeddings",
                                           "projection_size")},
        "preprocessor_config.json": {"do_resize": True, "size": {"height": 24, "width": 24}, "resample": 3,
                                     "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}},
            said)


def open_clip_pair(name, m, ids, images, blocks, configs, file, weights=None, width=None):
    seen, read = {}, {}
    hooks = taps(blocks[0], seen) + taps(blocks[1], read)
    with torch.no_grad():
        image, text = m.encode_image(images, normalize=True), m.encode_text(ids, normalize=True)
    for h in hooks:
        h.remove()
    g = {"ids": ids.int(), "images": channels_last(images), "image": image, "text": text,
         "scores": m.logit_scale.exp() * image @ text.T}
    for front, got in (("vision", seen), ("words", read)):
        for i in sorted(got):
            g[f"{front}.{i + 1}"] = got[i][0] if isinstance(got[i], tuple) else got[i]
    put(name, m.state_dict() if weights is None else weights, g, configs, file)


def clip_open():
    vision = dict(image_size=24, layers=2, width=24, head_width=12, patch_size=8)
    text = dict(context_length=10, vocab_size=50, width=16, heads=2, layers=2)
    m = shake(open_clip.CLIP(embed_dim=20, vision_cfg=vision, text_cfg=text))
    ids = torch.tensor([[48, 5, 9, 33, 49, 0, 0, 0, 0, 0], [48, 7, 49, 0, 0, 0, 0, 0, 0, 0]])
    open_clip_pair("clip-open", m, ids, torch.randn(2, 3, 24, 24),
                   (m.visual.transformer.resblocks, m.transformer.resblocks),
                   {"open_clip_config.json": {"model_cfg": {"embed_dim": 20, "vision_cfg": vision, "text_cfg": text},
                                              "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}}},
                   "open_clip_model")


def clip_openai():
    vision = dict(image_size=16, layers=1, width=64, head_width=64, patch_size=8, mlp_ratio=1.0)
    text = dict(context_length=6, vocab_size=20, width=64, heads=1, layers=1, mlp_ratio=1.0)
    m = shake(open_clip.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=text, quick_gelu=True), 0.15)
    half = {k: v.half() if v.ndim else v for k, v in m.state_dict().items()}
    m.load_state_dict({k: v.float() for k, v in half.items()})
    half["input_resolution"], half["context_length"], half["vocab_size"] = (torch.tensor(n, dtype=torch.int32)
                                                                            for n in (16, 6, 20))
    ids = torch.tensor([[18, 5, 9, 19, 0, 0], [18, 7, 19, 0, 0, 0]])
    open_clip_pair("clip-openai", m, ids, torch.randn(2, 3, 16, 16),
                   (m.visual.transformer.resblocks, m.transformer.resblocks), {}, "model", half)


@register_model
def vit_fabrica_tiny(pretrained=False, **kw):
    kw.pop("pretrained_cfg", None), kw.pop("pretrained_cfg_overlay", None), kw.pop("cache_dir", None)
    m = VisionTransformer(**{**dict(img_size=24, patch_size=8, embed_dim=24, depth=2, num_heads=4), **kw})
    m.default_cfg = {}
    return m


class Pair(torch.nn.Module):
    """What open_clip's CustomTextCLIP is, with towers given."""

    def __init__(self, visual, text):
        super().__init__()
        self.visual, self.text = visual, text
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.6593))

    def encode_image(self, x, normalize):
        return torch.nn.functional.normalize(self.visual(x), dim=-1)

    def encode_text(self, x, normalize):
        return torch.nn.functional.normalize(self.text(x), dim=-1)


def biomedclip():
    bert = BertConfig(vocab_size=61, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=40,
                      max_position_embeddings=16, type_vocab_size=2)
    text = HFTextEncoder("bert", 20, config=bert, pooler_type="cls_last_hidden_state_pooler", proj_type="mlp",
                         pretrained=False)
    m = shake(Pair(TimmModel("vit_fabrica_tiny", 20, image_size=24, pool="", proj="linear"), text))
    ids = torch.tensor([[2, 7, 33, 60, 11, 9, 3, 0, 0, 0, 0, 0], [2, 5, 3] + [0] * 9])
    open_clip_pair("biomedclip", m, ids, torch.randn(2, 3, 24, 24),
                   (m.visual.trunk.blocks, m.text.transformer.encoder.layer),
                   {"open_clip_config.json": {
                       "model_cfg": {"embed_dim": 20,
                                     "vision_cfg": {"timm_model_name": "vit_fabrica_tiny", "timm_pool": "",
                                                    "timm_proj": "linear", "image_size": 24, "head_width": 6},
                                     "text_cfg": {"hf_model_name": "bert", "hf_proj_type": "mlp", "heads": 2,
                                                  "hf_pooler_type": "cls_last_hidden_state_pooler",
                                                  "context_length": 12}},
                       "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073],
                                          "std": [0.26862954, 0.26130258, 0.27577711]}}},
                   "open_clip_pytorch_model.bin")


class Conch(torch.nn.Module):
    """CONCH's image and text towers (Lu et al. 2024): a timm trunk whose normed tokens two poolers read."""

    def __init__(self):
        super().__init__()
        self.visual = torch.nn.Module()
        self.visual.trunk = timm.create_model("vit_fabrica_tiny", num_classes=0)
        self.visual.attn_pool_contrast = AttentionalPooler(16, 24, n_head=4, n_queries=1)
        self.visual.ln_contrast = torch.nn.LayerNorm(16)
        self.visual.proj_contrast = torch.nn.Parameter(torch.zeros(16, 16))
        self.visual.attn_pool_caption = AttentionalPooler(24, 24, n_head=4, n_queries=5)
        self.visual.ln_caption = torch.nn.LayerNorm(24)
        self.text = TextTransformer(context_length=8, vocab_size=40, width=24, heads=2, layers=2, output_dim=16,
                                    embed_cls=True, pad_id=0, output_tokens=False, correct_cls_mask=False)
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.6593))

    def encode_image(self, x, normalize):
        v, x = self.visual, self.visual.trunk.forward_features(x)
        self.caption = v.ln_caption(v.attn_pool_caption(x))
        x = v.ln_contrast(v.attn_pool_contrast(x)[:, 0]) @ v.proj_contrast
        return torch.nn.functional.normalize(x, dim=-1)

    def encode_text(self, x, normalize):
        return torch.nn.functional.normalize(self.text(x), dim=-1)


def conch():
    m = shake(Conch())
    ids = torch.tensor([[1, 9, 2, 0, 0, 0, 0, 0], [1, 5, 6, 7, 8, 10, 11, 2]])[:, :m.text.num_pos - 1]
    ids = torch.cat([ids, torch.tensor([[1, 4, 2] + [0] * (ids.shape[1] - 3)])])
    seen, read = {}, {}
    hooks = taps(m.visual.trunk.blocks, seen) + taps(m.text.transformer.resblocks, read)
    with torch.no_grad():
        image, text = m.encode_image(images := torch.randn(2, 3, 24, 24), True), m.encode_text(ids, True)
    g = {"ids": ids.int(), "images": channels_last(images), "image": image, "text": text, "caption": m.caption,
         "scores": m.logit_scale.exp() * image @ text.T}
    for front, got in (("vision", seen), ("words", read)):
        for i in sorted(got):
            g[f"{front}.{i + 1}"] = got[i]
    weights = {k: v for k, v in m.state_dict().items() if k != "text.attn_mask"}
    put("conch", weights, g, {"open_clip_config.json": {"model_cfg": {
        "embed_dim": 16, "vision_cfg": {"head_width": 6, "attn_pooler_heads": 4},
        "text_cfg": {"heads": 2, "pad_id": 0}}}}, "open_clip_model")


def pictures():
    from sklearn.datasets import load_sample_image
    im = Image.fromarray(load_sample_image("flower.jpg")).resize((97, 64))
    g = {"rgb": torch.from_numpy(np.asarray(im).copy())}
    tall = im.crop((10, 0, 51, 64))
    g["tall"] = torch.from_numpy(np.asarray(tall).copy())
    openai = open_clip.image_transform(24, is_train=False)
    squash = open_clip.image_transform(25, is_train=False, mean=(.5, .5, .5), std=(.5, .5, .5), resize_mode="squash")
    from transformers import CLIPImageProcessorPil as Clip, SiglipImageProcessorPil as Siglip
    hf = Clip(size={"shortest_edge": 27}, crop_size={"height": 24, "width": 24})
    sig = Siglip(size={"height": 25, "width": 25})
    for name, one in (("rgb", im), ("tall", tall)):
        g[f"{name}.openai"] = openai(one).permute(1, 2, 0)
        g[f"{name}.squash"] = squash(one).permute(1, 2, 0)
        g[f"{name}.hf"] = torch.tensor(hf(one)["pixel_values"][0]).permute(1, 2, 0)
        g[f"{name}.siglip"] = torch.tensor(sig(one)["pixel_values"][0]).permute(1, 2, 0)
    put("pictures", None, g, {})


for seed, make in enumerate((bert, clip, clip_open, clip_openai, siglip, biomedclip, conch, pictures)):
    torch.manual_seed(100 + seed)
    with torch.no_grad():
        make()
