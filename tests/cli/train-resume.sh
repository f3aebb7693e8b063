# A run that is stopped, then killed in the middle, goes on from its checkpoint and learns exactly what an undisturbed
# run learns; a folder that holds a run is not overwritten; a resume with another model is refused.
[ -d "$FABRICA_SHARED/data/open" ] || exit 77
cat >tiny.yaml <<'E2'
name: tiny
seed: 7
out: a
store_side: 40
tokenizer: {vocab: 1000}
model: {image_size: 32, widths: [8, 8, 16], depths: [1, 1, 1], vit_layers: 1, vit_heads: 2, embed: 16, dim: 32, ffn: 64,
        layers: 1, heads: 2, kv_heads: 1}
optimizer: {ema: 0.9}
alignment: {prototypes: 8, still: 3}
stages:
  - {name: words, task: text, steps: 15, batch: 4, length: 32, lr: 0.01}
  - {name: pictures, task: pictures, steps: 100000, batch: 4, questions: 2, lr: 0.01, drop: 0.1, curriculum: {start: 0.3, full: 0.01},
     paraphrase: {slake: 0.5}, mix: 0.2, adversarial: {share: 0.5},
     losses: {qa: 1, caption: 1, contrast: 1, token_region: 1, prototype: 1, dense: 1, presence: 1}}
E2
train() { "$FABRICA" train tiny.yaml --data "$FABRICA_SHARED/data/open" "$@" >out 2>err || { tail -n 1 err; return 1; }; }
learnt() { sed 's/"seconds": [^,]*, //' "$1/metrics.jsonl"; }

train --stop-after 40 || exit 1
mkdir b && cp a/tokenizer.json a/store.bin b/
train --out b --stop-after 20 || exit 1
"$FABRICA" train tiny.yaml --data "$FABRICA_SHARED/data/open" --out b --resume >out 2>err &
for i in $(seq 300); do
    [ "$(cat b/metrics.jsonl 2>/dev/null | wc -l)" -gt 4 ] && break
    sleep 0.2
done
kill -9 $! && wait $! 2>/dev/null
[ "$(wc -l <b/metrics.jsonl)" -gt 4 ] && echo "killed in the middle"
train --out b --resume --stop-after 20 || exit 1
[ "$(learnt a | wc -l)" -eq 4 ] && [ "$(learnt a)" = "$(learnt b)" ] && echo "the same"

train --stop-after 1
train --resume --set model.dim=64 --stop-after 1
true
