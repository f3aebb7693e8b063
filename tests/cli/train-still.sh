# How many parameters learn in a stage: the still trunk's only where `only` names it. The pictures are lesions cut out of theirs.
[ -d "$FABRICA_SHARED/data/open" ] || exit 77
cp -rs "$FABRICA_SHARED/data/open" data
(cd data && find . -name '*.jsonl') | while read -r f; do # the first records of each set
    head -n 60 "$FABRICA_SHARED/data/open/$f" >part && rm "data/$f" && mv part "data/$f"
done
for learns in "" "only: class_head pool_norm," "only: class_head pool_norm tower.still,"; do
    cat >tiny.yaml <<E2
name: tiny
out: a
store_side: 80
tokenizer: {vocab: 1000}
model: {tower: lite0, still_trunk: true, closer_look: true, image_size: 64, width: 16, trunk_widths: [8, 8, 8, 8, 8, 8, 8, 8],
        trunk_depths: [1, 1, 1, 1, 1, 1, 1], vit_layers: 1, vit_heads: 2, embed: 16, dim: 32, ffn: 64, layers: 1, heads: 2, kv_heads: 1}
stages:
  - {name: skin, task: pictures, $learns steps: 9, validate_every: 0, batch: 4, questions: 1, losses: {presence: 1}, sets: {isic: 1},
     close: {isic: 0.5}, drop: 0.2, lr: 0.01}
E2
    printf '%s ' "${learns:-all}"
    "$FABRICA" train tiny.yaml --data data --dry-run --json --quiet 2>said | grep learnt_parameters || { cat said; exit 1; }
    "$FABRICA" train tiny.yaml --data data --stop-after 2 --quiet >/dev/null 2>said || { cat said; exit 1; }
    rm -rf a
done
