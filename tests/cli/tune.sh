# A search over two ranges by the loss: killed in the middle and gone on with, it ends as an undisturbed one; what it
# prints trains the best; another search is not put into its folder; a range that the recipe refuses is named.
[ -d "$FABRICA_SHARED/data/open" ] || exit 77
cp -rs "$FABRICA_SHARED/data/open" data
(cd data && find . -name '*.jsonl') | while read -r f; do # the first records of each set
    head -n 60 "$FABRICA_SHARED/data/open/$f" >part && rm "data/$f" && mv part "data/$f"
done
cat >tiny.yaml <<'E3'
name: tiny
seed: 7
out: a
store_side: 40
tokenizer: {vocab: 1000}
model: {image_size: 32, widths: [8, 8, 16], depths: [1, 1, 1], vit_layers: 1, vit_heads: 2, embed: 16, dim: 32, ffn: 64,
        layers: 1, heads: 2, kv_heads: 1}
optimizer: {ema: 0.9}
tune:
  stages.words.lr: [1.0e-4, 3.0e-2, log]
  model.heads: {choice: [2, 4]}
  model.dim: {choice: [32, 36]}
stages:
  - {name: words, task: text, steps: 80, batch: 4, length: 32, lr: 0.001}
E3
tune() { "$FABRICA" tune tiny.yaml --data data --trials 4 --min 20 --eta 2 --metric loss "$@" 2>err ||
         { tail -n 1 err; return 1; }; }
results() { sed 's/"seconds": [^,}]*//' "$1/tune.json"; }

tune --out t | grep -v '^fabrica' >table || exit 1
head -n 1 table
mkdir u && cp t/tokenizer.json t/store.bin u/
"$FABRICA" tune tiny.yaml --data data --trials 4 --min 20 --eta 2 --metric loss --out u >out 2>err &
for i in $(seq 600); do
    n=$(grep -c '"score"' u/tune.json 2>/dev/null)
    [ "${n:-0}" -ge 2 ] && break
    sleep 0.1
done
kill -9 $! && wait $! 2>/dev/null
grep -q '"finished": false' u/tune.json && echo "killed in the middle"
tune --out u --resume >out || exit 1
[ "$(results t)" = "$(results u)" ] && echo "the same"
grep -c failed table
[ -s t/tune.png ] && tail -n 1 out | sed 's/lr=[^ ]*/lr=.../; s/=[0-9]*$/=N/; s/=[0-9]* /=N /g'
tune --out t
tune --out t --resume --trials 5
"$FABRICA" train tiny.yaml --set 'tune={model.dim: [3, 5]}' --dry-run --data data >out 2>err && echo "trains"
"$FABRICA" tune tiny.yaml --data data --trials 2 --min 20 --max 20 --metric slake_zh --out x 2>&1 | tail -n 1 # all are English
sed -i "s/model.dim: .*/model.dim: [4, 64]/" tiny.yaml && tune --out v
sed -i 's/model.dim: .*/seed: [4, 64]/' tiny.yaml && tune --out v
true
