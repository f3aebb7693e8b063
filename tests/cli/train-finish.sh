# A whole run on a handful of records. The figures in the card are those that "eval vqa" gives, to the question; the
# file tells what each row of a report is worth; a last stage that is not validated ships its averaged weights.
all=$FABRICA_SHARED/data/open
[ -d "$all" ] || exit 77
mkdir -p d/slake d/vqa_rad d/isic2017 d/kermany_cxr d/bccd d/text_en d/text_zh
some() { awk -v k="$2" 'NR % k == 0' "$all/$1" >"d/$1"; }
for set in slake vqa_rad isic2017 kermany_cxr bccd; do ln -s "$all/$set/images" d/$set/images; done
for set in slake isic2017; do ln -s "$all/$set/masks" d/$set/masks; done
cp "$all/slake/mask_labels.json" d/slake/
some slake/train.jsonl 90; some slake/val.jsonl 30; some slake/kg.jsonl 500; cp "$all/slake/detection.jsonl" d/slake/
some vqa_rad/train.jsonl 60; some vqa_rad/train_frame.jsonl 200
some isic2017/train.jsonl 60; some kermany_cxr/train.jsonl 60; some bccd/train.jsonl 20; some bccd/val.jsonl 20
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
optimizer: {ema: 0.9}
stages:
  - {name: pictures, task: pictures, steps: 150, batch: 8, questions: 4, lr: 0.01, losses: {qa: 1, presence: 1}}
E2
train() { "$FABRICA" train tiny.yaml --data d "$@" >out 2>err || { tail -n 1 err; return 1; }; }
train || exit 1
"$FABRICA" data val --data d -o v --quiet >out || exit 1

scores() { tr -d ' \n' <"$1" | grep -o '"overall":[0-9.]*,"open":[0-9.]*,"closed":[0-9.]*' | sed -n "$2p"; }
for set in slake vqa_rad; do
    "$FABRICA" eval vqa --model a/tiny.gguf --data v/$set.jsonl --json --quiet >$set.json || exit 1
done
same() { [ -n "$2" ] && [ "$2" = "$3" ] && echo "$1: the same" || echo "$1: $2 in the card, $3 by eval"; }
card=a/tiny.card.json
same "SLAKE, English" "$(scores $card 1)" "$(scores slake.json 2)"
same "VQA-RAD" "$(scores $card 2)" "$(scores vqa_rad.json 1)"
same "SLAKE, English, blank" "$(scores $card 3)" "$(scores slake.json 8)"
same "VQA-RAD, blank" "$(scores $card 4)" "$(scores vqa_rad.json 5)"
"$FABRICA" inspect a/tiny.gguf | grep -c '"verdict"'

# What was fitted to the file is fitted to it again, and nothing else changes.
"$FABRICA" refit a/tiny.gguf --data d -o again.gguf --quiet >out 2>err || tail -n 1 err
cmp a/tiny.gguf again.gguf && echo "refitted, the same"
sed -n 's/.*\(sureness of [0-9]* answers\).*/\1/p' out
"$FABRICA" refit a/tiny.gguf --data d --version 9 -o nine.gguf --quiet >out 2>err || tail -n 1 err
"$FABRICA" inspect nine.gguf --json | grep -o 'general.version": "9"\|weights_of\\":\\"tiny-[0-9.]*'

# The same steps with averages and without: what ships is another model.
one() { "$FABRICA" embed --model "$1/tiny.gguf" --text liver; }
mkdir b c && for d in b c; do cp a/store.bin a/tokenizer.json $d/; done
train --out b --set stages.pictures.steps=5 || exit 1
train --out c --set stages.pictures.steps=5 --set optimizer.ema=0 || exit 1
[ "$(one b)" != "$(one c)" ] && echo "averages ship"
