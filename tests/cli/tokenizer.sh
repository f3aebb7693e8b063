# Train on the golden corpus, encode and decode with what came out; then what cannot be done, one sentence each.
try() { "$FABRICA" "$@"; echo "exit $?" >&2; }
corpus=$SRC/tests/golden/bpe/corpus.txt
"$FABRICA" tokenizer train "$corpus" --vocab-size 600 --special '<|end|>' -o t.json | sed 's/ in [0-9.]* s;/ in N s;/'
"$FABRICA" tokenizer encode t.json --text '左肺nodule 5mm<|end|>'
"$FABRICA" tokenizer encode t.json --text '左肺 lungs<|end|>' --special --pieces
ids=$("$FABRICA" tokenizer encode t.json --text 'Is there a nodule? 图中有结节吗')
"$FABRICA" tokenizer decode t.json --ids "$ids"
echo "$ids" | "$FABRICA" tokenizer decode t.json
printf '{"id": "7", "question": "左肺?", "answer": "no"}\n' >a.jsonl
"$FABRICA" tokenizer train a.jsonl --fields question --vocab-size 300 -o u.json --json | grep -E 'texts|"bytes"'

try tokenizer train a.jsonl --fields report -o v.json
try tokenizer train a.jsonl --vocab-size 100 -o v.json
printf 'fine\nbad \264\363\n' >gb.txt
try tokenizer train gb.txt -o v.json
: >empty.txt
try tokenizer train empty.txt -o v.json
try tokenizer train absent.txt -o v.json
try tokenizer encode t.json --file gb.txt
try tokenizer encode a.jsonl --text x
cp "$SRC/tests/golden/formats/ours.gguf" .
try tokenizer encode ours.gguf --text x
try tokenizer decode t.json --ids '1 2 x'
try tokenizer decode t.json --ids '600'
ls
