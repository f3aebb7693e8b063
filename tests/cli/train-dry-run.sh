# What a dry run tells: a line for each stage, then the files, then the sums; it leaves no checkpoint, and its checkpoint's size is
# that of a real one.
[ -d "$FABRICA_SHARED/data/open" ] || exit 77
cp -rs "$FABRICA_SHARED/data/open" data
(cd data && find . -name '*.jsonl') | while read -r f; do # the first records of each set
    head -n 60 "$FABRICA_SHARED/data/open/$f" >part && rm "data/$f" && mv part "data/$f"
done
cat >tiny.yaml <<'E2'
name: tiny
out: a
store_side: 40
tokenizer: {vocab: 1000}
model: {image_size: 32, widths: [8, 8, 16], depths: [1, 1, 1], vit_layers: 1, vit_heads: 2, embed: 16, dim: 32, ffn: 64,
        layers: 1, heads: 2, kv_heads: 1}
optimizer: {ema: 0.9}
stages:
  - {name: words, task: text, steps: 15, batch: 4, length: 32, lr: 0.01}
  - {name: all, task: pictures, steps: 300, batch: 4, questions: 2, validate_every: 100, losses: {qa: 1, dense: 1}}
  - {name: head, task: pictures, only: class_head, steps: 20, batch: 4, losses: {presence: 1}}
E2
"$FABRICA" train tiny.yaml --data data --dry-run 2>/dev/null >out || exit 1
sed 's/  *[0-9][0-9.]* *$//; s/x .* s .*/x .../; s/ [0-9.]* MB$/ .../; s/ [0-9.]*  *0 x/ s 0 x/; s/ [0-9.]*  *3 x/ s 3 x/' out
ls a
"$FABRICA" train tiny.yaml --data data --stop-after 1 >/dev/null 2>&1 || exit 1
said=$(sed -n 's/^checkpoints *\([0-9.]*\) MB/\1/p' out) real=$(stat -c %s a/last.safetensors)
echo "$said $real" | awk '{ d = $1 * 1e6 / 4 / $2; print (d > 0.9 && d < 1.05 ? "as large as said" : "said " $1 ", a checkpoint has " $2) }'
