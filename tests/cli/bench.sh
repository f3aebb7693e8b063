# The names of bench --json are a contract; one row is measured, numbers are left out.
"$FABRICA" bench --quick --shape 135m --only batch --json | sed 's/: [0-9.e+-]*\(,*\)$/: N\1/; /"isa"/d'
"$FABRICA" bench --only nothing 2>&1
echo "exit $?"
# A file: how long until the first token, how much memory; names only.
"$FABRICA" bench --model "$SRC/tests/golden/decoders/llama" | sed 's/ .*//'
"$FABRICA" bench --model "$SRC/tests/golden/decoders/llama" --json | sed 's/: [0-9.e+-]*\(,*\)$/: N\1/; /"path"/d'
# What it writes has no tokenizer and says so, as llama.cpp wants it said.
"$FABRICA" bench --shape 135m --type q4_0 --write b.gguf && "$FABRICA" generate --model b.gguf --prompt a 2>&1
echo "exit $?"
"$FABRICA" bench --model "$SRC/models/mini.gguf" --json | sed 's/: [0-9.e+-]*\(,*\)$/: N\1/; /"path"/d'
"$FABRICA" bench --model x.gguf --write y.gguf 2>&1
echo "exit $?"
