# A tiny LLaMA to q8_0, what each matrix loses, and that what comes out is a decoder's file; what is no GGUF is refused.
"$FABRICA" convert "$SRC/tests/golden/decoders/llama" t.gguf >/dev/null
"$FABRICA" quantize t.gguf q.gguf --type q8_0
"$FABRICA" inspect q.gguf --json | grep '"Q8_0"'
cp "$SRC/tests/golden/quants.safetensors" x.safetensors
"$FABRICA" quantize x.safetensors o.gguf --type q8_0 2>&1
echo "exit $?"
test ! -e o.gguf || echo "a file was left behind"
# With --data: the share of exact answers before and after, of a mini, without pictures; records that do not fit are found
# before the file is written.
mini=$SRC/models/mini.gguf
printf '{"question":"%s","answer":"%s","lang":"en"}\n' "What organ filters blood?" kidney "Is this a cat?" "no" >qa.jsonl
"$FABRICA" quantize "$mini" m.gguf --type q8_0 --data qa.jsonl | tail -n 1 | sed 's/[0-9.+-]* became [0-9.]* ([+-][0-9.]*/F became F (D/'
"$FABRICA" quantize "$mini" m.gguf --type q8_0 --data qa.jsonl --limit 1 --json | grep -E '"(records|asked|exact_match)"'
rm m.gguf
echo '{"text":"words"}' >text.jsonl
"$FABRICA" quantize "$mini" m.gguf --type q8_0 --data text.jsonl 2>&1
echo "exit $?"
"$FABRICA" quantize "$mini" m.gguf --type q8_0 --limit 3 2>&1
echo "exit $?"
"$FABRICA" quantize t.gguf m.gguf --type q8_0 --data text.jsonl 2>&1
echo "exit $?"
test ! -e m.gguf || echo "a file was left behind"
