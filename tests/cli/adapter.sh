# An adapter is trained on a tiny model, which stays as it is to the byte: every kind runs, a stopped run goes on exactly,
# the figures in its card are those that "eval vqa --adapter" gives, merging keeps them, and what does not fit is one sentence.
all=$FABRICA_SHARED/data/open
[ -d "$all" ] || exit 77
mkdir -p d/slake d/vqa_rad d/isic2017 d/kermany_cxr d/bccd d/text_en d/text_zh
some() { awk -v k="$2" 'NR % k == 0' "$all/$1" >"d/$1"; }
for set in slake vqa_rad isic2017 kermany_cxr bccd; do ln -s "$all/$set/images" d/$set/images; done
for set in slake isic2017; do ln -s "$all/$set/masks" d/$set/masks; done
cp "$all/slake/mask_labels.json" d/slake/
some slake/train.jsonl 120; some slake/val.jsonl 40; some slake/kg.jsonl 500; some slake/detection.jsonl 40
some vqa_rad/train.jsonl 60; some vqa_rad/train_frame.jsonl 200
some isic2017/train.jsonl 80; some kermany_cxr/train.jsonl 80; some bccd/train.jsonl 20; some bccd/val.jsonl 20
some text_en/medquad.jsonl 400; some text_en/pubmedqa.jsonl 100; some text_en/roco_captions.jsonl 200
some text_zh/huatuo.jsonl 400; some text_zh/toyhom.jsonl 400
cat >tiny.yaml <<'E2'
name: tiny
seed: 7
out: a
store_side: 76
tokenizer: {vocab: 1000}
model: {image_size: 64, widths: [8, 8, 16], depths: [1, 1, 1], vit_layers: 1, vit_heads: 2, embed: 16, dim: 32, ffn: 64,
        layers: 1, heads: 2, kv_heads: 1}
stages:
  - {name: pictures, task: pictures, steps: 12, batch: 4, questions: 2, lr: 0.01, losses: {qa: 1}}
save: {dtype: F32}
E2
cat >more.yaml <<'E2'
name: more
seed: 8
out: b
store_side: 76
init: {model: a/tiny.gguf}
peft: {kind: lora, rank: 4, alpha: 8, dropout: 0.1, targets: [self_attn.*_proj, mlp.*, projector.0]}
optimizer: {ema: 0.9}
stages:
  - {name: pictures, task: pictures, steps: 20, batch: 4, questions: 2, lr: 0.05, losses: {qa: 1}}
E2
train() { "$FABRICA" train "$@" --data d >out 2>err || { tail -n 1 err; return 1; }; }
train tiny.yaml || exit 1
before=$(sha256sum <a/tiny.gguf)
train more.yaml || exit 1
grep -o 'adapter: .*' err
[ "$before" = "$(sha256sum <a/tiny.gguf)" ] && echo "the model is as it was"
"$FABRICA" adapter info b/more.safetensors | grep -E '"(peft_type|r|parameters|lora_alpha|trainable_share)"'
train more.yaml --dry-run --json && grep '"model"' out # 4 bytes a parameter

# Stopped in the middle and gone on with, by steps that a whole run has too.
mkdir c && cp b/store.bin b/tokenizer.json c/
train more.yaml --out c --stop-after 9 && train more.yaml --out c --resume || exit 1
"$FABRICA" inspect --tensors b/more.safetensors | grep -c lora_
strip() { tail -c "$("$FABRICA" adapter info "$1" | grep -o '"bytes": [0-9]*' | grep -o '[0-9]*')" "$1" | sha256sum; }
[ "$(strip b/more.safetensors)" = "$(strip c/more.safetensors)" ] && echo "resumed, the same"

# Card, --adapter and the merged file agree.
"$FABRICA" data val --data d -o v --quiet >out || exit 1
scores() { tr -d ' \n' <"$1" | grep -o '"overall":[0-9.]*,"open":[0-9.]*,"closed":[0-9.]*' | sed -n "$2p"; }
"$FABRICA" eval vqa --model a/tiny.gguf --adapter b/more.safetensors --data v/vqa_rad.jsonl --json --quiet >with.json
[ "$(scores with.json 1)" = "$(scores b/more.card.json 2)" ] && echo "card and eval: the same"
"$FABRICA" adapter merge a/tiny.gguf b/more.safetensors -o merged.gguf || exit 1
picture=$(find -L d/slake/images -name "*.jpg" | sort | head -n 1)
say() { "$FABRICA" ask "$picture" "Is the lung healthy?" --force "$@"; }
[ "$(say --model merged.gguf)" = "$(say --model a/tiny.gguf --adapter b/more.safetensors)" ] && echo "merged, the same"

# On from its parts, on another model; a rate of 0 leaves them.
mkdir e && cp b/store.bin b/tokenizer.json e/
train more.yaml --out e --set init.model=merged.gguf --set peft.start=b/more.safetensors \
    --set 'stages=[{"name": "still", "task": "pictures", "steps": 1, "lr": 0, "losses": {"qa": 1}}]' || exit 1
grep -o 'adapter: starts.*' err
[ "$(strip b/more.safetensors)" = "$(strip e/more.safetensors)" ] && echo "started, the same"
tr -d ' \n' <e/more.card.json | grep -o '"before":{"cost":{"finished":true,"steps":20,'

# The other kinds.
for kind in adalora bottleneck prefix; do
    mkdir $kind && cp b/store.bin b/tokenizer.json $kind/
    target='["*_proj"]'
    [ $kind = prefix ] && target='["self_attn"]'
    [ $kind = bottleneck ] && target='["down_proj", "fc2"]'
    train more.yaml --out $kind --set peft.kind=$kind --set "peft.targets=$target" --set peft.dropout=0 || exit 1
    say --model a/tiny.gguf --adapter $kind/more.safetensors >answer && grep -o 'adapter: .*' err
    "$FABRICA" adapter merge a/tiny.gguf $kind/more.safetensors -o m.gguf 2>&1 | sed 's/^fabrica adapter merge: //'
done
tr -d ' \n' <adalora/more.card.json | grep -o '"directions_kept":\[[0-9,]*\]'

# What does not fit.
wrong() {
    "$FABRICA" "$@" 2>&1 | sed 's/ hash to [0-9a-f]*/ hash to H/g; s/recipe [0-9a-f]\{16\}/recipe R/
        s/this one is [0-9a-f]*/this one is R/; s/header says [0-9]*/header says N/; s/tiny-0-[0-9a-f]*/tiny/g'
}
wrong ask "$picture" "Is the lung healthy?" --force --model merged.gguf --adapter b/more.safetensors
wrong ask "$picture" "Is the lung healthy?" --force --model a/tiny.gguf --adapter a/tiny.gguf
head -c 500 b/more.safetensors >cut.safetensors
wrong adapter info cut.safetensors
wrong train more.yaml --data d --out c --resume --set peft.rank=5 --quiet
wrong train more.yaml --data d --out z --set 'peft.targets=["q_pro"]' --quiet
wrong train more.yaml --data d --out z --set peft.kind=ia3 --quiet
wrong train more.yaml --data d --out z --set peft.rank=5 --set peft.start=b/more.safetensors --quiet
wrong train more.yaml --data d --out z --set peft.start=a/tiny.gguf --quiet
wrong train more.yaml --data d --out z --set 'model={"dim": 64}' --quiet
wrong train tiny.yaml --data d --out z --set 'peft={"targets": ["q_proj"]}' --quiet
